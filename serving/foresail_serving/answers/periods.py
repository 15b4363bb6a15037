"""Which hours a question speaks of, and how they are cut into hours, days or weeks.

Forecasts are stored by UTC hour, and nothing is forecast for parts of an hour. So a day in a time
zone is made of whole UTC hours: an hour belongs to the local day in which it starts. Where the
offset from UTC is no whole hour (India: +05:30) the day's first hour starts at 00:30 on the local
clock.
"""

import itertools
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from foresail.horizons import Horizon
from foresail.times import isoformat
from foresail_serving.answers.queries import Aggregate, ForecastQuery, ManyQuery, Start, Step
from foresail_serving.problems import ProblemError

_HOUR = timedelta(hours=1)
_DAY, _WEEK = 24, 168
_STEP_DAYS = {"1d": 1, "1w": 7}
_KEPT = 32
"""Questions are alike within an hour; 32 month-long ones with local times are 4 MB."""


@dataclass(frozen=True)
class Periods:
    """What is asked for: periods without a gap between them.

    Attributes:
        start: Where the first one begins, UTC.
        offsets: Hours from `start` to each one's beginning, and to the end of the last.
        step: How long they are by name.
        aggregate: What is told of each; None for hours, which are told as they are.
        zone: Whose days these are: `UTC` or an IANA name.
    """

    start: datetime
    offsets: tuple[int, ...]
    step: Step
    aggregate: Aggregate | None
    zone: str

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def hours(self) -> int:
        """Return the length of them all."""
        return self.offsets[-1]

    @cached_property
    def end(self) -> datetime:
        """Return the end of the last one."""
        return self.start + self.hours * _HOUR

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """Return the hours of each."""
        return tuple(b - a for a, b in itertools.pairwise(self.offsets))

    @cached_property
    def starts(self) -> tuple[datetime, ...]:
        """Return where each begins, UTC."""
        return tuple(self.start + offset * _HOUR for offset in self.offsets[:-1])

    @cached_property
    def ds(self) -> tuple[str, ...]:
        """Return the starts in ISO 8601, UTC."""
        return tuple(map(isoformat, self.starts))

    @cached_property
    def local(self) -> tuple[str, ...]:
        """Return the starts in ISO 8601 as the zone's clocks show them, with their offset."""
        zone = ZoneInfo(self.zone)
        return tuple(start.astimezone(zone).isoformat(timespec="seconds") for start in self.starts)


def periods_of(query: ForecastQuery | ManyQuery, *, horizon: Horizon, hour: datetime) -> Periods:
    """Return the periods that a query asks for.

    Args:
        query: Its step, start, time zone and aggregate.
        horizon: How far ahead.
        hour: The present UTC hour.

    Raises:
        ProblemError: Weeks are asked of a single day, or an aggregate of hours.
    """
    if query.step == "1w" and horizon.hours < _WEEK:
        raise ProblemError(
            "bad-request",
            f"{horizon.name} holds no whole week; ask it for step=1h or step=1d, or ask next_week",
        )
    if query.step == "1h" and query.agg is not None:
        raise ProblemError(
            "bad-request", "agg is of days and weeks; add step=1d or step=1w, or leave agg out"
        )
    aggregate = None if query.step == "1h" else query.aggregate
    return _periods(horizon.hours, query.step, query.start, aggregate, query.tz or "UTC", hour)


@lru_cache(maxsize=_KEPT)
def _periods(  # as many facts as make two questions alike
    hours: int,
    step: Step,
    start: Start,
    aggregate: Aggregate | None,
    zone: str,
    hour: datetime,
) -> Periods:
    first, offsets = (
        _rolling(hours, step, hour)
        if start == "now"
        else _calendar(hours // _DAY, step, zone, hour)
    )
    return Periods(first, offsets, step, aggregate, zone)


def _rolling(hours: int, step: Step, hour: datetime) -> tuple[datetime, tuple[int, ...]]:
    """Return whole periods from the present hour on: a day is 24 hours, a week 168."""
    length = 1 if step == "1h" else _STEP_DAYS[step] * _DAY
    return hour, tuple(range(0, hours + 1, length))


def _calendar(days: int, step: Step, zone: str, hour: datetime) -> tuple[datetime, tuple[int, ...]]:
    """Return whole periods of the calendar, from the day after the present hour's on."""
    there = ZoneInfo(zone)
    tomorrow = hour.astimezone(there).date() + timedelta(days=1)
    midnights = [_first_hour(tomorrow + timedelta(days=n), there) for n in range(days + 1)]
    first = midnights[0]
    offsets = [(midnight - first) // _HOUR for midnight in midnights]
    if step == "1h":
        return first, tuple(range(offsets[-1] + 1))
    return first, tuple(offsets[:: _STEP_DAYS[step]])


def _first_hour(day: date, zone: ZoneInfo) -> datetime:
    """Return the first UTC hour that starts on a local day."""
    # fold=0, the default: of a midnight that comes twice the first, of one that clocks jump over
    # the moment they jump
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    before = midnight.replace(minute=0, second=0, microsecond=0)
    return before if before == midnight else before + _HOUR
