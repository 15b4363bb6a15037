"""Add rows to a staged history: new parts first, the manifest last, nothing ever deleted."""

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import pandas as pd
import structlog

from foresail.errors import BadInput
from foresail.history.frames import latest, typed
from foresail.history.manifest import (
    RUNS_KEPT,
    HistoryManifest,
    NoHistory,
    PartEntry,
    QueryEntry,
    Refusal,
    RunEntry,
    digest_of,
    empty_manifest,
    load_manifest,
    save_manifest,
)
from foresail.history.parts import COLUMNS, KEYS, Table, encode_part, read_parts, write_parts
from foresail.objects import ObjectStore

_log = structlog.get_logger(__name__)

_VALUE: dict[Table, str] = {"history": "y", "capacity": "value"}
_SAME = 1e-9
"""Relative difference below which a value asked for again is the same: sums come in any order."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What one source brought, in hourly rows, before it is staged.

    Attributes:
        source: The Prometheus or the file, without credentials.
        cluster: As named for its series.
        usage: Columns of `frames.USAGE_COLUMNS`.
        capacity: Columns of `frames.CAPACITY_COLUMNS`.
        queries: One entry a preset or file.
        since: First hour asked for; None for a file.
        until: End of the last hour asked for.
        edges: Metric -> scope -> the first instant from which a value may replace a staged one:
            where the source begins to remember, its first hours are not whole.
        refused: Series that were left out.
    """

    source: str
    cluster: str
    usage: pd.DataFrame
    capacity: pd.DataFrame
    queries: tuple[QueryEntry, ...]
    since: datetime | None
    until: datetime
    edges: dict[tuple[str, str], pd.Timestamp]
    refused: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class _Difference:
    rows: pd.DataFrame
    added: int
    changed: int


def add_to_history(store: ObjectStore, collected: Collected, *, now: datetime) -> HistoryManifest:
    """Write what is new or changed, then the manifest, and return it.

    A run that brings nothing new leaves the digest as it was. One stager at a time: of two that
    write at once, the later keeps the earlier one's parts unless both swap in the same moment.

    Raises:
        NotFound: The bucket is missing.
        BadInput: The manifest or a part that is there is damaged; nothing was changed.
        Unreachable: The object store does not answer; AccessDenied likewise.
    """
    known = _manifest_or_empty(store)
    usage = _difference(store, known, collected.usage, table="history", edges=collected.edges)
    capacity = _difference(store, known, collected.capacity, table="capacity", edges={})
    parts = [
        *_encode(usage.rows, table="history"),
        *_encode(capacity.rows, table="capacity"),
    ]
    write_parts(store, parts)
    current = _manifest_or_empty(store)  # again: another stager may have written meanwhile
    listed = (*current.parts, *(entry for entry, _ in parts))
    run = RunEntry(
        staged_at=now,
        source=collected.source,
        cluster=collected.cluster,
        since=collected.since,
        until=collected.until,
        added=usage.added,
        changed=usage.changed,
        queries=collected.queries,
        refused=collected.refused,
    )
    manifest = HistoryManifest(
        digest=digest_of(listed), parts=listed, runs=(*current.runs, run)[-RUNS_KEPT:]
    )
    save_manifest(store, manifest)
    _log.info(
        "history staged",
        source=collected.source,
        history=store.uri,
        series=collected.usage["series"].nunique(),
        added=usage.added,
        changed=usage.changed,
        parts=len(parts),
        refused=len(collected.refused),
        digest=manifest.digest[:12],
    )
    return manifest


def _manifest_or_empty(store: ObjectStore) -> HistoryManifest:
    try:
        return load_manifest(store)
    except NoHistory:
        return empty_manifest()


def _difference(
    store: ObjectStore,
    known: HistoryManifest,
    fresh: pd.DataFrame,
    *,
    table: Table,
    edges: dict[tuple[str, str], pd.Timestamp],
) -> _Difference:
    """Return the rows that are not staged yet, or staged with another value."""
    old = _staged_rows(store, known, fresh, table=table)
    if old is None:
        return _Difference(fresh, added=len(fresh), changed=0)
    keys, value = list(KEYS[table]), _VALUE[table]
    merged = fresh.merge(
        old[[*keys, value]], on=keys, how="left", suffixes=("", "_old"), indicator=True
    )
    is_new = (merged["_merge"] == "left_only").to_numpy()
    now_y, old_y = merged[value].to_numpy(), merged[f"{value}_old"].to_numpy()
    differs = ~is_new & ~np.isclose(now_y, old_y, rtol=_SAME, atol=0.0, equal_nan=True)
    if edges:
        trusted_from = pd.Series(
            [edges.get(pair) for pair in zip(merged["metric"], merged["scope"], strict=True)],
            dtype="datetime64[s, UTC]",
        )
        differs &= ~(merged["ds"] < trusted_from).to_numpy()
    rows = fresh[is_new | differs]
    return _Difference(rows, added=int(is_new.sum()), changed=int(differs.sum()))


def _staged_rows(
    store: ObjectStore, known: HistoryManifest, fresh: pd.DataFrame, *, table: Table
) -> pd.DataFrame | None:
    """Return what is staged for the metrics and days of the fresh rows."""
    days = set(fresh["ds"].dt.date)
    metrics = set(fresh["metric"])
    parts = [
        part
        for part in known.parts
        if part.table == table and part.metric in metrics and part.day in days
    ]
    found = read_parts(store, parts, columns=COLUMNS[table])
    return None if found is None else latest([typed(found)], KEYS[table])


def _encode(rows: pd.DataFrame, *, table: Table) -> list[tuple[PartEntry, bytes]]:
    scopes = rows["scope"] if table == "history" else pd.Series("", index=rows.index)
    groups = rows.groupby([rows["metric"], scopes, rows["ds"].dt.date], sort=True)
    return [
        encode_part(
            group,
            table=table,
            metric=str(metric),
            scope=str(scope),
            day=date.fromisoformat(str(day)),
        )
        for (metric, scope, day), group in groups
    ]


def check_not_empty(collected: Collected) -> None:
    """Refuse a source without a single usable row.

    Raises:
        BadInput: There is none; names the refused series.
    """
    if len(collected.usage):
        return
    reasons = [f"{r.series} {r.metric} {r.stat}: {r.reason}" for r in collected.refused]
    raise BadInput(
        reasons
        or f"{collected.source} holds no finished hour before {collected.until:%Y-%m-%d %H:%M} UTC"
    )
