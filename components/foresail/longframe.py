"""The long frame: what its columns must be, and the way to a grid."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from foresail.errors import BadInput
from foresail.panel import SeriesKey

if TYPE_CHECKING:
    from pandas.core.groupby import DataFrameGroupBy

    from foresail.panel import FloatArray, TimeArray

COLUMNS = ("series", "metric", "ds", "y")
KEY = ["series", "metric", "stat"]
STATS = ("mean", "max")


def with_stat(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with a `stat` column; absent means `mean`."""
    return frame if "stat" in frame else frame.assign(stat="mean")


def check_structure(frame: pd.DataFrame) -> list[str]:
    """Return everything that keeps an hourly long frame from being a panel, one sentence each."""
    problems = check_columns(frame)
    if problems:
        return problems
    frame = with_stat(frame)
    seconds = frame["ds"].dt.as_unit("s").astype("int64")
    off = frame["ds"][seconds % 3600 != 0]
    if len(off):
        problems.append(f"{len(off)} stamps are not on the full hour, the first is {off.iloc[0]}")
    twice = frame.duplicated([*KEY, "ds"])
    if twice.any():
        row = frame[twice].iloc[0]
        problems.append(
            f"{int(twice.sum())} rows repeat a stamp, the first is {row['series']} "
            f"{row['metric']} {row['stat']} at {row['ds']}"
        )
    infinite = np.isinf(frame["y"].to_numpy())
    if infinite.any():
        problems.append(f"{int(infinite.sum())} values are infinite")
    return problems


def check_columns(frame: pd.DataFrame) -> list[str]:
    """Return what is wrong with the columns and their types, one sentence each."""
    missing = [name for name in COLUMNS if name not in frame]
    if missing:
        came = ", ".join(map(str, frame.columns)) or "none"
        return [
            f"columns are missing: {', '.join(missing)}; expected series, metric, ds, y, got {came}"
        ]
    problems = []
    if not isinstance(frame["ds"].dtype, pd.DatetimeTZDtype):
        problems.append(
            f"ds must be UTC-aware stamps such as 2026-11-21T08:00:00Z, got {frame['ds'].dtype}"
        )
    if not pd.api.types.is_numeric_dtype(frame["y"].dtype):
        problems.append(f"y must be numbers, got {frame['y'].dtype}")
    if "stat" in frame:
        unknown = sorted(set(frame["stat"].astype(str).unique()) - set(STATS))
        if unknown:
            problems.append(f"stat must be mean or max, got {', '.join(unknown)}")
    if not len(frame):
        problems.append("there is no row; expected at least one value")
    return problems


def grid(
    frame: pd.DataFrame, *, last: np.datetime64 | None = None
) -> tuple["TimeArray", "FloatArray", list[SeriesKey]]:
    """Fold the rows of a long frame into hours: their mean, or for `stat` max their maximum.

    Args:
        frame: Columns that passed `check_columns`; at any step, no value infinite.
        last: The grid's last hour, later rows are left out; None for the last hour with a value.

    Returns:
        `ds` shape `(T,)` from the first hour with a value to the last; `values` shape `(N, T)`, NaN
        for an hour without a value; `keys` sorted, N of them.

    Raises:
        BadInput: There is no value up to the last hour.
    """
    frame = with_stat(frame)
    groups = frame.groupby(KEY, sort=True, observed=True)
    keys = keys_of(groups)
    rows = groups.ngroup().to_numpy()
    hours = frame["ds"].dt.tz_convert("UTC").dt.as_unit("s").astype("int64").to_numpy() // 3600
    y = frame["y"].to_numpy(dtype=np.float64)
    end = int(hours.max()) if last is None else int(last.astype("datetime64[h]").astype(np.int64))
    known = np.isfinite(y) & (hours <= end)
    if not known.any():
        raise BadInput("there is no value up to the last hour known; nothing can be forecast yet")
    rows, hours, y = rows[known], hours[known], y[known]
    first = int(hours.min())
    end = int(hours.max()) if last is None else end
    width = end - first + 1
    cell = rows * width + (hours - first)
    count = np.bincount(cell, minlength=len(keys) * width)
    values = np.full(len(keys) * width, np.nan)
    total = np.bincount(cell, weights=y, minlength=len(keys) * width)
    np.divide(total, count, out=values, where=count > 0)
    peaks = np.array([key.stat == "max" for key in keys])[rows]
    highest = np.full(len(keys) * width, -np.inf)
    np.maximum.at(highest, cell[peaks], y[peaks])
    folded = np.where(np.isfinite(highest), highest, values).reshape(len(keys), width)
    return (np.arange(first, end + 1) * 3600).astype("datetime64[s]"), folded, keys


def keys_of(groups: "DataFrameGroupBy[Any, Any]") -> list[SeriesKey]:
    """Return the keys of a frame grouped by `KEY`, in the order of `ngroup()`."""
    first = groups.first()
    return [
        SeriesKey(*map(str, key))
        for key in zip(*(first.index.get_level_values(k) for k in KEY), strict=True)
    ]
