"""Which days of which queries a run has to ask for; pure."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from foresail.errors import UsageError
from foresail.history.manifest import Table
from foresail.panel import TimeArray
from foresail.times import to_numpy

LATE_HOURS = 6
"""How long after its end a day is asked for again: samples come late, by remote write or Thanos."""
HOUR_SECONDS = 3600
DAYS_PER_CHUNK = 7

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class HourRange:
    """Whole UTC hours: `since` up to, not including, `until`."""

    since: datetime
    until: datetime

    @property
    def hours(self) -> int:
        """How many."""
        return int((self.until - self.since).total_seconds()) // HOUR_SECONDS

    @property
    def start(self) -> int:
        """The first, in Unix seconds."""
        return int(self.since.timestamp())

    @property
    def ds(self) -> TimeArray:
        """The bucket starts, `datetime64[s]`."""
        return to_numpy(self.since) + np.arange(self.hours) * np.timedelta64(HOUR_SECONDS, "s")

    @property
    def days(self) -> list[date]:
        """Every UTC day that holds one of the hours."""
        last = (self.until - timedelta(seconds=1)).date()
        count = (last - self.since.date()).days + 1
        return [self.since.date() + timedelta(days=i) for i in range(count)]

    def of_days(self, days: list[date]) -> "HourRange":
        """Return its hours within some consecutive days."""
        return HourRange(
            max(self.since, midnight(days[0])),
            min(self.until, midnight(days[-1] + timedelta(days=1))),
        )


@dataclass(frozen=True, slots=True)
class Family:
    """One group of queries that is staged together, day by day.

    Attributes:
        table: As in `Partition`.
        metric: As in `Partition`.
        scope: As in `Partition`.
        texts: Digest of the queries.
    """

    table: Table
    metric: str
    scope: str
    texts: str

    @property
    def name(self) -> str:
        """Return how messages call it."""
        return ".".join(name for name in (self.table, self.metric, self.scope) if name)


def digest_of_texts(texts: Iterable[str]) -> str:
    """Return what tells one set of queries from another."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def midnight(day: date) -> datetime:
    """Return a day's first instant in UTC."""
    return datetime.combine(day, time(), tzinfo=UTC)


def hour_range(*, days: int, until: datetime | None, now: datetime) -> HourRange:
    """Return the finished hours before `until`, from the midnight at least `days` days earlier.

    Raises:
        UsageError: `days` is not positive, or leads to before 1970.
    """
    if days < 1:
        raise UsageError(f"expected at least 1 day, got {days}")
    end = min(until or now, now).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    known = (end - _FIRST).days
    if days > known:
        raise UsageError(
            f"expected a window after 1970, got {days} days before {end:%Y-%m-%d}; ask for less"
        )
    return HourRange(midnight((end - timedelta(days=days)).date()), end)


def missing_days(
    hours: HourRange, asked: Mapping[date, datetime], *, late_hours: int
) -> list[date]:
    """Return the days that were never asked for, or not late enough to have settled."""
    late = timedelta(hours=late_hours)
    return [
        day
        for day in hours.days
        if day not in asked or asked[day] < midnight(day + timedelta(days=1)) + late
    ]


def chunks(days: list[date], *, limit: int) -> Iterator[list[date]]:
    """Yield runs of consecutive days, oldest first, at most `limit` each."""
    chunk: list[date] = []
    for day in sorted(days):
        if chunk and (len(chunk) == limit or day != chunk[-1] + timedelta(days=1)):
            yield chunk
            chunk = []
        chunk.append(day)
    if chunk:
        yield chunk
