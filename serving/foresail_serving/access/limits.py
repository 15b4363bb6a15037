"""How much one client may ask for."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

_CLIENTS = 10_000


class Buckets:
    """A bucket of work for each client: it holds `burst`, and fills again by `rate` a second.

    The clients that have asked for longest ago are forgotten first, which gives them a full bucket:
    the table stays small whoever asks.

    Args:
        rate: Work per second.
        burst: Work at once.
        clients: How many are remembered.
        monotonic: Seconds that only grow.
    """

    def __init__(
        self,
        *,
        rate: float,
        burst: float,
        clients: int = _CLIENTS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._clients = clients
        self._monotonic = monotonic
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, client: str) -> int:
        """Take one unit of work; return 0, or the seconds after which there is one again."""
        level, now = self._level(client)
        taken = level >= 1
        self._set(client, level - 1 if taken else level, now)
        return 0 if taken else max(1, math.ceil((1 - level) / self._rate))

    def spend(self, client: str, work: float) -> None:
        """Take work that has been done already; the bucket may owe for it."""
        level, now = self._level(client)
        self._set(client, level - work, now)

    def empty(self, client: str) -> bool:
        """Return whether the next `take` would have to wait."""
        return self._level(client)[0] < 1

    def _level(self, client: str) -> tuple[float, float]:
        now = self._monotonic()
        level, at = self._levels.get(client, (self._burst, now))
        return min(self._burst, level + (now - at) * self._rate), now

    def _set(self, client: str, level: float, now: float) -> None:
        self._levels[client] = (level, now)
        self._levels.move_to_end(client)
        if len(self._levels) > self._clients:
            self._levels.popitem(last=False)
