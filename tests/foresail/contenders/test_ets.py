"""Exponential smoothing, as it is served."""

import numpy as np
import pytest
from factories.panels import panel_of

from foresail.contenders.ets import Ets
from foresail.panel import FloatArray

NAN = np.nan
HOURS = np.arange(60 * 24)
SINE = np.sin(HOURS / 24 * 2 * np.pi)


def noise(seed: int, *shape: int) -> FloatArray:
    """Return standard normal noise."""
    return np.random.default_rng(seed).normal(0, 1, shape)


def quantiles(values: FloatArray, *, hours: int = 720) -> FloatArray:
    """Return the forecast, after a look at what every forecast must be."""
    outcome = Ets().forecast(panel_of(values), hours=hours)
    found = outcome.quantiles
    assert not outcome.failures
    assert found.shape == (len(values), hours, 3)
    assert np.isfinite(found).all()
    assert (np.diff(found, axis=2) >= 0).all()
    return found


def p50(series: FloatArray, *, hours: int = 720) -> FloatArray:
    """Return the middle of the forecast of one series."""
    return quantiles(series[None], hours=hours)[0, :, 1]


def test_it_is_served_by_this_name() -> None:
    """The name stands in every forecast that was won."""
    assert Ets().name == "ets"


@pytest.mark.parametrize("length", [1, 5, 24, 30, 167, 400, 3000])
def test_a_constant_is_forecast_as_itself(length: int) -> None:
    """Whatever the length of history, the three quantiles are the constant, to the last digit."""
    assert (quantiles(np.full((2, length), 0.1)) == 0.1).all()


def test_a_single_value_is_repeated() -> None:
    """With one value among gaps there is one answer, without a band."""
    history = np.full((1, 60 * 24), NAN)
    history[0, 700] = 7.0
    assert (quantiles(history) == 7.0).all()


@pytest.mark.parametrize("length", [2, 20, 47, 50, 100, 200])
def test_a_short_history_has_a_band(length: int) -> None:
    """Without enough misses, the spread of the values themselves is the band."""
    width = np.ptp(quantiles(5 + noise(length, 3, length)), axis=2)
    assert (width > 0).all()
    assert (width < 10).all()


def test_a_level_is_forecast_at_its_level() -> None:
    """Around 100 with a spread of 1, the p50 is 100 at every lead, give or take half of one."""
    found = quantiles(100 + noise(0, 100, len(HOURS)))
    np.testing.assert_allclose(found[:, :, 1].mean(axis=0), 100, atol=0.1)
    np.testing.assert_allclose(np.median(found[:, :, 1], axis=1), 100, atol=0.5)


def test_noise_is_covered_as_promised() -> None:
    """Of independent hours about a level the band holds about 80 %, tomorrow and in a month."""
    values = 100 + noise(1, 200, 90 * 24)
    found, future = quantiles(values[:, : 60 * 24]), values[:, 60 * 24 :]
    inside = (future >= found[:, :, 0]) & (future <= found[:, :, 2])
    assert 0.75 < inside[:, :24].mean() < 0.85
    assert 0.75 < inside[:, 600:].mean() < 0.88


def test_a_daily_shape_is_repeated() -> None:
    """A sine about a level goes on, a month ahead within a twentieth of its height."""
    ahead = 5 + np.sin(np.arange(720) / 24 * 2 * np.pi)
    assert np.abs(p50(5 + SINE) - ahead).max() < 0.05
    assert np.abs(p50(5 + SINE + 0.1 * noise(2, len(HOURS))) - ahead).max() < 0.2


def test_a_quiet_weekend_stays_one() -> None:
    """Five days at 10 and two at 2 are followed by the same, within a fifth of the difference."""
    weekday = HOURS // 24 % 7
    week = np.where(weekday < 5, 10.0, 2.0)
    ahead = np.where((60 + np.arange(168) // 24) % 7 < 5, 10.0, 2.0)
    assert np.abs(p50(week, hours=168) - ahead).max() < 1.6


def test_a_new_level_is_followed() -> None:
    """Four days after a step from 1 to 2, tomorrow is 2, and no later lead leaves the two."""
    stepped = 1.0 + (HOURS >= 56 * 24) + 0.01 * noise(3, len(HOURS))
    found = quantiles(stepped[None])[0]
    np.testing.assert_allclose(found[:24, 1], 2, atol=0.05)
    assert found[:, 1].min() > 0.9
    assert found[:, 1].max() < 2.1
    assert found[:, 2].max() < 3.2


def test_growth_is_not_continued() -> None:
    """Without a trend the p50 of a ramp stays at what it has reached."""
    assert p50(HOURS.astype(float)).max() <= HOURS[-1] + 0.001


@pytest.mark.parametrize("hour", [-1, -24, -100, -1000])
def test_a_spike_moves_no_forecast(hour: int) -> None:
    """One hour fifty times as high, even the last, leaves p50 and band about where they were."""
    values = 10 + noise(4, 1, len(HOURS))
    spiked = values.copy()
    spiked[0, hour] = 500.0
    np.testing.assert_allclose(quantiles(spiked), quantiles(values), atol=1.5)


def test_the_middle_is_a_median() -> None:
    """Of skewed hours - mean 1, median 0.69 - half lie above the p50."""
    values = np.random.default_rng(5).exponential(1, (50, len(HOURS)))
    assert quantiles(values)[:, :, 1].mean() == pytest.approx(np.log(2), abs=0.07)


def test_hours_known_worse_have_a_wider_band() -> None:
    """Where nights are calm and noon is not, the band says so."""
    calm = HOURS % 24 < 12
    values = 10 + np.where(calm, 0.1, 2.0) * noise(6, 20, len(HOURS))
    width = np.ptp(quantiles(values), axis=2).mean(axis=0)
    assert (width[24:][calm[24:720]].max() * 3) < width[24:][~calm[24:720]].min()


def test_the_band_of_a_wandering_level_grows_with_the_lead() -> None:
    """A random walk is known worse in a month than in a week, and in a week than in an hour."""
    width = np.ptp(quantiles(np.cumsum(noise(7, 50, 84 * 24), axis=1)), axis=2).mean(axis=0)
    assert width[:6].mean() * 1.3 < width[24:168].mean()
    assert width[24:168].mean() * 1.3 < width[168:].mean()


def test_gaps_do_not_matter() -> None:
    """Without a third of its hours, at random, a shape is forecast almost alike."""
    gappy = 5 + SINE
    gappy[np.random.default_rng(8).random(len(HOURS)) < 0.33] = NAN
    ahead = 5 + np.sin(np.arange(720) / 24 * 2 * np.pi)
    assert np.abs(p50(gappy) - ahead).max() < 0.2


@pytest.mark.parametrize("days", [3, 40, 100])
def test_a_long_silence_at_the_end_is_bridged(days: int) -> None:
    """After days of gaps the forecast stays within the values that were known."""
    values = np.random.default_rng(9).uniform(2, 3, 120 * 24)
    values[-days * 24 :] = NAN
    middle = p50(values)
    assert middle.min() >= 2
    assert middle.max() <= 3


def test_a_series_that_begins_late_is_forecast_by_what_it_has() -> None:
    """Gaps before the first value change nothing in a series' own forecast."""
    values = 5 + noise(10, 1, 20 * 24)
    padded = np.concatenate([np.full((1, 40 * 24), NAN), values], axis=1)
    np.testing.assert_allclose(
        quantiles(padded, hours=168)[:, :, 1], quantiles(values, hours=168)[:, :, 1], atol=0.05
    )


def test_order_and_neighbours_do_not_matter() -> None:
    """Alone, among 299 others or the other way round, gaps included, a series is forecast alike."""
    values = noise(11, 300, 40 * 24)
    values[::2, 100:300] = NAN
    found = quantiles(values, hours=200)
    np.testing.assert_allclose(quantiles(values[::-1], hours=200)[::-1], found, atol=1e-4)
    np.testing.assert_allclose(quantiles(values[[299]], hours=200), found[[299]], atol=1e-4)


def test_units_do_not_matter() -> None:
    """In bytes above a floor or in gibibytes, it is the same forecast."""
    values = 3 + SINE + 0.1 * noise(12, 2, len(HOURS))
    np.testing.assert_allclose(
        quantiles(values * 2.0**30 + 1e9), quantiles(values) * 2.0**30 + 1e9, rtol=1e-4
    )


def test_what_is_long_past_does_not_count() -> None:
    """Values from before the last 84 days change nothing."""
    values = noise(13, 2, 100 * 24)
    other = values.copy()
    other[:, : 16 * 24] = 1e6
    np.testing.assert_array_equal(quantiles(values), quantiles(other))


@pytest.mark.parametrize("hours", [1, 5, 24, 30, 200, 888])
def test_a_shorter_forecast_is_the_beginning_of_a_longer_one(hours: int) -> None:
    """How far is asked for changes no hour before."""
    values = noise(14, 2, 30 * 24)
    np.testing.assert_array_equal(
        quantiles(values, hours=hours), quantiles(values, hours=900)[:, :hours]
    )
