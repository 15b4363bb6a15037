"""Count requests, and write Prometheus' text format."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_UNKNOWN_ROUTE = "other"


class RequestCounts:
    """ASGI middleware that counts answers by route and status, and lets HEAD ask what GET may."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, int]] = Counter()

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return the app, counted."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            if scope["method"] == "HEAD":
                scope = {**scope, "method": "GET"}  # the server that calls us drops the body

            async def noting(message: Message) -> None:
                if message["type"] == "http.response.start":
                    route = getattr(scope.get("route"), "path", _UNKNOWN_ROUTE)
                    self.counts[route, message["status"]] += 1
                await send(message)

            await app(scope, receive, noting)

        return counted


class Exposition:
    """A page of metrics, written one family after the other."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def family(
        self,
        name: str,
        kind: str,
        text: str,
        samples: Iterable[tuple[Mapping[str, Any], float]],
    ) -> None:
        """Add a metric: its kind, its help, and its samples by labels."""
        self._lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
        self._lines += [f"{name}{_labels(labels)} {_number(value)}" for labels, value in samples]

    def text(self) -> str:
        """Return the page."""
        return "\n".join(self._lines) + "\n"


def _labels(labels: Mapping[str, Any]) -> str:
    if not labels:
        return ""
    inside = ",".join(f'{name}="{str(v).translate(_ESCAPES)}"' for name, v in labels.items())
    return f"{{{inside}}}"


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
