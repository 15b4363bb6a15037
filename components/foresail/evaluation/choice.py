"""Who serves which leads of which series, and what may be promised of it.

A few windows a series are few: the contender that was luckiest on them is often not the best. So
each series' own windows are weighed with those of series like it (same metric and statistic; of a
large panel, those of its first block), and these with what is known of the contenders from
elsewhere: where the panel agrees that one is good, a series departs from it only on evidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foresail.bundle.schema import SOFTENING, Quality
from foresail.evaluation.experience import BLEND, expected
from foresail.evaluation.pools import Group, Pool, groups_of, places_in
from foresail.evaluation.scores import (
    COVERED,
    ERROR,
    HOURS,
    LOSS,
    MIN_WINDOWS,
    REFERENCE,
    ScoreBoard,
)
from foresail.panel import BoolArray, FloatArray, IntArray

PANEL_WINDOWS = 10.0
"""How many windows of a series' own the experience of a large panel weighs."""
PANEL_SERIES = 10.0
"""Series at which a panel's experience has half of that weight."""
EXPECTED_WINDOWS = 10.0
"""How many windows of a panel what is expected of each contender weighs."""
BELIEVED_WINDOWS = 2.0
"""How many windows of a series' own that weighs."""
EXTREME = 1.0
"""Log ratios beyond this count as this in the panel's experience: one series shall not decide."""
MARGIN = 0.02
"""Share by which a contender must beat the naive: one more day of data shall not flip a winner."""
BLEND_MARGIN = 0.03
"""The same for the blend: it is wrong less often than who was best on a few windows."""
NOBODY = -1
"""Place of a contender that is not on the board, or of none at all."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The winners of a score board.

    Attributes:
        board: What they were chosen from.
        winners: Contender that serves each segment, shape `(N, S)`.
        judges: Contender that all windows but one would have chosen, shape `(W, N, S)`.
    """

    board: ScoreBoard
    winners: IntArray
    judges: IntArray

    def judged(self, served: IntArray) -> "Judged":
        """Return what a forecast scored that is served by these contenders.

        Where a segment's contender had to be chosen, each window is scored with the one that the
        other windows would have chosen, so that no window vouches for its own choice.

        Args:
            served: Place of the contender that serves each segment, `NOBODY` for none, `(N, S)`.
        """
        sums, naive = self.board.sums, self.board.naive
        reference = self.board.contenders.index(REFERENCE)
        own = np.take_along_axis(sums, np.maximum(served, 0)[None, None, ..., None], axis=0)[0]
        judges = np.where(served == reference, reference, self.judges)
        other = np.take_along_axis(sums, judges[None, ..., None], axis=0)[0]
        ours = np.where(other[..., HOURS : HOURS + 1] > 0, other, own)
        seen = (own[..., HOURS] > 0) & (naive[..., HOURS] > 0) & (served != NOBODY)
        return Judged(ours * seen[..., None], naive * seen[..., None])

    def beats(self, served: IntArray, name: str) -> BoolArray:
        """Return where the one that serves lost less than another in the series' own windows.

        Args:
            served: As above.
            name: The other; where it is not on the board, nobody has beaten it.
        """
        if name not in self.board.contenders:
            return np.zeros(served.shape, dtype=bool)
        sums = self.board.sums
        theirs = sums[self.board.contenders.index(name)]
        ours = np.take_along_axis(sums, np.maximum(served, 0)[None, None, ..., None], axis=0)[0]
        both = (ours[..., HOURS] > 0) & (theirs[..., HOURS] > 0)
        lost, flat = ((part[..., LOSS] * both).sum(axis=0) for part in (ours, theirs))
        enough = (both.sum(axis=0) >= MIN_WINDOWS) & (served != NOBODY)
        return np.asarray(enough & (lost < flat))


@dataclass(frozen=True, slots=True)
class Judged:
    """Sums of what is served, and of the reference, in every window that counts for both.

    Attributes:
        ours: Shape `(W, N, S, 4)`; all zero where a segment was not seen.
        naive: The same of the reference with the band that it came with.
    """

    ours: FloatArray
    naive: FloatArray

    def quality(self, row: int, segments: slice) -> Quality | None:
        """Return the measured promise of one series over some segments of its leads.

        None where fewer than three windows saw all of these segments.
        """
        ours, naive = self.ours[:, row, segments], self.naive[:, row, segments]
        seen = (ours[..., HOURS] > 0).all(axis=1)
        if seen.sum() < MIN_WINDOWS:
            return None
        own, theirs = ours[seen].sum(axis=(0, 1)), naive[seen].sum(axis=(0, 1))
        return Quality(
            windows=int(seen.sum()),
            coverage=float(own[COVERED] / own[HOURS]),
            sql=float(own[LOSS] / own[HOURS]),
            mase=float(own[ERROR] / own[HOURS]),
            naive_sql=float(theirs[LOSS] / theirs[HOURS]),
            naive_mase=float(theirs[ERROR] / theirs[HOURS]),
        )


def choose(board: ScoreBoard, *, able: BoolArray | None = None) -> Choice:
    """Choose per series and segment: who lost least in its own, the panel's and our experience.

    The seasonal naive or the blend serve unless another contender beats them by a margin. Where a
    panel was measured, a contender that never was does not serve.

    Args:
        board: The scores.
        able: Which contender can forecast what now, shape `(C, N, S)`; None for all.
    """
    ratio, seen = _log_ratios(board)
    pool = board.pool or pool_of(board, groups=groups_of(board.keys))
    believed = expected(board.contenders, segments=len(board.horizons))[:, None]
    total, count = ratio.sum(axis=1), seen.sum(axis=1).astype(np.float64)
    if able is not None:
        believed = np.broadcast_to(believed, total.shape).copy()
        believed[~able] = np.inf
    weighing = _Weighing(board, pool, believed)
    winners = weighing.best(total, count, np.arange(seen.shape[1]))
    judges = np.empty(seen.shape[1:], dtype=np.int64)
    for w in range(seen.shape[1]):
        others = np.delete(np.arange(seen.shape[1]), w)
        judges[w] = weighing.best(total - ratio[:, w], count - seen[:, w], others)
    return Choice(board, winners, judges)


def pool_of(board: ScoreBoard, *, groups: Sequence[Group]) -> Pool:
    """Return what the series of a board say of its contenders.

    Args:
        board: The scores.
        groups: All groups of the panel; the board may hold series of some of them.
    """
    ratio, seen = _log_ratios(board)
    clipped = np.clip(ratio, -EXTREME, EXTREME)
    alike = places_in(groups, board.keys)
    shape = (len(groups), *ratio.shape[:2], ratio.shape[3])
    windows, ratios = np.zeros(shape), np.zeros(shape)
    for group in range(len(groups)):
        windows[group] = seen[:, :, alike == group].sum(axis=2)
        ratios[group] = clipped[:, :, alike == group].sum(axis=2)
    return Pool(tuple(groups), np.bincount(alike, minlength=len(groups)), windows, ratios)


def _log_ratios(board: ScoreBoard) -> tuple[FloatArray, BoolArray]:
    """Return the log of each contender's loss by the reference's, and where both were scored.

    Both have the shape `(C, W, N, S)`; a ratio that was not scored is zero.
    """
    hours = board.sums[..., HOURS]
    seen = (hours > 0) & (board.naive[..., HOURS] > 0)
    loss = board.sums[..., LOSS] / np.maximum(hours, 1.0)
    naive = board.naive[..., LOSS] / np.maximum(board.naive[..., HOURS], 1.0)
    return np.log((loss + SOFTENING) / (naive + SOFTENING)) * seen, seen


@dataclass(frozen=True, slots=True)
class _Weighing:
    """What a series' own windows are weighed with.

    Attributes:
        board: The scores.
        pool: What the panel says.
        believed: Log ratio that is expected of each contender, shape `(C, 1 or N, S)`; infinite
            where it cannot serve.
    """

    board: ScoreBoard
    pool: Pool
    believed: FloatArray

    def best(self, total: FloatArray, count: FloatArray, windows: IntArray) -> IntArray:
        """Return who has the least weighed log ratio; blend or naive without a clear one.

        Args:
            total: Sum of each series' log ratios over its windows, shape `(C, N, S)`.
            count: Its windows, same shape.
            windows: Those of the panel that count.

        Returns:
            Its place, shape `(N, S)`.
        """
        reference = self.board.contenders.index(REFERENCE)
        alike = places_in(self.pool.groups, self.board.keys)
        score = np.empty_like(total)
        for group in np.unique(alike).tolist():
            rows = np.flatnonzero(alike == group)
            held = self.pool.windows[group][:, windows].sum(axis=1)[:, None]
            here = self.believed[:, rows if self.believed.shape[1] > 1 else [0]]
            panel = self.pool.ratios[group][:, windows].sum(axis=1)[:, None]
            panel = (panel + EXPECTED_WINDOWS * here) / (held + EXPECTED_WINDOWS)
            series = float(self.pool.series[group])
            weight = PANEL_WINDOWS * series / (series + PANEL_SERIES)
            own = total[:, rows] + weight * panel + BELIEVED_WINDOWS * here
            score[:, rows] = own / (count[:, rows] + weight + BELIEVED_WINDOWS)
            never = (held == 0) & (held[reference] > 0)
            score[:, rows] = np.where(never, np.inf, score[:, rows])
        score[reference] = np.minimum(score[reference], 0.0) + np.log1p(-MARGIN)
        if BLEND in self.board.contenders:
            score[self.board.contenders.index(BLEND)] += np.log1p(-BLEND_MARGIN)
        return np.asarray(score.argmin(axis=0))
