"""Quantiles of the spread around a forecast, tabulated once and interpolated for every series.

For given expected changes the number of steps hardly matters once they are many (`spread` explains
both), and what it does is nearly linear in one over its square. So the table holds few numbers of
steps, the last of them infinite, and one table serves every chance of a change ``p``, which differs
between series that start or end at hours of their own. Blocks of it are computed when a forecast
first needs them.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from scipy.special import ndtri

from foresail.panel import FloatArray
from foresail.panel_prophet.spread import (
    LIMIT,
    MIDDLE,
    RATIOS,
    IntArray,
    spread_quantiles,
    sum_of_squares,
)

_NODES = np.array([*range(1, 13), 14, 16, 20, 24, 32, 48, 64, LIMIT])

# Changes from 6e-6 to 9,000; outside, the nearest serves: it is noise alone, or nearly normal.
_LOG_CHANGES_LOW = -12.0
_GAP = 0.06  # in the logarithm of the changes, between computed rows
_FINENESS = 4
_BLOCK_GAPS = 8
_BLOCK_ROWS = _BLOCK_GAPS * _FINENESS  # and one more: the first of the next block
_BLOCKS = 44
_TOGETHER = 4
_LAST_ROW = _BLOCKS * _BLOCK_ROWS - 1e-6

_RATIO_FINENESS = 5
_COLUMNS = (len(RATIOS) - 1) * _RATIO_FINENESS + 1
_LOG_RATIO_LOW = np.log(RATIOS[0])
_LOG_RATIO_SPAN = np.log(RATIOS[-1] / RATIOS[0])
_WIDTH = _COLUMNS + 1  # the last column twice, so that it has a neighbour too

MANY = 24
"""From so many series of one law on, a table of their own costs less than looking each up."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the table the steps of some series lie, whatever the level and the noise.

    All arrays are of shape ``(B, H)``, or ``(1, H)`` for series that share ``p`` and first step.

    Attributes:
        near: Block for the next smaller tabulated number of steps.
        far: Block for the next larger one; the same when the steps are tabulated themselves.
        far_weight: Share of ``far``.
        row: Row within the block.
        row_weight: Share of the next row.
        deviation: Standard deviation of the changes' part for a unit slope; 0 when ``p`` is 0.
    """

    near: IntArray
    far: IntArray
    far_weight: FloatArray
    row: IntArray
    row_weight: FloatArray
    deviation: FloatArray

    @staticmethod
    def of(p: FloatArray, first_step: IntArray, columns: range) -> "Place":
        """Find the place of columns of a forecast whose column 0 is the step ``first_step``.

        Args:
            p: Chance of a change at each step, within [0, 1], shape ``(B,)`` or ``(1,)``.
            first_step: Steps between the last value and column 0, at least 1, same shape.
            columns: Which columns.
        """
        steps = first_step[:, None] + np.arange(columns.start, columns.stop)
        known = _by_step(1 << int(steps.max()).bit_length())
        never = np.log1p(-np.minimum(p, 1 - np.finfo(float).epsneg))
        with np.errstate(divide="ignore"):  # p = 0: no change ever, the table's first row
            log_rate = np.log(-never)[:, None]
        row = log_rate + (known.log_steps[steps] - _LOG_CHANGES_LOW)
        row *= _FINENESS / _GAP
        np.clip(row, 0, _LAST_ROW, out=row)
        whole = row.astype(np.intp)
        block = whole // _BLOCK_ROWS
        return Place(
            near=known.near[steps] + block,
            far=known.far[steps] + block,
            far_weight=known.far_weight[steps],
            row=whole % _BLOCK_ROWS,
            row_weight=row - whole,
            deviation=np.sqrt(2 * p)[:, None] * known.root_squares[steps],
        )


@dataclass(frozen=True, slots=True)
class _Steps:
    """What depends on the number of steps alone, for 0 ... last."""

    near: IntArray
    far: IntArray
    far_weight: FloatArray
    log_steps: FloatArray
    root_squares: FloatArray


@lru_cache(maxsize=8)
def _by_step(last: int) -> _Steps:
    steps = np.maximum(np.arange(last + 1), 1)  # nobody asks for 0
    near = np.searchsorted(_NODES[:-1], steps, side="right") - 1
    far = near + (_NODES[near] != steps)
    inverse = np.append(1 / _NODES[:-1] ** 2, 0.0)
    span = np.where(far > near, inverse[near] - inverse[far], 1.0)
    return _Steps(
        near * _BLOCKS,
        far * _BLOCKS,
        (inverse[near] - 1 / steps**2) / span,
        np.log(steps),
        np.sqrt(sum_of_squares(steps.astype(np.float64))),
    )


@cache
def _finer_rows() -> FloatArray:
    """Return what interpolates a block's computed rows, ``(rows + 1, computed)``."""
    return _polynomials(1 + np.arange(_BLOCK_ROWS + 1) / _FINENESS, _BLOCK_GAPS + 3, points=4)


@cache
def _finer_columns() -> FloatArray:
    """Return what interpolates the computed ratios, ``(ratios, columns)``."""
    return _polynomials(np.arange(_COLUMNS) / _RATIO_FINENESS, len(RATIOS), points=6).T


def _polynomials(at: FloatArray, count: int, *, points: int) -> FloatArray:
    """Return the weights of values at 0 ... count - 1 in the polynomials through those around."""
    first = np.clip(np.floor(at).astype(np.intp) - points // 2 + 1, 0, count - points)
    found = np.zeros((len(at), count))
    for own in range(points):
        weight = np.ones(len(at))
        for other in set(range(points)) - {own}:
            weight *= (at - first - other) / (own - other)
        found[np.arange(len(at)), first + own] = weight
    return found


class QuantileTable:
    """Quantiles of the spread at one level, in units of the spread's own standard deviation.

    Safe to share between threads: blocks are only ever added.
    """

    def __init__(self, level: float) -> None:
        # nearer the middle than this the density is flat: the quantile grows like the normal one
        self._level = max(level, MIDDLE)
        self._shrink = float(ndtri(level) / ndtri(self._level))
        self._adding = threading.Lock()
        # where each block starts among the rows, or -1
        start: IntArray = np.full(len(_NODES) * _BLOCKS, -1, dtype=np.intp)
        self._held = start, np.empty((0, _WIDTH))

    def at(self, place: Place, log_ratio: FloatArray) -> FloatArray:
        """Return the quantiles, shape ``(B, H)``.

        Args:
            place: Where in the table the steps lie.
            log_ratio: Logarithm of the noise's standard deviation over that of the changes' part,
                shape ``(B, H)``.
        """
        near, far, rows = self._rows_for(place)
        rest = (log_ratio - _LOG_RATIO_LOW) * ((_COLUMNS - 1) / _LOG_RATIO_SPAN)
        np.clip(rest, 0, _COLUMNS - 1, out=rest)
        column = rest.astype(np.intp)
        rest -= column
        if len(near) == 1 and len(rest) >= MANY:
            flat = _mixed_rows(rows, near[0], far[0], place).ravel()
            column += np.arange(len(near[0])) * _WIDTH
            found = _blend(flat[column], flat[column + 1], rest)
        else:
            found = _mixed_elements(rows.ravel(), near, far, place, column, rest)
        found *= self._shrink
        return found

    def _rows_for(self, place: Place) -> tuple[IntArray, IntArray, FloatArray]:
        """Return the row of each step, for the nearer and the farther node, and all rows."""
        start, rows = self._held
        near, far = start[place.near], start[place.far]
        if min(near.min(), far.min()) < 0:
            start, rows = self._add(np.union1d(place.near[near < 0], place.far[far < 0]))
            near, far = start[place.near], start[place.far]
        return near + place.row, far + place.row, rows

    def _add(self, keys: IntArray) -> tuple[IntArray, FloatArray]:
        """Compute blocks, unless another thread just did."""
        with self._adding:
            start, rows = self._held
            keys = keys[start[keys] < 0]
            if len(keys):
                added = np.concatenate([_blocks(part, self._level) for part in _parts(keys)])
                start = start.copy()
                start[keys] = len(rows) + np.arange(0, len(added), _BLOCK_ROWS + 1)
                self._held = start, np.concatenate([rows, added])
            return self._held


@lru_cache(maxsize=32)
def quantile_table(level: float) -> QuantileTable:
    """Return the table of one level above 1/2, the same object each time."""
    return QuantileTable(level)


def _parts(keys: IntArray) -> Iterator[IntArray]:
    """Give keys of blocks that are computed together: of one node, few, since they take room."""
    for node in np.unique(keys // _BLOCKS):
        of_node = keys[keys // _BLOCKS == node]
        for at in range(0, len(of_node), _TOGETHER):
            yield of_node[at : at + _TOGETHER]


def _blocks(keys: IntArray, level: float) -> FloatArray:
    """Return the rows of blocks of one node, one block below the other."""
    around = (keys % _BLOCKS * _BLOCK_GAPS)[:, None] + np.arange(-1, _BLOCK_GAPS + 2)
    computed, index = np.unique(around, return_inverse=True)  # neighbours share some
    changes = np.exp(_LOG_CHANGES_LOW + _GAP * computed)
    steps = int(_NODES[keys[0] // _BLOCKS])
    coarse = spread_quantiles(changes, steps=steps, level=level)[index.reshape(around.shape)]
    found = np.empty((len(keys), _BLOCK_ROWS + 1, _WIDTH))
    found[:, :, :_COLUMNS] = _finer_rows() @ coarse @ _finer_columns()
    found[:, :, _COLUMNS - 1 :] = ndtri(level)  # noise alone, exactly
    return found.reshape(-1, _WIDTH)


def _blend(low: FloatArray, high: FloatArray, share: FloatArray) -> FloatArray:
    """Return the mean with a share of ``high``, which is overwritten."""
    high -= low
    high *= share
    high += low
    return high


def _mixed_rows(rows: FloatArray, near: IntArray, far: IntArray, place: Place) -> FloatArray:
    """Return one table row for each step, ``(H, width)``."""
    row_weight = place.row_weight[0, :, None]
    low = _blend(rows[near], rows[near + 1], row_weight)
    high = _blend(rows[far], rows[far + 1], row_weight)
    return _blend(low, high, place.far_weight[0, :, None])


def _mixed_elements(
    flat: FloatArray,
    near: IntArray,
    far: IntArray,
    place: Place,
    column: IntArray,
    rest: FloatArray,
) -> FloatArray:
    """Return the value at each series' own place, ``(B, H)``."""

    def between_rows(row: IntArray) -> FloatArray:
        index = row * _WIDTH + column
        low = _blend(flat[index], flat[index + 1], rest)
        index += _WIDTH
        return _blend(low, _blend(flat[index], flat[index + 1], rest), place.row_weight)

    return _blend(between_rows(near), between_rows(far), place.far_weight)
