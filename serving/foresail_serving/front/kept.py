"""Ready answers, kept as long as they are true: until the hour ends or other forecasts come."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from starlette.types import Message

from foresail import __version__
from foresail_serving.clock import hour_of
from foresail_serving.settings import ServeSettings
from foresail_serving.snapshot import Snapshot

_OVERHEAD = 2500
"""Bytes that an entry takes beside its body: messages, headers, key."""

Key = tuple[bytes, bytes, int]
"""Path and query as they came, and what the client accepts."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as messages of ASGI.

    Attributes:
        start: Of the 200.
        body: All of it.
        unchanged: The start of the 304.
        tag: Its ETag.
        route: What it is counted under.
        head: The headers of the 200 as they are sent, each with its line's end.
        unchanged_head: Those of the 304.
    """

    start: Message
    body: Message
    unchanged: Message
    tag: bytes
    route: str
    head: bytes
    unchanged_head: bytes

    @staticmethod
    def of(
        body: bytes,
        *,
        tag: bytes,
        route: str,
        about: Sequence[tuple[bytes, bytes]],
        shape: Sequence[tuple[bytes, bytes]],
    ) -> "Kept":
        """Return an answer.

        Args:
            body: As it is sent.
            tag: Its ETag, which stands in `about` too.
            route: What it is counted under.
            about: Headers of the 200 and of the 304.
            shape: Headers of the 200 alone.
        """
        headers = [*shape, (b"content-length", b"%d" % len(body)), *about]
        return Kept(
            {"type": "http.response.start", "status": 200, "headers": headers},
            {"type": "http.response.body", "body": body},
            {"type": "http.response.start", "status": 304, "headers": list(about)},
            tag,
            route,
            _lines(headers),
            _lines(about),
        )

    def size(self, key: Key) -> int:
        """Return about how much memory it takes under its key, bytes."""
        return len(self.body["body"]) + len(key[0]) + len(key[1]) + _OVERHEAD


def _lines(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


@dataclass(frozen=True, slots=True)
class Epoch:
    """While it lasts, the same question has the same answer.

    Attributes:
        snapshot: What is served.
        begin: The present UTC hour.
        end: Its end.
        seed: Of the tags of its answers: the same on every replica, another in every other epoch.
    """

    snapshot: Snapshot
    begin: datetime
    end: datetime
    seed: bytes

    @staticmethod
    def of(snapshot: Snapshot, now: datetime, settings: ServeSettings) -> "Epoch":
        """Return the epoch of these forecasts at this time.

        Args:
            snapshot: What is served.
            now: The present.
            settings: What the answers assume.
        """
        begin = hour_of(now)
        told = (
            __version__,
            begin.isoformat(),
            [
                (alias, served.name, served.version, sorted(served.bundle.manifest.files.items()))
                for alias in ("champion", "challenger")
                for served in snapshot.of_alias(alias).models.values()
            ],
            settings.model_dump_json(),
        )
        seed = hashlib.blake2b(repr(told).encode(), digest_size=32).digest()
        return Epoch(snapshot, begin, begin + timedelta(hours=1), seed)

    def tag(self, key: Key, *, compressed: bool) -> str:
        """Return the strong tag of the answer to a question, which need not be there for it."""
        told = b"%b?%b#%d" % key
        digest = hashlib.blake2b(told, key=self.seed, digest_size=12).hexdigest()
        return f'"{digest}-gz"' if compressed else f'"{digest}"'


_NEVER = Epoch(Snapshot.of({}), *(datetime.min.replace(tzinfo=UTC),) * 2, b"")


class AnswerCache:
    """The answers of one epoch, the least recently used dropped first.

    Attributes:
        hits: Answers given from here.
        misses: Answers that had to be made; counted by whoever makes them.
        bytes: What the kept ones take.
        evictions: Answers dropped for want of room.
        epoch: Of all that is kept.
    """

    def __init__(self, limit: int) -> None:
        self.hits = 0
        self.misses = 0
        self.bytes = 0
        self.evictions = 0
        self.epoch = _NEVER
        self._limit = limit
        self._kept: OrderedDict[Key, Kept] = OrderedDict()

    @property
    def entries(self) -> int:
        """Return how many are kept."""
        return len(self._kept)

    def turn(self, epoch: Epoch) -> None:
        """Begin an epoch with nothing kept."""
        self.epoch = epoch
        self._kept.clear()
        self.bytes = 0

    def get(self, key: Key) -> Kept | None:
        """Return the answer to a question of this epoch; counted where there is one."""
        kept = self._kept.get(key)
        if kept is not None:
            self.hits += 1
            self._kept.move_to_end(key)
        return kept

    def put(self, key: Key, kept: Kept, *, epoch: Epoch) -> None:
        """Keep an answer that was made in `epoch`; one of an epoch gone by is not kept."""
        size = kept.size(key)
        if epoch is not self.epoch or size > self._limit:
            return
        before = self._kept.pop(key, None)
        if before is not None:
            self.bytes -= before.size(key)
        self._kept[key] = kept
        self.bytes += size
        while self.bytes > self._limit:
            oldest, dropped = self._kept.popitem(last=False)
            self.bytes -= dropped.size(oldest)
            self.evictions += 1
