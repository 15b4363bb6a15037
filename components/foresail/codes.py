"""Why there is no forecast, why it is less than was asked, or what is odd about it: all codes.

1xx: the forecast is served whole, and this is known about it. 2xx: the history cannot carry the
forecast. 3xx: the data were refused. 4xx: something failed and a plainer or an older forecast is
served in its place. Codes are part of the public contract; they are never renumbered. The table in
`docs/codes.md` is `table()`.
"""

from dataclasses import dataclass
from enum import IntEnum


class Code(IntEnum):
    """A reason code; `slug` is its name in words, `meaning` its sentence."""

    OK = 0
    CONSTANT = 101
    TOO_LITTLE_HISTORY = 201
    HORIZON_TOO_LONG = 202
    SERIES_ENDED = 203
    MOSTLY_GAPS = 204
    EMPTY_SERIES = 205
    CONFLICTING_DUPLICATES = 301
    INFINITE_VALUES = 302
    NEGATIVE_USAGE = 303
    FUTURE_STAMPS = 304
    UNKNOWN_UNIT = 305
    OUT_OF_RANGE = 306
    DEGRADED = 401
    CARRIED_OVER = 402

    @property
    def slug(self) -> str:
        """Return the code's name in words, as used in URLs and logs."""
        return self.name.lower().replace("_", "-")

    @property
    def meaning(self) -> str:
        """Return the sentence that the documentation prints beside the code."""
        return _MEANINGS[self]


_MEANINGS = {
    Code.OK: "A forecast is served.",
    Code.CONSTANT: "One value for 28 days: the forecast is that constant, without a band.",
    Code.TOO_LITTLE_HISTORY: "Fewer than 48 hourly values: no forecast is made.",
    Code.HORIZON_TOO_LONG: "The history is too short for this horizon; a shorter one is served.",
    Code.SERIES_ENDED: "No value in the last 7 days: the series has ended.",
    Code.MOSTLY_GAPS: "More than half of the last 28 days is missing.",
    Code.EMPTY_SERIES: "The series has no value at all.",
    Code.CONFLICTING_DUPLICATES: "One hour has two different values; the series is refused.",
    Code.INFINITE_VALUES: "The series holds infinite values; the series is refused.",
    Code.NEGATIVE_USAGE: "CPU or memory usage below zero; the series is refused.",
    Code.FUTURE_STAMPS: "The series holds values stamped after the present; it is refused.",
    Code.UNKNOWN_UNIT: "The unit is not the one the metric is measured in; the series is refused.",
    Code.OUT_OF_RANGE: "More CPU or memory than any cluster has; the series is refused.",
    Code.DEGRADED: "The chosen model failed to fit; the seasonal naive is served in its place.",
    Code.CARRIED_OVER: "Its cluster did not answer: the forecast it had before goes on serving.",
}


def is_whole(code: int) -> bool:
    """Return whether a forecast is all that was asked; `code` may be newer than this release."""
    return code // 100 in {0, 1}


def table() -> str:
    """Return all codes as a Markdown table, ascending."""
    rows = [f"| {code.value} | `{code.slug}` | {code.meaning} |" for code in sorted(Code)]
    return "\n".join(["| code | name | meaning |", "|---|---|---|", *rows])


@dataclass(frozen=True, slots=True)
class NoForecast:
    """The answer "none", with its reason.

    Attributes:
        code: Why.
        reason: One sentence with the figures of this series.
    """

    code: Code
    reason: str
