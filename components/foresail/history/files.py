"""Stage a file someone already has: judged series by series, folded to hours."""

import io
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from foresail.errors import BadInput
from foresail.history.frames import (
    CAPACITY_COLUMNS,
    USAGE_COLUMNS,
    USAGE_KEYS,
    empty_capacity,
    typed,
)
from foresail.history.manifest import QueryEntry, Refusal
from foresail.history.naming import LABELS, labels_of_import
from foresail.history.staging import Collected
from foresail.history.tables import read_table
from foresail.objects import open_store
from foresail.quality import judge
from foresail.settings import Settings

USAGE_FILE = "usage.parquet"
CAPACITY_FILE = "capacity.parquet"
WHOLE_SHARE = 0.75
"""An hour with a smaller share of its series' usual rows is a gap: it speaks of a part only."""

_HOUR_SECONDS = 3600
_KEY = ["series", "metric", "stat"]


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
    """Read a file, or a folder of the simulator, and fold it to hourly rows.

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
    end = _floor(min(until or now, now))
    judgement = judge(chosen, now=now)
    finished = judgement.frame[judgement.frame["ds"] < end]
    hourly, thin = fold_rows(finished, both="stat" not in table.columns)
    capacity = _capacity(source, chosen, settings=settings) if folder else empty_capacity()
    entry = QueryEntry(
        preset="file",
        text=source.rpartition("/")[2],
        series=hourly[_KEY].drop_duplicates().shape[0],
        rows=len(hourly),
        gaps=_count_gaps(hourly) + thin,
        duplicates=judgement.repeats_dropped,
    )
    return Collected(
        source=source,
        cluster=cluster,
        usage=hourly,
        capacity=capacity[capacity["ds"] < end],
        queries=(entry,),
        since=None,
        until=end,
        edges={},
        refused=tuple(
            Refusal(**r.key._asdict(), code=int(r.code), reason=r.reason)
            for r in judgement.refusals
        ),
    )


def fold_rows(frame: pd.DataFrame, *, both: bool) -> tuple[pd.DataFrame, int]:
    """Fold judged rows to hours.

    Args:
        frame: Long, with label columns and `stat`.
        both: The file named no statistic: where a series has more than one row an hour, both the
            mean and the maximum are made of them. One row an hour is taken as the mean.

    Returns:
        The hourly rows, and how many hours were left out because they hold too few rows.
    """
    rows = frame.dropna(subset=["y"])
    if rows.empty:
        return typed(rows.reindex(columns=list(USAGE_COLUMNS))), 0
    hour = rows["ds"].dt.tz_convert("UTC").dt.floor("h").rename("hour")
    folded = rows.groupby([*_KEY, hour], observed=True)["y"].agg(["mean", "max", "count"])
    folded = folded.reset_index().rename(columns={"hour": "ds"})
    usual = folded.groupby(_KEY, observed=True)["count"].transform("median")
    thin = folded["count"] < WHOLE_SHARE * usual
    whole = folded[~thin]
    is_max = whole["stat"] == "max"
    kept = [whole.assign(y=np.where(is_max, whole["max"], whole["mean"]))]
    if both:
        finer = whole[usual[~thin] > 1]
        kept.append(finer.assign(stat="max", y=finer["max"]))
    labels = frame[["series", *LABELS]].drop_duplicates("series")
    out = pd.concat(kept, ignore_index=True).merge(labels, on="series", how="left")
    return typed(out[list(USAGE_COLUMNS)].sort_values(list(USAGE_KEYS))), int(thin.sum())


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


def _count_gaps(hourly: pd.DataFrame) -> int:
    """Count the hours between each series' first and last value that have none."""
    if hourly.empty:
        return 0
    spans = hourly.groupby(_KEY, observed=True)["ds"].agg(["min", "max", "count"])
    hours = (spans["max"] - spans["min"]).dt.total_seconds() / _HOUR_SECONDS + 1
    return int((hours - spans["count"]).sum())


def _floor(stamp: datetime) -> datetime:
    return stamp.replace(minute=0, second=0, microsecond=0)
