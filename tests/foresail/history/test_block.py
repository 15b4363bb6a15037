"""Blocks: what one part holds."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from foresail.history.block import Block, counted, from_table, joined, make_block, merged, to_table
from foresail.history.manifest import Partition
from foresail.history.naming import full_labels, series_id
from foresail.history.parts import encode_part

NAN = np.nan
START = np.datetime64("2025-01-01T22", "s")


def block(hours: int = 3, start: np.datetime64 = START, **rows: list[float]) -> Block:
    """Return a block of nodes: name -> means; the maximum is one more."""
    labels = {
        series_id("node", {"node": name}, cluster="c"): tuple(
            full_labels("node", {"node": name}, cluster="c").values()
        )
        for name in rows
    }
    mean = np.array(list(rows.values())).reshape(len(rows), hours)
    ds = start + np.arange(hours) * np.timedelta64(3600, "s")
    points = np.where(np.isnan(mean), 0, 12)
    return make_block(ds, labels, mean=mean, max=mean + 1, points=points)


def test_a_block_comes_back_from_its_rows() -> None:
    """Values, gaps, labels, counts; series in ascending order; one without a value is gone."""
    both = from_table(to_table(block(b=[1, NAN, 3], a=[4, 5, 6], z=[NAN, NAN, NAN])))
    assert both.series == ("c/node/a", "c/node/b")
    assert both.labels[0] == ("c", "node", "a", "", "", "")
    np.testing.assert_array_equal(both.mean, [[4, 5, 6], [1, NAN, 3]])
    np.testing.assert_array_equal(both.max, both.mean + 1)
    np.testing.assert_array_equal(both.p95, np.full((2, 3), NAN))
    np.testing.assert_array_equal(both.points, [[12, 12, 12], [12, 0, 12]])
    np.testing.assert_array_equal(both.ds, block(a=[0, 0, 0]).ds)


def test_the_same_rows_give_the_same_bytes_however_they_came() -> None:
    """Series that one hour knew and another did not leave no trace."""
    whole = block(a=[1, 2, 3], b=[4, 5, 6])
    pieces = [block(1, START + np.timedelta64(i, "h"), b=[4 + i], a=[1 + i]) for i in (2, 0, 1)]
    together = joined(pieces)
    assert together is not None
    day = Partition(table="history", cluster="c", metric="cpu", scope="node", day=date(2025, 1, 1))
    assert encode_part(to_table(together), day) == encode_part(to_table(whole), day)


def test_what_comes_later_counts_and_what_it_does_not_know_stays() -> None:
    """A source that has forgotten an hour takes nothing away."""
    after = merged(block(a=[1, 2, 3], b=[7, 8, 9]), block(a=[NAN, 5, NAN]))
    np.testing.assert_array_equal(after.mean, [[1, 5, 3], [7, 8, 9]])
    np.testing.assert_array_equal(after.points, np.full((2, 3), 12))


def test_a_statistic_that_did_not_come_takes_none_away() -> None:
    """Means alone, as a plain file has them, leave the maxima of the same hours as they are."""
    means = block(a=[1, 5, NAN])
    after = merged(block(a=[1, 2, 3]), replace(means, max=np.full((1, 3), NAN)))
    np.testing.assert_array_equal(after.mean, [[1, 5, 3]])
    np.testing.assert_array_equal(after.max, [[2, 3, 4]])


def test_a_late_sample_that_moves_no_mean_still_counts() -> None:
    """Its point and its p95 are taken, so that one run or two give the same bytes."""
    early = block(a=[1, 2, 3])
    early.points[0, 0] = 11
    late = replace(block(a=[1, 2, 3]), p95=np.array([[1.5, NAN, NAN]]))
    after = merged(early, late)
    assert after.points[0].tolist() == [12, 12, 12]
    assert after.p95[0, 0] == 1.5


def test_a_sum_in_another_order_changes_nothing() -> None:
    """A relative difference below 1e-9 is none: the staged value stays, to the last bit."""
    after = merged(block(a=[1, 2, 3]), block(a=[1, 2 * (1 + 1e-13), 3.1]))
    assert after.mean[0].tolist() == [1, 2, 3.1]


def test_where_the_source_begins_to_remember_nothing_is_replaced() -> None:
    """Its first hours are not whole; a value that was staged when they were is better."""
    edge = START + np.timedelta64(2, "h")
    after = merged(block(a=[1, 2, NAN]), block(a=[0.5, 2.5, 3.5]), trusted_from=edge)
    np.testing.assert_array_equal(after.mean, [[1, 2, 3.5]])


@pytest.mark.parametrize(
    ("fresh", "wanted"),
    [
        ({"a": [1.0, 2, 3]}, (1, 0)),
        ({"a": [1.0, 5, NAN]}, (0, 1)),
        ({"b": [1.0, NAN, NAN]}, (1, 0)),
    ],
)
def test_new_and_changed_values_are_counted(
    fresh: dict[str, list[float]], wanted: tuple[int, int]
) -> None:
    """Hours that were not there, and hours with another value."""
    old = block(a=[1, 2, NAN])
    assert counted(old, merged(old, block(**fresh))) == wanted


def test_an_empty_part_is_an_empty_block() -> None:
    """A day of gaps has no rows."""
    assert from_table(to_table(block(a=[NAN, NAN, NAN]))).series == ()
