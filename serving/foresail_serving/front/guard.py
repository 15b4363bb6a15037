"""What all connections of a server share: limits, counts, and one look a second at each."""

import asyncio
import resource
from dataclasses import dataclass
from heapq import nsmallest
from time import monotonic
from typing import Protocol

from foresail_serving.front.drain import Drain
from foresail_serving.front.refusals import Refusals

MAX_HEAD = 16 * 1024
"""Bytes of a request's first line and headers."""
MAX_URL = 8 * 1024
MAX_BODY = 64 * 1024
MAX_PIPELINED = 32
"""Requests that wait on one connection for their turn; each takes a few KB while it does."""
_LOOK_SECONDS = 1.0
_LOOKED_AT = 100
"""Connections looked at in one turn of the loop: if all are overdue, a few milliseconds."""
_BACKLOG = 2048
_MOST = 10_000
_RESERVED_FILES = 64
"""Descriptors that are not connections: bundles, the dashboard's files, the loop's own."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of the connections of one server.

    Attributes:
        request_seconds: For reading one request, head and body.
        write_seconds: Within which a client takes some of an answer that waits for it.
        backlog: Connections that wait in the kernel, and may all arrive in one turn of the loop.
        most: Connections above which those that have waited longest are closed.
    """

    request_seconds: float
    write_seconds: float
    backlog: int
    most: int

    @staticmethod
    def of(*, request_seconds: float, write_seconds: float) -> "Limits":
        """Return limits that keep this process within its file descriptors."""
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        room = max(files - _RESERVED_FILES, 2) if files >= 0 else _MOST + _BACKLOG
        backlog = min(_BACKLOG, room // 2)
        return Limits(request_seconds, write_seconds, backlog, min(_MOST, room - backlog))


class Guarded(Protocol):
    """A connection, as the guard sees it."""

    @property
    def given_up(self) -> tuple[bool, float] | None:
        """Return its place among those that give way, the least first; None while it is answered.

        The place is whether it waits between two requests rather than in one, and since when.
        """

    def look(self, now: float) -> None:
        """Close it where it is overdue."""

    def shed(self) -> None:
        """Close it to make room."""


class Guard:
    """Keeps the limits by looking at all connections together.

    A timer for each request would cost more than a ready answer does.

    Args:
        limits: To be kept.
        refusals: Where what is refused is counted.
        drain: While it lasts, each answer is the last one of its connection.

    Attributes:
        limits: As above.
        refusals: As above.
        drain: As above.
        host: The last `Host` that was found to be one.
        on_full: Called when there is no room, and none can be made.
    """

    def __init__(self, limits: Limits, *, refusals: Refusals, drain: Drain) -> None:
        self.limits = limits
        self.refusals = refusals
        self.drain = drain
        self.host = b""
        self.on_full = _nothing
        self._connections: set[Guarded] = set()
        self._dated: tuple[list[tuple[bytes, bytes]], bytes] = ([], b"")
        self._looked_after = False
        self._unseen: list[Guarded] = []
        self._seconds = min(_LOOK_SECONDS, limits.request_seconds / 4, limits.write_seconds / 4)

    def date_lines(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """Return uvicorn's own headers, of which it makes a new list each second, as they are sent.

        Args:
            headers: That list.
        """
        if headers is not self._dated[0]:
            self._dated = headers, b"".join([b"%b: %b\r\n" % header for header in headers])
        return self._dated[1]

    def joined(self, connection: Guarded) -> None:
        """Look after a new connection; where it is one too many, others give way to it."""
        self._connections.add(connection)
        if not self._looked_after:
            self._looked_after = True
            asyncio.get_running_loop().call_later(self._seconds, self._look)
        if len(self._connections) > self.limits.most:
            self._make_room()

    def left(self, connection: Guarded) -> None:
        """Forget a connection that is closed."""
        self._connections.discard(connection)

    @property
    def has_room(self) -> bool:
        """Whether another connection may come without one that gives way to it."""
        return len(self._connections) < self.limits.most

    def _look(self) -> None:
        """Look at a part of the connections, then at the next, then wait."""
        loop = asyncio.get_running_loop()
        now = monotonic()
        unseen = self._unseen = self._unseen or list(self._connections)
        for connection in unseen[-_LOOKED_AT:]:
            if connection in self._connections:
                connection.look(now)
        del unseen[-_LOOKED_AT:]
        if unseen:
            loop.call_soon(self._look)
            return
        self.refusals.tell(now)
        self._looked_after = bool(self._connections)
        if self._looked_after:
            loop.call_later(self._seconds, self._look)

    def _make_room(self) -> None:
        """Close a quarter of the connections, those that have waited longest; else stop accepting.

        One at a time, each new connection of a flood would cost a look at all others.
        """
        waiting = [(c.given_up, c) for c in self._connections]
        known = [(key, c) for key, c in waiting if key is not None]
        for _, connection in nsmallest(self.limits.most // 4 + 1, known, key=lambda pair: pair[0]):
            self._connections.discard(connection)  # it is told of its end in a later turn
            connection.shed()
        if not known:
            self.on_full()


def _nothing() -> None:
    """Do nothing."""
