"""Levels and shapes, smoothed day by day."""

import numpy as np
import pytest
from statsmodels.tsa.holtwinters import SimpleExpSmoothing

from foresail.contenders.ets_states import LEVEL_DAYS, LEVEL_HOURS, Array32, States, smoothed

NAN = np.float32(np.nan)
DAYS = 70


def noise(seed: int, *shape: int) -> Array32:
    """Return standard normal noise."""
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def levels(states: States) -> Array32:
    """Return the levels of the series as it is, without a shape, at the end of the last day."""
    return states.levels[: len(LEVEL_HOURS) + len(LEVEL_DAYS), -1, 0]


def simple(values: Array32, *, half_life: float) -> float:
    """Return the last level of statsmodels' simple exponential smoothing."""
    model = SimpleExpSmoothing(
        values.astype(float), initialization_method="known", initial_level=float(values[0])
    )
    alpha = 1 - 0.5 ** (1 / half_life)
    return float(model.fit(smoothing_level=alpha, optimized=False).level[-1])


def test_the_quick_levels_are_those_of_statsmodels() -> None:
    """Over the hours, simple exponential smoothing with the same half-life ends the same."""
    blocks = 10 + noise(0, 24, DAYS, 1)
    hourly = blocks[:, :, 0].T.ravel()
    expected = [simple(hourly, half_life=hours) for hours in LEVEL_HOURS]
    np.testing.assert_allclose(levels(smoothed(blocks))[: len(expected)], expected, rtol=1e-5)


def test_the_slow_levels_are_those_of_statsmodels() -> None:
    """Over the days' medians, too; the slowest is left out, it still knows how it began."""
    blocks = 10 + noise(1, 24, DAYS, 1)
    expected = [simple(np.median(blocks[:, :, 0], axis=0), half_life=d) for d in LEVEL_DAYS[:2]]
    found = levels(smoothed(blocks))[len(LEVEL_HOURS) :]
    np.testing.assert_allclose(found[:2], expected, rtol=1e-5)


def test_a_gap_leaves_everything_as_it_was() -> None:
    """Days without a value change no level, and make a shape a little more cautious."""
    blocks = 10 + noise(2, 24, DAYS, 3)
    blocks[:, 50:] = NAN
    states = smoothed(blocks)
    np.testing.assert_array_equal(states.levels[:, -1], states.levels[:, 49])
    np.testing.assert_allclose(states.day[:, -1], states.day[:, 49], rtol=0.06)


def test_after_a_gap_the_new_counts_more() -> None:
    """Ten days of gaps are ten days to forget in: five days later the new level weighs more."""
    blocks = np.full((24, 45, 1), 1, np.float32)
    blocks[:, 40:] = 5
    gap = blocks.copy()
    gap[:, 30:40] = NAN
    assert (levels(smoothed(gap)) >= levels(smoothed(blocks))).all()
    assert levels(smoothed(gap))[4] > levels(smoothed(blocks))[4] + 1


def test_a_single_odd_hour_moves_no_level() -> None:
    """Not even the quickest, and not even the last hour."""
    blocks = np.full((24, DAYS, 1), 1, np.float32)
    blocks[-1, -1] = 50
    np.testing.assert_allclose(levels(smoothed(blocks)), 1)


def test_a_jump_that_lasts_is_followed() -> None:
    """From its second hour on it counts: after two of them the quickest level is half way."""
    blocks = np.full((24, DAYS, 1), 1, np.float32)
    blocks[-2:, -1] = 3
    assert levels(smoothed(blocks))[0] == pytest.approx(2.0, abs=0.05)


def test_a_mean_day_adds_nothing_to_the_day() -> None:
    """What its hours add sums up to zero."""
    day = smoothed(noise(3, 24, DAYS, 4)).day
    np.testing.assert_allclose(day.mean(axis=0), 0, atol=1e-6)


def test_a_mean_day_is_learnt_fast() -> None:
    """By the end of the fifth day nine tenths of a shape are known."""
    shape = np.sin(np.arange(24) / 24 * 2 * np.pi).astype(np.float32)
    blocks = np.repeat(shape[:, None, None], 5, axis=1)
    assert np.abs(smoothed(blocks).day[:, -1, 0]).max() == pytest.approx(5 / 5.5, abs=0.05)


def test_a_spike_hardly_moves_the_mean_day() -> None:
    """An hour fifty times as far out as all others counts as three times."""
    blocks = noise(4, 24, DAYS, 1)
    spiked = blocks.copy()
    spiked[7, -3] = 50
    moved = smoothed(spiked).day[:, -1] - smoothed(blocks).day[:, -1]
    assert np.abs(moved).max() < 0.4


def test_a_day_of_which_half_is_missing_has_no_shape() -> None:
    """Eleven hours have no mean to measure them from."""
    blocks = noise(5, 24, 1, 1)
    blocks[11:] = NAN
    assert (smoothed(blocks).day == 0).all()


def test_a_weekday_is_the_last_one_like_it() -> None:
    """One day ahead it is the day six days ago, seven ahead today, eight ahead six days ago."""
    states = smoothed(noise(6, 24, DAYS, 2))
    own = states.week[:, 6:]
    for ahead, back in ((1, 6), (6, 1), (7, 0), (8, 6), (14, 0)):
        np.testing.assert_array_equal(
            states.weekday(20, 30, ahead=ahead), own[:, 20 - back : 30 - back]
        )


def test_a_weekday_not_yet_seen_adds_nothing() -> None:
    """On the first day only one day of the week is known."""
    states = smoothed(noise(7, 24, DAYS, 1))
    assert (states.weekday(0, 1, ahead=1) == 0).all()
    assert (states.weekday(0, 6, ahead=1) == 0).all()
    assert (states.weekday(6, 7, ahead=1) != 0).any()


def test_a_day_of_values_is_enough_to_be_judged_by() -> None:
    """After less than 24 known hours nothing that is said counts."""
    blocks = noise(8, 24, 3, 1)
    blocks[0, 0] = NAN
    assert smoothed(blocks).ripe[:, 0].tolist() == [False, True, True]
