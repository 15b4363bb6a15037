"""The batched solver: Prophet's maximum a posteriori parameters from statistics and priors alone.

For each series it minimises, over theta = (smooth u, bends delta) and sigma (ENGINE.md; the same as
Prophet's Stan model up to constants),

    |y - Z theta|^2 / (2 sigma^2) + rows log sigma + 2 sigma^2
        + 1/2 u' Lambda u + |delta|_1 / tau.

The lasso path (`path`) finds support, signs and noise level nearly; here they are made exact by a
Newton iteration on the stationarity conditions, checked, and walked again where the check fails.
"""

from dataclasses import dataclass, replace

import numpy as np

from foresail.panel import BoolArray, FloatArray, IntArray
from foresail.panel_prophet.path import PathPoint, best_variance, walk
from foresail.panel_prophet.statistics import Elimination, Gram

FLOOR = 1e-18
"""Least sigma^2, in units of y_scale^2: an exact fit has no finite optimum."""
TOLERANCE = 1e-6
"""Largest violation of the optimality conditions of an accepted fit, times tau."""
REFINEMENTS = 25
ROUNDS = 3
STEEPEST = 0.95
"""Largest assumed slope of the noise's own answer; nearer to 1 Newton's step is not trusted."""


@dataclass(frozen=True, slots=True)
class Problem:
    """The statistics of B series, measured from a starting point.

    Attributes:
        gram: Z'Z.
        moments: Z'(y - Z base), shape `(P, B)`.
        power: |y - Z base|^2, shape `(B,)`.
        base: Parameters to start from, shape `(P, B)`; its bends are zero but when refining.
        rows: Number of values, shape `(B,)`.
        precision: 1 / (prior scale)^2 of the smooth parameters, shape `(U,)`.
        tau: `changepoint_prior_scale`.
    """

    gram: Gram
    moments: FloatArray
    power: FloatArray
    base: FloatArray
    rows: FloatArray
    precision: FloatArray
    tau: float

    def select(self, which: IntArray) -> "Problem":
        """Return the problem of these series."""
        return replace(
            self,
            gram=self.gram.select(which),
            moments=self.moments[:, which],
            power=self.power[which],
            base=self.base[:, which],
            rows=self.rows[which],
        )


@dataclass(slots=True)
class Solution:
    """What the solver found; one column a series.

    Attributes:
        theta: Parameters, shape `(P, B)`.
        variance: sigma^2, in units of y_scale^2, shape `(B,)`.
        sign: Of the bends, shape `(S, B)`.
        log_posterior: As Stan's `lp__`, up to constants, shape `(B,)`.
        kkt: Largest violation of the optimality conditions times tau, shape `(B,)`.
        unique: Whether the optimum over theta and sigma is the only minimum, shape `(B,)`.
        rss: Residual sum of squares, shape `(B,)`.
    """

    theta: FloatArray
    variance: FloatArray
    sign: FloatArray
    log_posterior: FloatArray
    kkt: FloatArray
    unique: BoolArray
    rss: FloatArray

    def put(self, which: IntArray, other: "Solution") -> None:
        """Replace these series' columns."""
        self.theta[:, which] = other.theta
        self.variance[which] = other.variance
        self.sign[:, which] = other.sign
        self.log_posterior[which] = other.log_posterior
        self.kkt[which] = other.kkt
        self.unique[which] = other.unique
        self.rss[which] = other.rss


def solve(problem: Problem) -> Solution:
    """Solve a block of series; those whose `kkt` stays above `TOLERANCE` are the caller's to redo.

    Args:
        problem: Its base has no bends.
    """
    gram = problem.gram
    least = np.maximum(gram.least(problem.moments, problem.power), 1e-14 * problem.power)
    lowest = np.maximum(best_variance(least, problem.rows), FLOOR)
    solution = _walk_and_refine(problem, lowest, lowest)
    for _ in range(ROUNDS - 1):
        bad = np.flatnonzero(~(solution.kkt <= TOLERANCE))
        if not bad.size:
            break
        # the path was walked at another noise level's elimination: walk again at this one's
        near = np.where(np.isfinite(solution.variance[bad]), solution.variance[bad], lowest[bad])
        again = _walk_and_refine(problem.select(bad), near, lowest[bad])
        better = ~(again.kkt > solution.kkt[bad])
        solution.put(bad[better], _columns(again, np.flatnonzero(better)))
    return solution


def _walk_and_refine(problem: Problem, reference: FloatArray, lowest: FloatArray) -> Solution:
    smooth = problem.precision.size
    elimination = problem.gram.eliminate(reference)
    ridge = reference * problem.precision[:, None] * problem.base[:smooth]
    right = problem.moments[:smooth] - ridge
    alone = elimination.smooth(right, reference)
    prior = reference * (problem.precision[:, None] * problem.base[:smooth] ** 2).sum(axis=0)
    start = 0.5 * (problem.power + prior - (right * alone).sum(axis=0))
    point = walk(
        elimination.form(),
        problem.moments[smooth:] - problem.gram.to_bends(alone),
        np.maximum(start, 0.0),
        rows=problem.rows,
        tau=problem.tau,
        lowest=lowest,
    )
    theta = np.concatenate([alone, point.delta])
    theta[:smooth] -= elimination.smooth(problem.gram.to_smooth(point.delta), reference)
    variance = np.where(np.isfinite(point.strength), problem.tau * point.strength, lowest)
    return _refine(problem, elimination, point, theta, np.maximum(variance, FLOOR))


def _refine(
    problem: Problem,
    elimination: Elimination,
    point: PathPoint,
    theta: FloatArray,
    variance: FloatArray,
) -> Solution:
    """Make theta and sigma exact on the given support.

    Newton's iteration on the stationarity conditions: the residual is exact, its matrix is the one
    of the path, whose noise level differs little, so each round gains several digits.
    """
    smooth = problem.precision.size
    gram, tau = problem.gram, problem.tau
    inside = point.sign != 0
    bend = np.einsum("ijb,jb->ib", point.inverse, point.sign)
    steep = 2.0 * (point.sign * bend).sum(axis=0) / tau**2
    change = np.inf
    for _ in range(REFINEMENTS):
        gradient = problem.moments - gram.times(theta)
        rss = problem.power - (theta * (problem.moments + gradient)).sum(axis=0)
        answer = np.maximum(best_variance(np.maximum(rss, 0.0), problem.rows), FLOOR)
        # d answer / d variance along the path
        slope = np.clip(steep * variance / (problem.rows + 8.0 * answer), 0.0, STEEPEST)
        moved = np.maximum(variance + (answer - variance) / (1.0 - slope), FLOOR)
        step = np.abs(moved - variance) / moved
        variance = moved
        level = problem.base[:smooth] + theta[:smooth]
        right = gradient[:smooth] - variance * problem.precision[:, None] * level
        left = (gradient[smooth:] - (variance / tau) * point.sign) * inside
        first = elimination.smooth(right, variance)
        left -= gram.to_bends(first) * inside
        bends = np.einsum("ijb,jb->ib", point.inverse, left)
        theta[:smooth] += first - elimination.smooth(gram.to_smooth(bends), variance)
        theta[smooth:] += bends
        last, change = change, float(step.max(initial=0.0))
        if change < 1e-13 or (change < 1e-10 and change >= last):
            break
    return _judge(problem, theta, variance, point)


def _judge(
    problem: Problem, theta: FloatArray, variance: FloatArray, point: PathPoint
) -> Solution:
    """Return the solution with its log posterior and its violation of the conditions."""
    smooth = problem.precision.size
    gradient = problem.moments - problem.gram.times(theta)
    rss = np.maximum(problem.power - (theta * (problem.moments + gradient)).sum(axis=0), 0.0)
    whole = problem.base + theta
    strength = variance / problem.tau
    of_smooth = gradient[:smooth] - variance * problem.precision[:, None] * whole[:smooth]
    bends = whole[smooth:]
    sign = np.sign(bends)
    of_bends = np.where(
        bends != 0,
        np.abs(gradient[smooth:] - strength * sign),
        np.maximum(np.abs(gradient[smooth:]) - strength, 0.0),
    )
    of_noise = np.abs(problem.rows + 4.0 * variance - rss / variance) * problem.tau
    of_noise = np.where(variance > FLOOR, of_noise, 0.0)
    kkt = np.maximum(np.abs(of_smooth).max(axis=0), of_bends.max(axis=0, initial=0.0)) / strength
    flipped = (bends * point.sign < 0).any(axis=0)
    log_posterior = -(
        rss / (2.0 * variance)
        + 0.5 * problem.rows * np.log(variance)
        + 2.0 * variance
        + 0.5 * (problem.precision[:, None] * whole[:smooth] ** 2).sum(axis=0)
        + np.abs(bends).sum(axis=0) / problem.tau
    )
    kkt = np.where(flipped, np.inf, np.maximum(kkt, of_noise))
    return Solution(whole, variance, sign, log_posterior, kkt, point.found == 1, rss)


def _columns(solution: Solution, which: IntArray) -> Solution:
    return Solution(
        solution.theta[:, which],
        solution.variance[which],
        solution.sign[:, which],
        solution.log_posterior[which],
        solution.kkt[which],
        solution.unique[which],
        solution.rss[which],
    )
