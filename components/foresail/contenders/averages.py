"""Means over blocks of history, where gaps do not count."""

import numpy as np

from foresail.panel import FloatArray


def trailing_sums(blocks: FloatArray, *, window: int) -> tuple[FloatArray, FloatArray]:
    """Return the sum and the number of the known values of the last `window` blocks, per phase.

    Args:
        blocks: Shape `(n, B, period)`, NaN for gaps.
        window: Blocks, the one it ends with included; fewer where history begins.

    Returns:
        Two arrays shaped as `blocks`.
    """
    known = np.isfinite(blocks)
    total = np.cumsum(np.where(known, blocks, 0.0), axis=1)
    count = np.cumsum(known, axis=1, dtype=np.float64)
    for sums in (total, count):
        sums[:, window:] -= sums[:, :-window].copy()
    return total, count


def ratio(total: FloatArray, count: FloatArray) -> FloatArray:
    """Return `total / count`, NaN where nothing was counted."""
    quotient = np.full(total.shape, np.nan)
    np.divide(total, count, out=quotient, where=count > 0)
    return quotient


def known_mean(values: FloatArray, *, axis: int) -> FloatArray:
    """Return the mean of the known values over an axis, kept; NaN where there is none."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=axis, keepdims=True)
    return ratio(total, known.sum(axis=axis, keepdims=True).astype(np.float64))
