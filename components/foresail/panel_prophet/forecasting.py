"""From parameters to forecasts: yhat of many series, and what their bands are made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foresail.panel import BoolArray, FloatArray, IntArray
from foresail.panel_prophet.fitted import Fitted
from foresail.panel_prophet.intervals import quantiles
from foresail.panel_prophet.spans import blocks

BLOCK = 512
NO_CHANGE = 1e-8
"""What Prophet adds to the mean size of past changes, so that it is never zero."""


@dataclass(frozen=True, slots=True)
class Future:
    """Rows to forecast.

    Attributes:
        first_row: The first of them, as a row of the history's grid.
        features: All columns of the fit on these rows, shape `(H, K)`.
        multiplicative: Which of them scale the trend, shape `(K,)`.
        sloped: Whether the trend has slopes.
    """

    first_row: int
    features: FloatArray
    multiplicative: BoolArray
    sloped: bool


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the law of a block of series' future is made of, in the unit of their values.

    Attributes:
        yhat: Shape `(B, H)`.
        sigma: Noise, shape `(B,)`.
        slope: Mean size of a change of slope, a step; shape `(B,)`.
        swing: What scales the trend, 1 + multiplicative terms, shape `(B, H)`; None if nothing.
        p: Chance of a change at each step, shape `(B,)`.
        first_step: Steps from the series' last value to the first row, shape `(B,)`.
    """

    yhat: FloatArray
    sigma: FloatArray
    slope: FloatArray
    swing: FloatArray | None
    p: FloatArray
    first_step: IntArray


def outlook(fitted: Fitted, rows: IntArray, future: Future) -> Outlook:
    """Return the outlook of these series."""
    length = (fitted.last[rows] - fitted.first[rows]).astype(np.float64)
    steps = np.arange(future.features.shape[0])
    beta = fitted.beta[rows] / fitted.spread[rows]
    shift = -beta * fitted.centre[rows]
    times = future.multiplicative
    plus = beta[:, ~times] @ future.features[:, ~times].T + shift[:, ~times].sum(axis=1)[:, None]
    slope = fitted.k[rows] + fitted.delta[rows].sum(axis=1)
    level = fitted.m[rows] - (fitted.delta[rows] * fitted.bend_times[rows]).sum(axis=1)
    begin = (future.first_row - fitted.first[rows]) / length
    trend = (level + slope * begin)[:, None] + (slope / length)[:, None] * steps
    scale, swing = fitted.scale[rows], None
    yhat = trend * scale[:, None] + fitted.floor[rows][:, None]
    if times.any():
        factor = 1.0 + beta[:, times] @ future.features[:, times].T
        factor += shift[:, times].sum(axis=1)[:, None]
        yhat *= factor
        swing = factor
    yhat += plus * scale[:, None]
    size = np.abs(fitted.delta[rows]).sum(axis=1) / fitted.bends[rows] + NO_CHANGE
    return Outlook(
        yhat=yhat,
        sigma=fitted.sigma[rows] * scale,
        slope=size * scale / length if future.sloped else np.zeros(rows.size),
        swing=swing,
        p=np.minimum(1.0, fitted.bends[rows] / length),
        first_step=future.first_row - fitted.last[rows],
    )


def forecast(fitted: Fitted, rows: IntArray, future: Future, levels: Sequence[float]) -> FloatArray:
    """Return the quantiles of all N series, NaN for those not among `rows`; shape `(N, H, Q)`."""
    found = np.full((fitted.k.size, future.features.shape[0], len(levels)), np.nan)
    for some in blocks(rows, BLOCK):
        look = outlook(fitted, some, future)
        found[some] = quantiles(
            look.yhat,
            sigma=look.sigma,
            slope=look.slope,
            swing=look.swing,
            p=look.p,
            first_step=look.first_step,
            levels=tuple(levels),
        )
    return found
