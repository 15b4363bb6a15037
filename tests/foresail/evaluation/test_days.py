"""Quantiles of the peak and mean of days and weeks, calibrated as such."""

import numpy as np
import pytest

from foresail.bundle.days import Kind, over_periods, period_quantiles
from foresail.evaluation.days import DayCounts, day_factors
from foresail.evaluation.scores import REFERENCE, ScoreBoard
from foresail.horizons import NEXT_DAY, NEXT_MONTH, NEXT_WEEK
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


def held(kind: Kind, hours: FloatArray, factors: FloatArray, came: FloatArray) -> tuple[float, ...]:
    """Return which share of what came lay within the band, and which below its middle."""
    reduced = over_periods(hours, kind=kind)
    lowest = hours[..., 0].min(axis=-1)
    low, middle, high = period_quantiles(reduced, factors, np.array(1.0), lowest, kind=kind)
    return float(np.mean((low <= came) & (came <= high))), float(np.mean(came < middle))


@pytest.mark.parametrize(("kind", "place"), [("peak", 0), ("mean", 1)])
def test_a_days_band_holds_four_days_of_five(kind: Kind, place: int) -> None:
    """Of days to come, whose hours hang together in a way that no hourly band knows."""
    counts = counted(weeks(count=100, seed=0))
    factors = day_factors(counts, counts.pooled(ALIKE, groups=1), ALIKE)[0, 0, 1, place]
    days = weeks(count=300, seed=1).reshape(-1, 24)
    came = days.max(axis=1) if kind == "peak" else days.mean(axis=1)
    inside, below = held(kind, forecast()[0, :24], factors, came)
    assert inside == pytest.approx(0.8, abs=0.04)
    assert below == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(("kind", "place"), [("peak", 2), ("mean", 3)])
def test_a_weeks_band_holds_four_weeks_of_five(kind: Kind, place: int) -> None:
    """Of weeks to come, whose highest hour lies above that of most of their days."""
    counts = counted(weeks(count=100, seed=0))
    factors = day_factors(counts, counts.pooled(ALIKE, groups=1), ALIKE)[0, 0, 1, place]
    some = weeks(count=1000, seed=1)
    came = some.max(axis=1) if kind == "peak" else some.mean(axis=1)
    inside, below = held(kind, forecast()[0], factors, came)
    assert inside == pytest.approx(0.8, abs=0.06)
    assert below == pytest.approx(0.5, abs=0.08)


def test_a_week_counts_for_the_segment_that_most_of_it_lies_in() -> None:
    """The first one after the first day, the other three of a month for the last segment."""
    horizons = (NEXT_DAY, NEXT_WEEK, NEXT_MONTH)
    month = ScoreBoard.empty([REFERENCE], [SeriesKey("s", "cpu")], horizons, windows=1)
    counts = DayCounts.empty(month)
    y, quantiles = np.full((1, 720), 10.0), np.tile(forecast(), (1, 5, 1))[:, :720]
    counts.record(month, 0, ALIKE, y=y, quantiles=quantiles, scale=np.array([1.0]))
    assert counts.counts[0, 0].sum(axis=-1).T.tolist() == [[1, 6, 23]] * 2 + [[0, 1, 3]] * 2


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
    assert counts.counts[0, 0, 1].sum(axis=-1).tolist() == [6, 6, 1, 1]
    values[0, :60] = np.nan
    assert counted(values).counts[0, 0, 1, 2:].sum() == 0


def test_where_nothing_was_measured_the_quantiles_are_a_guess_in_order() -> None:
    """Around the level for the mean, above it for the peak."""
    counts = DayCounts.empty(board())
    low, middle, high = day_factors(counts, counts.pooled(ALIKE, groups=1), ALIKE)[0, 0, 0, 0]
    assert 0 < low < middle < high < 3
    low, middle, high = day_factors(counts, counts.pooled(ALIKE, groups=1), ALIKE)[0, 0, 0, 1]
    assert low < 0 < high
    assert abs(middle) < 0.2
