"""The rule to beat: the same hour of the last period again."""

from dataclasses import dataclass

import numpy as np

from foresail.contenders.protocol import Outcome
from foresail.contenders.repetition import TAILS, last_cycle, row_quantiles
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


def _spread(values: FloatArray, *, period: int) -> tuple[FloatArray, FloatArray]:
    """Return the 10 % and 90 % quantiles of the seasonal differences, each `(N, 1)`; 0 if none."""
    spread = row_quantiles(values[:, period:] - values[:, :-period], TAILS)
    spread = np.where(np.isfinite(spread), spread, 0.0)
    return spread[:, :1], spread[:, 1:]
