"""Who serves which leads of which series, and what may be promised of it.

A few windows a series are few: the contender that was luckiest on them is often not the best. So
each series' own windows are weighed with those of all series like it (same metric and statistic):
where the panel agrees that a contender is good, a series departs from it only on evidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foresail.bundle.schema import Quality
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

SOFTENING = 0.01
"""Added to both losses of a ratio, so that a nearly perfect naive does not decide it."""
PANEL_WINDOWS = 3.0
"""How many windows of a series' own the experience of a large panel weighs."""
PANEL_SERIES = 10.0
"""Other series at which a panel's experience has half of that weight."""
EXTREME = 1.0
"""Log ratios beyond this count as this in the panel's experience: one series shall not decide."""
MARGIN = 0.02
"""Share by which a contender must beat the naive: one more day of data shall not flip a winner."""


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

    def winner(self, row: int, segment: int) -> str:
        """Return who serves one segment of one series."""
        name: str = self.board.contenders[self.winners[row, segment]]
        return name

    def quality(self, row: int, winners: Sequence[str]) -> Quality | None:
        """Return the measured promise of a composite, or None where it is unmeasured.

        Where a segment's winner had to be chosen, each window is scored with the contender that the
        other windows would have chosen, so that no window vouches for its own choice.

        Args:
            row: The series.
            winners: Who serves each segment, from the first to the horizon's own.
        """
        names, sums = self.board.contenders, self.board.sums[:, :, row]
        naive = self.board.naive[:, row]
        places = [names.index(name) for name in winners]
        reference = names.index(REFERENCE)
        segments = range(len(places))
        seen = [
            w
            for w in range(sums.shape[1])
            if all(
                sums[c, w, s, HOURS] > 0 and naive[w, s, HOURS] > 0
                for s, c in zip(segments, places, strict=True)
            )
        ]
        if len(seen) < MIN_WINDOWS:
            return None
        ours, theirs = np.zeros(4), np.zeros(4)
        for w in seen:
            for s, c in zip(segments, places, strict=True):
                judge = c if c == reference else self.judges[w, row, s]
                ours += sums[judge, w, s]
                theirs += naive[w, s]
        return Quality(
            windows=len(seen),
            coverage=float(ours[COVERED] / ours[HOURS]),
            sql=float(ours[LOSS] / ours[HOURS]),
            mase=float(ours[ERROR] / ours[HOURS]),
            naive_sql=float(theirs[LOSS] / theirs[HOURS]),
            naive_mase=float(theirs[ERROR] / theirs[HOURS]),
        )


def choose(board: ScoreBoard) -> Choice:
    """Choose per series and segment.

    The seasonal naive serves unless another contender beat it by a margin on at least three windows
    - in the series' own experience weighed with the panel's - and does so too when each window is
    forecast by whoever was best on the others.
    """
    reference = board.contenders.index(REFERENCE)
    hours = board.sums[..., HOURS]
    seen = (hours > 0) & (board.naive[..., HOURS] > 0)
    loss = board.sums[..., LOSS] / np.maximum(hours, 1.0)
    naive = board.naive[..., LOSS] / np.maximum(board.naive[..., HOURS], 1.0)
    ratio = np.log((loss + SOFTENING) / (naive + SOFTENING)) * seen
    alike = groups(board)
    winners = _best(ratio, seen, alike, reference, wanted=MIN_WINDOWS)
    judges = np.empty(seen.shape[1:], dtype=np.int64)
    for w in range(seen.shape[1]):
        others = seen.copy()
        others[:, w] = False
        judges[w] = _best(ratio * others, others, alike, reference, wanted=MIN_WINDOWS - 1)
    # what choosing in this way would have gained on windows it had not seen
    judged = np.take_along_axis(ratio, judges[None], axis=0)[0]
    counted = np.take_along_axis(seen, winners[None, None], axis=0)[0]
    gain = _weighed((judged * counted)[None], counted[None], alike)[0]
    own = _weighed(ratio, seen, alike)[reference]
    return Choice(board, np.where(gain < np.maximum(own, 0.0), winners, reference), judges)


def groups(board: ScoreBoard) -> IntArray:
    """Return the group of each series: those of one metric and statistic are alike."""
    names = [(key.metric, key.stat) for key in board.keys]
    order = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return np.array([order[name] for name in names], dtype=np.int64)


def _weighed(ratio: FloatArray, seen: BoolArray, alike: IntArray) -> FloatArray:
    """Return the mean log ratio of each series, weighed with its group's; shape `(C, N, S)`.

    Args:
        ratio: Zero where not seen, shape `(C, W, N, S)`.
        seen: Shape `(C, W, N, S)`.
        alike: Group of each series, shape `(N,)`.
    """
    total, count = ratio.sum(axis=1), seen.sum(axis=1).astype(np.float64)
    weighed: FloatArray = np.empty_like(total)
    for group in range(int(alike.max(initial=-1)) + 1):
        rows = np.flatnonzero(alike == group)
        windows = count[:, rows].sum(axis=1, keepdims=True)
        clipped = np.clip(ratio[:, :, rows], -EXTREME, EXTREME).sum(axis=(1, 2))[:, None]
        panel = clipped / np.maximum(windows, 1.0)
        weight = PANEL_WINDOWS * (rows.size - 1) / (rows.size - 1 + PANEL_SERIES)
        weighed[:, rows] = (total[:, rows] + weight * panel) / np.maximum(
            count[:, rows] + weight, 1e-9
        )
    return weighed


def _best(
    ratio: FloatArray, seen: BoolArray, alike: IntArray, reference: int, *, wanted: int
) -> IntArray:
    """Return the contender with the least weighed loss, the reference without a clear one."""
    score = _weighed(ratio, seen, alike)
    score[seen.sum(axis=1) < wanted] = np.inf
    score[reference] = np.minimum(score[reference], 0.0) + np.log1p(-MARGIN)
    return np.asarray(score.argmin(axis=0))
