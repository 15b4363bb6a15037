"""Quantiles of a day's peak and of its mean, calibrated as such.

The highest of 24 hourly p90s is no quantile of the day's peak, nor is the mean of them one of its
mean: hours do not go wrong together, and not independently either. So both are measured. How far a
day's peak lay above the highest p50 of the day, in half-widths of its band, is counted over the
held-out windows, per contender, series and segment of leads; the quantiles of these counts, joined
with those of all series like it, are what `foresail.bundle.days` makes a day's quantiles from.
"""

from dataclasses import dataclass

import numpy as np

from foresail.bundle.days import DAY, day_basis
from foresail.evaluation.scores import ScoreBoard
from foresail.horizons import QUANTILES
from foresail.panel import FloatArray, IntArray

KINDS = ("peak", "mean")
MIN_HOURS = 18
"""Hours of a day that must have been seen: the peak of the others is not the day's."""
EDGES = np.sinh(np.linspace(-3.5, 3.5, 43)) / 3
"""Distances in half-widths between which days are counted; from 5.5 below to 5.5 above."""
PANEL_DAYS = 60.0
"""How many days of a series' own the panel's experience weighs."""
FIRST = {"peak": (0.2, 0.9, 1.8), "mean": (-0.6, 0.0, 0.6)}
"""Quantiles where nothing was measured: those of noise around a level, roughly."""
FIRST_DAYS = 3.0
"""How many days they weigh."""
_BINS = len(EDGES) + 1
_LOW = np.concatenate([[EDGES[0] - 1.0], EDGES])
_HIGH = np.concatenate([EDGES, [EDGES[-1] + 3.0]])


@dataclass(frozen=True, slots=True)
class DayCounts:
    """Counts of days by how far their peak and mean lay from what was forecast.

    Attributes:
        counts: Shape `(C, N, S, 2, bins)`, summed over the windows: peak, mean.
    """

    counts: FloatArray

    @staticmethod
    def empty(board: ScoreBoard) -> "DayCounts":
        """Return no counts for this board's contenders, series and segments."""
        contenders, _, series, segments, _ = board.sums.shape
        return DayCounts(np.zeros((contenders, series, segments, len(KINDS), _BINS)))

    def record(
        self,
        board: ScoreBoard,
        contender: int,
        rows: IntArray,
        *,
        y: FloatArray,
        quantiles: FloatArray,
        scale: FloatArray,
    ) -> None:
        """Count the days of one contender's forecast of one window.

        Args:
            board: Names the segments.
            contender: Its place on the board.
            rows: Which series; n of them.
            y: What came, shape `(n, hours)`; NaN for gaps.
            quantiles: What was forecast, shape `(n, hours, 3)`; NaN where it failed.
            scale: Mean daily change, shape `(n,)`; NaN where there is none.
        """
        days = y.shape[1] // DAY
        if not len(rows) or not days:
            return
        came = y[:, : days * DAY].reshape(len(y), days, DAY)
        seen = np.isfinite(came)
        enough = seen.sum(axis=2) >= MIN_HOURS
        known = np.where(seen, came, 0.0)
        found = {
            "peak": np.where(seen, came, -np.inf).max(axis=2, initial=-np.inf),
            "mean": known.sum(axis=2) / np.maximum(seen.sum(axis=2), 1),
        }
        said = quantiles[:, : days * DAY].reshape(len(y), days, DAY, 3)
        starts = np.arange(days) * DAY
        for k, kind in enumerate(KINDS):
            middle, width = day_basis(said, scale, kind=kind)
            with np.errstate(divide="ignore", invalid="ignore"):  # no band and no scale
                away = (np.where(enough, found[kind], np.nan) - middle) / width
            start = 0
            for s, horizon in enumerate(board.horizons):
                some = (starts >= start) & (starts < horizon.hours)
                self.counts[contender, rows, s, k] += _binned(away[:, some])
                start = horizon.hours

    def pooled(self, alike: IntArray, *, groups: int) -> FloatArray:
        """Return the counts summed over the series of each group, shape `(G, C, S, 2, bins)`."""
        contenders, _, *rest = self.counts.shape
        found = np.zeros((groups, contenders, *rest))
        for group in range(groups):
            found[group] = self.counts[:, alike == group].sum(axis=1)
        return found


def _binned(away: FloatArray) -> FloatArray:
    counts = np.isfinite(away)
    bins = np.searchsorted(EDGES, np.where(counts, away, 0.0))
    flat = (np.arange(len(away))[:, None] * _BINS + bins)[counts]
    found = np.bincount(flat, minlength=len(away) * _BINS).astype(np.float64)
    return found.reshape(len(away), _BINS)


def day_factors(counts: DayCounts, panel: FloatArray, alike: IntArray) -> FloatArray:
    """Return where the quantiles of a day lie, in half-widths, shape `(C, N, S, 2, 3)`.

    Args:
        counts: The series' own.
        panel: Those of all series like it, summed, shape `(G, C, S, 2, bins)`.
        alike: Group of each series, shape `(N,)`.
    """
    own = counts.counts + _first()
    for group in np.unique(alike).tolist():
        share = panel[group] / np.maximum(panel[group].sum(axis=-1, keepdims=True), 1.0)
        own[:, alike == group] += PANEL_DAYS * share[:, None]
    total = np.cumsum(own, axis=-1)
    found = []
    for level in QUANTILES:
        wanted = level * total[..., -1:]
        place = np.clip((total < wanted - 1e-9).sum(axis=-1), 0, _BINS - 1)[..., None]
        inside = np.take_along_axis(own, place, axis=-1)
        upto = np.take_along_axis(total, place, axis=-1) - inside
        part = np.clip((wanted - upto) / np.maximum(inside, 1e-9), 0.0, 1.0)[..., 0]
        low, high = _LOW[place[..., 0]], _HIGH[place[..., 0]]
        found.append(low + part * (high - low))
    return np.stack(found, axis=-1)


def _first() -> FloatArray:
    """Return counts of `FIRST_DAYS` days whose quantiles are those of `FIRST`, `(2, bins)`."""
    found = np.zeros((len(KINDS), _BINS))
    shares = np.diff([0.0, *QUANTILES, 1.0])
    centres = (_LOW + _HIGH) / 2
    for k, kind in enumerate(KINDS):
        cuts = np.array(FIRST[kind])
        reach = cuts[-1] - cuts[0]
        ends = np.array([cuts[0] - reach / 2, *cuts, cuts[-1] + reach / 2])
        for share, low, high in zip(shares, ends[:-1], ends[1:], strict=True):
            among = (low <= centres) & (centres < high)
            found[k, among] += FIRST_DAYS * share / among.sum()
    return found
