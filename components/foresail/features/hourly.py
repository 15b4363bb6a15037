"""Fold rows into hours."""

from collections.abc import Mapping
from datetime import datetime

import numpy as np
import pandas as pd

from foresail.longframe import KEY, keys_of, with_stat
from foresail.panel import Panel, SeriesInfo, SeriesKey, unit_of
from foresail.times import to_numpy


def hourly_panel(
    frame: pd.DataFrame,
    *,
    as_of: datetime | None = None,
    index: Mapping[SeriesKey, SeriesInfo] | None = None,
) -> Panel:
    """Fold a judged long frame into a panel: the mean, or for `stat` max the maximum, of each hour.

    Args:
        frame: Judged rows (`foresail.quality.judge`), at any step.
        as_of: The grid's last hour; None for the last hour that has a value.
        index: Labels and capacity of the series, where known.

    Returns:
        A panel from the first hour with a value to `as_of`; an hour without a value is NaN.
    """
    frame = with_stat(frame)
    groups = frame.groupby(KEY, sort=True, observed=True)
    keys = keys_of(groups)
    rows = groups.ngroup().to_numpy()
    hours = frame["ds"].dt.tz_convert("UTC").dt.as_unit("s").astype("int64").to_numpy() // 3600
    y = frame["y"].to_numpy(dtype=np.float64)
    known = np.isfinite(y)
    rows, hours, y = rows[known], hours[known], y[known]
    first = int(hours.min())
    last = int(hours.max()) if as_of is None else int(to_numpy(as_of).astype(np.int64)) // 3600
    shape = (len(keys), last - first + 1)
    cell = rows * shape[1] + (hours - first)
    count = np.bincount(cell, minlength=shape[0] * shape[1])
    total = np.bincount(cell, weights=y, minlength=shape[0] * shape[1])
    values = np.full(shape[0] * shape[1], np.nan)
    np.divide(total, count, out=values, where=count > 0)
    peaks = np.array([key.stat == "max" for key in keys])[rows]
    highest = np.full(shape[0] * shape[1], -np.inf)
    np.maximum.at(highest, cell[peaks], y[peaks])
    values = np.where(np.isfinite(highest), highest, values).reshape(shape)
    ds = (np.arange(first, last + 1) * 3600).astype("datetime64[s]")
    known_index = index or {}
    return Panel(
        ds,
        values,
        tuple(
            known_index.get(k) or SeriesInfo(k.series, k.metric, k.stat, unit_of(k.metric))
            for k in keys
        ),
    )
