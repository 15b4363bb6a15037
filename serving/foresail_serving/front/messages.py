"""Looking into ASGI's messages as they pass: what is counted, held back, and added."""

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope, Send

from foresail_serving.formats.rendered import Rendered
from foresail_serving.front.conditional import KEEP

_OTHER_ROUTE = "other"


@dataclass(slots=True)
class Outcome:
    """What is counted and logged of one request.

    Attributes:
        route: The route's path.
        status: Of the answer; 0 until it begins.
        sent: Bytes of its body.
        cache: `hit`, `miss`, or empty where nothing is kept.
        work: 1, and 1 for every thousand rows.
    """

    route: str = _OTHER_ROUTE
    status: int = 0
    sent: int = 0
    cache: str = ""
    work: float = 1.0


class Recorder:
    """Takes what FastAPI sends: what may be kept is held back, all else goes through.

    Attributes:
        rendered: The whole answer, where it was held back.
    """

    def __init__(self, send: Send, scope: Scope, outcome: Outcome) -> None:
        self.rendered: Rendered | None = None
        self._scope = scope
        self._send = send
        self._outcome = outcome
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        """Take a message."""
        if message["type"] == "http.response.start":
            outcome = self._outcome
            outcome.route = getattr(self._scope.get("route"), "path", _OTHER_ROUTE)
            outcome.status = message["status"]
            if MutableHeaders(raw=message["headers"]).get(KEEP):
                self._start = message
                return
            outcome.cache = ""
        elif self._start is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                self.rendered = _rendered(self._start, self._body)
            return
        else:
            self._outcome.sent += len(message.get("body", b""))
        await self._send(message)


def _rendered(start: Message, body: bytes) -> Rendered:
    headers = MutableHeaders(raw=start["headers"])
    own = ("content-type", "content-length", KEEP, "vary", "etag")
    return Rendered(
        body,
        headers["content-type"],
        tuple((name, value) for name, value in headers.items() if name not in own),
    )


def joined(lines: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return headers of which some stand on several lines: together they are one list."""
    headers: dict[bytes, bytes] = {}
    for name, value in lines:
        headers[name] = headers[name] + b", " + value if name in headers else value
    return headers
