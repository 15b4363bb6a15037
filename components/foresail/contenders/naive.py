"""The rule to beat: the same hour of the last period again."""

from dataclasses import dataclass

import numpy as np

from foresail.contenders.protocol import Outcome
from foresail.panel import FloatArray, Panel

BAND_HOURS = 28 * 24
"""The band comes from the differences over the last 28 days."""


@dataclass(frozen=True, slots=True)
class SeasonalNaive:
    """The value one period ago, with the spread of its own past errors as the band.

    p10 and p90 are the 10 % and 90 % quantiles of y(t) - y(t - period) over the last 28 days, added
    to the forecast: the rule that every score is relative to.

    Attributes:
        period: 24 for yesterday's shape, 168 for last week's.
    """

    period: int = 24

    @property
    def name(self) -> str:
        """Return `seasonal_naive_24h` or `seasonal_naive_168h`."""
        return f"seasonal_naive_{self.period}h"

    def forecast(self, panel: Panel, *, hours: int) -> Outcome:
        """Repeat the last period; see `Contender.forecast`."""
        cycle = last_cycle(panel.values, period=self.period)
        middle = cycle[:, np.arange(hours) % self.period]
        low, high = _spread(panel.values[:, -BAND_HOURS - self.period :], period=self.period)
        quantiles = np.stack(
            [middle + np.minimum(low, 0), middle, middle + np.maximum(high, 0)], axis=2
        )
        return Outcome(quantiles)


def last_cycle(values: FloatArray, *, period: int) -> FloatArray:
    """Return the last known value at each phase of the period that follows the history.

    A phase without a value takes the series' last value.

    Args:
        values: Shape `(N, T)`, NaN for gaps.
        period: In steps.

    Returns:
        Shape `(N, period)`; column i speaks of step T + i.
    """
    rows, length = values.shape
    cycles = -(-length // period)
    padded = np.full((rows, cycles * period), np.nan)
    padded[:, cycles * period - length :] = values
    by_phase = padded.reshape(rows, cycles, period)[:, ::-1]
    known = np.isfinite(by_phase)
    latest = np.take_along_axis(by_phase, known.argmax(axis=1)[:, None, :], axis=1)[:, 0]
    missing = ~known.any(axis=1)
    return np.where(missing, _last_value(values)[:, None], latest)


def _last_value(values: FloatArray) -> FloatArray:
    backwards = values[:, ::-1]
    position = np.isfinite(backwards).argmax(axis=1)
    return np.asarray(backwards[np.arange(len(values)), position])


def _spread(values: FloatArray, *, period: int) -> tuple[FloatArray, FloatArray]:
    """Return the 10 % and 90 % quantiles of the seasonal differences, each `(N, 1)`; 0 if none."""
    differences = values[:, period:] - values[:, :-period]
    spread = np.zeros((2, len(values), 1))
    some = np.isfinite(differences).any(axis=1)
    if some.any():
        spread[:, some, 0] = np.nanquantile(differences[some], (0.1, 0.9), axis=1)
    return spread[0], spread[1]
