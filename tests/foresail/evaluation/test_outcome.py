"""Outcomes of blocks, joined to that of their panel."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from factories.boards import board_of, served_entry

from foresail.errors import BadInput
from foresail.evaluation import Contest
from foresail.evaluation.outcome import ServedModel
from foresail.panel import SeriesKey

KEYS = [SeriesKey(f"s{i}", "cpu") for i in range(5)]


@dataclass(frozen=True)
class Names:
    """A fitted model that is the names of its series."""

    series: tuple[str, ...]

    def select(self, rows: Sequence[int]) -> "Names":
        """Return those of these rows."""
        return Names(tuple(self.series[row] for row in rows))

    def join(self, others: "Sequence[Names]") -> "Names":
        """Return these and the others."""
        return Names(sum((other.series for other in others), self.series))

    def save(self, folder: Path) -> None:
        """Write nothing."""


def block(rows: Sequence[int], served: Sequence[int] = ()) -> tuple[np.ndarray, Contest]:
    """Return the outcome of some series: hours, losses and names are made of their rows."""
    losses = np.array(rows, dtype=np.float64)[None, None, :, None] + np.ones((1, 3, 1, 2))
    board = board_of(losses, names=["level"])
    model = ServedModel(tuple(served), Names(tuple(f"s{rows[place]}" for place in served)))
    return np.array(rows), Contest(
        index=tuple(served_entry(f"s{row}", ["level"] * 2) for row in rows),
        forecast=np.array(rows, dtype=np.float32)[:, None, None] + np.zeros((1, 4, 3), np.float32),
        models={"level": model} if served else {},
        board=board,
    )


def test_blocks_in_any_order_are_the_panel() -> None:
    """Entries, forecasts, scores and models stand where their series do."""
    joined = Contest.joined([block([1, 4], served=[0, 1]), block([0, 2, 3], served=[1])], KEYS)
    assert [entry.series for entry in joined.index] == ["s0", "s1", "s2", "s3", "s4"]
    assert joined.forecast[:, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert joined.forecast.dtype == np.float32
    assert joined.board.keys == tuple(KEYS)
    assert joined.board.sums[1, 0, :, 0, 0].tolist() == [24, 48, 72, 96, 120]
    assert joined.board.naive[0, :, 0, 0].tolist() == [24] * 5
    assert joined.models["level"] == ServedModel((1, 2, 4), Names(("s1", "s2", "s4")))


def test_a_selection_has_its_own_rows() -> None:
    """Entries, forecasts, scores and models of these series alone; all of them are the same."""
    _, whole = block([5, 6, 7, 8], served=[0, 2])
    some = whole.rows([1, 2])
    assert [entry.series for entry in some.index] == ["s6", "s7"]
    assert some.forecast[:, 0, 0].tolist() == [6, 7]
    assert some.board.sums[1, 0, :, 0, 0].tolist() == [24 * 7, 24 * 8]
    assert some.models == {"level": ServedModel((1,), Names(("s7",)))}
    assert whole.rows([1, 3]).models == {}
    assert whole.rows(range(4)) is whole


def test_nothing_joins_to_nothing() -> None:
    """Not even a forecast of no series: how many steps has it?"""
    with pytest.raises(BadInput, match="expected the outcome of one block at least, got none"):
        Contest.joined([], KEYS)
