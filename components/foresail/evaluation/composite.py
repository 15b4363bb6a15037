"""What was lost in each held-out window: by what is served, by one contender, by the reference."""

from collections.abc import Sequence

import numpy as np

from foresail.bundle.schema import SeriesEntry
from foresail.evaluation.bootstrap import Losses
from foresail.evaluation.choice import NOBODY, Choice
from foresail.evaluation.scores import HOURS, LOSS, ScoreBoard
from foresail.panel import BoolArray, FloatArray, IntArray, SeriesKey


def served_by(board: ScoreBoard, index: Sequence[SeriesEntry]) -> IntArray:
    """Return whose forecast each series of the board is served with, shape `(N, S)`.

    Args:
        board: Names the contenders.
        index: Of a bundle; its series may be others than the board's.

    Returns:
        The contender's place on the board; `NOBODY` where none of them serves.
    """
    places = {name: place for place, name in enumerate(board.contenders)}
    entries = {SeriesKey(e.series, e.metric, e.stat): e for e in index}
    found = np.full((len(board.keys), len(board.horizons)), NOBODY)
    for row, key in enumerate(board.keys):
        for segment in reversed(entries[key].segments if key in entries else ()):
            for s, horizon in enumerate(board.horizons):
                if horizon.hours <= segment.until_hours:
                    found[row, s] = places.get(segment.model, NOBODY)
    return found


def composite_losses(choice: Choice, served: IntArray, *, segment: int) -> Losses:
    """Return what a composite lost over the leads up to the end of one segment.

    It is scored as its promise is (`Judged.quality`): where its contender had to be chosen, each
    window counts with the one that the other windows would have chosen.

    Args:
        choice: Of the board that measures it.
        served: Place of the contender that serves each segment, shape `(N, S)`.
        segment: The last one that counts.
    """
    ours = choice.judged(served).ours[:, :, : segment + 1]
    return _joined(ours, ours[..., HOURS] > 0)


def contender_losses(board: ScoreBoard, name: str, *, segment: int) -> Losses:
    """Return what one contender lost over the leads up to the end of one segment."""
    sums = board.sums[board.contenders.index(name), ..., : segment + 1, :]
    return _joined(sums, sums[..., HOURS] > 0)


def naive_losses(board: ScoreBoard, *, segment: int) -> Losses:
    """Return what the reference lost with the band that it came with, as above."""
    sums = board.naive[..., : segment + 1, :]
    return _joined(sums, sums[..., HOURS] > 0)


def _joined(sums: FloatArray, seen: BoolArray) -> Losses:
    """Return sums `(W, N, segments, 4)` joined over the segments, where all of them were seen."""
    losses = Losses(sums[..., LOSS].sum(axis=2), sums[..., HOURS].sum(axis=2))
    return losses.where(np.asarray(seen.all(axis=2)))
