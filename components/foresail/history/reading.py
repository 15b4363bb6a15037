"""Read a staged history back."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from foresail.history.block import HOUR
from foresail.history.frames import CAPACITY_COLUMNS, CAPACITY_KEYS, empty_capacity, latest, typed
from foresail.history.gather import Gather
from foresail.history.idle import REST_HOURS, rest
from foresail.history.manifest import HistoryManifest, PartEntry, load_manifest
from foresail.history.naming import LABELS
from foresail.history.parts import read_part, read_parts
from foresail.history.plan import midnight
from foresail.objects import ObjectStore, open_store
from foresail.panel import Panel
from foresail.settings import Settings
from foresail.times import to_numpy

SERVED_STATS = ("mean", "max")
"""What is forecast of what is staged; the p95 is for people and for what comes later."""

CAPACITY_DAYS = 2
"""While a figure holds it is staged once a day."""
Latest = Literal["latest"]


@dataclass(frozen=True, slots=True)
class History:
    """A staged history.

    Attributes:
        panel: Every series that has a value, sorted by id, metric and statistic. Hours in which a
            batch workload rested while its source was there are zero.
        capacity: Columns series, metric, kind, ds, value. A value holds until the next row; there
            is one at least a day while it is known.
        manifest: As stored.
    """

    panel: Panel
    capacity: pd.DataFrame
    manifest: HistoryManifest

    @property
    def frame(self) -> pd.DataFrame:
        """Return the panel in long form: series, metric, stat, ds, y and the six labels."""
        rows, hours = np.nonzero(~np.isnan(self.panel.values))
        infos = self.panel.index
        texts = {
            name: pd.Series([getattr(info, name) for info in infos], dtype="str")
            for name in ("series", "metric", "stat")
        } | {
            name: pd.Series([info.labels.get(name, "") for info in infos], dtype="str")
            for name in LABELS
        }
        taken = {name: column.take(rows).reset_index(drop=True) for name, column in texts.items()}
        ds = pd.Series(self.panel.ds[hours]).dt.tz_localize("UTC")
        frame = pd.DataFrame({**taken, "ds": ds, "y": self.panel.values[rows, hours]})
        return typed(frame[["series", "metric", "stat", "ds", "y", *LABELS]])


def read_history(
    uri: str,
    *,
    settings: Settings,
    digest: str = "",
    metrics: Collection[str] | None = None,
    scopes: Collection[str] | None = None,
    since: datetime | None = None,
    stats: Collection[str] = SERVED_STATS,
    capacity_at: datetime | Latest | None = None,
) -> History:
    """Read a history whole, or only a part of it.

    Args:
        uri: Where it was staged.
        settings: For the object store.
        digest: Of the state to read, as `stage_history` returned it; empty for the latest.
        metrics: None reads all.
        scopes: None reads all.
        since: Earlier hours are left out.
        stats: Some of mean, max and p95.
        capacity_at: Only the capacity of the days just before this hour is read, or before the last
            one staged; None reads all.

    Raises:
        NotFound: Nothing has been staged there.
        BadInput: The state is not kept, or a part is not what was staged.
        Unreachable: The object store does not answer; AccessDenied likewise.
    """
    store = open_store(uri, settings)
    manifest = load_manifest(store, digest=digest)
    # who rests can be told from when they last ran
    first = None if since is None else since - timedelta(hours=REST_HOURS)
    usage = [
        part
        for part in manifest.parts
        if part.table == "history"
        and (metrics is None or part.metric in metrics)
        and (scopes is None or part.scope in scopes)
    ]
    recent = [part for part in usage if first is None or part.end > first.date()]
    panel = _panel(store, recent, stats=stats, since=first)
    rest(panel)
    capacity = [
        part
        for part in manifest.parts
        if part.table == "capacity" and (metrics is None or part.metric in metrics)
    ]
    if capacity_at is not None:
        day = capacity_at.date() if isinstance(capacity_at, datetime) else _last_day(usage)
        capacity = [p for p in capacity if p.day <= day < p.end + timedelta(days=CAPACITY_DAYS)]
    return History(
        panel=panel if since is None else _cut(panel, since),
        capacity=_capacity(store, capacity),
        manifest=manifest,
    )


def _last_day(parts: Sequence[PartEntry]) -> date:
    return max((part.end for part in parts), default=date.max) - timedelta(days=1)


def _cut(panel: Panel, since: datetime) -> Panel:
    """Return the hours from an instant on, of the series that have one."""
    start = int(np.searchsorted(panel.ds, to_numpy(since)))
    values = panel.values[:, start:]
    rows = np.flatnonzero(~np.isnan(values).all(axis=1)).tolist()
    return Panel(panel.ds[start:], values, panel.index).select(rows)


def _panel(
    store: ObjectStore, parts: list[PartEntry], *, stats: Collection[str], since: datetime | None
) -> Panel:
    if not parts:
        return Panel(np.empty(0, "datetime64[s]"), np.empty((0, 0)), ())
    start = midnight(min(part.day for part in parts))
    first = start if since is None else max(start, since)
    end = midnight(max(part.end for part in parts))
    gather = Gather.of(
        parts,
        np.arange(to_numpy(first), to_numpy(end), HOUR),
        stats=tuple(stats),
        read_labels=lambda part: read_part(store, part, LABELS),
    )
    for part, table in read_parts(store, parts, ["series", "ds", *stats]):
        gather.take(part, table)
    return gather.panel()


def _capacity(store: ObjectStore, parts: list[PartEntry]) -> pd.DataFrame:
    tables = [table for _, table in read_parts(store, parts)]
    if not tables:
        return empty_capacity()
    frame: pd.DataFrame = pa.concat_tables(tables).to_pandas()
    return latest([typed(frame[list(CAPACITY_COLUMNS)])], CAPACITY_KEYS)
