"""Bands that hold what they say: half-widths stretched by what the backtest missed.

Split-conformal calibration (Romano, Patterson, Candes 2019) of each side of a band, per contender,
series and segment of leads. How far a value lay from the p50, in half-widths, is counted; the
factor that a side is multiplied with goes part of the way (`STRENGTH`) to the 90 % quantile of
these counts, joined with those of all series like it and with a little faith in the band as it is.
A window is scored with the factors that the other windows give. Windows of a month overlap: the
others know part of its hours.
"""

from dataclasses import dataclass, replace

import numpy as np

from foresail.evaluation.scores import COVERED, HOURS, LOSS, ScoreBoard
from foresail.panel import FloatArray, IntArray

TARGET = 0.9
"""Share of the values that one side of the band is to hold."""
LEAST_WIDTH = 0.05
"""Least half-width, share of the series' mean daily change: zero could not be stretched."""
EDGES = 1.2 ** np.arange(-16.0, 17.0)
"""Distances from the p50 in half-widths, between which values are counted; 1 is one of them."""
PRIOR_HOURS = 24.0
"""What the uncalibrated band counts as."""
PANEL_WINDOWS = 50.0
"""How many windows of a series' own the panel's misses count as. So many that in a panel the factor
is the panel's: on machines that change, a series' own past misses say little of its next ones."""
STRENGTH = 0.25
"""How far to go, on a log scale, from the band as it is to the one that would have held what it
says: windows are few and tomorrow is not like them, so the whole way costs more than it mends."""
_BINS = len(EDGES) + 1
_MIDDLES = np.concatenate([[0.0], np.sqrt(EDGES[1:] * EDGES[:-1]), [EDGES[-1] * 1.5]])


@dataclass(frozen=True, slots=True)
class Misses:
    """Counts of how far values lay from the p50.

    Attributes:
        counts: Hours in each bin, shape `(C, W, N, S, 2, bins)`: below and above the p50.
        widths: Sum of the half-widths of these hours, in the series' scale, same shape.
        below: Sum of what lay on the other side of the p50, or nearly, in the scale;
            `(C, W, N, S, 2)`.
    """

    counts: FloatArray
    widths: FloatArray
    below: FloatArray

    @staticmethod
    def empty(board: ScoreBoard) -> "Misses":
        """Return no counts for this board's contenders, windows, series and segments."""
        shape = (*board.sums.shape[:4], 2)
        return Misses(
            np.zeros((*shape, _BINS), dtype=np.float32),
            np.zeros((*shape, _BINS), dtype=np.float32),
            np.zeros(shape, dtype=np.float32),
        )

    def record(
        self,
        board: ScoreBoard,
        contender: int,
        window: int,
        rows: IntArray,
        *,
        y: FloatArray,
        quantiles: FloatArray,
        scale: FloatArray,
    ) -> None:
        """Count one contender's forecast of one window; the arguments are `ScoreBoard.record`'s."""
        start = 0
        for segment, horizon in enumerate(board.horizons):
            if horizon.hours > y.shape[1]:
                break
            counted = board.sums[contender, window, rows, segment, HOURS] > 0
            some = slice(start, horizon.hours)
            for side, level in enumerate((0, 2)):
                sign = 1.0 if level else -1.0
                width = half_width(quantiles[:, some], level, scale)
                miss = sign * (y[:, some] - quantiles[:, some, 1])
                with np.errstate(divide="ignore", invalid="ignore"):  # a constant has no scale
                    ratio, wide = miss / width, width / scale[:, None]
                place = (contender, window, rows[counted], segment, side)
                self._count(place, ratio[counted], wide[counted])
            start = horizon.hours

    def _count(
        self, place: tuple[int, int, IntArray, int, int], ratio: FloatArray, width: FloatArray
    ) -> None:
        seen = np.isfinite(ratio) & np.isfinite(width)
        bins = np.searchsorted(EDGES, np.where(seen, ratio, 0.0), side="left")
        flat = (np.arange(len(ratio))[:, None] * _BINS + bins)[seen]
        size = len(ratio) * _BINS
        self.counts[place] = np.bincount(flat, minlength=size).reshape(-1, _BINS)
        widths = np.bincount(flat, weights=width[seen], minlength=size)
        self.widths[place] = widths.reshape(-1, _BINS)
        low = np.where(seen & (bins == 0), ratio * width, 0.0)
        self.below[place] = low.sum(axis=1)


def half_width(quantiles: FloatArray, level: int, scale: FloatArray) -> FloatArray:
    """Return the half-width of one side of a band, shape `(N, hours)`.

    Args:
        quantiles: Shape `(N, hours, 3)`.
        level: 0 for the lower side, 2 for the upper.
        scale: The series' mean daily change, shape `(N,)`; NaN where it has none.
    """
    width = np.abs(quantiles[:, :, level] - quantiles[:, :, 1])
    return np.fmax(width, LEAST_WIDTH * scale[:, None])


@dataclass(frozen=True, slots=True)
class Shares:
    """Where the misses of all series like one lie, learnt from a part of the panel.

    Attributes:
        counts: Summed over the series of each group, shape `(G, C, W, S, 2, bins)`.
    """

    counts: FloatArray

    @staticmethod
    def of(misses: Misses, alike: IntArray, *, groups: int) -> "Shares":
        """Return the shares of each group.

        Args:
            misses: Of some series.
            alike: Their groups.
            groups: How many there are.
        """
        contenders, windows, _, *rest = misses.counts.shape
        found = np.zeros((groups, contenders, windows, *rest))
        for group in range(groups):
            found[group] = misses.counts[:, :, alike == group].sum(axis=2, dtype=np.float64)
        return Shares(found)


def factors(
    misses: Misses, shares: Shares, alike: IntArray, *, hours: IntArray, without: int | None = None
) -> FloatArray:
    """Return what each side's half-widths are multiplied with, shape `(C, N, S, 2)`.

    Args:
        misses: The series' own.
        shares: What is known of series like them.
        alike: Group of each series, shape `(N,)`.
        hours: Length of each segment, shape `(S,)`.
        without: A window to leave out.
    """
    windows = [w for w in range(misses.counts.shape[1]) if w != without]
    own = misses.counts[:, windows].sum(axis=1, dtype=np.float64)
    prior = np.zeros(_BINS)
    inside = np.searchsorted(EDGES, 1.0)  # a value just inside the band falls into this bin
    prior[inside], prior[inside + 1] = TARGET * PRIOR_HOURS, (1.0 - TARGET) * PRIOR_HOURS
    for group in np.unique(alike).tolist():
        panel = shares.counts[group][:, windows].sum(axis=1)
        share = panel / np.maximum(panel.sum(axis=-1, keepdims=True), 1.0)
        own[:, alike == group] += (PANEL_WINDOWS * hours[:, None, None] * share)[:, None] + prior
    return np.asarray(_quantile(own) ** STRENGTH)


def _quantile(counts: FloatArray) -> FloatArray:
    """Return the distance below which `TARGET` of the counts lie, linear within a bin."""
    total = np.cumsum(counts, axis=-1)
    wanted = TARGET * total[..., -1:]
    place = (total < wanted - 1e-9).sum(axis=-1)
    place = np.clip(place, 1, _BINS - 2)
    upto = np.take_along_axis(total, place[..., None] - 1, axis=-1)[..., 0]
    inside = np.take_along_axis(counts, place[..., None], axis=-1)[..., 0]
    part = np.clip((wanted[..., 0] - upto) / np.maximum(inside, 1e-9), 0.0, 1.0)
    lower, upper = EDGES[place - 1], EDGES[place]
    return np.asarray(lower + part * (upper - lower))


def calibrated(
    board: ScoreBoard, misses: Misses, shares: Shares, alike: IntArray, *, hours: IntArray
) -> ScoreBoard:
    """Return the scores that calibrated bands have, each window by the other windows' factors.

    Losses and coverage are computed from the counts, so they are exact to the width of a bin. The
    arguments are those of `factors`.
    """
    sums = board.sums.copy()
    for w in range(sums.shape[1]):
        factor = factors(misses, shares, alike, hours=hours, without=w)[..., None]
        counts = misses.counts[:, w].astype(np.float64)
        widths = misses.widths[:, w].astype(np.float64)
        away = widths * (_MIDDLES - factor)
        away[..., 0] = misses.below[:, w] - widths[..., 0] * factor[..., 0]
        # twice the pinball loss of a side, the p50's own is what `ERROR` holds
        sides = 2 * np.maximum(TARGET * away, (TARGET - 1.0) * away).sum(axis=(-1, -2))
        within = np.clip((factor - _LOWER) / (_UPPER - _LOWER), 0.0, 1.0)
        outside = (counts * (1.0 - within)).sum(axis=(-1, -2))
        seen = sums[:, w, :, :, HOURS]
        error = board.sums[:, w, :, :, 1]
        sums[:, w, :, :, LOSS] = np.where(seen > 0, (error + sides) / 3.0, 0.0)
        sums[:, w, :, :, COVERED] = np.where(seen > 0, seen - outside, 0.0)
    return replace(board, sums=sums)


_LOWER = np.concatenate([[-np.inf], EDGES])
_UPPER = np.concatenate([EDGES, [EDGES[-1] * 1e6]])
_LOWER[0] = -EDGES[0]


def stretched(quantiles: FloatArray, factor: FloatArray, scale: FloatArray) -> FloatArray:
    """Return quantiles with calibrated bands, shape `(N, hours, 3)`.

    Args:
        quantiles: Shape `(N, hours, 3)`.
        factor: Lower and upper, shape `(N, 2)`.
        scale: The series' mean daily change, shape `(N,)`; NaN where it has none.
    """
    middle = quantiles[:, :, 1]
    lower = middle - factor[:, :1] * half_width(quantiles, 0, scale)
    upper = middle + factor[:, 1:] * half_width(quantiles, 2, scale)
    return np.stack([lower, middle, upper], axis=2)
