"""Quantiles of the peak and of the mean of a day and of a week, calibrated as such.

The highest of 24 hourly p90s is no quantile of the day's peak, nor is the mean of them one of its
mean: hours do not go wrong together, and not independently either. So both are measured. How far a
day's peak lay above the highest p50 of the day, in half-widths of its band, is counted over the
held-out windows, per contender, series and segment of leads; the quantiles of these counts, joined
with those of all series like it, are what `foresail.bundle.days` makes a day's quantiles from.

Weeks are counted alike, out of the days: a week counts for the segment that most of it lies in, so
the first one for the segment after the first day. A month's window holds four of them, which is
little for one series; what all series like it say weighs as much as it does for days.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foresail.bundle.days import DAY, WEEK, basis, over_periods
from foresail.evaluation.scores import ScoreBoard
from foresail.horizons import QUANTILES
from foresail.panel import FloatArray, IntArray

KINDS = ("peak", "mean")
LENGTHS = (DAY, WEEK)
MIN_SHARE = 0.75
"""Share of the hours that must have been seen: the peak of the others is not the day's."""
EDGES = np.sinh(np.linspace(-3.5, 3.5, 43)) / 3
"""Distances in half-widths between which days are counted; from 5.5 below to 5.5 above."""
PANEL_DAYS = 60.0
"""How many days (or weeks) of a series' own the panel's experience weighs."""
FIRST = {"peak": (0.2, 0.9, 1.8), "mean": (-0.6, 0.0, 0.6)}
"""Quantiles where nothing was measured: those of noise around a level, roughly."""
FIRST_DAYS = 3.0
"""How many days they weigh."""
_BINS = len(EDGES) + 1
_TOLD = len(LENGTHS) * len(KINDS)
_LOW = np.concatenate([[EDGES[0] - 1.0], EDGES])
_HIGH = np.concatenate([EDGES, [EDGES[-1] + 3.0]])


@dataclass(frozen=True, slots=True)
class DayCounts:
    """Counts of days and weeks by how far their peak and mean lay from what was forecast.

    Attributes:
        counts: Shape `(C, N, S, 4, bins)`, summed over the windows: a day's peak and mean, a
            week's peak and mean.
    """

    counts: FloatArray

    @staticmethod
    def empty(board: ScoreBoard) -> "DayCounts":
        """Return no counts for this board's contenders, series and segments."""
        contenders, _, series, segments, _ = board.sums.shape
        return DayCounts(np.zeros((contenders, series, segments, _TOLD, _BINS)))

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
        """Count the days and weeks of one contender's forecast of one window.

        Args:
            board: Names the segments.
            contender: Its place on the board.
            rows: Which series; n of them.
            y: What came, shape `(n, hours)`; NaN for gaps.
            quantiles: What was forecast, shape `(n, hours, 3)`; NaN where it failed.
            scale: Mean daily change, shape `(n,)`; NaN where there is none.
        """
        if not len(rows) or y.shape[1] < DAY:
            return
        days = _Days.of(y, quantiles)
        ends = [horizon.hours for horizon in board.horizons]
        for place, length in enumerate(LENGTHS):
            periods = days if length == DAY else days.joined(length // DAY)
            starts = np.arange(periods.seen.shape[1]) * length
            decides = starts if length == DAY else starts + length // 2
            segments = np.searchsorted(ends, decides, side="right")
            for k, kind in enumerate(KINDS):
                away = periods.away(kind, scale, hours=length)
                for s in np.unique(segments).tolist():
                    told = len(KINDS) * place + k
                    self.counts[contender, rows, s, told] += _binned(away[:, segments == s])

    def pooled(self, alike: IntArray, *, groups: int) -> FloatArray:
        """Return the counts summed over the series of each group, shape `(G, C, S, 4, bins)`."""
        contenders, _, *rest = self.counts.shape
        found = np.zeros((groups, contenders, *rest))
        for group in range(groups):
            found[group] = self.counts[:, alike == group].sum(axis=1)
        return found


@dataclass(frozen=True, slots=True)
class _Days:
    """What came and what was forecast of n series in D days, or weeks.

    Attributes:
        seen: Hours that were seen, shape `(n, D)`.
        total: Their sum, as above.
        highest: The highest of them, as above; -inf where there is none.
        said: By kind, what was forecast as `over_periods` has it, shape `(n, D, 3)`.
    """

    seen: IntArray
    total: FloatArray
    highest: FloatArray
    said: Mapping[str, FloatArray]

    @staticmethod
    def of(y: FloatArray, quantiles: FloatArray) -> "_Days":
        """Return whole days, shape `(n, hours)` and `(n, hours, 3)` given."""
        days = y.shape[1] // DAY
        came = y[:, : days * DAY].reshape(len(y), days, DAY)
        seen = np.isfinite(came)
        said = quantiles[:, : days * DAY].reshape(len(y), days, DAY, 3)
        return _Days(
            seen.sum(axis=2),
            np.where(seen, came, 0.0).sum(axis=2),
            np.where(seen, came, -np.inf).max(axis=2, initial=-np.inf),
            {kind: over_periods(said, kind=kind) for kind in KINDS},
        )

    def joined(self, days: int) -> "_Days":
        """Return whole periods of so many days each."""
        count = self.seen.shape[1] // days

        def cut(values: NDArray[Any]) -> NDArray[Any]:
            shape = (len(values), count, days, *values.shape[2:])
            return values[:, : count * days].reshape(shape)

        return _Days(
            cut(self.seen).sum(axis=2),
            cut(self.total).sum(axis=2),
            cut(self.highest).max(axis=2, initial=-np.inf),
            {kind: over_periods(cut(said), kind=kind) for kind, said in self.said.items()},
        )

    def away(self, kind: str, scale: FloatArray, *, hours: int) -> FloatArray:
        """Return how far each lay from its middle, in half-widths; NaN where too little was seen.

        Args:
            kind: `peak` or `mean`.
            scale: Mean daily change, shape `(n,)`; NaN where there is none.
            hours: Length of a period.
        """
        came = self.highest if kind == "peak" else self.total / np.maximum(self.seen, 1)
        middle, width = basis(self.said[kind], scale[:, None], kind=kind)
        enough = self.seen >= MIN_SHARE * hours
        with np.errstate(divide="ignore", invalid="ignore"):  # no band and no scale
            return np.asarray((np.where(enough, came, np.nan) - middle) / width)


def _binned(away: FloatArray) -> FloatArray:
    counts = np.isfinite(away)
    bins = np.searchsorted(EDGES, np.where(counts, away, 0.0))
    flat = (np.arange(len(away))[:, None] * _BINS + bins)[counts]
    found = np.bincount(flat, minlength=len(away) * _BINS).astype(np.float64)
    return found.reshape(len(away), _BINS)


def day_factors(counts: DayCounts, panel: FloatArray, alike: IntArray) -> FloatArray:
    """Return where the quantiles of days and weeks lie, in half-widths, shape `(C, N, S, 4, 3)`.

    Args:
        counts: The series' own.
        panel: Those of all series like it, summed, shape `(G, C, S, 4, bins)`.
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
    """Return counts of `FIRST_DAYS` days whose quantiles are those of `FIRST`, `(4, bins)`."""
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
    return np.tile(found, (len(LENGTHS), 1))
