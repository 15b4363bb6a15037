"""What is served, scored window by window."""

import numpy as np
import pytest
from factories.boards import board_of, served_entry

from foresail.evaluation.bootstrap import geometric_ratio
from foresail.evaluation.choice import choose
from foresail.evaluation.composite import (
    NOBODY,
    composite_losses,
    contender_losses,
    naive_losses,
    served_by,
)
from foresail.evaluation.scores import HOURS, LOSS, REFERENCE


def test_a_composite_is_scored_as_its_promise_is() -> None:
    """The ratio of the windows' sums is the promise of every series and horizon."""
    board = board_of(np.random.default_rng(0).uniform(0.4, 1.4, (3, 6, 12, 2)))
    choice = choose(board)
    compared = 0
    for s in range(2):
        naive = naive_losses(board, segment=s)
        ours = composite_losses(choice, choice.winners, segment=s)
        for row in range(12):
            quality = choice.judged(choice.winners).quality(row, slice(0, s + 1))
            assert quality is not None
            place = np.array([row])
            ratio = geometric_ratio(ours.rows(place), naive.rows(place))
            assert ratio == pytest.approx(quality.vs_naive)
            compared += choice.winners[row, s] != 0
    assert compared > 6


def test_who_serves_is_read_from_the_segments() -> None:
    """A segment serves all leads up to its end; who is not on the board is nobody."""
    board = board_of(np.ones((1, 3, 3, 2)))
    index = [
        served_entry("s1", ("c0", REFERENCE)),
        served_entry("s0", ("c0",)),
        served_entry("s2", ("lost", "c0")),
    ]
    assert served_by(board, index).tolist() == [[1, 1], [1, 0], [NOBODY, 1]]


def test_a_series_that_the_index_lacks_is_served_by_nobody() -> None:
    """Nor is one whose forecast ends before the horizon."""
    board = board_of(np.ones((1, 3, 2, 2)))
    index = [served_entry("s1", ("c0",), hours=24)]
    served = served_by(board, index)
    assert served.tolist() == [[NOBODY, NOBODY], [1, NOBODY]]
    assert composite_losses(choose(board), served, segment=0).hours.tolist() == [[0.0, 24.0]] * 3
    assert not composite_losses(choose(board), served, segment=1).hours.any()


def test_a_window_of_a_day_counts_for_the_day_alone() -> None:
    """Its week was not held out, so that the week has one window less."""
    board = board_of(np.full((1, 4, 1, 2), 0.5))
    board.sums[:, 3, :, 1] = board.naive[3, :, 1] = 0.0
    choice = choose(board)
    assert composite_losses(choice, choice.winners, segment=0).hours[:, 0].tolist() == [24.0] * 4
    week = composite_losses(choice, choice.winners, segment=1)
    assert week.hours[:, 0].tolist() == [168.0, 168.0, 168.0, 0.0]
    assert naive_losses(board, segment=1).hours[3, 0] == 0.0
    assert contender_losses(board, "c0", segment=1).loss[:, 0].tolist() == [84.0, 84.0, 84.0, 0.0]


def test_a_window_does_not_vouch_for_its_own_choice() -> None:
    """Where one window alone speaks for the winner, that window counts with the others' choice."""
    board = board_of(np.full((2, 4, 1, 1), 0.9))
    board.sums[1, 0, 0, 0, LOSS] = 0.1 * 24
    board.sums[2, 1:, 0, 0, LOSS] = 0.8 * 24
    choice = choose(board)
    assert choice.winners[0, 0] == 1
    assert choice.judges[0, 0, 0] == 2
    ours = composite_losses(choice, choice.winners, segment=0)
    assert (ours.loss[:, 0] / 24)[0] == pytest.approx(0.9)
    assert board.sums[1, 0, 0, 0, HOURS] == 24.0
