"""Rules with a shape."""

import numpy as np
from factories.panels import panel_of

from foresail.contenders import Contender, DailyProfile, HourOfWeekMean
from foresail.panel import FloatArray

NAN = np.nan
DAY = np.arange(24.0)
WEEK = np.arange(168.0)


def p50(rule: Contender, history: FloatArray, *, hours: int) -> FloatArray:
    """Return what is forecast of one series."""
    return rule.forecast(panel_of(history[None]), hours=hours).quantiles[0, :, 1]


def test_they_are_served_by_these_names() -> None:
    """The name stands in every forecast that was won."""
    assert HourOfWeekMean().name == "hour_of_week_mean"
    assert DailyProfile().name == "daily_profile"


def test_next_week_is_the_mean_of_four() -> None:
    """Each hour of the week is the mean of the same hour in the last four weeks, no earlier one."""
    history = np.concatenate([WEEK + level for level in (1000.0, 1.0, 2.0, 3.0, 6.0)])
    np.testing.assert_allclose(p50(HourOfWeekMean(), history, hours=200), np.resize(WEEK + 3, 200))


def test_the_week_need_not_end_at_midnight() -> None:
    """The hour of the week is counted from the end of history."""
    history = np.tile(WEEK, 4)[:-5]
    np.testing.assert_allclose(
        p50(HourOfWeekMean(), history, hours=7)[:6], [163, 164, 165, 166, 167, 0]
    )


def test_an_unknown_hour_of_the_week_is_as_that_hour_of_other_days() -> None:
    """With three days of history, the fourth is the mean of their days."""
    history = np.concatenate([DAY, DAY + 1, DAY + 2])
    np.testing.assert_allclose(p50(HourOfWeekMean(), history, hours=24), DAY + 1)


def test_an_unknown_hour_of_the_day_is_the_mean_of_all() -> None:
    """Six hours of history say nothing of the seventh but their mean."""
    history = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 9.0])
    middle = p50(HourOfWeekMean(), history, hours=24)
    np.testing.assert_allclose(middle, np.concatenate([np.full(18, 4.0), history]))


def test_the_mean_day_stands_on_the_level_of_the_last_week() -> None:
    """The shape is that of 28 days, the level that of seven, and neither drifts."""
    history = np.concatenate([np.tile(DAY, 21), np.tile(DAY + 100, 7)])
    np.testing.assert_allclose(p50(DailyProfile(), history, hours=50), np.resize(DAY + 100, 50))


def test_gaps_do_not_tilt_the_level() -> None:
    """A week of which only the high hours are known is no higher than it was."""
    history = np.tile(DAY, 28)
    history[-7 * 24 :][np.tile(DAY, 7) < 12] = NAN
    np.testing.assert_allclose(p50(DailyProfile(), history, hours=24), DAY)


def test_a_week_of_gaps_leaves_the_level_of_the_month() -> None:
    """The mean day itself is forecast."""
    history = np.tile(DAY, 28)
    history[-7 * 24 :] = NAN
    np.testing.assert_allclose(p50(DailyProfile(), history, hours=24), DAY)


def test_an_unknown_hour_adds_nothing_to_the_level() -> None:
    """Six hours of history say nothing of the seventh but their level."""
    history = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 9.0])
    middle = p50(DailyProfile(), history, hours=24)
    np.testing.assert_allclose(middle, np.concatenate([np.full(18, 4.0), history]))


def test_a_pure_rhythm_needs_no_band() -> None:
    """Days that are all alike were never missed."""
    history = np.tile(DAY, 60)
    for rule in (DailyProfile(), HourOfWeekMean()):
        quantiles = rule.forecast(panel_of(history[None]), hours=720).quantiles
        assert np.ptp(quantiles, axis=2).max() < 1e-5
