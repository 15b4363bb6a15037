"""The band around what a rule says."""

import numpy as np
import pytest

from foresail.contenders.ets_bands import Band, band, spread_of
from foresail.contenders.ets_rule import rule
from foresail.contenders.ets_states import Array32, smoothed

NAN = np.float32(np.nan)
ALL_DAY = slice(0, 24)


def noise(seed: int, *shape: int) -> Array32:
    """Return standard normal noise."""
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def around(blocks: Array32, *, ahead: int = 1, hours: slice = ALL_DAY, level: int = 5) -> Band:
    """Return the band of one level alone; by default of the slowest."""
    states = smoothed(blocks)
    loss = np.ones((len(states.levels), blocks.shape[2]))
    loss[level] = 0.0
    return band(blocks, rule(states, loss), spread_of(blocks), hours=hours, ahead=ahead)


def test_the_spread_is_about_the_median() -> None:
    """It is the 10 % and 90 % quantile of 28 days less their median; gaps do not count."""
    blocks = np.random.default_rng(0).exponential(1, (24, 40, 2)).astype(np.float32)
    blocks[3, 30:, 0] = NAN
    recent = blocks[:, -28:].reshape(-1, 2)
    expected = np.nanquantile(recent, (0.1, 0.9), axis=0) - np.nanmedian(recent, axis=0)
    np.testing.assert_allclose(spread_of(blocks), expected, atol=1e-5)


def test_normal_noise_has_a_normal_band() -> None:
    """About a level that is known, p10 and p90 are 1.28 of its spread away."""
    found = around(noise(1, 24, 84, 200))
    assert found.low.mean() == pytest.approx(-1.28, abs=0.06)
    assert found.high.mean() == pytest.approx(1.28, abs=0.06)
    assert found.middle.mean() == pytest.approx(0, abs=0.02)


def test_few_misses_make_no_band() -> None:
    """After two days there are 24 misses: the spread of the values is taken."""
    blocks = noise(2, 24, 2, 1)
    found = around(blocks)
    np.testing.assert_allclose(found.low.mean(), spread_of(blocks)[0], rtol=0.1)


def test_without_a_miss_the_spread_is_the_band() -> None:
    """On the first day nothing has been said before."""
    blocks = noise(3, 24, 1, 2)
    found = around(blocks, ahead=21)
    np.testing.assert_allclose(found.low, np.tile(spread_of(blocks)[0], (24, 1)), rtol=1e-6)
    assert (found.middle == 0).all()


def test_a_band_is_that_of_its_hours() -> None:
    """What other hours of the day missed by does not count."""
    blocks = noise(4, 24, 60, 2)
    blocks[12:] *= 100
    assert np.abs(around(blocks, hours=slice(0, 12)).high).max() < 30
    assert around(blocks, hours=slice(12, 24)).high.min() > 80


def test_one_bad_day_is_no_habit_of_its_hour() -> None:
    """A spike leaves its hour's band as wide as it was."""
    blocks = noise(9, 24, 84, 1)
    spiked = blocks.copy()
    spiked[7, -3] = 50
    moved = around(spiked).high[:, 0] - around(blocks).high[:, 0]
    assert np.abs(moved).max() < 0.3


def test_a_step_widens_a_later_band_both_ways() -> None:
    """A level that rose by 10 within the month may fall by as much in the next."""
    blocks = 0.1 * noise(5, 24, 84, 1)
    blocks[:, -14:] += 10
    near, far = around(blocks, level=3), around(blocks, level=3, ahead=21)
    assert far.low.mean() < near.low.mean() - 2
    assert far.high.mean() > near.high.mean() + 2
    assert far.low.mean() > -20


def test_the_last_week_counts_three_times() -> None:
    """A spread that doubled a week ago is most of the band of the next day."""
    blocks = noise(6, 24, 84, 100)
    blocks[:, -7:] *= 2
    assert 1.28 * 1.3 < around(blocks).high.mean() < 1.28 * 2


def test_a_perfect_rule_has_no_band() -> None:
    """Where nothing was missed, no hour is known worse than another."""
    found = around(np.zeros((24, 60, 1), np.float32))
    for part in (found.middle, found.low, found.high):
        assert (part == 0).all()
