"""The clock, as an argument."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the present, UTC-aware."""
    return datetime.now(tz=UTC)


def hour_of(now: datetime) -> datetime:
    """Return the start of the UTC hour that contains `now`."""
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
