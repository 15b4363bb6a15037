"""How a panel is cut into blocks, and blocks are shared out."""

import numpy as np
import pytest

from foresail.errors import UsageError
from foresail.evaluation import layout
from foresail.evaluation.layout import Layout


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a first block have four series and the others three at most."""
    monkeypatch.setattr(layout, "FIRST", 4)
    monkeypatch.setattr(layout, "BLOCK", 3)


def test_the_first_block_holds_as_many_of_each_group() -> None:
    """Of sixteen cpu series and two of memory, two of either; another seed draws others."""
    alike = np.array([0] * 16 + [1] * 2)
    first = Layout.of(alike, seed=0).first
    assert alike[first].tolist() == [0, 0, 1, 1]
    assert Layout.of(alike, seed=0).first.tolist() == first.tolist()
    assert Layout.of(alike, seed=1).first.tolist() != first.tolist()


def test_the_other_blocks_are_runs_of_nearly_equal_size() -> None:
    """What is left of eleven series is three, two and two of them, in the panel's order."""
    cut = Layout(11, np.array([1, 3, 5, 7]))
    assert [rows.tolist() for rows in cut.rest] == [[0, 2, 4], [6, 8], [9, 10]]


@pytest.mark.parametrize("shards", [1, 2, 3])
def test_shards_share_out_whole_blocks(shards: int) -> None:
    """Each block once, in order, however many shards there are."""
    cut = Layout(11, np.array([1, 3, 5, 7]))
    shared = [rows for number in range(shards) for rows in cut.shard(number, of=shards)]
    assert [rows.tolist() for rows in shared] == [[0, 2, 4], [6, 8], [9, 10]]
    assert all(list(cut.shard(number, of=shards)) for number in range(shards))


def test_there_are_no_more_shards_than_blocks_and_one_at_least() -> None:
    """Three blocks are three shards at most; a panel of one block has one, with nothing in it."""
    cut, alone = Layout(11, np.array([1, 3, 5, 7])), Layout(3, np.arange(3))
    assert [cut.shards(wanted) for wanted in (1, 2, 3, 50)] == [1, 2, 3, 3]
    assert alone.shards(7) == 1
    assert list(alone.shard(0, of=1)) == []


def test_a_panel_without_a_series_has_an_empty_first_block() -> None:
    """And no other."""
    empty = Layout.of(np.zeros(0, dtype=np.int64), seed=0)
    assert (empty.first.tolist(), empty.rest) == ([], [])


@pytest.mark.parametrize("number", [-1, 3])
def test_a_shard_that_is_not_there_is_refused(number: int) -> None:
    """They are counted from 0."""
    with pytest.raises(UsageError, match=f"shard must be 0 to 2, got {number}"):
        next(Layout(11, np.arange(4)).shard(number, of=3))
