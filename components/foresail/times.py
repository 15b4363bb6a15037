"""Time at the borders: UTC-aware `datetime` in and out, `datetime64[s]` inside."""

from datetime import UTC, datetime

import numpy as np

from foresail.errors import UsageError


def parse_utc(text: str) -> datetime:
    """Return the instant written as ISO 8601 with a zone, such as `2026-11-21T08:00:00Z`.

    Raises:
        UsageError: It is no such stamp, or has no zone.
    """
    try:
        stamp = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"expected a time such as 2026-11-21T08:00:00Z, got {text!r}") from error
    if stamp.tzinfo is None:
        raise UsageError(f"the time {text!r} has no zone; write it in UTC as {text}Z")
    try:
        return stamp.astimezone(UTC)
    except OverflowError as error:  # in the last or first hours that a datetime can hold
        raise UsageError(f"expected a time in the years 1 to 9999 UTC, got {text!r}") from error


def parse_hour(text: str) -> datetime:
    """Return an instant that must lie on the full hour, as `--as-of` wants it.

    Raises:
        UsageError: It is no stamp, has no zone, or lies between two hours.
    """
    stamp = parse_utc(text)
    if stamp.minute or stamp.second or stamp.microsecond:
        raise UsageError(f"expected a full hour such as 2026-11-21T08:00:00Z, got {text!r}")
    return stamp


def isoformat(stamp: datetime | np.datetime64) -> str:
    """Return `2026-11-21T08:00:00Z`."""
    if isinstance(stamp, np.datetime64):
        return f"{np.datetime_as_string(stamp, unit='s')}Z"
    return stamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_numpy(stamp: datetime) -> np.datetime64:
    """Return a UTC-aware instant as `datetime64[s]`."""
    return np.datetime64(stamp.astimezone(UTC).replace(tzinfo=None), "s")


def from_numpy(stamp: np.datetime64) -> datetime:
    """Return `datetime64` as a UTC-aware instant."""
    return datetime.fromtimestamp(int(stamp.astype("datetime64[s]").astype(np.int64)), tz=UTC)
