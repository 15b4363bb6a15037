"""The forms in which files write a time, and the one of them that is read: ISO 8601."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

_TIME = (
    r"(?:(?:T|,?\s+)(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:[.,]\d{1,9})?))?"
    r"(?:\s?(?P<half>[AaPp])\.?[Mm]\.?)?\s*(?P<zone>[zZ]|UTC|[+-]\d{2}(?::?\d{2})?)?)?"
)
_YEAR_FIRST = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d{2})-(?P<day>\d{2})|/(?P<m>\d{1,2})/(?P<d>\d{1,2}))" + _TIME
)
_DOTTED = re.compile(r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})" + _TIME)
_SLASHED = re.compile(r"(?P<one>\d{1,2})([/-])(?P<two>\d{1,2})\2(?P<year>\d{4})" + _TIME)
_SHORT_YEAR = re.compile(r"\d{1,2}([./-])\d{1,2}\1\d{2}(?!\d).*")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_MONTHS = 12
_NOON = 12
_SERIAL = range(20_000, 80_000)
"""Days since 1899-12-30, as spreadsheets count them: the years 1954 to 2119."""
_EPOCHS = {"seconds": 10**0, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
_EPOCH = range(10**8, 10**10)
"""Seconds since 1970: the years 1973 to 2286."""


class SlashedOrder(NamedTuple):
    """How dates such as 11/21/2026 are to be read.

    Attributes:
        day_first: None where there are none, or where nobody can tell.
        proof: The stamp that tells; empty where none does.
        fault: Why nobody can tell; empty where all is well.
    """

    day_first: bool | None
    proof: str = ""
    fault: str = ""


def slashed_order(texts: Iterable[str]) -> SlashedOrder:
    """Return what the column as a whole proves about the order of day and month.

    A number above 12 is no month. One such date decides for all, unless another says the opposite.
    """
    slashed = [found for found in map(_SLASHED.fullmatch, texts) if found]
    if not slashed:
        return SlashedOrder(None)
    first = next((found for found in slashed if int(found["one"]) > _MONTHS), None)
    second = next((found for found in slashed if int(found["two"]) > _MONTHS), None)
    if first and second:
        fault = f"{first[0]!r} has the day first and {second[0]!r} the month"
    elif proof := first or second:
        return SlashedOrder(first is not None, proof=proof[0])
    else:
        fault = f"{slashed[0][0]!r} may be month/day or day/month, and no day after the 12th tells"
    return SlashedOrder(None, fault=f"{fault}; write the year first, such as 2026-11-21 08:00")


def iso_text(text: str, *, day_first: bool | None) -> tuple[str, bool]:
    """Return a stamp in ISO 8601, and whether it carries a zone.

    Args:
        text: Without blanks around.
        day_first: The order in dates with slashes or day-first dashes; None where it is not known.

    Returns:
        An empty text where the form is unknown; hours and days that do not exist are not seen.
    """
    if found := _YEAR_FIRST.fullmatch(text):
        month, day = found["month"] or found["m"], found["day"] or found["d"]
    elif found := _DOTTED.fullmatch(text):
        month, day = found["month"], found["day"]
    elif day_first is not None and (found := _SLASHED.fullmatch(text)):
        day, month = (found["one"], found["two"]) if day_first else (found["two"], found["one"])
    else:
        return "", False
    zone = found["zone"] or ""
    hour = _hour(found["hour"] or "0", half=(found["half"] or "").lower())
    if hour is None:
        return "", False
    second = (found["second"] or "00").replace(",", ".")
    clock = f"{hour:02}:{found['minute'] or '00'}:{second}"
    offset = "+00:00" if zone in {"z", "Z", "UTC"} else zone
    return f"{found['year']}-{int(month):02}-{int(day):02}T{clock}{offset}", bool(zone)


def _hour(text: str, *, half: str) -> int | None:
    """Return the hour of the day; None where the clock has no such hour."""
    hour = int(text)
    if not half:
        return hour
    if not 1 <= hour <= _NOON:
        return None
    return hour % _NOON + (_NOON if half == "p" else 0)


def hint(text: str) -> str:
    """Return `: ` and what a stamp of an unknown form seems to be and should be, or nothing."""
    if _SHORT_YEAR.fullmatch(text):
        return ": write the year with four digits, best first, as in 2026-11-21 08:00"
    if not _NUMBER.fullmatch(text):
        return ""
    number = float(text.replace(",", "."))
    if int(number) in _SERIAL:
        return (
            ": a spreadsheet's day number; give its column the format yyyy-mm-dd hh:mm and save "
            "it again"
        )
    for unit, in_a_second in _EPOCHS.items():
        if int(number / in_a_second) in _EPOCH:
            when = datetime.fromtimestamp(number / in_a_second, tz=UTC)
            return f": {unit} since 1970; write it as {when:%Y-%m-%dT%H:%M:%SZ}"
    return ": a number; write it as 2026-11-21T08:00:00Z"
