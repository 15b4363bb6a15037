"""From arrays to the rows of the two tables."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foresail.history.frames import CAPACITY_COLUMNS, USAGE_COLUMNS, empty_capacity, typed
from foresail.history.hourly import Hourly
from foresail.history.naming import full_labels, series_id
from foresail.history.presets import CapacityPreset, UsagePreset
from foresail.history.reader import Labels
from foresail.panel import FloatArray, TimeArray

_SAME = 1e-9
"""Relative difference that is none: Prometheus adds up in any order."""


def aligned(
    labels: tuple[Labels, ...], values: FloatArray, wanted: tuple[Labels, ...]
) -> FloatArray:
    """Return the rows of the wanted labels, in their order; a series that is not there is gaps."""
    place = {key: i for i, key in enumerate(labels)}
    out = np.full((len(wanted), values.shape[1]), np.nan)
    for i, key in enumerate(wanted):
        if key in place:
            out[i] = values[place[key]]
    return out


def count_gaps(present: NDArray[np.bool_]) -> int:
    """Count the missing hours between each row's first and last value."""
    after_first = np.logical_or.accumulate(present, axis=1)
    before_last = np.logical_or.accumulate(present[:, ::-1], axis=1)[:, ::-1]
    return int((after_first & before_last & ~present).sum())


def usage_rows(
    preset: UsagePreset, series: tuple[Labels, ...], hourly: Hourly, *, cluster: str
) -> pd.DataFrame:
    """Return the long rows of one preset's series; gaps have none."""
    frames = []
    for i, key in enumerate(series):
        given = dict(key)
        labels = full_labels(preset.scope, given, cluster=cluster)
        for stat, values in (("mean", hourly.mean[i]), ("max", hourly.maximum[i])):
            there = ~np.isnan(values)
            frames.append(
                pd.DataFrame({"ds": hourly.ds[there], "y": values[there]}).assign(
                    series=series_id(preset.scope, given, cluster=cluster),
                    metric=preset.metric,
                    stat=stat,
                    **labels,
                )
            )
    return typed(pd.concat(frames, ignore_index=True)[list(USAGE_COLUMNS)])


def capacity_rows(
    preset: CapacityPreset,
    labels: tuple[Labels, ...],
    values: FloatArray,
    ds: TimeArray,
    *,
    cluster: str,
) -> pd.DataFrame:
    """Keep the first row of each day and every change: capacities mostly stand still."""
    frames = [empty_capacity()]
    day = ds.astype("datetime64[D]")
    for i, key in enumerate(labels):
        there = ~np.isnan(values[i])
        row, when, days = values[i][there], ds[there], day[there]
        kept = np.ones(len(row), dtype=bool)
        kept[1:] = ~np.isclose(row[1:], row[:-1], rtol=_SAME, atol=0) | (days[1:] != days[:-1])
        frames.append(
            pd.DataFrame({"ds": when[kept], "value": row[kept]}).assign(
                series=series_id(preset.scope, dict(key), cluster=cluster),
                metric=preset.metric,
                kind=preset.kind,
            )
        )
    return typed(joined(frames, empty_capacity())[list(CAPACITY_COLUMNS)])


def joined(frames: list[pd.DataFrame], empty: pd.DataFrame) -> pd.DataFrame:
    """Return all frames below each other, or the empty one."""
    filled = [typed(frame) for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else empty
