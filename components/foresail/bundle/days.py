"""A day's peak and mean, with their own quantiles, out of its hours (`step=1d`)."""

from typing import Literal

import numpy as np

from foresail.panel import FloatArray

DAY = 24
LEAST_WIDTH = 0.05
"""Least half-width of a day's band, share of the series' mean daily change."""

Kind = Literal["peak", "mean"]


def day_basis(hours: FloatArray, scale: FloatArray, *, kind: str) -> tuple[FloatArray, FloatArray]:
    """Return the middle and the half-width that a day's quantiles are measured by, `(n, D)` each.

    Args:
        hours: p10, p50, p90 of the hours of each day, shape `(n, D, hours, 3)`.
        scale: The series' mean daily change, shape `(n,)`; NaN where it has none.
        kind: `peak`, of which the middle is the highest p50, or `mean`.
    """
    if kind == "peak":
        middle = hours[..., 1].max(axis=2)
        width = hours[..., 2].max(axis=2) - middle
    else:
        middle = hours[..., 1].mean(axis=2)
        width = (hours[..., 2] - hours[..., 0]).mean(axis=2) / 2
    return middle, np.fmax(width, LEAST_WIDTH * scale[:, None])


def day_quantiles(
    hours: FloatArray, factors: FloatArray, scale: FloatArray, *, kind: Kind
) -> FloatArray:
    """Return p10, p50, p90 of each day's peak or mean, shape `(n, D, 3)`.

    They are calibrated as such, which the highest of 24 hourly p90s is not.

    Args:
        hours: As in `day_basis`; hours of a day that are not forecast are left out by the caller.
        factors: The segment's `peak` or `daily_mean`, shape `(n, 3)` or, by day, `(n, D, 3)`.
        scale: As in `day_basis`.
        kind: As in `day_basis`.
    """
    middle, width = day_basis(hours, scale, kind=kind)
    by_day = factors[:, None] if factors.ndim == len(("series", "level")) else factors
    found = middle[..., None] + by_day * width[..., None]
    floor = np.where((hours >= 0).all(axis=(2, 3)), 0.0, -np.inf)
    return np.maximum(found, floor[..., None])
