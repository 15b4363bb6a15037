"""From what was read to what is staged: blocks of usage, rows of capacity."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from foresail.history.block import Block, CountArray, make_block
from foresail.history.frames import CAPACITY_COLUMNS, empty_capacity, typed
from foresail.history.hourly import Hourly
from foresail.history.naming import checked_cluster, full_labels, series_id
from foresail.history.presets import CapacityPreset
from foresail.history.reader import Labels
from foresail.panel import BoolArray, FloatArray, TimeArray

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DIGITS = 10
_SAME = 1e-9
"""Relative difference that is none: Prometheus adds up in any order."""


def aligned(
    labels: tuple[Labels, ...], values: FloatArray, wanted: tuple[Labels, ...]
) -> FloatArray:
    """Return the rows of the wanted labels, in their order; a series that is not there is gaps."""
    place = {key: i for i, key in enumerate(labels)}
    out = np.full((len(wanted), values.shape[1]), np.nan)
    rows = [i for i, key in enumerate(wanted) if key in place]
    out[rows] = values[[place[wanted[i]] for i in rows]]
    return out


def steadied(values: FloatArray) -> FloatArray:
    """Return the values to ten significant digits; whole numbers below 2^53 stay as they are.

    A Prometheus adds up in any order: the last digits of a sum change from one asking to the next,
    and the same data would not be the same bytes.
    """
    with np.errstate(all="ignore"):  # of zero, gaps, infinities and the largest numbers
        scale = 10.0 ** (_DIGITS - 1 - np.floor(np.log10(np.abs(values))))
        rounded = np.rint(values * scale) / scale
    plain = ~np.isfinite(rounded) | (values == np.rint(values))
    return np.where(plain, values, rounded)


def names_of(
    key: Labels, scope: str, *, cluster: str, cluster_label: str
) -> tuple[str, dict[str, str]]:
    """Return the id and the six labels of an answer's series.

    Raises:
        UsageError: The source calls a cluster by a name that no id can hold.
    """
    given = dict(key)
    own = checked_cluster(given[cluster_label]) if cluster_label else cluster
    labels = full_labels(scope, given, cluster=own)
    return series_id(scope, given, cluster=own), labels


def usage_block(
    labels: tuple[Labels, ...],
    hourly: Hourly,
    resets: FloatArray | None,
    *,
    scope: str,
    cluster: str,
    cluster_label: str,
) -> tuple[Block, CountArray]:
    """Return the block of one query's series, and the steps that the source answered for each.

    The second has the rows of the block, shape `(N, H)`.
    """
    named = [names_of(key, scope, cluster=cluster, cluster_label=cluster_label) for key in labels]
    values: dict[str, NDArray[Any]] = {
        "mean": steadied(hourly.mean),
        "max": steadied(hourly.max),
        "p95": steadied(hourly.p95),
        "points": hourly.points,
    }
    if resets is not None:
        values["resets"] = np.clip(np.nan_to_num(resets), 0, 65535)
    block = make_block(hourly.ds, {name: tuple(each.values()) for name, each in named}, **values)
    order = sorted(range(len(named)), key=[name for name, _ in named].__getitem__)
    return block, hourly.source[order]


def capacity_rows(
    preset: CapacityPreset,
    labels: tuple[Labels, ...],
    values: FloatArray,
    ds: TimeArray,
    *,
    cluster: str,
    cluster_label: str,
) -> Mapping[str, pd.DataFrame]:
    """Return cluster -> rows: the first of each day and every change; most stand still."""
    values = steadied(values)
    kept = _first_or_changed(values, ds.astype("datetime64[D]"))
    named = [
        names_of(key, preset.scope, cluster=cluster, cluster_label=cluster_label) for key in labels
    ]
    own = np.array([texts["cluster"] for _, texts in named], dtype=object)
    names = np.array([name for name, _ in named], dtype=object)
    found = {}
    for each in dict.fromkeys(own.tolist()):
        series, hours = np.nonzero(kept & (own == each)[:, None])
        frame = pd.DataFrame({"ds": ds[hours], "value": values[series, hours]}).assign(
            series=names[series], metric=preset.metric, kind=preset.kind
        )
        found[each] = joined([frame])
    return found


def _first_or_changed(values: FloatArray, days: TimeArray) -> BoolArray:
    """Say which hours begin a day of their series, or differ from its hour before; `(N, T)`."""
    there = ~np.isnan(values)
    hours = np.arange(values.shape[1])
    last = np.maximum.accumulate(np.where(there, hours, -1), axis=1)
    before = np.hstack([np.full((len(values), 1), -1), last[:, :-1]])
    known = np.take_along_axis(values, np.maximum(before, 0), axis=1)
    same = (before >= 0) & np.isclose(values, known, rtol=_SAME, atol=0)
    same &= days[np.maximum(before, 0)] == days
    return there & ~same


def joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return all capacity rows below each other."""
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return empty_capacity()
    return typed(pd.concat(filled, ignore_index=True)[list(CAPACITY_COLUMNS)])
