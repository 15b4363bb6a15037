"""The peak and the mean of a day or a week, with their own quantiles (`step=1d`, `step=1w`)."""

from typing import Literal

import numpy as np

from foresail.panel import FloatArray

DAY = 24
WEEK = 168
LEAST_WIDTH = 0.05
"""Least half-width of a band, share of the series' mean daily change."""

Kind = Literal["peak", "mean"]


def over_periods(hours: FloatArray, *, kind: str) -> FloatArray:
    """Return the highest hour or the mean of each quantile over periods, shape `(..., 3)`.

    Args:
        hours: p10, p50, p90 of the hours of each period, shape `(..., hours, 3)`.
        kind: `peak` or `mean`.
    """
    if kind == "peak":
        return _folded(np.maximum, hours)
    return np.asarray(_folded(np.add, hours) / hours.shape[-2])


def _folded(join: np.ufunc, hours: FloatArray) -> FloatArray:
    """Join the hours half by half: along so short an axis numpy takes ten times as long."""
    while (count := hours.shape[-2]) > 1:
        half = count // 2
        joined = join(hours[..., :half, :], hours[..., half : 2 * half, :])
        rest = hours[..., 2 * half :, :]
        hours = np.concatenate([joined, rest], axis=-2) if count % 2 else joined
    return hours[..., 0, :]


def basis(reduced: FloatArray, scale: FloatArray, *, kind: str) -> tuple[FloatArray, FloatArray]:
    """Return the middle and the half-width that a period's quantiles are measured by.

    Args:
        reduced: From `over_periods`, or the same of periods of unlike length, shape `(..., 3)`.
        scale: The series' mean daily change, of a shape that fits `(...)`; NaN where it has none.
        kind: `peak`, of which the middle is the highest p50, or `mean`.
    """
    low, middle, high = (reduced[..., level] for level in range(3))
    width = high - middle if kind == "peak" else (high - low) / 2
    return middle, np.fmax(width, LEAST_WIDTH * scale)


def period_quantiles(
    reduced: FloatArray, factors: FloatArray, scale: FloatArray, lowest: FloatArray, *, kind: Kind
) -> FloatArray:
    """Return p10, p50, p90 of each period's peak or mean, shape `(..., 3)`.

    They are calibrated as such, which the highest of 24 hourly p90s is not.

    Args:
        reduced: As in `basis`; hours that are not forecast are left out by the caller.
        factors: The segment's own for this kind and length, of a shape that fits `(..., 3)`.
        scale: As in `basis`.
        lowest: The lowest p10 of each period's hours, shape `(...)`: what is never below zero has
            no peak or mean below it.
        kind: As in `basis`.
    """
    middle, width = basis(reduced, scale, kind=kind)
    found = middle[..., None] + factors * width[..., None]
    return np.maximum(found, np.where(lowest >= 0, 0.0, -np.inf)[..., None])
