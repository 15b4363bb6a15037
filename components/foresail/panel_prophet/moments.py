"""From rows to statistics, for series that have masks of their own.

A series drops the rows it has no value on, so its time, its changepoints and its Gram matrix are
its own. A changepoint's column (t - c)+ is zero up to c and a straight line after it: its products
with every other column follow from sums over the segments between changepoints of 1, t, t^2, x and
t x. Those sums are differences of prefix sums of the whole grid, taken over runs of rows without a
gap, so their cost is that of the gaps and not of the rows.
"""

from dataclasses import dataclass

import numpy as np

from foresail.panel import BoolArray, FloatArray
from foresail.panel_prophet.changepoints import Spans
from foresail.panel_prophet.statistics import OwnGram

PAIR_BYTES = 64 * 2**20
"""Memory for products of feature columns at a time; more rows than fit are taken in turns."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """How the model sees values: (y - floor) / scale, then less its mean. Shape `(B,)` each."""

    floor: FloatArray
    scale: FloatArray
    mean: FloatArray


def scaled(
    values: FloatArray, known: BoolArray | None, *, minmax: bool
) -> tuple[FloatArray, Scaling]:
    """Return the values as the model sees them, zero where there is none, and how to undo it.

    Args:
        values: Shape `(B, n)`; NaN exactly where `known` is False.
        known: None where all are.
        minmax: Prophet's `scaling`: by range from the least value, not by the largest |y|.
    """
    if known is None:
        least, most = values.min(axis=1), values.max(axis=1)
        count: FloatArray | int = values.shape[1]
    else:
        least, most = np.fmin.reduce(values, axis=1), np.fmax.reduce(values, axis=1)
        count = known.sum(axis=1)
    least, most = least.astype(np.float64), most.astype(np.float64)
    floor = least if minmax else np.zeros(least.size)
    scale = most - least if minmax else np.maximum(most, -least)
    scale = np.where(scale == 0, 1.0, scale)
    seen = values.astype(np.float64)
    if known is not None:
        seen[~known] = 0.0
    if minmax:
        seen -= floor[:, None]
    seen /= scale[:, None]
    if known is not None and minmax:
        seen[~known] = 0.0
    mean = seen.sum(axis=1) / count
    seen -= mean[:, None]
    if known is not None:
        seen[~known] = 0.0
    return seen, Scaling(floor, scale, mean)


@dataclass(frozen=True, slots=True)
class Grid:
    """What series with masks of their own share: prefix sums over all rows of the grid.

    Attributes:
        features: Shape `(T, K)`.
        prefix: Sums over the rows before each of 1, row, row^2, x, row x, shape
            `(T + 1, 3 + 2K)`; the first three are whole numbers, and so exact.
    """

    features: FloatArray
    prefix: FloatArray

    @staticmethod
    def of(features: FloatArray) -> "Grid":
        """Prepare a grid."""
        rows = features.shape[0]
        place = np.arange(float(rows))[:, None]
        columns = np.concatenate(
            [np.ones((rows, 1)), place, place**2, features, place * features], axis=1
        )
        prefix = np.zeros((rows + 1, columns.shape[1]))
        np.cumsum(columns, axis=0, out=prefix[1:])
        return Grid(features, prefix)


def own_gram(
    grid: Grid, spans: Spans, seen: FloatArray, precision: FloatArray, *, sloped: bool
) -> tuple[OwnGram, FloatArray]:
    """Return the Gram matrices and moments of series with masks of their own.

    Args:
        grid: Shared by them.
        spans: Of the series.
        seen: Scaled values, zero where there is none, shape `(B, T)`.
        precision: Of the smooth parameters: slope (if any), level, features.
        sloped: Whether the trend has slopes; without them only level and features are left.
    """
    count, bends = spans.bend_rows.shape
    features = grid.features.shape[1]
    smooth = 2 + features
    sums = _own_time(_segment_sums(grid, spans), spans, features)
    values = _own_time_values(seen, spans)
    gram = np.zeros((smooth + bends, smooth + bends, count))
    moments = np.zeros((smooth + bends, count))
    whole = sums[0]
    gram[0, 0], gram[0, 1], gram[1, 0], gram[1, 1] = whole[2], whole[1], whole[1], whole[0]
    gram[2:smooth, 1] = gram[1, 2:smooth] = whole[3 : 3 + features]
    gram[2:smooth, 0] = gram[0, 2:smooth] = whole[3 + features :]
    gram[2:smooth, 2:smooth] = _feature_products(grid.features, spans.known)
    moments[0], moments[1] = values[0, 1], values[0, 0]
    moments[2:smooth] = grid.features.T @ seen.T
    at = spans.bend_times.T
    after = sums[1:]
    gram[smooth:, 0] = after[:, 2] - at * after[:, 1]
    gram[smooth:, 1] = after[:, 1] - at * after[:, 0]
    gram[smooth:, 2:smooth] = after[:, 3 + features :] - at[:, None] * after[:, 3 : 3 + features]
    gram[:smooth, smooth:] = np.swapaxes(gram[smooth:, :smooth], 0, 1)
    moments[smooth:] = values[1:, 1] - at * values[1:, 0]
    for j in range(bends):  # (t - c_i)(t - c_j) over the rows after the later of the two
        column = (
            after[j, 2] - (at[: j + 1] + at[j]) * after[j, 1] + at[: j + 1] * at[j] * after[j, 0]
        )
        gram[smooth + j, smooth : smooth + j + 1] = column
        gram[smooth : smooth + j + 1, smooth + j] = column
    if not sloped:
        return OwnGram(gram[1:smooth, 1:smooth].copy(), precision), moments[1:smooth].copy()
    return OwnGram(gram, precision), moments


def _segment_sums(grid: Grid, spans: Spans) -> FloatArray:
    """Return sums over each series' rows from each changepoint on, shape `(S + 1, M, B)`.

    The first entry is over all its rows.
    """
    count, rows = spans.known.shape
    bends = spans.bend_rows.shape[1]
    stride = rows + 1  # a run that ends with the grid must not touch the next series' first row
    edges = np.zeros((count, rows + 1), dtype=np.int8)
    edges[:, :rows] = spans.known
    edges[:, 1:] -= spans.known
    starts = np.flatnonzero(edges.ravel() == 1)
    ends = np.flatnonzero(edges.ravel() == -1)
    at = (spans.bend_rows + np.arange(count)[:, None] * stride).ravel()
    # an unused changepoint stands at row T, where no run begins
    pieces = np.union1d(starts, at[spans.bend_rows.ravel() < rows])
    run = np.searchsorted(starts, pieces, side="right") - 1
    stops = np.minimum(ends[run], np.append(pieces[1:], np.iinfo(np.int64).max))
    series = pieces // stride
    segment = np.searchsorted(at, pieces, side="right") - series * bends
    base = series * stride
    totals = grid.prefix[stops - base] - grid.prefix[pieces - base]
    key = series * (bends + 1) + segment
    firsts = np.flatnonzero(np.diff(key, prepend=-1))
    sums = np.zeros((count * (bends + 1), totals.shape[1]))
    sums[key[firsts]] = np.add.reduceat(totals, firsts, axis=0)
    by_segment = np.ascontiguousarray(sums.reshape(count, bends + 1, -1).transpose(1, 2, 0))
    return np.cumsum(by_segment[::-1], axis=0)[::-1]


def _own_time(sums: FloatArray, spans: Spans, features: int) -> FloatArray:
    """Turn sums with powers of the row into sums with powers of each series' own time."""
    begin, length = spans.first, spans.length
    turned = np.empty_like(sums)
    turned[:, 0] = sums[:, 0]
    turned[:, 1] = (sums[:, 1] - begin * sums[:, 0]) / length
    turned[:, 2] = (sums[:, 2] - 2 * begin * sums[:, 1] + begin**2 * sums[:, 0]) / length**2
    turned[:, 3 : 3 + features] = sums[:, 3 : 3 + features]
    turned[:, 3 + features :] = (
        sums[:, 3 + features :] - begin * sums[:, 3 : 3 + features]
    ) / length
    return turned


def _own_time_values(seen: FloatArray, spans: Spans) -> FloatArray:
    """Return sums of y and t y over the rows from each changepoint on, shape `(S + 1, 2, B)`."""
    count, rows = seen.shape
    bends = spans.bend_rows.shape[1]
    times = (np.arange(rows) - spans.first[:, None]) / spans.length[:, None]
    # one column more, so that an unused changepoint's row T exists and holds nothing
    padded = np.zeros((2, count, rows + 1))
    padded[0, :, :rows] = seen
    padded[1, :, :rows] = seen * times
    cuts = np.concatenate([np.zeros((count, 1), dtype=np.int64), spans.bend_rows], axis=1)
    flat = (cuts + np.arange(count)[:, None] * (rows + 1)).ravel()
    sums = np.add.reduceat(padded.reshape(2, -1), flat, axis=1).reshape(2, count, bends + 1)
    # between equal cuts lies no row, but reduceat gives the one there
    sums[:, :, :-1][:, cuts[:, 1:] == cuts[:, :-1]] = 0.0
    return np.asarray(np.cumsum(sums.transpose(2, 0, 1)[::-1], axis=0)[::-1])


def _feature_products(features: FloatArray, known: BoolArray) -> FloatArray:
    """Return X'X over each series' rows, shape `(K, K, B)`."""
    rows, size = features.shape
    left, right = np.triu_indices(size)
    step = max(1, PAIR_BYTES // (8 * max(left.size, 1)))
    sums = np.zeros((left.size, known.shape[0]))
    for start in range(0, rows, step):
        part = features[start : start + step]
        sums += (part[:, left] * part[:, right]).T @ known[:, start : start + step].T.astype(float)
    products = np.empty((size, size, known.shape[0]))
    products[left, right] = sums
    products[right, left] = sums
    return products


def standardize_columns(
    gram: OwnGram,
    moments: FloatArray,
    column: int,
    centre: FloatArray,
    scale: FloatArray,
    *,
    level: int,
) -> None:
    """Replace a feature column x by (x - centre) / scale, each series by its own, in place.

    Args:
        gram: Its matrix is changed.
        moments: Changed too, shape `(P, B)`.
        column: Parameter of the column.
        centre: Shape `(B,)`.
        scale: Shape `(B,)`.
        level: Parameter of the level, the column of ones.
    """
    matrix = gram.matrix
    matrix[column] = (matrix[column] - centre * matrix[level]) / scale
    matrix[:, column] = (matrix[:, column] - centre * matrix[:, level]) / scale
    moments[column] = (moments[column] - centre * moments[level]) / scale
