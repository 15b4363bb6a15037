"""Folding to hours."""

import numpy as np
import pytest

from foresail.history.hourly import Hourly, fold_counter, fold_folded, fold_gauge

DS = np.array(["2025-01-01T00", "2025-01-01T01"], dtype="datetime64[s]")
NO_BATCH = np.array([False])
NAN = np.nan


def test_a_gauge_is_folded_within_its_hour() -> None:
    """Mean, maximum and p95 of the points at ds, ds + 5 min, ..., ds + 55 min."""
    points = np.array([[*range(1, 13), *range(101, 113)]], dtype=float)
    hourly = fold_gauge(DS, points, batch=NO_BATCH)
    np.testing.assert_array_equal(hourly.mean, [[6.5, 106.5]])
    np.testing.assert_array_equal(hourly.max, [[12, 112]])
    np.testing.assert_allclose(hourly.p95, [[11.45, 111.45]], rtol=1e-12)
    np.testing.assert_array_equal(hourly.points, [[12, 12]])


def test_the_p95_is_that_of_the_points_there_are() -> None:
    """Numpy's own percentile agrees, hour by hour, with gaps left out."""
    points = np.random.default_rng(0).random((5, 24))
    points[points < 0.2] = NAN
    hourly = fold_gauge(DS, points, batch=np.zeros(5, dtype=bool))
    wanted = np.nanpercentile(points.reshape(5, 2, 12), 95, axis=2)
    np.testing.assert_allclose(hourly.p95, wanted, rtol=1e-12)


def test_a_counter_takes_the_mean_as_asked_and_the_largest_short_rate() -> None:
    """The maximum is over the twelve points that end within the hour."""
    points = np.array([[*range(12), *range(12)]], dtype=float)
    hourly = fold_counter(DS, np.array([[5.0, NAN]]), points)
    np.testing.assert_array_equal(hourly.mean, [[5, NAN]])
    np.testing.assert_array_equal(hourly.max, [[11, NAN]])
    np.testing.assert_array_equal(hourly.points, [[12, 0]])


def test_an_hour_in_which_the_source_was_away_is_a_gap() -> None:
    """One missed step passes, two do not; another series' answer counts as being there."""
    points = np.ones((2, 24))
    points[:, 3] = NAN
    points[:, 15:17] = NAN
    points[0, 6:9] = NAN
    hourly = fold_gauge(DS, points, batch=np.array([False, False]))
    np.testing.assert_array_equal(hourly.answered, [True, False])
    np.testing.assert_array_equal(hourly.mean, [[1, NAN], [1, NAN]])
    np.testing.assert_array_equal(hourly.points, [[8, 0], [11, 0]])


def test_a_batch_workload_that_ran_for_five_minutes_held_memory_for_five_minutes() -> None:
    """Steps at which it was not there count as zero, in every statistic."""
    points = np.full((2, 12), NAN)
    points[0, 0] = 12.0
    points[1] = 1.0
    hourly = fold_gauge(DS[:1], points, batch=np.array([True, False]))
    np.testing.assert_array_equal(hourly.mean, [[1], [1]])
    np.testing.assert_array_equal(hourly.max, [[12], [1]])
    np.testing.assert_array_equal(hourly.points, [[1], [12]])


@pytest.mark.parametrize("counter", [False, True])
def test_folding_there_is_folding_here(*, counter: bool) -> None:
    """What a source folds by subqueries gives the hours that its points give."""
    points = np.random.default_rng(1).random((3, 24))
    points[0, :4] = NAN
    hours = points.reshape(3, 2, 12)
    mean = np.nanmean(hours, axis=2)
    batch = np.array([not counter, False, False])
    there = fold_folded(
        DS,
        mean,
        np.nanmax(hours, axis=2),
        np.nanpercentile(hours, 95, axis=2),
        (~np.isnan(hours)).sum(axis=2).astype(float),
        batch=batch,
    )
    here = fold_counter(DS, mean, points) if counter else fold_gauge(DS, points, batch=batch)
    np.testing.assert_allclose(there.mean, here.mean, rtol=1e-12)
    np.testing.assert_array_equal(there.max, here.max)
    np.testing.assert_array_equal(there.points, here.points)
    np.testing.assert_allclose(there.p95[1:], here.p95[1:], rtol=1e-12)


def test_clusters_folded_apart_are_joined() -> None:
    """Where one was away, the other's answers say nothing of it."""
    points = np.ones((2, 24))
    points[1, 15:20] = NAN
    rows = [np.array([1]), np.array([0])]
    batch = np.array([False])
    parts = [(row, fold_gauge(DS, points[row], batch=batch)) for row in rows]
    hourly = Hourly.joined(DS, parts)
    np.testing.assert_array_equal(hourly.mean, [[1, 1], [1, NAN]])
    np.testing.assert_array_equal(hourly.source, [[12, 12], [12, 7]])
    np.testing.assert_array_equal(hourly.answered, [True, True])


def test_infinite_points_stay_infinite() -> None:
    """They are refused later, by name; a mean that hides them would be worse."""
    points = np.ones((1, 12))
    points[0, 3] = np.inf
    hourly = fold_gauge(DS[:1], points, batch=NO_BATCH)
    assert hourly.mean[0, 0] == np.inf
    assert hourly.max[0, 0] == np.inf
