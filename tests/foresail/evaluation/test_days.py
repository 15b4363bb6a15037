"""Quantiles of a day's peak and mean, calibrated as such."""

import numpy as np
import pytest

from foresail.bundle.days import day_quantiles
from foresail.evaluation.days import DayCounts, day_factors
from foresail.evaluation.scores import REFERENCE, ScoreBoard
from foresail.horizons import NEXT_DAY, NEXT_WEEK
from foresail.panel import FloatArray, IntArray, SeriesKey

ALIKE: IntArray = np.zeros(1, dtype=np.int64)


def board() -> ScoreBoard:
    """Return a board of one contender and one series, for a day and a week."""
    return ScoreBoard.empty([REFERENCE], [SeriesKey("s", "cpu")], (NEXT_DAY, NEXT_WEEK), windows=1)


def weeks(*, count: int, seed: int) -> FloatArray:
    """Return weeks of noise that lasts for six hours, around ten."""
    noise = np.random.default_rng(seed).normal(0, 1, (count, 28))
    return np.asarray(10 + np.repeat(noise, 6, axis=1))


def forecast() -> FloatArray:
    """Return a level of ten with the band of that noise, for a week."""
    return np.broadcast_to(np.array([10 - 1.2816, 10.0, 10 + 1.2816]), (1, 168, 3)).copy()


def counted(values: FloatArray) -> DayCounts:
    """Return the counts of these weeks."""
    counts = DayCounts.empty(board())
    for week in values:
        counts.record(board(), 0, ALIKE, y=week[None], quantiles=forecast(), scale=np.array([1.0]))
    return counts


@pytest.mark.parametrize(("kind", "place"), [("peak", 0), ("mean", 1)])
def test_a_days_band_holds_four_days_of_five(kind: str, place: int) -> None:
    """Of days to come, whose hours hang together in a way that no hourly band knows."""
    counts = counted(weeks(count=100, seed=0))
    factors = day_factors(counts, counts.pooled(ALIKE, groups=1), ALIKE)[0, :, 1, place]
    hours = forecast().reshape(1, 7, 24, 3)
    bands = day_quantiles(hours, factors, np.array([1.0]), kind="peak" if not place else "mean")
    days = weeks(count=300, seed=1).reshape(-1, 24)
    came = days.max(axis=1) if kind == "peak" else days.mean(axis=1)
    low, middle, high = bands[0, 0]
    assert np.mean((low <= came) & (came <= high)) == pytest.approx(0.8, abs=0.04)
    assert np.mean(came < middle) == pytest.approx(0.5, abs=0.05)


def test_the_highest_hourly_quantile_is_not_the_peaks() -> None:
    """The highest p90 of independent hours would hold half of the peaks, not nine tenths."""
    counts = counted(weeks(count=100, seed=0))
    factors = day_factors(counts, counts.pooled(ALIKE, groups=1), ALIKE)[0, 0, 1, 0]
    assert factors[2] > 1.3


def test_a_day_of_which_much_is_missing_does_not_count() -> None:
    """The peak of ten hours is not the day's."""
    values = weeks(count=1, seed=0)
    values[0, 10:24] = np.nan
    counts = counted(values)
    assert counts.counts[0, 0, 0].sum() == 0
    assert counts.counts[0, 0, 1].sum() == 2 * 6


def test_where_nothing_was_measured_the_quantiles_are_a_guess_in_order() -> None:
    """Around the level for the mean, above it for the peak."""
    counts = DayCounts.empty(board())
    low, middle, high = day_factors(counts, counts.pooled(ALIKE, groups=1), ALIKE)[0, 0, 0, 0]
    assert 0 < low < middle < high < 3
    low, middle, high = day_factors(counts, counts.pooled(ALIKE, groups=1), ALIKE)[0, 0, 0, 1]
    assert low < 0 < high
    assert abs(middle) < 0.2
