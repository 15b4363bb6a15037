"""The losses, per hour. Each has a one-line definition that its test repeats."""

import numpy as np

from foresail.horizons import QUANTILES
from foresail.panel import FloatArray

SCALE_HOURS = 28 * 24
SEASON = 24


def naive_scale(history: FloatArray) -> FloatArray:
    """Return mean |y(t) - y(t - 24 h)| over the last 28 days of each series.

    Args:
        history: Shape `(N, T)`, NaN for gaps.

    Returns:
        Shape `(N,)`; NaN where there is no pair of values or the mean is zero (a constant series
        has no scale to be measured against).
    """
    recent = history[:, -(SCALE_HOURS + SEASON) :]
    steps = np.abs(recent[:, SEASON:] - recent[:, :-SEASON])
    count = np.isfinite(steps).sum(axis=1)
    scale = np.full(len(history), np.nan)
    np.divide(np.nansum(steps, axis=1), count, out=scale, where=count > 0)
    scale[scale == 0] = np.nan
    return scale


def quantile_loss(y: FloatArray, quantiles: FloatArray) -> FloatArray:
    """Return the mean over p10, p50, p90 of twice the pinball loss.

    Args:
        y: What came, shape `(N, hours)`.
        quantiles: What was forecast, shape `(N, hours, 3)`.

    Returns:
        Shape `(N, hours)`, in the series' unit; NaN where `y` is a gap.
    """
    levels = np.array(QUANTILES)
    miss = y[:, :, None] - quantiles
    return np.asarray(2 * np.maximum(levels * miss, (levels - 1) * miss).mean(axis=2))


def inside(y: FloatArray, quantiles: FloatArray) -> FloatArray:
    """Return 1 where y lies in [p10, p90], 0 where not, NaN where `y` is a gap."""
    hit = (quantiles[:, :, 0] <= y) & (y <= quantiles[:, :, 2])
    return np.where(np.isfinite(y), hit.astype(np.float64), np.nan)
