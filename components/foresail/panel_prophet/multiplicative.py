"""Seasonality that scales the trend: y = trend * (1 + X_m beta_m) + X_a beta_a + noise.

The product is not linear in the parameters, so each round takes a quadratic model of the residuals
where it stands (Gauss-Newton, later Newton), solves that exactly with the same ridge and L1 terms,
and goes as far towards its solution as the true objective falls. The result is a stationary point;
the problem is not convex.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from foresail.panel import BoolArray, FloatArray, IntArray
from foresail.panel_prophet.path import best_variance
from foresail.panel_prophet.solve import FLOOR, Problem, Solution, judge, polish, solve
from foresail.panel_prophet.statistics import OwnGram

ROUNDS = 100
HALVINGS = 30
POLISHINGS = 3
STATIONARY = 1e-4
"""Largest violation of the true conditions, times tau, that is accepted of a product."""
WIDE = 16
"""Series from which products of columns, shared by all, are cheaper than a matrix each."""
ROWS_AT_ONCE = 256
CURVATURES = (1.0, 0.7, 0.4, 0.2)
"""Shares of the product's curvature, of which the first that leaves a convex problem is used."""
CURVED_FROM = 5
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
class _Block:
    """Series of one design, ready to be linearised.

    Attributes:
        layout: Of the design.
        trend: Its columns of the trend, shape `(n, .)`.
        times: Those that scale it.
        plus: Those that are added.
        values: Shape `(n, B)`.
    """

    layout: Layout
    trend: FloatArray
    times: FloatArray
    plus: FloatArray
    values: FloatArray

    @staticmethod
    def of(design: FloatArray, values: FloatArray, layout: Layout) -> "_Block":
        return _Block(
            layout,
            np.ascontiguousarray(design[:, layout.trend]),
            np.ascontiguousarray(design[:, layout.multiplicative]),
            np.ascontiguousarray(design[:, layout.additive]),
            values,
        )

    def select(self, which: BoolArray) -> "_Block":
        return replace(self, values=self.values[:, which])

    def parts(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return trend, factor and residual, shape `(n, B)` each."""
        layout = self.layout
        trend = self.trend @ theta[layout.trend]
        factor = 1.0 + self.times @ theta[layout.multiplicative]
        plus = self.plus @ theta[layout.additive]
        return trend, factor, self.values - trend * factor - plus

    def objective(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the negative log posterior at the best noise, and that sigma^2, `(B,)` each."""
        _, _, residual = self.parts(theta)
        rss = np.einsum("nb,nb->b", residual, residual)
        rows = np.full(rss.size, float(residual.shape[0]))
        variance = np.maximum(best_variance(rss, rows), FLOOR)
        smooth = self.layout.precision.size
        value = (
            0.5 * rss / variance
            + 0.5 * rows * np.log(variance)
            + 2.0 * variance
            + 0.5 * self.layout.precision @ theta[:smooth] ** 2
            + np.abs(theta[smooth:]).sum(axis=0) / self.layout.tau
        )
        return value, variance

    def quadratic(
        self, theta: FloatArray, *, curved: bool
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return matrix and slope of half the residual sum of squares here, and that sum.

        Args:
            theta: Where, shape `(P, B)`.
            curved: Whether the matrix holds the product's own curvature too (Newton), as far as
                it stays positive definite; else it is Gauss and Newton's.
        """
        trend, factor, residual = self.parts(theta)
        rss = np.einsum("nb,nb->b", residual, residual)
        slope = np.concatenate(
            [
                self.trend.T @ (factor * residual),
                self.times.T @ (trend * residual),
                self.plus.T @ residual,
            ]
        )[self.layout.back]
        weights = (factor, trend, np.ones_like(factor))
        groups = (self.trend, self.times, self.plus)
        wide = self.values.shape[1] >= WIDE
        matrix = _together(groups, weights) if wide else _one_by_one(groups, weights)
        back = self.layout.back
        matrix = matrix[np.ix_(back, back)]
        if curved:
            cross = _weighed(self.trend, self.times, residual)
            for i in range(rss.size):
                variance = float(rss[i]) / residual.shape[0]
                matrix[:, :, i] = _curved(matrix[:, :, i], cross[:, :, i], self.layout, variance)
        return matrix, slope, rss


def _together(groups: Sequence[FloatArray], weights: Sequence[FloatArray]) -> FloatArray:
    """Return Z'Z of columns that each series weighs in its own way, shape `(P, P, B)`."""
    ends = np.cumsum([0, *(group.shape[1] for group in groups)])
    matrix = np.zeros((ends[-1], ends[-1], weights[0].shape[1]))
    for i, left in enumerate(groups):
        for j, right in enumerate(groups[: i + 1]):
            square = _weighed(left, right, weights[i] * weights[j])
            matrix[ends[i] : ends[i + 1], ends[j] : ends[j + 1]] = square
            matrix[ends[j] : ends[j + 1], ends[i] : ends[i + 1]] = square.swapaxes(0, 1)
    return matrix


def _weighed(left: FloatArray, right: FloatArray, weight: FloatArray) -> FloatArray:
    """Return left' diag(weight) right for the weights of each series, shape `(., ., B)`.

    A product of two columns is the same for all series, so their weighted sums are one product of
    matrices; the rows are taken in turns, so that the products need not all be held.
    """
    rows, count = weight.shape
    pairs = left.shape[1] * right.shape[1]
    sums = np.zeros((pairs, count))
    for start in range(0, rows, ROWS_AT_ONCE):
        some = slice(start, start + ROWS_AT_ONCE)
        products = left[some, :, None] * right[some, None, :]
        sums += products.reshape(len(products), pairs).T @ weight[some]
    return sums.reshape(left.shape[1], right.shape[1], count)


def _one_by_one(groups: Sequence[FloatArray], weights: Sequence[FloatArray]) -> FloatArray:
    """Return the same for few series, for which the products of columns do not pay."""
    found = []
    for i in range(weights[0].shape[1]):
        columns = [g * w[:, i : i + 1] for g, w in zip(groups, weights, strict=True)]
        whole = np.concatenate(columns, axis=1)
        found.append(whole.T @ whole)
    return np.stack(found, axis=2)


def _curved(matrix: FloatArray, cross: FloatArray, layout: Layout, variance: float) -> FloatArray:
    """Return the matrix with as much of the product's curvature as leaves it convex."""
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


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Series of several designs, solved in lock step; one block's series after another's."""

    blocks: tuple[_Block, ...]

    @property
    def rows(self) -> FloatArray:
        """Return the number of values of each series, shape `(B,)`."""
        shapes = [block.values.shape for block in self.blocks]
        return np.repeat([float(n) for n, _ in shapes], [count for _, count in shapes])

    def _apart(self, columns: FloatArray | BoolArray) -> list[Any]:
        ends = np.cumsum([block.values.shape[1] for block in self.blocks])[:-1]
        return np.split(columns, ends, axis=-1)

    def select(self, which: BoolArray) -> "_Blocks":
        """Return these series."""
        chosen = zip(self.blocks, self._apart(which), strict=True)
        return _Blocks(tuple(block.select(some) for block, some in chosen if some.any()))

    def objective(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See `_Block.objective`."""
        found = [b.objective(part) for b, part in zip(self.blocks, self._apart(theta), strict=True)]
        return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])

    def quadratic(
        self, theta: FloatArray, *, curved: bool
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """See `_Block.quadratic`."""
        parts = zip(self.blocks, self._apart(theta), strict=True)
        found = [block.quadratic(part, curved=curved) for block, part in parts]
        return (
            np.concatenate([f[0] for f in found], axis=2),
            np.concatenate([f[1] for f in found], axis=1),
            np.concatenate([f[2] for f in found]),
        )


def solve_multiplicative(
    parts: Sequence[tuple[FloatArray, FloatArray]], layout: Layout, start: FloatArray
) -> Solution:
    """Solve series, those that share a design together.

    Args:
        parts: Designs with their series: columns slope, level, features, changepoints (no slope
            and changepoints for flat growth), shape `(n, P)`, and scaled values, shape `(n, B)`.
        layout: Of all the designs.
        start: Parameters to start from, the series of all parts in turn, shape `(P, all B)`.
    """
    blocks = _Blocks(tuple(_Block.of(design, values, layout) for design, values in parts))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # `kkt` tells
        return _solve(blocks, layout, start)


def _solve(blocks: _Blocks, layout: Layout, start: FloatArray) -> Solution:
    theta = start.copy()
    value, _ = blocks.objective(theta)
    idle = np.zeros(value.size, dtype=int)
    for turn in range(ROUNDS):
        live = idle < 2  # noqa: PLR2004  # see SETTLED
        if not live.any():
            break
        some = blocks.select(live)
        goal = solve(_problem(some, layout, theta[:, live], curved=turn >= CURVED_FROM)).theta
        theta[:, live], best = _descend(some, theta[:, live], goal, value[live])
        idle[live] = np.where(value[live] - best < SETTLED, idle[live] + 1, 0)
        value[live] = best
    return _finish(blocks, layout, theta)


def _descend(
    blocks: _Blocks, theta: FloatArray, goal: FloatArray, value: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Go towards the goal, half as far each time until the objective falls; or stay."""
    theta, value = theta.copy(), value.copy()
    left, share = np.ones(value.size, dtype=bool), 1.0
    for _ in range(HALVINGS):
        here = theta[:, left]
        trial = here + share * (goal[:, left] - here)
        reached, _ = blocks.select(left).objective(trial)
        falls = reached < value[left]
        at = np.flatnonzero(left)[falls]
        theta[:, at], value[at] = trial[:, falls], reached[falls]
        left[at] = False
        if not left.any():
            break
        share *= 0.5
    return theta, value


def _problem(
    blocks: _Blocks, layout: Layout, theta: FloatArray, *, curved: bool, around: bool = False
) -> Problem:
    """Return the quadratic problem at these parameters; `around` measures it from them."""
    matrix, slope, rss = blocks.quadratic(theta, curved=curved)
    here = np.zeros_like(theta) if around else theta
    pulled = np.einsum("pqb,qb->pb", matrix, here)
    return Problem(
        gram=OwnGram(matrix, layout.precision),
        moments=slope + pulled,
        power=rss + ((2.0 * slope + pulled) * here).sum(axis=0),
        base=theta if around else np.zeros_like(theta),
        rows=blocks.rows,
        precision=layout.precision,
        tau=layout.tau,
    )


def _finish(blocks: _Blocks, layout: Layout, theta: FloatArray) -> Solution:
    """Make the stationary points exact and measure them."""
    count = theta.shape[1]
    _, variance = blocks.objective(theta)
    solution = Solution(
        theta=theta,
        variance=variance,
        sign=np.sign(theta[layout.precision.size :]),
        log_posterior=np.zeros(count),
        kkt=np.full(count, np.inf),
        unique=np.zeros(count, dtype=bool),
        rss=np.zeros(count),
        rounding=np.zeros(count),
    )
    for _ in range(POLISHINGS):
        around = _problem(blocks, layout, solution.theta, curved=True, around=True)
        better = polish(around, solution)
        # the quadratic model's minimum need not be one of the true objective
        gains = blocks.objective(better.theta)[0] <= blocks.objective(solution.theta)[0]
        which = np.flatnonzero(gains)
        solution.put(which, better.select(which))
    value, variance = blocks.objective(solution.theta)
    # the slope of the model is the true one, so these are the true conditions
    here = _problem(blocks, layout, solution.theta, curved=False, around=True)
    found = judge(
        here, np.zeros_like(theta), variance, np.sign(solution.theta[layout.precision.size :])
    )
    found.log_posterior = -value
    found.unique[:] = False  # not convex: nothing shows that it is the only one
    found.rounding += STATIONARY
    return found
