"""The band of a rule that says the same every day: what it missed in the past."""

import numpy as np
import pytest
from factories.panels import panel_of

from foresail.contenders import (
    Contender,
    DailyProfile,
    HourOfWeekMean,
    LastDayMean,
    LastValue,
    Median28d,
)
from foresail.contenders.repetition import blocks_of, lags_of, miss_quantiles, row_quantiles
from foresail.panel import FloatArray

NAN = np.nan
RULES: tuple[Contender, ...] = (
    LastValue(),
    LastDayMean(),
    Median28d(),
    HourOfWeekMean(),
    DailyProfile(),
)
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


def quantiles(rule: Contender, values: FloatArray, *, hours: int = 800) -> FloatArray:
    """Return the forecast, after a look at what every forecast must be."""
    found = rule.forecast(panel_of(values), hours=hours).quantiles
    assert found.shape == (len(values), hours, 3)
    assert np.isfinite(found).all()
    assert (np.diff(found, axis=2) >= 0).all()
    return found


@every_rule
@pytest.mark.parametrize("length", [1, 5, 24, 30, 167, 400, 3000])
def test_a_constant_is_forecast_as_itself(rule: Contender, length: int) -> None:
    """Whatever the length of history, the three quantiles are the constant, to the last digit."""
    assert (quantiles(rule, np.full((2, length), 0.1)) == 0.1).all()


@every_rule
def test_a_single_value_is_repeated(rule: Contender) -> None:
    """With one value among gaps there is one answer, without a band."""
    history = np.full((1, 60 * 24), NAN)
    history[0, 700] = 7.0
    assert (quantiles(rule, history) == 7.0).all()


@every_rule
@pytest.mark.parametrize("length", [2, 20, 47, 100, 200])
def test_a_short_history_has_a_band(rule: Contender, length: int) -> None:
    """Without enough misses, the spread of the values themselves about their mean is the band."""
    values = np.random.default_rng(length).normal(5, 1, (3, length))
    width = np.ptp(quantiles(rule, values), axis=2)
    assert (width > 0).all()
    assert (width < 10).all()


@every_rule
def test_a_long_silence_at_the_end_is_bridged(rule: Contender) -> None:
    """After 40 days of gaps the forecast stays within the values that were known."""
    values = np.random.default_rng(0).uniform(2, 3, (1, 80 * 24))
    values[0, -40 * 24 :] = NAN
    middle = quantiles(rule, values)[0, :, 1]
    assert middle.min() >= 2
    assert middle.max() <= 3


@every_rule
def test_noise_is_covered_as_promised(rule: Contender) -> None:
    """Of independent hours about a level, the band holds about 80 % tomorrow, and later no less.

    Later, the last value has 87 %: its changes, noise here, count in both directions.
    """
    values = np.random.default_rng(1).normal(100, 1, (200, 120 * 24))
    past, future = values[:, : 90 * 24], values[:, 90 * 24 :]
    found = quantiles(rule, past, hours=720)
    inside = (future >= found[:, :, 0]) & (future <= found[:, :, 2])
    assert 0.76 < inside[:, :24].mean() < 0.84
    assert 0.76 < inside[:, 600:].mean() < 0.89


@every_rule
def test_the_band_of_a_wandering_level_grows_with_the_lead(rule: Contender) -> None:
    """A random walk is known worse in a month than in a week, and in a week than tomorrow."""
    steps = np.random.default_rng(2).normal(0, 1, (50, 90 * 24))
    width = np.ptp(quantiles(rule, np.cumsum(steps, axis=1)), axis=2)
    assert (np.diff(width, axis=1) >= -1e-9).all()
    assert np.median(width[:, 700] / width[:, 5]) > 1.2


@every_rule
def test_a_forecast_does_not_depend_on_its_neighbours(rule: Contender) -> None:
    """Alone or among 299 others, gaps included, a series is forecast alike."""
    values = np.random.default_rng(3).normal(0, 1, (300, 40 * 24))
    values[::2, 100:300] = NAN
    np.testing.assert_allclose(
        quantiles(rule, values, hours=30)[[299]],
        quantiles(rule, values[[299]], hours=30),
        rtol=1e-12,
    )


@every_rule
def test_what_is_long_past_does_not_count(rule: Contender) -> None:
    """Values from before the last 84 days change nothing."""
    values = np.random.default_rng(4).normal(0, 1, (2, 100 * 24))
    other = values.copy()
    other[:, : 16 * 24] = 1e6
    np.testing.assert_array_equal(quantiles(rule, values), quantiles(rule, other))


def test_a_step_widens_the_band_both_ways() -> None:
    """A level that rose by 10 within the month may fall by as much in the next."""
    values = np.random.default_rng(5).normal(0, 0.1, (1, 90 * 24))
    values[0, -14 * 24 :] += 10
    found = quantiles(LastDayMean(), values)
    low, _, high = found[0, 700]
    assert low < 1
    assert high > 19


def test_the_band_a_day_ahead_is_that_of_the_last_two_weeks() -> None:
    """It is the 10 % and 90 % quantile of the day's values less the mean of the day before."""
    values = np.random.default_rng(6).normal(0, 1, (3, 70 * 24))
    days = values.reshape(3, 70, 24)
    misses = (days[:, 1:] - days[:, :-1].mean(axis=2, keepdims=True))[:, -14:]
    expected = np.quantile(misses.reshape(3, -1), (0.1, 0.9), axis=1).T
    found = quantiles(LastDayMean(), values)[:, 0]
    np.testing.assert_allclose(found[:, [0, 2]] - found[:, [1]], expected, atol=1e-5)


def test_a_later_lag_counts_a_change_both_ways_and_not_at_all() -> None:
    """At a lag, a miss is that of the day before it, with the change since added and taken away."""
    rng = np.random.default_rng(7)
    blocks, said = rng.normal(0, 1, (2, 50, 24)), rng.normal(0, 3, (2, 50, 1))
    near = blocks[:, -14:] - said[:, -15:-1]
    change = said[:, -15:-1] - said[:, -21:-7]
    all_three = np.concatenate([near, near + change, near - change], axis=1).reshape(2, -1)
    expected = np.quantile(all_three, (0.1, 0.9), axis=1).T
    np.testing.assert_allclose(miss_quantiles(blocks, said, lags=(1, 7))[:, 1], expected, atol=1e-5)


def test_a_day_is_measured_in_days_and_a_week_in_weeks() -> None:
    """A rule that repeats weeks misses alike on every day of the first."""
    assert lags_of(24) == (1, 7, 28)
    assert lags_of(168) == (1, 4)


def test_blocks_are_counted_back_from_the_end() -> None:
    """The last block is whole; what the first one lacks is a gap."""
    np.testing.assert_array_equal(
        blocks_of(np.array([[1.0, 2.0, 3.0]]), period=2), [[[NAN, 1.0], [2.0, 3.0]]]
    )


def test_quantiles_of_rows_are_those_of_their_known_values() -> None:
    """They agree with `np.nanquantile`, and a row without values has none."""
    samples = np.random.default_rng(8).normal(0, 1, (6, 11))
    samples[samples > 0.8] = NAN
    samples[0, 1:] = NAN
    found = row_quantiles(samples, (0.1, 0.5, 0.9))
    np.testing.assert_allclose(found, np.nanquantile(samples, (0.1, 0.5, 0.9), axis=1).T)
    assert np.isnan(row_quantiles(np.full((1, 3), NAN), (0.5,))).all()
    assert np.isnan(row_quantiles(np.zeros((1, 0)), (0.5,))).all()
