"""Read the dates and tables that callers hand to Prophet, without pandas."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import numpy as np

from foresail.errors import UsageError
from foresail.panel_prophet import checks


class HolidayRow(NamedTuple):
    """One row of a table of holidays, its prior scale filled in."""

    name: str
    day: np.datetime64
    lower_window: int
    upper_window: int
    prior_scale: float


def moments(name: str, values: Iterable[Any]) -> tuple[np.datetime64, ...]:
    """Return dates of any kind as ascending `datetime64[s]` in UTC; fractions of seconds go.

    Args:
        name: As the caller calls them.
        values: ISO texts, `date`, `datetime`, `datetime64` or pandas stamps; zoned ones are brought
            to UTC.

    Raises:
        UsageError: One is no date.
    """
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        raise UsageError(f"{name} must be a sequence of dates, got {values!r}")
    return tuple(sorted(_numpy(_in_utc(_stamp(name, value))) for value in values))


def holiday_rows(table: Any, *, prior_scale: float) -> Iterator[HolidayRow]:  # noqa: ANN401  # a caller's own
    """Yield the rows of a table of holidays.

    Args:
        table: A data frame, or mappings, with `holiday` and `ds`, and optionally `lower_window`
            with `upper_window`, and `prior_scale`; other columns are ignored. None has no rows.
        prior_scale: Of rows without one.

    Raises:
        UsageError: The table has no such rows, or a value is missing.
    """
    if table is None:
        return
    records = table.to_dict("records") if hasattr(table, "to_dict") else table
    if isinstance(records, str | Mapping) or not isinstance(records, Iterable):
        raise UsageError(
            "holidays must be a data frame, or rows, with holiday and ds; "
            f"got {type(table).__name__}"
        )
    for record in records:
        if not isinstance(record, Mapping) or not {"holiday", "ds"} <= record.keys():
            raise UsageError(f"each row of holidays needs holiday and ds, got {record!r}")
        if len({"lower_window", "upper_window"} & record.keys()) == 1:
            raise UsageError("holidays must have both lower_window and upper_window, or neither")
        yield _holiday(record, prior_scale)


def _holiday(record: Mapping[str, Any], prior_scale: float) -> HolidayRow:
    name = record["holiday"]
    checks.column_name("holiday", name)
    windows = [record.get("lower_window"), record.get("upper_window")]
    lower, upper = (
        # Prophet takes a row with one window missing as a row without windows
        (0, 0) if any(map(_missing, windows)) else (_days(name, value) for value in windows)
    )
    own = record.get("prior_scale")
    scale = prior_scale if _missing(own) else checks.number(f"the prior scale of {name!r}", own)
    day = _stamp(f"ds of the holiday {name!r}", record["ds"])
    return HolidayRow(name, np.datetime64(day.date(), "D"), lower, upper, scale)


def _missing(value: Any) -> bool:  # noqa: ANN401  # a cell of any kind
    if value is None:
        return True
    try:
        return bool(value != value)  # noqa: PLR0124  # NaN and NaT alone differ from themselves
    except TypeError:  # pandas' NA compares to nothing
        return True


def _days(name: str, value: Any) -> int:  # noqa: ANN401  # as above
    days = checks.number(f"a window of {name!r}", value)
    if not days.is_integer():
        raise UsageError(f"a window of {name!r} must be a whole number of days, got {value!r}")
    return int(days)


def _stamp(name: str, value: Any) -> datetime:  # noqa: ANN401  # a date of any kind
    try:
        if isinstance(value, np.datetime64):
            value = value.astype("datetime64[us]").item()
        elif isinstance(value, str):
            value = datetime.fromisoformat(value)
    except ValueError as error:
        raise UsageError(f"{name} must be a date such as 2026-12-25, got {value!r}") from error
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001  # naive is UTC here
    if not isinstance(value, datetime) or _missing(value):
        raise UsageError(f"{name} must be a date such as 2026-12-25, got {value!r}")
    return value


def _in_utc(stamp: datetime) -> datetime:
    return stamp if stamp.tzinfo is None else stamp.astimezone(UTC).replace(tzinfo=None)


def _numpy(stamp: datetime) -> np.datetime64:
    return np.datetime64(f"{stamp:%Y-%m-%dT%H:%M:%S}", "s")
