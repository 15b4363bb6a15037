"""The score board: sums that can be joined."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from foresail.bundle import Quality
from foresail.errors import BadInput
from foresail.evaluation.choice import choose
from foresail.evaluation.losses import quantile_loss
from foresail.evaluation.pools import Pool
from foresail.evaluation.scores import (
    COVERED,
    ERROR,
    HOURS,
    LOSS,
    REFERENCE,
    ScoreBoard,
)
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
    quality = choose(board).judged(np.array([[1, 0]])).quality(0, slice(0, 2))
    assert quality
    served = np.concatenate([quantiles[1, :, :, :24], quantiles[0, :, :, 24:]], axis=2)
    losses = [quantile_loss(y[w], served[w]) / 2.0 for w in range(3)]
    assert quality.sql == pytest.approx(np.mean(losses))
    assert quality.mase == pytest.approx(np.abs(y - served[..., 1]).mean() / 2.0)


def test_a_window_that_was_hardly_seen_does_not_count() -> None:
    """Less than half of a segment's hours is no window."""
    board, y, quantiles = filled()
    hidden = y[0].copy()
    hidden[0, :13] = np.nan
    board.record(0, 0, [0], y=hidden, quantiles=quantiles[0, 0], scale=np.array([2.0]))
    assert board.sums[0, 0, 0, 0].sum() == 0
    assert board.sums[0, 0, 0, 1, 3] == 144


def test_exactly_half_of_a_segment_is_enough() -> None:
    """Twelve hours of a day count, by themselves."""
    board, y, quantiles = filled()
    half = y[0].copy()
    half[0, :12] = np.nan
    board.record(0, 0, [0], y=half, quantiles=quantiles[0, 0], scale=np.array([2.0]))
    losses = quantile_loss(y[0], quantiles[0, 0])[0, 12:24] / 2.0
    assert board.sums[0, 0, 0, 0, HOURS] == 12
    assert board.sums[0, 0, 0, 0, LOSS] == pytest.approx(losses.sum())


def test_a_window_of_a_day_says_nothing_of_the_week() -> None:
    """Windows may have different lengths on one board."""
    board = ScoreBoard.empty([REFERENCE], [KEY], [NEXT_DAY, NEXT_WEEK], windows=1)
    board.record(
        0, 0, [0], y=np.ones((1, 24)), quantiles=np.ones((1, 24, 3)), scale=np.array([1.0])
    )
    assert board.sums[0, 0, 0, :, HOURS].tolist() == [24.0, 0.0]


def test_a_forecast_that_failed_or_has_no_scale_is_not_scored() -> None:
    """Its cell stays zero, those of others do not; a second record replaces the first."""
    keys = [KEY, SeriesKey("b", "cpu"), SeriesKey("c", "cpu")]
    board = ScoreBoard.empty([REFERENCE], keys, [NEXT_DAY], windows=1)
    y, quantiles = np.ones((3, 24)), np.ones((3, 24, 3))
    quantiles[1] = np.nan
    for _ in range(2):
        scale = np.array([1.0, 1.0, np.nan])
        board.record(0, 0, [0, 1, 2], y=y, quantiles=quantiles, scale=scale)
    assert board.sums[0, 0, :, 0, HOURS].tolist() == [24.0, 0.0, 0.0]
    assert not board.sums[0, 0, 1:].any()


def test_the_naive_is_kept_as_it_came() -> None:
    """What all are compared with is the reference's own record, and nobody else's."""
    board, _, _ = filled()
    np.testing.assert_array_equal(board.naive, board.sums[0])
    assert (board.naive != board.sums[1]).any()


def test_hours_inside_the_band_are_counted() -> None:
    """Its ends belong to it: of 24 hours that rise from 0, eleven lie in a band from 5 to 15."""
    board = ScoreBoard.empty([REFERENCE], [KEY], [NEXT_DAY], windows=1)
    quantiles = np.broadcast_to([5.0, 10.0, 15.0], (1, 24, 3))
    y = np.arange(24.0)[None]
    board.record(0, 0, [0], y=y, quantiles=quantiles, scale=np.array([4.0]))
    assert board.sums[0, 0, 0, 0, COVERED] == 11
    assert board.sums[0, 0, 0, 0, ERROR] == np.abs(np.arange(24) - 10).sum() / 4


def test_the_board_of_some_series_has_their_scores_in_their_order() -> None:
    """Rows 2 and 0 of three."""
    keys = [SeriesKey(name, "cpu") for name in "abc"]
    board = ScoreBoard.empty([REFERENCE], keys, [NEXT_DAY], windows=2)
    board.sums[..., LOSS] = np.arange(3)[:, None]
    board.naive[..., LOSS] = np.arange(3)[:, None]
    some = board.rows([2, 0])
    assert [key.series for key in some.keys] == ["c", "a"]
    assert some.sums[0, 1, :, 0, LOSS].tolist() == [2.0, 0.0]
    assert some.naive[1, :, 0, LOSS].tolist() == [2.0, 0.0]


def test_relative_is_below_one_where_the_naive_lost_more() -> None:
    """A hundredth is added to both, so that a perfect naive does not decide it."""
    told = {"windows": 3, "coverage": 0.8, "mase": 1.0, "naive_mase": 1.0}
    assert Quality(sql=0.49, naive_sql=0.99, **told).vs_naive == pytest.approx(0.5)
    assert Quality(sql=0.01, naive_sql=0.0, **told).vs_naive == pytest.approx(2.0)


def test_a_saved_board_comes_back_equal(tmp_path: Path) -> None:
    """Saving and loading keeps names and sums."""
    board, _, _ = filled()
    board.save(tmp_path / "scores.npz")
    back = ScoreBoard.load(tmp_path / "scores.npz")
    np.testing.assert_array_equal(back.sums, board.sums)
    np.testing.assert_array_equal(back.naive, board.naive)
    assert (back.contenders, back.keys, back.horizons) == (
        board.contenders,
        board.keys,
        board.horizons,
    )


def test_what_a_panel_found_stays_with_the_scores_of_a_part(tmp_path: Path) -> None:
    """In a selection, in its file, and in an empty board of other series."""
    board, _, _ = filled()
    pool = Pool((("cpu", "mean"),), np.array([3]), np.ones((1, 2, 3, 1)), np.zeros((1, 2, 3, 1)))
    board = replace(board, pool=pool)
    board.rows([0]).save(tmp_path / "scores.npz")
    back = ScoreBoard.load(tmp_path / "scores.npz").pool
    assert back is not None
    assert (back.groups, back.series.tolist()) == (pool.groups, [3])
    np.testing.assert_array_equal(back.windows, pool.windows)
    np.testing.assert_array_equal(back.ratios, pool.ratios)
    assert board.of_panel([]).pool is pool


def test_scores_are_put_where_their_series_stand() -> None:
    """The boards of two parts are that of the panel."""
    board, _, _ = filled()
    keys = [*board.keys, *(SeriesKey(f"more-{key.series}", "cpu") for key in board.keys)]
    whole, places = board.of_panel(keys), np.arange(len(board.keys))
    whole.put(places + len(places), board)
    assert not whole.sums[:, :, places].any()
    np.testing.assert_array_equal(whole.sums[:, :, places + len(places)], board.sums)
    np.testing.assert_array_equal(whole.naive[:, places + len(places)], board.naive)


def test_another_file_is_no_board(tmp_path: Path) -> None:
    """The error says what to do."""
    (tmp_path / "scores.npz").write_text("no")
    with pytest.raises(BadInput, match=r"scores\.npz is no score board; run train again"):
        ScoreBoard.load(tmp_path / "scores.npz")
