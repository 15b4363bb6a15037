"""The score board: sums that can be joined."""

from pathlib import Path

import numpy as np
import pytest

from foresail.errors import BadInput
from foresail.evaluation.choice import choose
from foresail.evaluation.losses import quantile_loss
from foresail.evaluation.scores import REFERENCE, ScoreBoard
from foresail.horizons import NEXT_DAY, NEXT_WEEK
from foresail.panel import FloatArray, SeriesKey

KEY = SeriesKey("a", "cpu")


def filled(*, seed: int = 0, better: float = 1.0) -> tuple[ScoreBoard, FloatArray, FloatArray]:
    """Return a board of two contenders on three windows of a week, with what was recorded."""
    rng = np.random.default_rng(seed)
    board = ScoreBoard.empty([REFERENCE, "other"], [KEY], [NEXT_DAY, NEXT_WEEK], windows=3)
    y = rng.normal(10, 1, (3, 1, 168))
    quantiles = np.sort(rng.normal(10, 1, (2, 3, 1, 168, 3)), axis=-1)
    quantiles[1] = y[..., None] + better * (quantiles[1] - y[..., None])
    for c in range(2):
        for w in range(3):
            board.record(c, w, [0], y=y[w], quantiles=quantiles[c, w], scale=np.array([2.0]))
    return board, y, quantiles


def test_a_composites_score_is_exact() -> None:
    """One contender's first day and another's other six: the mean over all the hours served."""
    board, y, quantiles = filled(better=0.1)
    quality = choose(board).quality(0, ["other", REFERENCE])
    assert quality
    served = np.concatenate([quantiles[1, :, :, :24], quantiles[0, :, :, 24:]], axis=2)
    losses = [quantile_loss(y[w], served[w]) / 2.0 for w in range(3)]
    assert quality.sql == pytest.approx(np.mean(losses))
    assert quality.mase == pytest.approx(np.abs(y - served[..., 1]).mean() / 2.0)


def test_a_window_does_not_vouch_for_its_own_choice() -> None:
    """A contender that is better on one window only is neither served nor promised."""
    board, _, _ = filled()
    board.sums[1] = board.sums[0]
    board.sums[1, 0, :, :, 0] *= 0.1  # very lucky once
    board.sums[1, 1:, :, :, 0] *= 1.1  # and worse else
    assert choose(board).winner(0, 0) == REFERENCE


def test_the_promise_of_a_chosen_winner_is_scored_out_of_sample() -> None:
    """Each window counts with whom the other two would have chosen."""
    board, _, _ = filled()
    board.sums[1] = board.sums[0]
    board.sums[1, :, :, :, 0] *= np.array([0.2, 0.9, 1.05])[:, None, None]
    naive = board.sums[0, :, 0, 0, 0]
    assert choose(board).winner(0, 0) == "other"
    quality = choose(board).quality(0, ["other"])
    assert quality
    # without the first window the other two would have chosen: 0.9 + 1.05 of the naive's
    first = 0.2 if 0.9 * naive[1] + 1.05 * naive[2] < naive[1] + naive[2] else 1.0
    expected = (first * naive[0] + 0.9 * naive[1] + 1.05 * naive[2]) / 72
    assert quality.sql == pytest.approx(expected)


def test_two_windows_are_no_measurement() -> None:
    """Fewer than three windows give no promise and no other winner than the naive."""
    board, _, _ = filled()
    board.sums[:, 2] = board.naive[2] = 0
    assert choose(board).quality(0, [REFERENCE]) is None
    assert choose(board).winner(0, 0) == REFERENCE


def test_a_window_that_was_hardly_seen_does_not_count() -> None:
    """Less than half of a segment's hours is no window."""
    board, y, quantiles = filled()
    hidden = y[0].copy()
    hidden[0, :13] = np.nan
    board.record(0, 0, [0], y=hidden, quantiles=quantiles[0, 0], scale=np.array([2.0]))
    assert board.sums[0, 0, 0, 0].sum() == 0
    assert board.sums[0, 0, 0, 1, 3] == 144


def test_a_tie_goes_to_the_naive() -> None:
    """A model must be better, not as good."""
    board, _, _ = filled()
    board.sums[1] = board.sums[0]
    assert choose(board).winner(0, 0) == REFERENCE


def test_a_saved_board_comes_back_equal(tmp_path: Path) -> None:
    """Saving and loading keeps names and sums."""
    board, _, _ = filled()
    board.save(tmp_path / "scores.npz")
    back = ScoreBoard.load(tmp_path / "scores.npz")
    np.testing.assert_array_equal(back.sums, board.sums)
    assert (back.contenders, back.keys, back.horizons) == (
        board.contenders,
        board.keys,
        board.horizons,
    )


def test_another_file_is_no_board(tmp_path: Path) -> None:
    """The error says what to do."""
    (tmp_path / "scores.npz").write_text("no")
    with pytest.raises(BadInput, match=r"scores\.npz is no score board; run train again"):
        ScoreBoard.load(tmp_path / "scores.npz")
