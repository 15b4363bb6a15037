"""Folding to hours."""

import numpy as np

from foresail.history.hourly import (
    Hourly,
    answered_hours,
    fill_idle,
    fold_counter,
    fold_gauge,
)

DS = np.array(["2025-01-01T00", "2025-01-01T01"], dtype="datetime64[s]")
ALL = np.array([True, True])
NO_BATCH = np.array([False])


def test_a_gauge_is_folded_within_its_hour() -> None:
    """Mean and maximum of the points at ds, ds + 5 min, ..., ds + 55 min."""
    points = np.array([[*range(1, 13), *range(101, 113)]], dtype=float)
    hourly = fold_gauge(DS, points, answered=ALL, batch=NO_BATCH)
    np.testing.assert_array_equal(hourly.mean, [[6.5, 106.5]])
    np.testing.assert_array_equal(hourly.maximum, [[12, 112]])


def test_a_counter_takes_the_mean_as_asked_and_the_largest_short_rate() -> None:
    """The maximum is over the twelve points that end within the hour."""
    points = np.array([[*range(12), *range(12)]], dtype=float)
    hourly = fold_counter(DS, np.array([[5.0, np.nan]]), points, answered=ALL)
    np.testing.assert_array_equal(hourly.mean, [[5, np.nan]])
    np.testing.assert_array_equal(hourly.maximum, [[11, np.nan]])


def test_an_hour_in_which_the_source_was_away_is_a_gap() -> None:
    """One missed step passes, two do not; another series' answer counts as being there."""
    points = np.ones((2, 24))
    points[:, 3] = np.nan
    points[:, 15:17] = np.nan
    points[0, 6:9] = np.nan
    np.testing.assert_array_equal(answered_hours(points), [True, False])
    answered = answered_hours(points)
    hourly = fold_gauge(DS, points, answered=answered, batch=np.array([False, False]))
    np.testing.assert_array_equal(hourly.mean, [[1, np.nan], [1, np.nan]])


def test_a_batch_workload_rests_at_zero_between_its_runs() -> None:
    """Not before the first, not longer than the tail after the last, not while nobody measured."""
    nan = np.nan
    mean = np.array([[nan, 2, nan, nan, 3, nan, nan], [1, 1, 1, nan, 1, 1, 1]])
    ds = np.arange(7).astype("datetime64[h]").astype("datetime64[s]")
    filled = fill_idle(Hourly(ds, mean, mean), idle=np.array([True, False]), tail_hours=1)
    np.testing.assert_array_equal(filled.mean[0], [nan, 2, 0, nan, 3, 0, nan])
    np.testing.assert_array_equal(filled.mean[1], mean[1])


def test_a_batch_workload_that_ran_for_five_minutes_held_memory_for_five_minutes() -> None:
    """Steps at which it was not there count as zero in its mean."""
    points = np.full((2, 12), np.nan)
    points[0, 0] = 12.0
    points[1] = 1.0
    hourly = fold_gauge(DS[:1], points, answered=ALL[:1], batch=np.array([True, False]))
    np.testing.assert_array_equal(hourly.mean, [[1], [1]])
    np.testing.assert_array_equal(hourly.maximum, [[12], [1]])
