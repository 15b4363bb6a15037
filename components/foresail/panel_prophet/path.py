"""The lasso path of many series in lock step: where the trend of each may bend, and how far.

With the smooth parameters eliminated, what is left of Prophet's objective at noise sigma is

    J(delta) + strength * |delta|_1,      J(delta) = 1/2 delta'S delta - b'delta + J(0),

with strength = sigma^2 / tau. Its solution is piecewise linear in the strength (Osborne, Presnell,
Turlach 2000; Efron et al. 2004, least angle regression), so walking down from the strength at which
nothing bends visits every solution. On each piece J is quadratic in the strength, hence the noise
that agrees with its own residuals is the root of a quadratic: one walk finds every such point, and
the best of them is the optimum over delta and sigma together.

Each step moves one changepoint into or out of the support: a Gauss-Jordan pivot of the tableau
[S | b | signs], which is a rank-one update. The series stand on the last axis, so that every numpy
operation runs over contiguous memory.
"""

from dataclasses import dataclass

import numpy as np

from foresail.panel import BoolArray, FloatArray, IntArray

STEPS_PER_CHANGEPOINT = 12
"""Steps after which a walk is given up; real ones take one or two a changepoint."""
COMPACT_BELOW = 0.7
"""Share of walking series below which the finished ones are dropped from the arrays."""


@dataclass(frozen=True, slots=True)
class PathPoint:
    """The best self-consistent point on each series' path.

    Attributes:
        strength: sigma^2 / tau there, shape `(B,)`; NaN where the walk found none.
        delta: Shape `(S, B)`.
        sign: Of `delta`: -1, 0 (not in the support) or 1; shape `(S, B)`.
        inverse: Inverse of the quadratic form on the support, zero elsewhere, shape `(S, S, B)`.
        found: Number of self-consistent minima, shape `(B,)`; the optimum is unique where it is 1.
    """

    strength: FloatArray
    delta: FloatArray
    sign: FloatArray
    inverse: FloatArray
    found: IntArray


def best_variance(rss: FloatArray, rows: FloatArray) -> FloatArray:
    """Return the sigma^2 that maximises the posterior for a residual sum of squares.

    The root of 4 s^4 + rows s^2 - rss = 0, which the half-normal prior (0.5) on sigma gives.
    """
    return np.asarray(2.0 * rss / (rows + np.sqrt(rows * rows + 16.0 * rss)))


class _Walk:
    """The state of all walks; what the last axis holds shrinks as series finish."""

    def __init__(
        self, form: FloatArray, linear: FloatArray, start: FloatArray, rows: FloatArray
    ) -> None:
        size, count = linear.shape
        self.size = size
        self.tableau = np.empty((size, size + 2, count))
        self.tableau[:, :size] = form
        self.tableau[:, size] = linear
        self.tableau[:, size + 1] = 0.0
        self.sign = np.zeros((size, count))
        self.strength = np.abs(linear).max(axis=0)
        self.loss = start.copy()
        self.rows = rows
        self.series = np.arange(count)
        self.walking = np.ones(count, dtype=bool)
        self.scratch = np.empty_like(self.tableau)

    def keep(self, which: BoolArray) -> None:
        """Go on with these only."""
        self.tableau = np.compress(which, self.tableau, axis=2)
        self.sign = self.sign[:, which]
        self.strength = self.strength[which]
        self.loss = self.loss[which]
        self.rows = self.rows[which]
        self.series = self.series[which]
        self.walking = self.walking[which]
        self.scratch = np.empty_like(self.tableau)

    def pivot(self, place: IntArray) -> None:
        """Exchange changepoint `place[i]` of series i between support and rest.

        What a finished series still holds is of no use and is wiped, so that it stays finite.
        """
        size, count = self.sign.shape
        table = self.tableau.reshape(-1)
        series = np.arange(count)
        start = place * ((size + 2) * count) + series
        in_row = start + (np.arange(size + 2) * count)[:, None]
        in_column = place * count + series + (np.arange(size) * ((size + 2) * count))[:, None]
        centre = start + place * count
        by = self.walking / np.where(self.walking, table[centre], 1.0)
        row = table[in_row] * by
        column = table[in_column]
        np.multiply(column[:, None, :], row[None, :, :], out=self.scratch)
        np.subtract(self.tableau, self.scratch, out=self.tableau)
        table[in_row] = row
        table[in_column] = column * -by
        table[centre] = by


def walk(
    form: FloatArray,
    linear: FloatArray,
    start: FloatArray,
    *,
    rows: FloatArray,
    tau: float,
    lowest: FloatArray,
) -> PathPoint:
    """Walk each series' path down to `lowest` and return the best self-consistent point.

    Args:
        form: S, shape `(S, S, B)`, symmetric positive definite; unused changepoints are zero.
        linear: b, shape `(S, B)`.
        start: J(0), shape `(B,)`.
        rows: Number of values of each series, shape `(B,)`.
        tau: `changepoint_prior_scale`.
        lowest: A sigma^2 that no self-consistent point lies below, shape `(B,)`.
    """
    size, count = linear.shape
    if not size:
        alone = best_variance(2.0 * start, rows) / tau
        nothing = np.zeros((0, count))
        return PathPoint(
            alone, nothing, nothing, np.zeros((0, 0, count)), np.ones(count, dtype=int)
        )
    best = np.full(count, np.inf)
    strength = np.full(count, np.nan)
    delta = np.zeros((size, count))
    sign = np.zeros((size, count))
    inverse = np.zeros((size, size, count))
    found = np.zeros(count, dtype=np.int64)
    state = _Walk(form, linear, start, rows)
    floor = lowest / tau * (1.0 - 1e-9)

    for step in range(STEPS_PER_CHANGEPOINT * size + 1):
        offset, slope = state.tableau[:, size], state.tableau[:, size + 1]
        inside = state.sign != 0
        if step == 0:
            place, goes_to = np.abs(linear).argmax(axis=0), state.strength
            upper = np.full(count, np.inf)
        else:
            place, goes_to = _next(state, offset, slope, inside)
            upper = state.strength
        bend = (state.sign * slope).sum(axis=0)
        loss_here = state.loss  # at `upper`; for the piece with no bend it is constant
        meets, value = _meeting(state, offset, bend, upper, goes_to, tau)
        at = np.flatnonzero(np.isfinite(meets) & state.walking)
        if at.size:
            whose = state.series[at]
            found[whose] += 1
            better = value[at] < best[whose]
            at, whose = at[better], whose[better]
            best[whose] = value[at]
            strength[whose] = meets[at]
            sign[:, whose] = state.sign[:, at]
            delta[:, whose] = (offset[:, at] - meets[at] * slope[:, at]) * inside[:, at]
            chosen = inside[:, None, at] & inside[None, :, at]
            inverse[:, :, whose] = state.tableau[:, :size, at] * chosen
        state.walking &= goes_to > floor[state.series]
        if not state.walking.any():
            break
        if step:
            state.loss = loss_here - 0.5 * (upper**2 - goes_to**2) * bend
        state.strength = goes_to
        if state.walking.mean() < COMPACT_BELOW:
            place = place[state.walking]
            state.keep(state.walking)
        _exchange(state, place)
    return PathPoint(strength, delta, sign, inverse, found)


def _next(
    state: _Walk, offset: FloatArray, slope: FloatArray, inside: BoolArray
) -> tuple[IntArray, FloatArray]:
    """Return which changepoint each series exchanges next, and at which strength.

    A changepoint of the support stands at `offset - strength * slope` and leaves at zero; the
    gradient of one outside has that value and enters at plus or minus the strength. Only outward
    crossings count, so rounding cannot send one back and forth.
    """
    rising, falling = 1.0 + slope, 1.0 - slope
    with np.errstate(divide="ignore", invalid="ignore"):
        enters = np.maximum(
            np.where(rising > 0, offset / rising, -1.0),
            np.where(falling > 0, -offset / falling, -1.0),
        )
        leaves = np.where(state.sign * slope < 0, offset / slope, -1.0)
    when = np.where(inside, leaves, enters)
    place = when.argmax(axis=0)
    goes_to = when[place, np.arange(place.size)]
    return place, np.minimum(goes_to, state.strength)


def _meeting(
    state: _Walk,
    offset: FloatArray,
    bend: FloatArray,
    upper: FloatArray,
    lower: FloatArray,
    tau: float,
) -> tuple[FloatArray, FloatArray]:
    """Return where on this piece sigma^2 agrees with its residuals, and the objective there.

    With 2 J = a + bend * strength^2, agreement is 4 s^4 + rows s^2 = 2 J at s^2 = tau * strength.
    Of its two roots the one returned is where sigma^2 rises through its own residuals' answer: a
    minimum. NaN (and infinity) where there is none.
    """
    known = np.where(np.isfinite(upper), upper, 0.0)
    level = 2.0 * state.loss - bend * known**2
    square = 4.0 * tau * tau - bend
    first = state.rows * tau
    inner = first * first + 4.0 * square * level
    with np.errstate(divide="ignore", invalid="ignore"):
        meets = 2.0 * level / (first + np.sqrt(inner))
        here = (inner >= 0) & (meets <= upper) & (meets > np.maximum(lower, 0.0)) & (meets > 0)
        variance = tau * meets
        length = (state.sign * offset).sum(axis=0) - meets * bend
        loss = 0.5 * (level + bend * meets**2)
        value = (loss + meets * length) / variance + 0.5 * state.rows * np.log(variance)
    return np.where(here, meets, np.nan), np.where(here, value + 2.0 * variance, np.inf)


def _exchange(state: _Walk, place: IntArray) -> None:
    """Move `place` of each series into its support, or out of it."""
    size = state.size
    series = np.arange(place.size)
    held = state.sign[place, series]
    gradient = (
        state.tableau[place, size, series] - state.strength * state.tableau[place, size + 1, series]
    )
    enters = held == 0
    state.tableau[place, size + 1, series] += np.where(enters, np.sign(gradient), 0.0)
    state.pivot(place)
    state.tableau[place, size + 1, series] -= np.where(enters, 0.0, held)
    state.sign[place, series] = np.where(enters & state.walking, np.sign(gradient), 0.0)
