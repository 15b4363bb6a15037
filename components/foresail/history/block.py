"""What one part holds: the hourly usage of many series as dense arrays."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from foresail.history.naming import LABELS
from foresail.panel import BoolArray, FloatArray, IntArray, TimeArray

STATS = ("mean", "max", "p95")
VALUES = (*STATS, "points", "resets")
TEXTS = ("series", *LABELS)
HOUR = np.timedelta64(3600, "s")
SAME = 1e-9
"""Relative difference below which a value asked for again is the same: sums come in any order."""

CountArray = NDArray[np.uint16]
SeriesLabels = tuple[str, ...]
"""The six labels of a series, in the order of `LABELS`; those that do not apply are empty."""


@dataclass(frozen=True, slots=True)
class Block:
    """N series of one metric in H consecutive hours.

    Attributes:
        ds: Bucket starts, shape `(H,)`, `datetime64[s]`.
        series: Ids, ascending, each once; N of them.
        labels: Theirs.
        mean: Shape `(N, H)`; NaN where there is none. An hour without any statistic is a gap.
        max: As `mean`.
        p95: As `mean`.
        points: Samples behind each hour, shape `(N, H)`: of a Prometheus how many of the twelve
            5-minute steps answered, of a file how many rows there were.
        resets: Counter resets in each hour, shape `(N, H)`.
    """

    ds: TimeArray
    series: tuple[str, ...]
    labels: tuple[SeriesLabels, ...]
    mean: FloatArray
    max: FloatArray
    p95: FloatArray
    points: CountArray
    resets: CountArray

    @property
    def present(self) -> BoolArray:
        """Say where there is a value, shape `(N, H)`."""
        return np.asarray(~(np.isnan(self.mean) & np.isnan(self.max)))

    def hours(self, start: int, stop: int) -> "Block":
        """Return some of its hours."""
        return replace(self._each(lambda values: values[:, start:stop]), ds=self.ds[start:stop])

    def living(self, last: int = 0) -> "Block":
        """Return the series that have a value, in its last hours or - with 0 - in any of them."""
        return self.some(np.asarray(self.present[:, -last:].any(axis=1)))

    def some(self, rows: IntArray | BoolArray) -> "Block":
        """Return some of its series, in ascending order."""
        places = np.arange(len(self.series))[rows].tolist()
        picked = self._each(lambda values: values[places])
        return replace(
            picked,
            series=tuple(self.series[i] for i in places),
            labels=tuple(self.labels[i] for i in places),
        )

    def _each(self, cut: Callable[[NDArray[Any]], NDArray[Any]]) -> "Block":
        arrays: dict[str, Any] = {name: cut(getattr(self, name)) for name in VALUES}
        return replace(self, **arrays)


def make_block(
    ds: TimeArray,
    labels_of: Mapping[str, SeriesLabels],
    **values: NDArray[np.generic],
) -> Block:
    """Return a block with its series in ascending order.

    Args:
        ds: Bucket starts, shape `(H,)`.
        labels_of: Series -> labels, in the order of the rows of `values`.
        values: `mean`, `max`, `p95`, `points`, `resets`, shape `(N, H)`; a statistic left out is
            NaN, a count left out 0.
    """
    order = sorted(range(len(labels_of)), key=list(labels_of).__getitem__)
    names = list(labels_of)
    arrays: dict[str, Any] = {
        name: (
            values[name][order].astype(_dtype(name))
            if name in values
            else np.full((len(order), len(ds)), _empty(name), dtype=_dtype(name))
        )
        for name in VALUES
    }
    return Block(
        ds,
        tuple(names[i] for i in order),
        tuple(labels_of[names[i]] for i in order),
        **arrays,
    )


def merged(old: Block | None, fresh: Block, *, trusted_from: np.datetime64 | None = None) -> Block:
    """Return both in one block; where both have an hour of a series, the fresh one counts.

    Args:
        old: What was there.
        fresh: What came.
        trusted_from: Fresh hours before it never replace old ones: where a source begins to
            remember, its first hours are not whole.
    """
    if old is None:
        return fresh
    first, last = min(old.ds[0], fresh.ds[0]), max(old.ds[-1], fresh.ds[-1])
    ds = np.arange(first, last + HOUR, HOUR)
    names = sorted({*old.series, *fresh.series})
    labels = dict(zip(old.series, old.labels, strict=True))
    labels |= dict(zip(fresh.series, fresh.labels, strict=True))
    both = make_block(ds, {name: labels[name] for name in names})
    place = {name: i for i, name in enumerate(names)}
    for block in (old, fresh):
        rows = np.array([place[name] for name in block.series], dtype=np.int64)
        start = int((block.ds[0] - first) // HOUR)
        window = np.ix_(rows, np.arange(start, start + len(block.ds)))
        there = {name: getattr(both, name)[window] for name in VALUES}
        wanted = block.present
        if block is fresh:
            held = ~(np.isnan(there["mean"]) & np.isnan(there["max"]))
            wanted = wanted & ~(held & _same(there, block))
            if trusted_from is not None:
                wanted = wanted & ~(held & (block.ds < trusted_from))
        for name in VALUES:
            came = getattr(block, name)
            # a statistic that did not come takes none away
            getattr(both, name)[window] = np.where(wanted & ~np.isnan(came), came, there[name])
    return both


def counted(old: Block | None, new: Block) -> tuple[int, int]:
    """Return how many values of `new` are not in `old`, and how many differ; `new` holds `old`."""
    if old is None:
        return int(new.present.sum()), 0
    there = merged(old, _nothing(new))
    known = there.present
    same = _same({name: getattr(there, name) for name in VALUES}, new)
    return int((new.present & ~known).sum()), int((known & ~same).sum())


def to_table(block: Block) -> pa.Table:
    """Return its rows, sorted by series and hour; series without a value have none."""
    block = block.living()
    rows, hours = np.nonzero(block.present)
    codes = pa.array(rows.astype(np.int32))
    texts = {"series": list(block.series)} | {
        name: [labels[i] for labels in block.labels] for i, name in enumerate(LABELS)
    }
    columns = {"series": pa.DictionaryArray.from_arrays(codes, pa.array(texts["series"]))}
    columns["ds"] = pa.array(block.ds[hours], pa.timestamp("s", tz="UTC"))
    for name in VALUES:
        columns[name] = pa.array(getattr(block, name)[rows, hours])
    for name in LABELS:
        unique = sorted(set(texts[name]))
        place = {text: i for i, text in enumerate(unique)}
        each = np.array([place[text] for text in texts[name]], dtype=np.int32)
        columns[name] = pa.DictionaryArray.from_arrays(
            pa.array(each[rows]), pa.array(unique, pa.string())
        )
    return pa.table(columns)


def from_table(table: pa.Table) -> Block:
    """Return the block of a part's rows."""
    if not table.num_rows:
        empty = np.empty((0, 0))
        return Block(
            np.empty(0, "datetime64[s]"), (), (), empty, empty, empty, *([empty.astype("u2")] * 2)
        )
    names, rows = series_of(table)
    ds = stamps_of(table)
    first = ds.min()
    hours = ((ds - first) // HOUR).astype(np.int64)
    opening = np.unique(rows, return_index=True)[1]
    columns = [table.column(name).take(pa.array(opening)).to_pylist() for name in LABELS]
    grid = np.arange(first, ds.max() + HOUR, HOUR)
    block = make_block(grid, dict(zip(names, zip(*columns, strict=True), strict=True)))
    for name in VALUES:
        getattr(block, name)[rows, hours] = table.column(name).to_numpy()
    return block


def series_of(table: pa.Table) -> tuple[tuple[str, ...], IntArray]:
    """Return the ids that a part's rows have, ascending, and each row's place among them."""
    texts, codes = texts_of(table)
    names = texts.to_pylist()
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    return tuple(names[i] for i in order), rank[codes]


def texts_of(table: pa.Table) -> tuple[pa.Array, IntArray]:
    """Return the ids that a part's rows have, in any order, and each row's place among them."""
    column = table.column("series").combine_chunks()
    if not isinstance(column, pa.DictionaryArray):
        column = column.dictionary_encode()
    return column.dictionary, column.indices.to_numpy()


def stamps_of(table: pa.Table) -> TimeArray:
    """Return the bucket starts of a part's rows, `datetime64[s]`."""
    found: TimeArray = table.column("ds").to_numpy().astype("datetime64[s]")  # Parquet has ms
    return found


def joined(blocks: Sequence[Block]) -> Block | None:
    """Return all blocks as one, or None where there is none."""
    found: Block | None = None
    for block in blocks:
        found = merged(found, block)
    return found


def _nothing(block: Block) -> Block:
    return make_block(block.ds, dict(zip(block.series, block.labels, strict=True)))


def _same(values: Mapping[str, NDArray[Any]], block: Block) -> BoolArray:
    """Say where a block brings nothing that these values do not say, shape `(N, H)`."""
    same = np.ones(block.mean.shape, dtype=bool)
    for name in VALUES:
        came = getattr(block, name)
        same &= np.isnan(came) | np.isclose(values[name], came, rtol=SAME, atol=0.0)
    return same


def _dtype(name: str) -> np.dtype[np.generic]:
    return np.dtype("u2" if name in {"points", "resets"} else "f8")


def _empty(name: str) -> float:
    return 0 if name in {"points", "resets"} else np.nan
