"""What a server's refusal means: does it heal, and would a smaller query pass?

Prometheus, Thanos, Cortex, Mimir and VictoriaMetrics say it with one status and many sentences.
"""

import json
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal

from foresail.errors import BadInput

Meaning = Literal["busy", "smaller", "slow", "other"]

_BUSY = {408, 429, 500, 502, 503, 504}
_TOO_MANY_REQUESTS = 429
_ENTITY_TOO_LARGE = 413

_QUEUE = re.compile(
    # Prometheus; Cortex and Mimir; VictoriaMetrics old and new
    r"in query queue|too many outstanding requests|concurrent (search )?requests"
)
_SLOW = re.compile(
    # Prometheus; Thanos and Mimir; VictoriaMetrics
    r"timed out|deadline exceeded|timeout exceeded"
)
_SMALLER = re.compile(
    r"too many samples|maximum resolution"  # Prometheus, and those built upon it
    r"|cannot select more than|too many points for|not enough memory for processing"
    r"|number of matching timeseries exceeds"  # these and the next are VictoriaMetrics'
    r"|-search\.max(?!querylen|queueduration|concurrentrequests)"
    r"|the query hit the (max number|aggregated)|the query exceeded the maximum"  # Cortex, Mimir
    r"|query time range exceeds the limit"
    r"|exceeded (series|samples|chunks|bytes) limit|limit \S+ (violated|exceeded)"  # Thanos
    r"|received message larger than max"  # between the parts of Thanos and Mimir
)
_ANY_LIMIT = re.compile(r"\blimit\b.{0,60}\bexceeded\b|\bexceed(ed|s)\b.{0,60}\blimit\b")
"""Of others; only where the status says that the query itself was understood."""

_UNDERSTOOD = 422
_NOT_UNDERSTOOD = re.compile(r"parse error")

_ECHO = re.compile(r'query="(?:[^"\\]|\\.)*"')
"""VictoriaMetrics repeats the query before it says what is wrong with it."""
_MAX_REASON = 300


class Refused(BadInput):
    """A server that answers would not answer this query."""


class TooManySamples(Refused):
    """A query is too large for the server; a shorter range may pass."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is not the one asked for.

    Attributes:
        status: Of HTTP.
        meaning: `busy` may heal by waiting; `smaller` and `slow` by asking for less; `other` not.
        detail: The server's own reason, one line; empty where it gives none.
    """

    status: int
    meaning: Meaning
    detail: str

    @property
    def enough(self) -> bool:
        """Whether the server has more to do than it can."""
        return self.meaning in {"busy", "slow"}


def refusal_of(status: int, body: bytes | bytearray) -> Refusal:
    """Return what a status and its body mean."""
    reason = reason_in(body)
    return Refusal(status, _meaning(status, reason.lower()), reason[:_MAX_REASON])


def reason_in(body: bytes | bytearray) -> str:
    """Return the server's own reason: as the query API gives it, or its first words of text."""
    start = bytes(body[:2000]).decode("utf-8", "replace")
    if looks_like_html(body):
        return ""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return _one_line(start) if not start.lstrip().startswith("{") else ""
    if not isinstance(answer, dict):
        return ""
    reason = answer.get("error") or answer.get("message") or ""
    return _one_line(str(reason))


def looks_like_html(body: bytes | bytearray) -> bool:
    """Say whether a body is a page for people."""
    return body[:64].lstrip().lower().startswith((b"<!doctype", b"<html"))


def seconds_to_wait(header: str | None, *, now: float) -> float | None:
    """Return what a Retry-After header asks for; None where it is none.

    Args:
        header: Seconds, or a date.
        now: Unix time.
    """
    if not header:
        return None
    if header.strip().isascii() and header.strip().isdigit():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - now)
    except ValueError:
        return None


def _meaning(status: int, detail: str) -> Meaning:
    if status == _TOO_MANY_REQUESTS or (status in _BUSY and _QUEUE.search(detail)):
        return "busy"
    if _NOT_UNDERSTOOD.search(detail):
        return "other"
    if _SLOW.search(detail):
        return "slow"
    too_large = status == _ENTITY_TOO_LARGE or _SMALLER.search(detail)
    if too_large or (status == _UNDERSTOOD and _ANY_LIMIT.search(detail)):
        return "smaller"
    return "busy" if status in _BUSY else "other"


def _one_line(text: str) -> str:
    return " ".join(_ECHO.sub("the query", text).split())
