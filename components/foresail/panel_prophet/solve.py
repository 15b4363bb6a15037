"""The batched solver: Prophet's maximum a posteriori parameters from statistics and priors alone.

For each series it minimises, over theta = (smooth u, bends delta) and sigma (ENGINE.md; the same as
Prophet's Stan model up to constants),

    |y - Z theta|^2 / (2 sigma^2) + rows log sigma + 2 sigma^2
        + 1/2 u' Lambda u + |delta|_1 / tau.

The lasso path (`path`) finds support, signs and noise level nearly; here they are made exact by a
Newton iteration on the stationarity conditions, checked, and walked again where the check fails.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from foresail.panel import BoolArray, FloatArray, IntArray
from foresail.panel_prophet.path import best_variance, walk
from foresail.panel_prophet.statistics import Elimination, Gram, inverse_each

FLOOR = 1e-18
"""Least sigma^2, in units of y_scale^2: an exact fit has no finite optimum."""
TOLERANCE = 1e-6
"""Largest violation of the optimality conditions of an accepted fit, times tau."""
FINE = 1e-7
"""sigma^2 below which residuals must be summed over the rows: the moments cancel."""
NEAREST = 1e-4
"""Least sigma^2 to eliminate at, share of that of a constant."""
REFINEMENTS = 25
WALKS = 12
EXCHANGES = 60
SETTLING = 3
"""Corrections at a given noise level before the signs of a support are looked at."""
EXACT = 1e-13
"""Relative change of sigma^2 at which a refinement ends."""
NEARLY = 1e-10
"""The same, once rounding keeps it from shrinking further."""
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


@dataclass(frozen=True, slots=True)
class Series:
    """One series' rows.

    Attributes:
        design: Columns slope, level, features, changepoints (no slope for flat growth); `(n, P)`.
        values: Scaled values, shape `(n,)`.
    """

    design: FloatArray
    values: FloatArray


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
        rounding: What rounding of the parameters alone can add to `kkt`, shape `(B,)`.
    """

    theta: FloatArray
    variance: FloatArray
    sign: FloatArray
    log_posterior: FloatArray
    kkt: FloatArray
    unique: BoolArray
    rss: FloatArray
    rounding: FloatArray

    @property
    def accepted(self) -> BoolArray:
        """Return whether the conditions hold as well as the numbers allow, shape `(B,)`."""
        return np.asarray(self.kkt <= TOLERANCE + self.rounding)

    def select(self, which: IntArray) -> "Solution":
        """Return the solution of these series."""
        return Solution(
            self.theta[:, which],
            self.variance[which],
            self.sign[:, which],
            self.log_posterior[which],
            self.kkt[which],
            self.unique[which],
            self.rss[which],
            self.rounding[which],
        )

    def put(self, which: IntArray, other: "Solution") -> None:
        """Replace these series' columns."""
        self.theta[:, which] = other.theta
        self.variance[which] = other.variance
        self.sign[:, which] = other.sign
        self.log_posterior[which] = other.log_posterior
        self.kkt[which] = other.kkt
        self.unique[which] = other.unique
        self.rss[which] = other.rss
        self.rounding[which] = other.rounding


def solve_exactly(problem: Problem, series: Callable[[int], Series]) -> Solution:
    """Solve, and sum the residuals over the rows for series with hardly any noise.

    Args:
        problem: See `solve`; measured from the level alone.
        series: The rows of the i-th series, its values less that level.
    """
    solution = solve(problem)
    for _ in range(2):
        fine = np.flatnonzero(solution.variance < FINE)
        if not fine.size:
            break
        theta = solution.theta[:, fine]
        products, power = np.empty_like(theta), np.empty(fine.size)
        for place, i in enumerate(fine.tolist()):
            one = series(i)
            residual = one.values - one.design @ (theta[:, place] - problem.base[:, i])
            products[:, place] = one.design.T @ residual
            power[place] = residual @ residual
        part = replace(problem.select(fine), base=theta, moments=products, power=power)
        solution.put(fine, polish(part, solution.select(fine)))
    return solution


def solve(problem: Problem) -> Solution:
    """Solve a block of series; those whose `kkt` stays above `TOLERANCE` are the caller's to redo.

    Args:
        problem: Its base has no bends.
    """
    least = np.maximum(
        problem.gram.least(problem.moments, problem.power), 1e-14 * np.maximum(problem.power, FLOOR)
    )
    lowest = np.maximum(best_variance(least, problem.rows), FLOOR)
    # where rounding has the last word a refinement can run away; `kkt` then tells
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return _solve(problem, lowest)


def _solve(problem: Problem, lowest: FloatArray) -> Solution:
    # a fit that could be nearly exact leaves the bound, and the elimination at it, to rounding
    reference = np.maximum(lowest, NEAREST * best_variance(problem.power, problem.rows))
    solution, walked = _walk_and_refine(problem, reference, lowest)
    for _ in range(WALKS):
        bad = np.flatnonzero(~(solution.kkt <= TOLERANCE) & ~(solution.variance < FINE))
        if not bad.size:
            return solution
        # where priors decide (a year's waves on two months), the elimination depends on the noise
        # level: walk again at the one that the last walk found, or farther up if it found none
        reference[bad] = np.where(np.isfinite(walked[bad]), walked[bad], 10.0 * reference[bad])
        again, walked[bad] = _walk_and_refine(problem.select(bad), reference[bad], lowest[bad])
        solution.put(bad, again)
    still = np.flatnonzero(~(solution.kkt <= TOLERANCE) & ~(solution.variance < FINE))
    if still.size:
        solution.put(still, polish(problem.select(still), solution.select(still)))
    return solution


def polish(problem: Problem, solution: Solution) -> Solution:
    """Improve solutions by an active set: drop bends of the wrong sign, add the most wanted one.

    Args:
        problem: Its base may be the solution's own parameters, with the residuals' moments: so the
            solution of a series with hardly any noise is refined.
        solution: Where to start; not changed.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return _polish(problem, solution)


def _polish(problem: Problem, solution: Solution) -> Solution:
    smooth = problem.precision.size
    best = solution.select(np.arange(solution.variance.size))
    best.kkt[:] = np.inf
    sign, variance = solution.sign.copy(), solution.variance.copy()
    theta = solution.theta - problem.base
    live = np.arange(variance.size)
    for _ in range(EXCHANGES):
        part = problem.select(live)
        elimination = part.gram.eliminate(variance)
        held = sign != 0
        inverse = _inverse_on(elimination.form(), held)
        for _ in range(SETTLING):
            gradient = part.moments - part.gram.times(theta)
            theta += _correction(part, elimination, inverse, sign, theta, gradient, variance)
        whole = part.base[smooth:] + theta[smooth:]
        wrong = held & (whole * sign < 0)
        # with a bend of the wrong sign the noise level may have no answer at all
        fine = ~wrong.any(axis=0)
        exact, answer = _refine(part, elimination, inverse, sign, theta, variance)
        theta, variance = np.where(fine, exact, theta), np.where(fine, answer, variance)
        found = judge(part, theta, variance, sign)
        better = found.kkt < best.kkt[live]
        best.put(live[better], found.select(np.flatnonzero(better)))
        whole = part.base[smooth:] + theta[smooth:]
        gradient = (part.moments - part.gram.times(theta))[smooth:]
        wrong = held & (whole * sign < 0)
        excess = np.where(held, -np.inf, np.abs(gradient) * part.tau / variance - 1.0)
        column = np.arange(live.size)
        if not held.shape[0]:
            break
        wanted = excess.argmax(axis=0)
        adds = ~wrong.any(axis=0) & (excess[wanted, column] > TOLERANCE)
        theta[smooth:][wrong] = -part.base[smooth:][wrong]
        sign = np.where(wrong, 0.0, sign)
        sign[wanted[adds], column[adds]] = np.sign(gradient[wanted[adds], column[adds]])
        on = wrong.any(axis=0) | adds
        if not on.any():
            break
        live, sign, theta, variance = live[on], sign[:, on], theta[:, on], variance[on]
    return best


def _inverse_on(form: FloatArray, held: BoolArray) -> FloatArray:
    """Return the inverse of `form` on the held bends, zero elsewhere, shape `(S, S, B)`."""
    both = held[:, None] & held[None, :]
    block = np.where(both, form, 0.0)
    size = np.arange(held.shape[0])
    block[size, size] += ~held
    inverse = np.moveaxis(inverse_each(np.moveaxis(block, 2, 0)), 0, 2)
    return np.where(both, inverse, 0.0)


def _walk_and_refine(
    problem: Problem, reference: FloatArray, lowest: FloatArray
) -> tuple[Solution, FloatArray]:
    """Return the solution, and the sigma^2 at which the walk itself found it (NaN: nowhere)."""
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
    walked = np.maximum(problem.tau * point.strength, FLOOR)
    begin = np.where(np.isfinite(walked), walked, lowest)
    theta, variance = _refine(problem, elimination, point.inverse, point.sign, theta, begin)
    solution = judge(problem, theta, variance, point.sign)
    solution.unique = point.found == 1
    return solution, walked


def _refine(
    problem: Problem,
    elimination: Elimination,
    inverse: FloatArray,
    sign: FloatArray,
    theta: FloatArray,
    variance: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Make theta and sigma exact on the given support.

    Newton's iteration on the stationarity conditions: the residual is exact, its matrix is the one
    of the path, whose noise level differs little, so each round gains several digits.
    """
    theta = theta.copy()
    bend = np.einsum("ijb,jb->ib", inverse, sign)
    steep = 2.0 * (sign * bend).sum(axis=0) / problem.tau**2
    change = np.inf
    for turn in range(REFINEMENTS):
        gradient = problem.moments - problem.gram.times(theta)
        if turn:  # before that theta need not be anywhere near
            rss = problem.power - (theta * (problem.moments + gradient)).sum(axis=0)
            answer = np.maximum(best_variance(np.maximum(rss, 0.0), problem.rows), FLOOR)
            # d answer / d variance along the path
            slope = np.clip(steep * variance / (problem.rows + 8.0 * answer), 0.0, STEEPEST)
            moved = np.maximum(variance + (answer - variance) / (1.0 - slope), FLOOR)
            last, change = change, float((np.abs(moved - variance) / moved).max(initial=0.0))
            variance = moved
        theta += _correction(problem, elimination, inverse, sign, theta, gradient, variance)
        if change < EXACT or (change < NEARLY and change >= last):
            break
    return theta, variance


def _correction(
    problem: Problem,
    elimination: Elimination,
    inverse: FloatArray,
    sign: FloatArray,
    theta: FloatArray,
    gradient: FloatArray,
    variance: FloatArray,
) -> FloatArray:
    """Return the step of theta towards stationarity on the support at this noise level."""
    smooth, inside = problem.precision.size, sign != 0
    level = problem.base[:smooth] + theta[:smooth]
    right = gradient[:smooth] - variance * problem.precision[:, None] * level
    left = (gradient[smooth:] - (variance / problem.tau) * sign) * inside
    first = elimination.smooth(right, variance)
    left -= problem.gram.to_bends(first) * inside
    bends = np.einsum("ijb,jb->ib", inverse, left)
    back = elimination.smooth(problem.gram.to_smooth(bends), variance)
    return np.concatenate([first - back, bends])


def judge(problem: Problem, theta: FloatArray, variance: FloatArray, sign: FloatArray) -> Solution:
    """Return the solution with its log posterior and its violation of the conditions.

    Args:
        problem: What it solves.
        theta: Parameters less the problem's base, shape `(P, B)`.
        variance: sigma^2, shape `(B,)`.
        sign: Of the bends, shape `(S, B)`.
    """
    smooth = problem.precision.size
    gradient = problem.moments - problem.gram.times(theta)
    rss = np.maximum(problem.power - (theta * (problem.moments + gradient)).sum(axis=0), 0.0)
    whole = problem.base + theta
    strength = variance / problem.tau
    of_smooth = gradient[:smooth] - variance * problem.precision[:, None] * whole[:smooth]
    bends = whole[smooth:]
    of_bends = np.where(
        sign != 0,
        np.abs(gradient[smooth:] - strength * sign),
        np.maximum(np.abs(gradient[smooth:]) - strength, 0.0),
    )
    of_noise = np.abs(problem.rows + 4.0 * variance - rss / variance) * problem.tau
    of_noise = np.where(variance > FLOOR, of_noise, 0.0)
    kkt = np.maximum(np.abs(of_smooth).max(axis=0), of_bends.max(axis=0, initial=0.0)) / strength
    flipped = (bends * sign < 0).any(axis=0)
    log_posterior = -(
        rss / (2.0 * variance)
        + 0.5 * problem.rows * np.log(variance)
        + 2.0 * variance
        + 0.5 * (problem.precision[:, None] * whole[:smooth] ** 2).sum(axis=0)
        + np.abs(bends).sum(axis=0) / problem.tau
    )
    kkt = np.where(flipped, np.inf, np.maximum(kkt, of_noise))
    unique = np.ones(rss.size, dtype=bool)
    rounding = 4e-15 * problem.rows / strength
    return Solution(whole, variance, sign, log_posterior, kkt, unique, rss, rounding)
