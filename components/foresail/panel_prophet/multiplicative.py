"""Seasonality that scales the trend: y = trend * (1 + X_m beta_m) + X_a beta_a + noise.

The product is not linear in the parameters, so each round takes a quadratic model of the residuals
where it stands (Gauss-Newton, later Newton), solves that exactly with the same ridge and L1 terms,
and goes as far towards its solution as the true objective falls. The result is a stationary point;
the problem is not convex.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foresail.panel import BoolArray, FloatArray, IntArray
from foresail.panel_prophet.path import best_variance
from foresail.panel_prophet.solve import FLOOR, Problem, Series, Solution, polish, solve
from foresail.panel_prophet.statistics import OwnGram

ROUNDS = 100
HALVINGS = 30
POLISHINGS = 3
CURVATURES = (1.0, 0.7, 0.4, 0.2)
"""Shares of the product's curvature, of which the first that leaves a convex problem is used."""
CURVED_FROM = 3
"""Round from which the product's curvature is used: near the optimum, where it speeds things up."""
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
    def back(self) -> IntArray:
        """Return where each parameter stands among trend, multiplicative and additive ones."""
        groups = (self.trend, self.multiplicative, self.additive)
        return np.argsort(np.concatenate([np.flatnonzero(group) for group in groups]))

    @property
    def additive(self) -> BoolArray:
        """Return the features that are added."""
        return ~self.trend & ~self.multiplicative


@dataclass(frozen=True, slots=True)
class _Columns:
    """A design by what its columns do, shape `(n, .)` each."""

    trend: FloatArray
    times: FloatArray
    plus: FloatArray

    @staticmethod
    def of(design: FloatArray, layout: Layout) -> "_Columns":
        return _Columns(
            design[:, layout.trend], design[:, layout.multiplicative], design[:, layout.additive]
        )


@dataclass(frozen=True, slots=True)
class _Task:
    """One series, ready to be linearised."""

    columns: _Columns
    values: FloatArray
    layout: Layout

    def parts(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return trend, factor and residual, shape `(n,)` each."""
        layout, columns = self.layout, self.columns
        trend = columns.trend @ theta[layout.trend]
        factor = 1.0 + columns.times @ theta[layout.multiplicative]
        plus = columns.plus @ theta[layout.additive]
        return trend, factor, self.values - trend * factor - plus

    def objective(self, theta: FloatArray) -> tuple[float, float]:
        """Return the negative log posterior with the noise at its best, and that sigma^2."""
        _, _, residual = self.parts(theta)
        rss, rows = np.asarray(residual @ residual), np.asarray(float(residual.size))
        variance = np.maximum(best_variance(rss, rows), FLOOR)
        smooth = self.layout.precision.size
        value = (
            0.5 * rss / variance
            + 0.5 * rows * np.log(variance)
            + 2.0 * variance
            + 0.5 * (self.layout.precision * theta[:smooth] ** 2).sum()
            + np.abs(theta[smooth:]).sum() / self.layout.tau
        )
        return float(value), float(variance)

    def quadratic(self, theta: FloatArray, *, curved: bool) -> tuple[FloatArray, FloatArray, float]:
        """Return matrix and slope of half the residual sum of squares here, and that sum.

        Args:
            theta: Where, shape `(P,)`.
            curved: Whether the matrix holds the product's own curvature too (Newton), where it
                stays positive definite; else it is Gauss and Newton's.
        """
        columns, back = self.columns, self.layout.back
        trend, factor, residual = self.parts(theta)
        slope = np.concatenate(
            [columns.trend * factor[:, None], columns.times * trend[:, None], columns.plus], axis=1
        )
        matrix = (slope.T @ slope)[np.ix_(back, back)]
        rss = float(residual @ residual)
        if curved:
            cross = (columns.trend * residual[:, None]).T @ columns.times
            matrix = self._curved(matrix, cross, rss / residual.size)
        return matrix, (slope.T @ residual)[back], rss

    def _curved(self, matrix: FloatArray, cross: FloatArray, variance: float) -> FloatArray:
        """Return the matrix with as much of the product's curvature as leaves it convex."""
        layout = self.layout
        bent = np.zeros_like(matrix)
        bent[np.ix_(layout.trend, layout.multiplicative)] -= cross
        bent[np.ix_(layout.multiplicative, layout.trend)] -= cross.T
        for share in CURVATURES:
            if _positive(matrix + share * bent, layout, variance):
                return matrix + share * bent
        return matrix


def _positive(matrix: FloatArray, layout: Layout, variance: float) -> bool:
    ridged = matrix.copy()
    smooth = np.arange(layout.precision.size)
    ridged[smooth, smooth] += variance * layout.precision
    try:
        np.linalg.cholesky(ridged)
    except np.linalg.LinAlgError:
        return False
    return True


def solve_multiplicative(series: Sequence[Series], layout: Layout, start: FloatArray) -> Solution:
    """Solve series one by one design, together where they share it.

    Args:
        series: B of them; those with one and the same design array share its preparation.
        layout: Of all their designs.
        start: Parameters to start from, shape `(P, B)`.
    """
    split = {id(one.design): _Columns.of(one.design, layout) for one in series}
    tasks = [_Task(split[id(one.design)], one.values, layout) for one in series]
    theta = start.copy()
    value = np.array([task.objective(theta[:, i])[0] for i, task in enumerate(tasks)])
    idle = np.zeros(len(tasks), dtype=int)
    for turn in range(ROUNDS):
        live = np.flatnonzero(idle < 2).tolist()  # noqa: PLR2004  # see SETTLED
        if not live:
            break
        chosen = [tasks[i] for i in live]
        goal = solve(_problem(chosen, theta[:, live], curved=turn >= CURVED_FROM)).theta
        for place, i in enumerate(live):
            direction = goal[:, place] - theta[:, i]
            found, best = _descend(tasks[i], theta[:, i], direction, value[i])
            idle[i] = idle[i] + 1 if value[i] - best < SETTLED else 0
            theta[:, i], value[i] = found, best
    return _finish(tasks, theta)


def _descend(
    task: _Task, theta: FloatArray, direction: FloatArray, value: float
) -> tuple[FloatArray, float]:
    share = 1.0
    for _ in range(HALVINGS):
        trial = theta + share * direction
        reached, _ = task.objective(trial)
        if reached < value:
            return trial, reached
        share *= 0.5
    return theta, value


def _problem(
    tasks: Sequence[_Task], theta: FloatArray, *, curved: bool, around: bool = False
) -> Problem:
    """Return the quadratic problem at these parameters; `around` measures it from them."""
    size, count = theta.shape
    gram, moments = np.empty((size, size, count)), np.empty((size, count))
    power = np.empty(count)
    for i, task in enumerate(tasks):
        matrix, slope, rss = task.quadratic(theta[:, i], curved=curved)
        here = np.zeros(size) if around else theta[:, i]
        gram[:, :, i] = matrix
        moments[:, i] = slope + matrix @ here
        power[i] = rss + 2.0 * slope @ here + here @ matrix @ here
    layout = tasks[0].layout
    return Problem(
        gram=OwnGram(gram, layout.precision),
        moments=moments,
        power=power,
        base=theta if around else np.zeros_like(theta),
        rows=np.array([float(task.values.size) for task in tasks]),
        precision=layout.precision,
        tau=layout.tau,
    )


def _finish(tasks: Sequence[_Task], theta: FloatArray) -> Solution:
    """Make the stationary points exact and measure them."""
    layout, count = tasks[0].layout, len(tasks)
    solution = Solution(
        theta=theta,
        variance=np.array([task.objective(theta[:, i])[1] for i, task in enumerate(tasks)]),
        sign=np.sign(theta[layout.precision.size :]),
        log_posterior=np.zeros(count),
        kkt=np.full(count, np.inf),
        unique=np.zeros(count, dtype=bool),
        rss=np.zeros(count),
        rounding=np.zeros(count),
    )
    for _ in range(POLISHINGS):
        around = _problem(tasks, solution.theta, curved=True, around=True)
        solution = polish(around, solution)
    for i, task in enumerate(tasks):
        solution.log_posterior[i] = -task.objective(solution.theta[:, i])[0]
    solution.unique[:] = False  # not convex: nothing shows that it is the only one
    return solution
