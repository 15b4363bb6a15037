"""Stage a file someone already has: judged series by series, folded to hours."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from foresail.errors import BadInput
from foresail.history.block import HOUR, STATS, Block, make_block
from foresail.history.file_hours import HourCounts, fold_wide
from foresail.history.frames import CAPACITY_COLUMNS, empty_capacity, typed
from foresail.history.ledger import LISTED
from foresail.history.manifest import QueryEntry, Refusal, RunEntry, Troubles
from foresail.history.naming import LABELS, labels_of_import
from foresail.history.staging import Stager
from foresail.history.tables import read_table
from foresail.objects import open_store
from foresail.quality import judge
from foresail.settings import Settings

USAGE_FILE = "usage.parquet"
CAPACITY_FILE = "capacity.parquet"
MOST_SPAN = timedelta(days=20 * 365)
"""Of a file: a panel holds every hour from the first to the last."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What a file brought.

    Attributes:
        usage: Columns of `file_hours.WIDE_COLUMNS`.
        capacity: Columns of `frames.CAPACITY_COLUMNS`.
        query: What the manifest is to say of the reading.
        refused: Series that were left out.
        until: End of the last hour taken.
    """

    usage: pd.DataFrame
    capacity: pd.DataFrame
    query: QueryEntry
    refused: tuple[Refusal, ...]
    until: datetime


def stage_collected(stager: Stager, found: Collected, *, now: datetime) -> RunEntry:
    """Stage what a file brought and return what the manifest is to say of it.

    Args:
        stager: Of the file.
        found: As `collect_from_file` returned it.
        now: The present.

    Raises:
        BadInput: No series is left; nothing was written.
        Unreachable: The history's store does not answer; AccessDenied likewise.
    """
    if found.usage.empty:
        reasons = [f"{r.series} {r.metric} {r.stat}: {r.reason}" for r in found.refused]
        nothing = f"{stager.source} holds no finished hour before {found.until:%Y-%m-%d %H:%M} UTC"
        raise BadInput(reasons or nothing)
    # month by month: a block is dense, and rows may lie years apart
    month = found.usage["ds"].dt.strftime("%Y-%m").rename("month")
    by_block = found.usage.groupby(["metric", "scope", month], sort=True)
    for (metric, scope, _), rows in by_block:
        stager.add_usage(block_of_rows(rows), metric=str(metric), scope=str(scope))
    clusters = found.usage.drop_duplicates("series").set_index("series")["cluster"]
    owner = found.capacity["series"].map(clusters)
    by_partition = found.capacity.groupby([owner, found.capacity["metric"]], sort=True)
    for (cluster, metric), rows in by_partition:
        stager.add_capacity(rows, cluster=str(cluster), metric=str(metric))
    return RunEntry(
        staged_at=now,
        source=stager.source,
        cluster=stager.cluster,
        since=None,
        until=found.until,
        added=stager.added,
        changed=stager.changed,
        queries=(found.query,),
        refused=found.refused,
    )


def collect_from_file(
    source: str,
    *,
    settings: Settings,
    cluster: str,
    metrics: tuple[str, ...],
    scopes: tuple[str, ...],
    now: datetime,
    until: datetime | None = None,
    timezone: str = "",
) -> Collected:
    """Read a file, or a folder of the simulator, and fold it to hours.

    Args:
        source: A path or `s3://bucket/key`; a folder holds `usage.parquet` and, if it is known,
            `capacity.parquet`.
        settings: For the object store.
        cluster: Of series without a cluster of their own.
        metrics: Others are left out.
        scopes: Others are left out.
        now: The present; the hour it lies in is never staged, and series with later stamps are
            refused.
        until: Later hours are left out.
        timezone: Zone of stamps that carry none.

    Raises:
        BadInput: The file's structure is wrong, or no series is left.
        NotFound: There is no such file; AccessDenied and Unreachable as the store says.
    """
    folder = "://" not in source and Path(source).is_dir()
    address = f"{source.rstrip('/')}/{USAGE_FILE}" if folder else source
    table = read_table(address, settings=settings, cluster=cluster, timezone=timezone)
    labelled = _labelled(table, cluster=cluster)
    chosen = labelled[labelled["metric"].isin(metrics) & labelled["scope"].isin(scopes)]
    if chosen.empty:
        there = ", ".join(sorted(set(labelled["metric"] + " by " + labelled["scope"])))
        raise BadInput(
            f"{source} holds nothing of the metrics {', '.join(metrics)} and scopes "
            f"{', '.join(scopes)}; it holds {there}"
        )
    _check_span(chosen, source=source)
    end = _floor(min(until or now, now))
    judgement = judge(chosen, now=now)
    finished = judgement.frame[judgement.frame["ds"] < end]
    hours = fold_wide(finished, both="stat" not in table.columns, repeats=judgement.repeats)
    capacity = _capacity(source, chosen, settings=settings) if folder else empty_capacity()
    return Collected(
        usage=hours.rows,
        capacity=capacity[capacity["ds"] < end],
        query=QueryEntry(
            preset="file",
            text=source.rpartition("/")[2],
            series=len(hours.counts),
            rows=len(hours.rows),
            gaps=sum(count.gaps for count in hours.counts.values()),
            duplicates=judgement.repeats_dropped,
            troubled=_troubled(hours.counts),
        ),
        refused=tuple(
            Refusal(**r.key._asdict(), code=int(r.code), reason=r.reason)
            for r in judgement.refusals
        ),
        until=end,
    )


def _check_span(rows: pd.DataFrame, *, source: str) -> None:
    """Refuse stamps that lie apart from the others by a slip of the pen."""
    first, last = rows["ds"].min(), rows["ds"].max()
    if last - first > MOST_SPAN:
        raise BadInput(
            f"{source} reaches from {first:%Y-%m-%d} to {last:%Y-%m-%d}, more than "
            f"{MOST_SPAN.days // 365} years; correct the stamp that is wrong, or cut the file"
        )


def block_of_rows(rows: pd.DataFrame) -> Block:
    """Return the block of wide rows of one metric.

    Args:
        rows: Columns of `file_hours.WIDE_COLUMNS`; each (series, ds) stands once.
    """
    ds = rows["ds"].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[s]")
    grid = np.arange(ds.min(), ds.max() + HOUR, HOUR)
    first = rows.drop_duplicates("series")
    labels = zip(*(first[name] for name in LABELS), strict=True)
    labels_of = dict(zip(first["series"], labels, strict=True))
    place = {name: row for row, name in enumerate(labels_of)}
    at = (rows["series"].map(place).to_numpy(), ((ds - grid[0]) // HOUR).astype(np.int64))
    dense = {name: np.full((len(place), len(grid)), np.nan) for name in STATS}
    points = np.zeros((len(place), len(grid)), dtype=np.uint16)
    for name, values in dense.items():
        values[at] = rows[name].to_numpy(dtype=np.float64)
    points[at] = rows["points"].to_numpy()
    return make_block(grid, labels_of, **dense, points=points)


def _troubled(counts: Mapping[tuple[str, str], HourCounts]) -> dict[str, Troubles]:
    """Return the series with most gaps and duplicates."""
    odd = {key: count for key, count in counts.items() if count.gaps or count.repeats}
    worst = sorted(odd, key=lambda key: (-odd[key].gaps - odd[key].repeats, key))[:LISTED]
    return {
        f"{series} {metric}": Troubles(gaps=odd[key].gaps, duplicates=odd[key].repeats)
        for key in sorted(worst)
        for series, metric in (key,)
    }


def _labelled(table: pd.DataFrame, *, cluster: str) -> pd.DataFrame:
    """Return the frame with all six label columns, from the file or from the ids."""
    frame = table if "stat" in table.columns else table.assign(stat="mean")
    if "scope" in frame.columns:
        defaults = {"cluster": cluster} | {n: "" for n in LABELS if n != "cluster"}
        return frame.assign(
            **{name: text for name, text in defaults.items() if name not in frame.columns}
        )
    ids = frame["series"].unique()
    labels = pd.DataFrame([labels_of_import(str(s), cluster=cluster) for s in ids])
    labels.insert(0, "series", pd.Series(ids, dtype="str"))
    bare = frame.drop(columns=[name for name in LABELS if name in frame.columns])
    return bare.merge(labels, on="series", how="left")


def _capacity(source: str, usage: pd.DataFrame, *, settings: Settings) -> pd.DataFrame:
    store = open_store(source, settings)
    if not store.exists(CAPACITY_FILE):
        return empty_capacity()
    try:
        frame = pq.read_table(io.BytesIO(store.get(CAPACITY_FILE))).to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise BadInput(f"{CAPACITY_FILE} in {source} is no readable Parquet file") from error
    missing = [name for name in CAPACITY_COLUMNS if name not in frame.columns]
    if missing:
        raise BadInput(f"{CAPACITY_FILE} in {source} lacks the columns {', '.join(missing)}")
    known = set(zip(usage["series"], usage["metric"], strict=True))
    pairs = zip(frame["series"], frame["metric"], strict=True)
    return typed(frame.loc[[pair in known for pair in pairs], list(CAPACITY_COLUMNS)])


def _floor(stamp: datetime) -> datetime:
    return stamp.replace(minute=0, second=0, microsecond=0)
