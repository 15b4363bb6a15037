"""Who serves what: a series' own windows weighed with those of all series like it."""

import numpy as np
import pytest

from foresail.evaluation.choice import choose
from foresail.evaluation.scores import HOURS, LOSS, REFERENCE, ScoreBoard
from foresail.horizons import NEXT_DAY
from foresail.panel import FloatArray, SeriesKey


def board_of(ratios: FloatArray, *, metrics: list[str] | None = None) -> ScoreBoard:
    """Return a board of losses relative to the naive's, shape `(C, W, N)`."""
    count, windows, series = ratios.shape
    names = [REFERENCE, *(f"c{i}" for i in range(count))]
    kinds = metrics or ["cpu"] * series
    keys = [SeriesKey(f"s{i}", kind) for i, kind in enumerate(kinds)]
    board = ScoreBoard.empty(names, keys, [NEXT_DAY], windows=windows)
    board.sums[..., HOURS] = 24.0
    board.sums[0, ..., LOSS] = 24.0
    board.sums[1:, :, :, 0, LOSS] = 24.0 * ratios
    board.naive[:] = board.sums[0]
    return board


def winners(ratios: FloatArray, *, metrics: list[str] | None = None) -> list[str]:
    """Return who serves each series."""
    choice = choose(board_of(ratios, metrics=metrics))
    return [choice.winner(row, 0) for row in range(ratios.shape[2])]


def test_alone_a_series_goes_by_its_own_windows() -> None:
    """Without others like it nothing else counts."""
    assert winners(np.full((1, 3, 1), 0.8)) == ["c0"]
    assert winners(np.full((1, 3, 1), 1.2)) == [REFERENCE]


def test_less_than_the_margin_is_not_enough() -> None:
    """1 % better than the naive leaves the naive, 4 % does not."""
    assert winners(np.full((1, 3, 1), 0.99)) == [REFERENCE]
    assert winners(np.full((1, 3, 1), 0.96)) == ["c0"]


def test_the_panel_outweighs_a_little_bad_luck() -> None:
    """Where 60 series find a contender 30 % better, one that found it 5 % worse takes it too."""
    ratios = np.full((1, 3, 61), 0.7)
    ratios[0, :, 60] = 1.05
    assert winners(ratios)[60] == "c0"
    assert winners(ratios[:, :, 60:]) == [REFERENCE]


def test_clear_evidence_outweighs_the_panel() -> None:
    """A series for which it is twice as bad keeps the naive."""
    ratios = np.full((1, 3, 61), 0.7)
    ratios[0, :, 60] = 2.0
    assert winners(ratios)[60] == REFERENCE


def test_one_wild_series_does_not_speak_for_the_panel() -> None:
    """A contender that is hopeless on one of 30 series still serves the others."""
    ratios = np.full((1, 3, 30), 0.8)
    ratios[0, :, 0] = 1e6
    assert winners(ratios) == [REFERENCE] + ["c0"] * 29


def test_only_series_of_a_kind_speak_for_each_other() -> None:
    """What memory series found says nothing of cpu."""
    ratios = np.full((1, 3, 41), 0.6)
    ratios[0, :, 40] = 1.03
    assert winners(ratios, metrics=["memory"] * 40 + ["cpu"])[40] == REFERENCE


def test_two_windows_choose_nobody() -> None:
    """Fewer than three windows leave the naive, whatever the panel says."""
    board = board_of(np.full((1, 3, 40), 0.5))
    board.sums[:, 2, 7] = board.naive[2, 7] = 0.0
    choice = choose(board)
    assert choice.winner(7, 0) == REFERENCE
    assert choice.winner(8, 0) == "c0"
    assert choice.quality(7, [REFERENCE]) is None


def test_the_order_of_series_does_not_matter() -> None:
    """Reversed series have reversed winners."""
    ratios = np.exp(np.random.default_rng(3).normal(0, 0.4, size=(3, 3, 25)))
    assert winners(ratios[:, :, ::-1]) == winners(ratios)[::-1]


def test_the_promise_counts_each_window_with_whom_the_others_chose() -> None:
    """Sums of the judges' losses over all windows, by the hours."""
    board = board_of(np.full((1, 3, 1), 0.5))
    quality = choose(board).quality(0, ["c0"])
    assert quality
    assert quality.sql == pytest.approx(0.5)
    assert quality.naive_sql == pytest.approx(1.0)
    assert quality.windows == 3
