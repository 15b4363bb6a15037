"""Fold rows into hours, and hold panels to their last hour."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from foresail.longframe import grid
from foresail.panel import HOUR, Panel, SeriesInfo, SeriesKey, described
from foresail.times import to_numpy

if TYPE_CHECKING:
    import pandas as pd


def hourly_panel(
    frame: "pd.DataFrame",
    *,
    as_of: datetime | None = None,
    index: Mapping[SeriesKey, SeriesInfo] | None = None,
) -> Panel:
    """Fold a judged long frame into a panel: the mean, or for `stat` max the maximum, of each hour.

    Args:
        frame: Judged rows (`foresail.quality.judge`), at any step.
        as_of: The grid's last hour, later rows are left out; None for the last hour with a value.
        index: Labels and capacity of the series, where known.

    Returns:
        A panel from the first hour with a value to `as_of`; an hour without a value is NaN.

    Raises:
        BadInput: There is no value up to `as_of`.
    """
    ds, values, keys = grid(frame, last=None if as_of is None else to_numpy(as_of))
    return Panel(ds, values, described(keys, index or {}))


def ending_at(panel: Panel, as_of: datetime) -> Panel:
    """Return the panel with `as_of` as its last hour: cut off there, or filled up with gaps."""
    last = to_numpy(as_of)
    cut = panel.until(last)
    missing = int((last - panel.ds[0]) // HOUR) + 1 - len(cut.ds)
    if missing <= 0:
        return cut
    gaps = np.full((len(cut), missing), np.nan)
    ds = panel.ds[0] + np.arange(len(cut.ds) + missing) * HOUR
    return Panel(ds.astype("datetime64[s]"), np.hstack([cut.values, gaps]), cut.index)
