"""Refusals of connections that never become a request of a route: counted, told, logged."""

from functools import lru_cache
from http import HTTPStatus
from typing import Literal

import structlog

from foresail_serving.problems import problem_response

Reason = Literal[
    "bad-request",
    "request-timeout",
    "body-too-large",
    "url-too-long",
    "head-too-large",
    "pipelined",
    "silent",
    "shed",
    "write-timeout",
]
"""The first five are slugs of problems, and answered with them; the others can only be closed."""
REASONS: tuple[Reason, ...] = Reason.__args__  # type: ignore[attr-defined]  # of a Literal
_QUIET = ("silent",)
"""Not logged: browsers open connections that they then do not need."""
_LOG_SECONDS = 60.0


class RefusedError(Exception):
    """A request that is not read any further.

    Attributes:
        reason: What it is counted under.
        detail: One sentence for the client.
    """

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Refusals:
    """Counts refusals by reason, and logs them in one line a minute at most.

    Attributes:
        counts: Since the start, for every reason there is.
    """

    def __init__(self) -> None:
        self.counts: dict[Reason, int] = dict.fromkeys(REASONS, 0)
        self._told: dict[Reason, int] = dict(self.counts)
        self._told_at = -_LOG_SECONDS

    def note(self, reason: Reason) -> None:
        """Count one."""
        self.counts[reason] += 1

    def tell(self, now: float) -> None:
        """Log what has come since the last line, unless that was less than a minute ago.

        Args:
            now: Monotonic seconds.
        """
        if now - self._told_at < _LOG_SECONDS:
            return
        new = {
            reason: count - self._told[reason]
            for reason, count in self.counts.items()
            if count > self._told[reason] and reason not in _QUIET
        }
        if new:
            self._told, self._told_at = dict(self.counts), now
            structlog.get_logger("foresail.http").warning("connections refused", **new)


@lru_cache(maxsize=64)  # of a flood all are refused alike
def refusal_bytes(reason: Reason, detail: str) -> tuple[bytes, bytes]:
    """Return the last answer of a connection as it goes over the wire: first line, and the rest.

    Args:
        reason: The slug of a problem.
        detail: One sentence.
    """
    response = problem_response(reason, detail)
    status = HTTPStatus(response.status_code)
    headers = [*response.raw_headers, (b"connection", b"close")]
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    start = f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    return start, b"".join((lines, b"\r\n", bytes(response.body)))
