"""Fold rows into hours."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from foresail.longframe import grid
from foresail.panel import Panel, SeriesInfo, SeriesKey, described
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
