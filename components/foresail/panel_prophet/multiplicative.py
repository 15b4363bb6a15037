"""Seasonality that scales the trend: y = trend * (1 + X_m beta_m) + X_a beta_a + noise.

The product is not linear in the parameters, so each round linearises it where it stands, solves
that problem exactly (Gauss-Newton, with the same ridge and L1 terms), and goes as far towards its
solution as the true objective falls. The result is a stationary point; the problem is not convex.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foresail.panel import BoolArray, FloatArray
from foresail.panel_prophet.path import best_variance
from foresail.panel_prophet.solve import FLOOR, Problem, Series, Solution, polish, solve
from foresail.panel_prophet.statistics import OwnGram

ROUNDS = 100
HALVINGS = 30
SETTLED = 1e-9
"""Fall of the objective below which a round counts as without progress; two such rounds end it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns of a design are what.

    Attributes:
        trend: Slope, level and changepoints, shape `(P,)`.
        multiplicative: Features that scale the trend, shape `(P,)`.
        precision: Of the smooth parameters, shape `(U,)`.
        tau: `changepoint_prior_scale`.
    """

    trend: BoolArray
    multiplicative: BoolArray
    precision: FloatArray
    tau: float

    @property
    def additive(self) -> BoolArray:
        """Return the features that are added."""
        return ~self.trend & ~self.multiplicative


def solve_multiplicative(series: Sequence[Series], layout: Layout, start: FloatArray) -> Solution:
    """Solve series one design each.

    Args:
        series: B of them.
        layout: Of all their designs.
        start: Parameters to start from, shape `(P, B)`.
    """
    theta = start.copy()
    value = np.array([_objective(s, layout, theta[:, i]) for i, s in enumerate(series)])
    idle = np.zeros(len(series), dtype=int)
    for _ in range(ROUNDS):
        live = np.flatnonzero(idle < 2).tolist()  # noqa: PLR2004  # see SETTLED
        if not live:
            break
        goal = solve(_linearised([series[i] for i in live], layout, theta[:, live])).theta
        for place, i in enumerate(live):
            direction = goal[:, place] - theta[:, i]
            found, best = _descend(series[i], layout, theta[:, i], direction, value[i])
            idle[i] = idle[i] + 1 if value[i] - best < SETTLED else 0
            theta[:, i], value[i] = found, best
    return _finish(series, layout, theta)


def _parts(
    series: Series, layout: Layout, theta: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return trend, factor and residual, shape `(n,)` each."""
    part = series.design * theta
    trend = part[:, layout.trend].sum(axis=1)
    factor = 1.0 + part[:, layout.multiplicative].sum(axis=1)
    residual = series.values - trend * factor - part[:, layout.additive].sum(axis=1)
    return trend, factor, residual


def _objective(series: Series, layout: Layout, theta: FloatArray) -> float:
    """Return the negative log posterior with the noise at its best."""
    _, _, residual = _parts(series, layout, theta)
    rss, rows = np.asarray(residual @ residual), np.asarray(float(residual.size))
    variance = np.maximum(best_variance(rss, rows), FLOOR)
    smooth = layout.precision.size
    return float(
        0.5 * rss / variance
        + 0.5 * rows * np.log(variance)
        + 2.0 * variance
        + 0.5 * (layout.precision * theta[:smooth] ** 2).sum()
        + np.abs(theta[smooth:]).sum() / layout.tau
    )


def _descend(
    series: Series, layout: Layout, theta: FloatArray, direction: FloatArray, value: float
) -> tuple[FloatArray, float]:
    share = 1.0
    for _ in range(HALVINGS):
        trial = theta + share * direction
        reached = _objective(series, layout, trial)
        if reached < value:
            return trial, reached
        share *= 0.5
    return theta, value


def _linearised(
    series: Sequence[Series], layout: Layout, theta: FloatArray, *, around: bool = False
) -> Problem:
    """Return the linear problem at these parameters; `around` measures it from them."""
    size, count = theta.shape
    gram = np.empty((size, size, count))
    moments = np.empty((size, count))
    power = np.empty(count)
    for i, one in enumerate(series):
        trend, factor, residual = _parts(one, layout, theta[:, i])
        slope = one.design.copy()
        slope[:, layout.trend] *= factor[:, None]
        slope[:, layout.multiplicative] *= trend[:, None]
        target = residual if around else residual + slope @ theta[:, i]
        gram[:, :, i] = slope.T @ slope
        moments[:, i] = slope.T @ target
        power[i] = target @ target
    return Problem(
        gram=OwnGram(gram, layout.precision),
        moments=moments,
        power=power,
        base=theta if around else np.zeros_like(theta),
        rows=np.array([float(one.values.size) for one in series]),
        precision=layout.precision,
        tau=layout.tau,
    )


def _finish(series: Sequence[Series], layout: Layout, theta: FloatArray) -> Solution:
    """Make the stationary point exact and measure it."""
    smooth = layout.precision.size
    rss = np.array([_rss(one, layout, theta[:, i]) for i, one in enumerate(series)])
    rows = np.array([float(one.values.size) for one in series])
    nothing = np.zeros(len(series))
    solution = Solution(
        theta=theta,
        variance=np.maximum(best_variance(rss, rows), FLOOR),
        sign=np.sign(theta[smooth:]),
        log_posterior=nothing,
        kkt=nothing + np.inf,
        unique=np.zeros(len(series), dtype=bool),
        rss=rss,
        rounding=nothing,
    )
    for _ in range(3):
        solution = polish(_linearised(series, layout, solution.theta, around=True), solution)
    for i, one in enumerate(series):
        solution.log_posterior[i] = -_objective(one, layout, solution.theta[:, i])
    solution.unique[:] = False  # not convex: nothing shows that it is the only one
    return solution


def _rss(series: Series, layout: Layout, theta: FloatArray) -> float:
    _, _, residual = _parts(series, layout, theta)
    return float(residual @ residual)
