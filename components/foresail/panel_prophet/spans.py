"""Where each series of a panel has values: the facts that decide how it is fitted."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from foresail.panel import BoolArray, FloatArray, IntArray

BLOCK = 512
"""Series looked at together, so that what is computed of them stays in cache."""


def blocks(rows: IntArray, size: int) -> Iterator[IntArray]:
    """Yield the rows in turns of `size`."""
    for start in range(0, rows.size, size):
        yield rows[start : start + size]


@dataclass(frozen=True, slots=True)
class Coverage:
    """What is known of each of N series on T rows.

    Attributes:
        count: Number of values.
        first: Row of the first one; 0 where there is none.
        last: Row of the last one.
        nearest: Least distance in rows between two values; 1 nearly always.
        least: Smallest value.
        most: Largest value.
        infinite: Whether a value is infinite.
        mask: The rows with a value, as bytes equal for equal masks; empty for a complete series.
    """

    count: IntArray
    first: IntArray
    last: IntArray
    nearest: IntArray
    least: FloatArray
    most: FloatArray
    infinite: BoolArray
    mask: tuple[bytes, ...]

    @property
    def constant(self) -> BoolArray:
        """Return whether all values of a series are equal."""
        return np.asarray(self.least == self.most)


def coverage(values: FloatArray) -> Coverage:
    """Look at every series once.

    Args:
        values: Shape `(N, T)`, NaN where there is none.
    """
    # an empty panel has one part too, with nothing in it
    every = list(blocks(np.arange(values.shape[0]), BLOCK)) or [np.arange(0)]
    parts = [_coverage(values[rows]) for rows in every]
    joined = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("count", "first", "last", "nearest", "least", "most", "infinite")
    }
    return Coverage(**joined, mask=tuple(mask for part in parts for mask in part.mask))


def _coverage(values: FloatArray) -> Coverage:
    rows = values.shape[1]
    least, most = np.fmin.reduce(values, axis=1), np.fmax.reduce(values, axis=1)
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    full = count == rows
    first = known.argmax(axis=1)
    last = rows - 1 - known[:, ::-1].argmax(axis=1)
    nearest = np.ones(count.size, dtype=np.int64)
    apart = ~(known[:, 1:] & known[:, :-1]).any(axis=1) & (count > 1)
    for row in np.flatnonzero(apart):
        nearest[row] = np.diff(np.flatnonzero(known[row])).min()
    packed = np.packbits(known, axis=1)
    mask = tuple(b"" if full[i] else packed[i].tobytes() for i in range(count.size))
    infinite = np.isinf(least) | np.isinf(most)
    return Coverage(
        count,
        first,
        last,
        nearest,
        least.astype(np.float64),
        most.astype(np.float64),
        infinite,
        mask,
    )
