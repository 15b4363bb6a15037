"""Which hours a question speaks of: whole days and weeks of a time zone, and spans from now."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foresail.horizons import HORIZONS, NEXT_DAY, NEXT_MONTH, NEXT_WEEK, Horizon
from foresail_serving.answers.periods import Periods, periods_of
from foresail_serving.answers.queries import ForecastQuery
from foresail_serving.problems import ProblemError

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Pacific/Auckland",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Pacific/Kiritimati",
]


def asked(hour: datetime, horizon: Horizon = NEXT_WEEK, **parameters: str) -> Periods:
    """Return what a query asks for at this hour."""
    return periods_of(ForecastQuery.model_validate(parameters), horizon=horizon, hour=hour)


def at(text: str) -> datetime:
    """Return a UTC hour."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "hour", "first", "lengths"),
    [
        ("Europe/Berlin", "2026-03-27T12", "2026-03-28T00:00:00+01:00", [24, 23, 24]),
        ("Europe/Berlin", "2026-10-23T12", "2026-10-24T00:00:00+02:00", [24, 25, 24]),
        ("America/New_York", "2026-03-06T12", "2026-03-07T00:00:00-05:00", [24, 23, 24]),
        ("America/New_York", "2026-10-30T12", "2026-10-31T00:00:00-04:00", [24, 25, 24]),
        ("Pacific/Auckland", "2026-04-03T12", "2026-04-05T00:00:00+13:00", [25, 24, 24]),
        ("Pacific/Auckland", "2026-09-25T12", "2026-09-27T00:00:00+12:00", [23, 24, 24]),
        ("America/Santiago", "2026-09-05T12", "2026-09-06T01:00:00-03:00", [23, 24, 24]),
        ("Asia/Kolkata", "2026-03-27T12", "2026-03-28T00:30:00+05:30", [24, 24, 24]),
    ],
)
def test_a_day_has_the_hours_that_its_clocks_show(
    zone: str, hour: str, first: str, lengths: list[int]
) -> None:
    """Twenty-three where clocks go forward, twenty-five where they go back."""
    found = asked(at(hour), step="1d", tz=zone)
    assert found.local[0] == first
    assert list(found.lengths[:3]) == lengths


def test_tomorrow_is_the_zones_own() -> None:
    """At 23:00 UTC it is tomorrow already in Berlin, and still today in New York."""
    night = at("2026-11-21T23")
    assert asked(night, NEXT_DAY, step="1d", tz="Europe/Berlin").ds == ("2026-11-22T23:00:00Z",)
    assert asked(night, NEXT_DAY, step="1d", tz="America/New_York").ds == ("2026-11-22T05:00:00Z",)
    assert asked(night, NEXT_DAY, step="1d").ds == ("2026-11-22T00:00:00Z",)


def test_a_half_hour_zones_day_begins_with_the_first_hour_that_starts_in_it() -> None:
    """In India the hour from 23:30 belongs to the old day, the one from 00:30 to the new."""
    day = asked(at("2026-11-21T12"), NEXT_DAY, **{"from": "calendar", "tz": "Asia/Kolkata"})
    assert (day.local[0], day.local[-1]) == (
        "2026-11-22T00:30:00+05:30",
        "2026-11-22T23:30:00+05:30",
    )
    before, after = at("2026-11-21T18"), at("2026-11-21T19")
    tomorrows = [asked(hour, NEXT_DAY, step="1d", tz="Asia/Kolkata").ds for hour in (before, after)]
    assert tomorrows == [("2026-11-21T19:00:00Z",), ("2026-11-22T19:00:00Z",)]


@pytest.mark.parametrize(
    ("horizon", "step", "count", "hours"),
    [
        (NEXT_DAY, "1h", 24, 24),
        (NEXT_DAY, "1d", 1, 24),
        (NEXT_WEEK, "1h", 168, 168),
        (NEXT_WEEK, "1d", 7, 168),
        (NEXT_WEEK, "1w", 1, 168),
        (NEXT_MONTH, "1h", 720, 720),
        (NEXT_MONTH, "1d", 30, 720),
        (NEXT_MONTH, "1w", 4, 672),
    ],
)
@pytest.mark.parametrize("start", ["now", "calendar"])
def test_only_whole_periods_are_asked_for(
    horizon: Horizon, step: str, count: int, hours: int, start: str
) -> None:
    """A month holds thirty days, and four weeks."""
    found = asked(at("2026-11-21T09"), horizon, **{"step": step, "from": start})
    assert (len(found), found.hours) == (count, hours)
    assert found.starts[0] == at("2026-11-21T09" if start == "now" else "2026-11-22T00")


def test_calendar_hours_are_those_of_tomorrow() -> None:
    """On the day when clocks go back there are twenty-five of them, 02:00 twice."""
    day = asked(at("2026-10-24T09"), NEXT_DAY, **{"from": "calendar", "tz": "Europe/Berlin"})
    assert len(day) == 25
    assert [local[11:19] for local in day.local[1:5]] == [
        "01:00:00",
        "02:00:00",
        "02:00:00",
        "03:00:00",
    ]


def test_a_day_holds_no_week() -> None:
    """The problem says what to ask instead."""
    with pytest.raises(ProblemError, match="next_day holds no whole week; ask it for") as caught:
        asked(at("2026-11-21T09"), NEXT_DAY, step="1w")
    assert caught.value.slug == "bad-request"


def test_an_hour_has_no_aggregate() -> None:
    """A forgotten step would give hours to somebody who wants days."""
    with pytest.raises(ProblemError, match="add step=1d or step=1w, or leave agg out") as caught:
        asked(at("2026-11-21T09"), agg="peak")
    assert caught.value.slug == "bad-request"


@given(
    hour=st.integers(0, 3 * 8766).map(lambda n: at("2025-01-01T00") + timedelta(hours=n)),
    zone=st.sampled_from(ZONES),
    horizon=st.sampled_from(HORIZONS),
)
def test_calendar_days_lie_side_by_side_from_tomorrow_on(
    hour: datetime, zone: str, horizon: Horizon
) -> None:
    """Whenever and wherever one asks: every hour starts on its own day, and none is left out."""
    found = asked(hour, horizon, step="1d", tz=zone)
    assert len(found) == horizon.hours // 24
    assert set(found.lengths) <= {23, 24, 25}
    assert timedelta() < found.start - hour <= timedelta(hours=25)
    days = {local[:10] for local in found.local}
    assert len(days) == len(found)
    hours = asked(hour, horizon, **{"from": "calendar", "tz": zone})
    assert (hours.start, hours.end) == (found.start, found.end)
    assert {local[:10] for local in hours.local} == days
