"""Fold the judged rows of a file to one row a series, metric and hour."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foresail.history.naming import LABELS
from foresail.panel import BoolArray, FloatArray, IntArray, SeriesKey

WIDE_COLUMNS = ("series", "metric", "ds", "mean", "max", "p95", "points", *LABELS)
WHOLE_SHARE = 0.75
"""An hour with a smaller share of its series' usual rows is a gap: it speaks of a part only."""
MOST_POINTS = 255
"""Points are stored in one byte; more say nothing more."""

_P95 = 0.95


@dataclass(frozen=True, slots=True)
class HourCounts:
    """What was odd about the hours of one series and metric.

    Attributes:
        gaps: Hours between its first and last one kept that are not there, thin ones among them.
        thin: Hours of which the mean or the maximum was left out, because they hold too few rows.
        repeats: Rows that were dropped because the same stamp and value stood twice.
    """

    gaps: int = 0
    thin: int = 0
    repeats: int = 0


@dataclass(frozen=True, slots=True)
class WideHours:
    """The outcome of `fold_wide`.

    Attributes:
        rows: Columns of `WIDE_COLUMNS`, sorted by series, metric and ds, each once. NaN where the
            file has no such statistic; mean and max are never both NaN. `points` is how many rows
            the hour holds, of the mean if there are any, at most `MOST_POINTS`.
        counts: (series, metric) -> what was odd; all that have a value in the file.
    """

    rows: pd.DataFrame
    counts: Mapping[tuple[str, str], HourCounts]


def fold_wide(
    frame: pd.DataFrame, *, both: bool, repeats: Mapping[SeriesKey, int] | None = None
) -> WideHours:
    """Fold judged rows to hours.

    The p95 is that of the rows of an hour that has more than one; like the maximum it is not made
    of a single row.

    Args:
        frame: Long, with label columns and `stat`, at any step; of any (series, metric, stat) a
            stamp stands once.
        both: The file named no statistic: where a series usually has more than one row an hour,
            the maximum is made of them as well. One row an hour is taken as the mean.
        repeats: What was dropped before, by series.
    """
    rows = frame[frame["y"].notna()]
    code = rows.groupby(["series", "metric"], sort=True, observed=True).ngroup().to_numpy()
    labels = rows.iloc[np.unique(code, return_index=True)[1]][["series", "metric", *LABELS]]
    hour = rows["ds"].dt.tz_convert("UTC").dt.as_unit("s").astype("int64").to_numpy() // 3600
    first = int(hour.min()) if len(hour) else 0
    width = int(hour.max()) - first + 1 if len(hour) else 1
    cell = code * width + (hour - first)
    y = rows["y"].to_numpy(dtype=np.float64)
    means, maxima = (
        _folded(y[chosen], cell[chosen], width)
        for chosen in ((rows["stat"] == stat).to_numpy() for stat in ("mean", "max"))
    )
    cells, values = _joined(means.some(~means.thin), maxima.some(~maxima.thin), both=both)
    owner, hours = cells // width, cells % width
    out = labels.take(owner).reset_index(drop=True)
    out["ds"] = pd.to_datetime((hours + first) * 3600, unit="s", utc=True).as_unit("s")
    thin = _union(means.cells[means.thin], maxima.cells[maxima.thin]) // width
    return WideHours(
        rows=out.assign(**values)[list(WIDE_COLUMNS)],
        counts=_counts(labels, owner, hours, thin, repeats or {}),
    )


@dataclass(frozen=True, slots=True)
class _Hours:
    """The rows of one statistic by cell: a number for each series and hour, ascending."""

    cells: IntArray
    mean: FloatArray
    max: FloatArray
    p95: FloatArray
    count: IntArray
    usual: FloatArray

    @property
    def thin(self) -> BoolArray:
        """Return which hours hold far fewer rows than the usual one of their series."""
        return np.asarray(self.count < WHOLE_SHARE * self.usual)

    def some(self, chosen: BoolArray) -> "_Hours":
        """Return some of the hours."""
        return _Hours(*(getattr(self, f.name)[chosen] for f in fields(self)))

    def at(self, cells: IntArray, values: FloatArray) -> FloatArray:
        """Return values of the own cells at those of others; NaN where there is none."""
        out = np.full(len(cells), np.nan)
        out[np.searchsorted(cells, self.cells)] = values
        return out


def _folded(y: FloatArray, cell: IntArray, width: int) -> _Hours:
    order = np.lexsort((y, cell))
    y = y[order]
    cells, start, count = np.unique(cell[order], return_index=True, return_counts=True)
    end = start + count - 1
    place = start + _P95 * (count - 1)
    low = place.astype(np.int64)
    high = np.minimum(low + 1, end)
    several = np.where(count > 1, y[low] + (place - low) * (y[high] - y[low]), np.nan)
    usual = pd.Series(count).groupby(cells // width).transform("median")
    total = np.add.reduceat(y, start) if len(y) else y
    return _Hours(cells, total / count, y[end], several, count, usual.to_numpy(np.float64))


def _joined(
    means: _Hours, maxima: _Hours, *, both: bool
) -> tuple[IntArray, dict[str, NDArray[np.generic]]]:
    """Return all cells, ascending, and mean, max, p95 and points of each."""
    cells = _union(means.cells, maxima.cells)
    highest = maxima.at(cells, maxima.max)
    if both:
        finer = np.where(means.usual > 1, means.max, np.nan)
        highest = np.where(np.isnan(highest), means.at(cells, finer), highest)
    points = means.at(cells, means.count.astype(np.float64))
    other = maxima.at(cells, maxima.count.astype(np.float64))
    points = np.where(np.isnan(points), other, points)
    return cells, {
        "mean": means.at(cells, means.mean),
        "max": highest,
        "p95": means.at(cells, means.p95),
        "points": np.minimum(points, MOST_POINTS).astype(np.uint8),
    }


def _union(left: IntArray, right: IntArray) -> IntArray:
    """Return both, ascending, each once."""
    both = np.sort(np.concatenate([left, right]))  # unlike union1d it takes no hash table
    return both[np.diff(both, prepend=-1) > 0]


def _counts(
    keys: pd.DataFrame,
    owner: IntArray,
    hours: IntArray,
    thin: IntArray,
    repeats: Mapping[SeriesKey, int],
) -> dict[tuple[str, str], HourCounts]:
    """Return the counts of each series.

    Args:
        keys: Columns series and metric.
        owner: Of each hour kept, its row in `keys`.
        hours: The hours kept.
        thin: Of each thin hour, its row in `keys`.
        repeats: As of `fold_wide`.
    """
    count = np.bincount(owner, minlength=len(keys))
    first, last = np.full(len(keys), hours.max(initial=0)), np.zeros(len(keys), dtype=np.int64)
    np.minimum.at(first, owner, hours)
    np.maximum.at(last, owner, hours)
    gaps = np.where(count > 0, last - first + 1 - count, 0)
    many = np.bincount(thin, minlength=len(keys))
    dropped: Counter[tuple[str, str]] = Counter()
    for key, times in repeats.items():
        dropped[key.series, key.metric] += times
    names = zip(keys["series"], keys["metric"], strict=True)
    return {
        name: HourCounts(missing, few, dropped[name])
        for name, missing, few in zip(names, gaps.tolist(), many.tolist(), strict=True)
    }
