"""Large answers on their way: so many bytes wait for those who asked, however slowly they read."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

PIECE = 64 * 1024
"""As much as a connection takes before it waits for its client; a smaller body is not counted."""


class Outbox:
    """Counts the bodies that have not gone; one that several read at the same time counts once.

    Args:
        most: Bytes of all together. A single body may be larger, so that it can be had at all.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._readers: dict[int, int] = {}
        self.waiting = 0

    def admits(self, body: bytes) -> bool:
        """Return whether there is room for one more reader of a body."""
        known = len(body) <= PIECE or id(body) in self._readers
        return known or not self.waiting or self.waiting + len(body) <= self._most

    @contextmanager
    def holding(self, body: bytes) -> Iterator[None]:
        """Count a body as long as the block goes on, in which it must live."""
        counted = len(body) if len(body) > PIECE else 0
        key = id(body)
        self._readers[key] = self._readers.get(key, 0) + 1
        if self._readers[key] == 1:
            self.waiting += counted
        try:
            yield
        finally:
            self._readers[key] -= 1
            if not self._readers[key]:
                del self._readers[key]
                self.waiting -= counted


class Outgoing(Response):
    """Sends a body piece by piece, as fast as its client reads.

    Args:
        body: Counted until its last piece has been taken, or the client has left.
        outbox: Where it is counted.
        refusal: What is answered where there is no room.
        media_type: Its Content-Type.
        before: Sent before the body, and not counted: a few kilobytes.
    """

    def __init__(
        self,
        body: bytes,
        *,
        outbox: Outbox,
        refusal: Response,
        media_type: str,
        before: bytes = b"",
    ) -> None:
        length = str(len(before) + len(body))
        super().__init__(media_type=media_type, headers={"Content-Length": length})
        self._parts: Sequence[bytes] = (before, body)
        self._outbox = outbox
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        body = self._parts[1]
        if not self._outbox.admits(body):
            await self._refusal(scope, receive, send)
            return
        with self._outbox.holding(body):
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            for part in self._parts:
                # a view: a slice would be a copy of what is to be held once
                view = memoryview(part)
                for at in range(0, len(part), PIECE):
                    piece = view[at : at + PIECE]
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
