"""The seasonal naive: the rule to beat."""

import numpy as np

from foresail.contenders import SeasonalNaive
from foresail.panel import FloatArray, Panel, SeriesInfo


def panel_of(values: FloatArray) -> Panel:
    """Return a panel of rows of values that starts on New Year."""
    ds = np.datetime64("2026-01-01", "s") + np.arange(values.shape[1]) * np.timedelta64(1, "h")
    index = tuple(SeriesInfo(f"s{i}", "cpu") for i in range(len(values)))
    return Panel(ds, values, index)


def test_tomorrow_is_today_again() -> None:
    """The p50 repeats the last day, hour by hour, for as long as is asked."""
    today = np.arange(24.0)
    history = np.concatenate([today * 0, today])[None]
    outcome = SeasonalNaive(24).forecast(panel_of(history), hours=30)
    np.testing.assert_array_equal(outcome.quantiles[0, :, 1], np.concatenate([today, today[:6]]))


def test_the_day_need_not_end_at_midnight() -> None:
    """The phase is counted from the end of history."""
    history = np.arange(30.0)[None]
    outcome = SeasonalNaive(24).forecast(panel_of(history), hours=2)
    np.testing.assert_array_equal(outcome.quantiles[0, :, 1], [6.0, 7.0])


def test_a_gap_takes_the_day_before() -> None:
    """A missing hour is answered by the same hour of an earlier day."""
    history = np.concatenate([np.full(24, 1.0), np.full(24, 2.0)])[None]
    history[0, 30] = np.nan
    outcome = SeasonalNaive(24).forecast(panel_of(history), hours=24)
    assert outcome.quantiles[0, 6, 1] == 1.0
    assert outcome.quantiles[0, 7, 1] == 2.0


def test_the_band_is_the_spread_of_its_own_misses() -> None:
    """p10 and p90 are the quantiles of y(t) - y(t - 24 h) over 28 days, added to the p50."""
    rng = np.random.default_rng(1)
    history = 10 + rng.normal(0, 1, (3, 40 * 24))
    outcome = SeasonalNaive(24).forecast(panel_of(history), hours=24)
    recent = history[:, -29 * 24 :]
    expected = np.quantile(recent[:, 24:] - recent[:, :-24], (0.1, 0.9), axis=1)
    band = outcome.quantiles[:, 0, [0, 2]] - outcome.quantiles[:, 0, [1]]
    np.testing.assert_allclose(band, expected.T)


def test_a_trend_does_not_turn_the_band_around() -> None:
    """Where every day was higher than the one before, p10 is the p50, not above it."""
    history = np.arange(30 * 24.0)[None]
    quantiles = SeasonalNaive(24).forecast(panel_of(history), hours=3).quantiles
    assert (np.diff(quantiles, axis=2) >= 0).all()


def test_a_single_value_is_repeated() -> None:
    """With one value there is one answer, without a band."""
    history = np.full((1, 5), np.nan)
    history[0, 2] = 7.0
    quantiles = SeasonalNaive(168).forecast(panel_of(history), hours=200).quantiles
    assert (quantiles == 7.0).all()
