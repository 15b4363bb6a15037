"""The forecast as a function of time: between two full hours it has the value of the hour.

A window that begins or ends within an hour holds a part of it: its highest value counts whole, its
mean by how long it lasts.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np

from foresail.panel import FloatArray
from foresail_serving.promql.table import Part, Rows, SeriesTable
from foresail_serving.promql.values import BoolArray, IntArray, Vector
from foresail_serving.snapshot import Snapshot

HOUR = 3_600_000
_CELLS = 2_000_000
"""Hours that are held in memory at once."""

Over = Literal["max", "min", "avg"]
_Function = Callable[[Part], tuple[FloatArray, BoolArray]]


def at(table: SeriesTable, rows: Rows, snapshot: Snapshot, times: IntArray) -> Vector:
    """Return the value of the hour that contains each time (milliseconds since 1970)."""

    def values(part: Part) -> tuple[FloatArray, BoolArray]:
        hour = (times - part.start) // HOUR
        needed, which = np.unique(np.clip(hour, 0, part.steps - 1), return_inverse=True)
        found = part.plain(part.raw(needed))[:, which.reshape(-1)]
        return found, (hour >= 0) & (hour < part.hours[:, None])

    return _filled(table, rows, snapshot, len(times), values)


def over(
    table: SeriesTable,
    rows: Rows,
    snapshot: Snapshot,
    *,
    starts: IntArray,
    ends: IntArray,
    function: Over,
) -> Vector:
    """Return the highest, lowest or mean value within each window [start, end)."""

    def values(part: Part) -> tuple[FloatArray, BoolArray]:
        begin, end = (starts - part.start) / HOUR, (ends - part.start) / HOUR
        if function == "avg":
            return _mean(part, begin, end)
        return _extreme(part, begin, end, sign=1.0 if function == "max" else -1.0)

    return _filled(table, rows, snapshot, len(ends), values)


def _filled(
    table: SeriesTable, rows: Rows, snapshot: Snapshot, steps: int, function: _Function
) -> Vector:
    values = np.zeros((len(rows.series), steps))
    there = np.zeros(values.shape, dtype=bool)
    for part in table.parts(rows, snapshot):
        for piece in part.split(max(1, _CELLS // part.steps)):
            values[piece.at], there[piece.at] = function(piece)
    return Vector(rows.labels, values, there)


def _extreme(
    part: Part, begin: FloatArray, end: FloatArray, *, sign: float
) -> tuple[FloatArray, BoolArray]:
    first = np.clip(np.floor(begin), 0, part.steps).astype(np.int64)
    last = np.clip(np.ceil(end), 0, part.steps).astype(np.int64)
    there = first < np.minimum(last, part.hours[:, None])
    values = np.zeros(there.shape)
    some = first < last
    if some.any():
        pairs = np.stack([first[some], last[some]], axis=1)
        windows, which = np.unique(pairs, axis=0, return_inverse=True)
        hours = np.arange(windows.min(), windows.max())
        block = sign * part.raw(hours)
        block[hours[None, :] >= part.hours[:, None]] = -np.inf
        # reduceat wants every end to be a column
        block = np.pad(block, ((0, 0), (0, 1)), constant_values=-np.inf)
        highest = np.maximum.reduceat(block, (windows - hours[0]).reshape(-1), axis=1)[:, ::2]
        values[:, some] = highest[:, which.reshape(-1)]
    return part.plain(np.where(there, sign * values, 0.0)), there


def _mean(part: Part, begin: FloatArray, end: FloatArray) -> tuple[FloatArray, BoolArray]:
    stored = np.pad(part.raw(np.arange(part.steps)), ((0, 0), (0, 1)))
    summed = np.pad(np.cumsum(stored, axis=1), ((0, 0), (1, 0)))

    def until(hour: FloatArray) -> FloatArray:
        whole = np.floor(hour).astype(np.int64)
        return np.asarray(
            np.take_along_axis(summed, whole, axis=1)
            + (hour - whole) * np.take_along_axis(stored, whole, axis=1)
        )

    first = np.clip(begin[None, :], 0, part.hours[:, None])
    last = np.clip(end[None, :], 0, part.hours[:, None])
    hours = last - first
    there = hours > 0
    return _seven_digits((until(last) - until(first)) / np.where(there, hours, 1.0)), there


def _seven_digits(values: FloatArray) -> FloatArray:
    """Return computed values to what a float32 holds: the rest is the noise of long sums."""
    places = 6 - np.floor(np.log10(np.maximum(np.abs(values), 1e-30)))
    # powers of ten are exact above one only
    up, down = 10.0 ** np.maximum(places, 0), 10.0 ** np.maximum(-places, 0)
    return np.asarray(np.round(values * up / down) / up * down)
