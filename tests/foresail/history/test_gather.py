"""From the rows of many parts to one panel."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from foresail.history.block import make_block, to_table
from foresail.history.gather import Gather, _bring_forward
from foresail.history.manifest import PartEntry, Partition
from foresail.history.naming import LABELS
from foresail.history.parts import encode_part

DAY = date(2026, 1, 1)
DS = np.datetime64(DAY, "s") + np.arange(72) * np.timedelta64(3600, "s")


def part(day: int, metric: str, **means: float) -> tuple[PartEntry, pa.Table]:
    """Return a day's part: name -> its mean all day; the maximum is one more."""
    labels = {name: ("c", "node", name, "", "", "") for name in means}
    mean = np.repeat(np.array(list(means.values()))[:, None], 24, axis=1)
    block = make_block(DS[24 * day : 24 * day + 24], labels, mean=mean, max=mean + 1)
    place = Partition(
        table="history", cluster="c", metric=metric, scope="node", day=DAY + timedelta(days=day)
    )
    table = to_table(block)
    return encode_part(table, place)[0], table


def test_metrics_statistics_and_new_series_lie_in_the_order_of_their_keys() -> None:
    """Whatever the order in which parts name them; one that never has a value is left out."""
    given = [part(0, "memory", b=1, d=2), part(1, "memory", a=3, b=4), part(1, "cpu", b=5, c=6)]
    tables = {entry.key: table for entry, table in given}
    asked: list[str] = []

    def labels(entry: PartEntry) -> pa.Table:
        asked.append(entry.key)
        return tables[entry.key].select(list(LABELS))

    entries = [entry for entry, _ in given]
    gather = Gather.of(entries, DS, stats=("mean", "max"), read_labels=labels)
    for entry, table in given:
        gather.take(entry, table)
    panel = gather.panel()
    assert [(i.series, i.metric, i.stat) for i in panel.index] == [
        (series, metric, stat)
        for series, metric in (
            ("a", "memory"),
            ("b", "cpu"),
            ("b", "memory"),
            ("c", "cpu"),
            ("d", "memory"),
        )
        for stat in ("max", "mean")
    ]
    assert len(panel.ds) == 48
    nan = np.nan
    first_and_last = panel.values[:, [0, -1]]
    np.testing.assert_array_equal(
        first_and_last[1::2], [[nan, 3], [nan, 5], [1, 4], [nan, 6], [2, nan]]
    )
    assert panel.index[0].labels == {"cluster": "c", "scope": "node", "node": "a"}
    assert asked == [entry.key for entry in entries]


def test_room_grows_where_more_series_come_than_the_parts_let_expect() -> None:
    """Nothing that was written is lost."""
    given = [part(day, "cpu", **{f"n{day}-{i}": 10 * day + i for i in range(40)}) for day in (0, 1)]
    entries = [entry for entry, _ in given]
    tables = {entry.key: table for entry, table in given}
    gather = Gather.of(entries, DS, stats=("mean",), read_labels=lambda e: tables[e.key])
    for entry, table in given:
        gather.take(entry, table)
    panel = gather.panel()
    assert len(panel) == 80
    assert sorted(np.nanmax(panel.values, axis=1)) == sorted([*range(40), *range(10, 50)])


@pytest.mark.parametrize("seed", range(20))
def test_rows_are_brought_forward_in_place(seed: int) -> None:
    """Any choice in any order, as numpy would pick it."""
    rng = np.random.default_rng(seed)
    rows = rng.random((12, 3))
    wanted = rng.permutation(12)[: rng.integers(0, 13)].tolist()
    expected = rows[wanted]
    _bring_forward(rows, wanted)
    np.testing.assert_array_equal(rows[: len(wanted)], expected)
