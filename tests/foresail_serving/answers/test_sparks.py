"""Sparklines: the last days and the coming ones in a few points."""

from datetime import timedelta
from pathlib import Path

import pytest
from factories import bundles

from foresail.horizons import HORIZONS, NEXT_DAY, NEXT_WEEK, Horizon
from foresail_serving.answers.sparks import spark_grid, sparks
from foresail_serving.snapshot import Found, SnapshotStore

NOON = bundles.TRAINED_UNTIL + timedelta(hours=12)


@pytest.fixture(scope="module")
def found(cache: Path) -> Found:
    """The cluster's series: 10 cores for two days, then 10 + the hour of the day."""
    store = SnapshotStore(cache)
    store.refresh()
    return store.current.by_id["prod/cluster", "cpu", "mean"]


def test_each_point_is_its_highest_hour(found: Found) -> None:
    """At noon the first point ahead holds the hours 12 and 13; history ends at midnight."""
    (spark,) = sparks([found], NEXT_DAY, hour=NOON)
    grid = spark_grid(NEXT_DAY, hour=NOON)
    assert (grid.start, grid.step_hours, grid.now) == ("2026-11-18T12:00:00Z", 2, 36)
    assert spark.p50[36:39] == (23.0, 25.0, 27.0)
    assert spark.p90[36] == 25.0
    assert spark.history[29] == 10.0
    assert spark.history[30:] == (None,) * 18


def test_the_hours_since_the_training_are_forecast_too(found: Found) -> None:
    """Between what was known and now lies what was forecast, and nothing before it."""
    (spark,) = sparks([found], NEXT_DAY, hour=NOON)
    assert spark.p50[29:31] == (None, 11.0)


def test_two_days_of_history_are_two_days_of_points(found: Found) -> None:
    """Gaps are gaps: of 28 days only the last two are known."""
    (spark,) = sparks([found], NEXT_WEEK, hour=NOON)
    known = [place for place, value in enumerate(spark.history) if value is not None]
    assert known == list(range(18, 26))


@pytest.mark.parametrize("horizon", HORIZONS, ids=lambda h: h.name)
@pytest.mark.parametrize("days", [-2, 0, 36, 90])
def test_a_sparkline_is_short_at_any_hour(found: Found, horizon: Horizon, days: int) -> None:
    """60 points at most, the same number in each column, also before and after the forecast."""
    hour = NOON + timedelta(days=days)
    (spark,) = sparks([found], horizon, hour=hour)
    grid = spark_grid(horizon, hour=hour)
    assert len(spark.history) == len(spark.p50) == len(spark.p90) <= 60
    assert (len(spark.p50) - grid.now) * grid.step_hours == horizon.hours
