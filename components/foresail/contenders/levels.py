"""Rules without a shape: one level for all hours ahead."""

from dataclasses import dataclass

import numpy as np

from foresail.contenders.averages import known_mean
from foresail.contenders.protocol import Outcome
from foresail.contenders.repetition import WINDOW_DAYS, repeat_rule, row_quantiles
from foresail.panel import FloatArray, Panel

_WEEK = 7


@dataclass(frozen=True, slots=True)
class LastValue:
    """The last value known, for ever.

    Attributes:
        name: As served.
    """

    name: str = "last_value"

    def forecast(self, panel: Panel, *, hours: int) -> Outcome:
        """Repeat the last value; see `Contender.forecast`."""
        return repeat_rule(panel.values, _last_known, hours=hours, period=24)


@dataclass(frozen=True, slots=True)
class LastDayMean:
    """The mean of the last 24 hours; the last value known where they are all gaps.

    Attributes:
        name: As served.
    """

    name: str = "last_day_mean"

    def forecast(self, panel: Panel, *, hours: int) -> Outcome:
        """Repeat the last day's mean; see `Contender.forecast`."""
        return repeat_rule(panel.values, _day_mean, hours=hours, period=24)


@dataclass(frozen=True, slots=True)
class Median28d:
    """The median of the last 28 days; the last value known where they are all gaps.

    Attributes:
        name: As served.
    """

    name: str = "median_28d"

    def forecast(self, panel: Panel, *, hours: int) -> Outcome:
        """Repeat the median; see `Contender.forecast`."""
        return repeat_rule(panel.values, _median, hours=hours, period=24)


def _last_known(days: FloatArray) -> FloatArray:
    backwards = days[:, :, ::-1]
    place = np.isfinite(backwards).argmax(axis=2)[:, :, None]
    return np.asarray(np.take_along_axis(backwards, place, axis=2))


def _day_mean(days: FloatArray) -> FloatArray:
    return known_mean(days, axis=2)


def _median(days: FloatArray) -> FloatArray:
    """Return the median of the 28 days up to each day; in the past, up to the last whole week.

    28 days change little within one, and a sort per day would cost more than all the rest.
    """
    rows, count, _ = days.shape
    medians = np.full((rows, count, 1), np.nan)
    for end in range(count, 0, -_WEEK):
        window = days[:, max(0, end - WINDOW_DAYS) : end].reshape(rows, -1)
        medians[:, end - 1 : end - 1 + _WEEK] = row_quantiles(window, (0.5,))[:, :, None]
    return medians
