"""Rules that take the distribution of recent values for the forecast: it is its own band.

No miss of the past is looked at: where the middle 80 % of the recent values lay, the hours ahead
are said to lie, be they a day ahead or a month.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from foresail.contenders.protocol import Outcome
from foresail.contenders.repetition import blocks_of, row_quantiles
from foresail.horizons import QUANTILES
from foresail.panel import FloatArray, Panel

ENOUGH_VALUES = 12
"""Hours; fewer known values than half a day of them say little of a day."""
ENOUGH_SAMPLES = 3
"""Fewer samples than there are quantiles do not tell them apart."""
_DAY = 24
_CHUNK_ROWS = 256
"""Rows taken at once: their samples stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class RecentQuantiles:
    """p10, p50 and p90 of the last days' known values, the same for all hours ahead.

    Where fewer than `ENOUGH_VALUES` of them are known, the days are doubled until there are enough
    or history begins; a single value known is then all three quantiles.

    Attributes:
        days: How far back values count.
    """

    days: int

    @property
    def name(self) -> str:
        """Return the name as served, such as `recent_7d`."""
        return f"recent_{self.days}d"

    def forecast(self, panel: Panel, *, hours: int) -> Outcome:
        """Repeat the quantiles of the last days; see `Contender.forecast`."""
        return _repeated(panel.values, _of_all_hours, days=self.days, hours=hours)


@dataclass(frozen=True, slots=True)
class HourQuantiles:
    """p10, p50 and p90 of the same hour of the last days and of the hours before and after it.

    The neighbours make three samples a day, at the price of a slightly blurred shape. An hour of
    the day with fewer than `ENOUGH_SAMPLES` takes what `RecentQuantiles` says for the same days.

    Attributes:
        days: How far back values count.
    """

    days: int

    @property
    def name(self) -> str:
        """Return the name as served, such as `hour_quantiles_7d`."""
        return f"hour_quantiles_{self.days}d"

    def forecast(self, panel: Panel, *, hours: int) -> Outcome:
        """Repeat the quantiles of each hour of the day; see `Contender.forecast`."""
        return _repeated(panel.values, _of_each_hour, days=self.days, hours=hours)


def _repeated(
    values: FloatArray, rule: Callable[[FloatArray, int], FloatArray], *, days: int, hours: int
) -> Outcome:
    """Repeat daily what a rule says of values and days: `(n, 24, 3)`, or `(n, 1, 3)` if alike."""
    quantiles = np.empty((len(values), hours, len(QUANTILES)))
    for start in range(0, len(values), _CHUNK_ROWS):
        rows = slice(start, start + _CHUNK_ROWS)
        day = rule(values[rows], days)
        quantiles[rows] = day[:, np.arange(hours) % day.shape[1]]
    return Outcome(quantiles)


def _of_all_hours(values: FloatArray, days: int) -> FloatArray:
    """Return the quantiles of the last days, or of as many more as it takes, `(n, 1, 3)`."""
    found = np.empty((len(values), 1, len(QUANTILES)))
    waiting = np.arange(len(values))
    window = days * _DAY
    while len(waiting):
        recent = values[waiting, -window:]
        enough = np.isfinite(recent).sum(axis=1) >= ENOUGH_VALUES
        enough |= window >= values.shape[1]
        found[waiting[enough], 0] = row_quantiles(recent[enough], QUANTILES)
        waiting = waiting[~enough]
        window *= 2
    return found


def _of_each_hour(values: FloatArray, days: int) -> FloatArray:
    """Return the quantiles of each hour of the day, counted from the end, `(n, 24, 3)`."""
    by_hour = blocks_of(values[:, -days * _DAY :], period=_DAY).transpose(0, 2, 1)
    # round the clock: the hour after the last one known is the first of those 24, not a missing one
    pooled = np.concatenate([np.roll(by_hour, by, axis=1) for by in (1, 0, -1)], axis=2)
    found = row_quantiles(pooled.reshape(-1, pooled.shape[2]), QUANTILES)
    found = found.reshape(len(values), _DAY, len(QUANTILES))
    few = np.isfinite(pooled).sum(axis=2) < ENOUGH_SAMPLES
    rows = few.any(axis=1)
    found[rows] = np.where(few[rows, :, None], _of_all_hours(values[rows], days), found[rows])
    return found
