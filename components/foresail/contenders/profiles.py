"""Rules with a shape: the mean week, and the mean day on the level of the last week."""

from dataclasses import dataclass

import numpy as np

from foresail.contenders.averages import known_mean, ratio, trailing_sums
from foresail.contenders.protocol import Outcome
from foresail.contenders.repetition import WINDOW_DAYS, repeat_rule
from foresail.panel import FloatArray, Panel

LEVEL_DAYS = 7
"""The level is that of the last week: whole, so that no weekday weighs more."""


@dataclass(frozen=True, slots=True)
class HourOfWeekMean:
    """The mean of the same hour of the last four weeks.

    An hour of the week without a value takes the mean of its hour of the day, and without that the
    mean of all, over the same 28 days.

    Attributes:
        name: As served.
    """

    name: str = "hour_of_week_mean"

    def forecast(self, panel: Panel, *, hours: int) -> Outcome:
        """Repeat the mean week; see `Contender.forecast`."""
        return repeat_rule(panel.values, _mean_week, hours=hours, period=168)


@dataclass(frozen=True, slots=True)
class DailyProfile:
    """The level of the last 7 days, plus what each hour of the day adds to it over 28 days.

    It has no drift. An hour of the day without a value adds nothing; 7 days without a value leave
    the level of the 28 days.

    Attributes:
        name: As served.
    """

    name: str = "daily_profile"

    def forecast(self, panel: Panel, *, hours: int) -> Outcome:
        """Repeat the mean day on the last level; see `Contender.forecast`."""
        return repeat_rule(panel.values, _day_on_level, hours=hours, period=24)


def _mean_week(weeks: FloatArray) -> FloatArray:
    """Return the mean week up to each week, `(n, W, 168)`."""
    rows, count, hours = weeks.shape
    total, known = trailing_sums(weeks, window=WINDOW_DAYS // 7)
    mean = ratio(total, known)
    if not np.isnan(mean).any():
        return mean
    by_day = (rows, count, hours // 24, 24)
    of_hour = ratio(total.reshape(by_day).sum(axis=2), known.reshape(by_day).sum(axis=2))
    of_all = ratio(total.sum(axis=2, keepdims=True), known.sum(axis=2, keepdims=True))
    of_hour = np.where(np.isnan(of_hour), of_all, of_hour)
    return np.where(np.isnan(mean), np.tile(of_hour, (1, 1, hours // 24)), mean)


def _day_on_level(days: FloatArray) -> FloatArray:
    """Return the mean day up to each day, on the level of the 7 days up to it, `(n, D, 24)`."""
    mean = ratio(*trailing_sums(days, window=WINDOW_DAYS))
    middle = known_mean(mean, axis=2)
    added = np.where(np.isnan(mean), 0.0, mean - middle)
    total, known = trailing_sums(days, window=LEVEL_DAYS)
    # less what the hours themselves add: with gaps not every hour is there equally often
    above = (total - known * added).sum(axis=2, keepdims=True)
    level = ratio(above, known.sum(axis=2, keepdims=True))
    return np.where(np.isnan(level), middle, level) + added
