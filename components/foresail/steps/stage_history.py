"""Bring hourly history from Prometheus, or from a file, into the object store."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from foresail.errors import UsageError
from foresail.history.connection import Connection
from foresail.history.files import collect_from_file
from foresail.history.naming import checked_cluster, parse_names, parse_scopes
from foresail.history.presets import choose_presets
from foresail.history.prometheus import collect_from_prometheus, hour_range
from foresail.history.retries import tell_retries_plainly
from foresail.history.staging import Collected, add_to_history, check_not_empty
from foresail.history.summary import summary_of
from foresail.objects import open_store
from foresail.objects.uri import read_object
from foresail.settings import Settings, read_settings
from foresail.steps import AnyPath
from foresail.times import parse_utc


class StageResult(NamedTuple):
    """Where the history is, and the digest that names this state of it."""

    history_uri: str
    digest: str


def run(
    *,
    source: str,
    history_uri: str,
    summary: AnyPath,
    cluster: str = "cluster",
    scopes: str = "cluster,node,namespace,workload",
    metrics: str = "cpu,memory",
    days: int = 90,
    until: str = "",
    timezone: str = "",
    queries: str = "",
    allow_partial: bool = False,
) -> StageResult:
    """Add what the source knows to the history; nothing is ever deleted from it.

    Args:
        source: `http(s)://...` is a Prometheus; anything else a CSV or Parquet file, a folder of
            `foresail simulate`, or `s3://bucket/key`.
        history_uri: `s3://bucket/prefix` or a folder.
        summary: Markdown file to write, for people.
        cluster: Name of the cluster; series ids begin with it.
        scopes: Which of cluster, node, namespace, workload.
        metrics: Which metrics.
        days: How far back to ask Prometheus, at least 1; a file is read whole.
        until: Exclusive end in UTC, on or after which nothing is staged; empty for now. The hour
            that is not over yet is never staged.
        timezone: Zone of a file's stamps that carry none.
        queries: Path or URI of a YAML file with PromQL texts of your own; none for a file.
        allow_partial: Take answers that Thanos calls partial; the manifest says so.

    Returns:
        The history's address as given, and its digest.

    Raises:
        ForesailError: Nothing was published; the message says why.
    """
    tell_retries_plainly()
    if days < 1:
        raise UsageError(f"expected at least 1 day, got {days}")
    if queries and not is_prometheus(source):
        raise UsageError(
            "the queries file is for a Prometheus, and the source is a file; leave --queries out"
        )
    check_summary(Path(summary))
    settings = read_settings()
    now = datetime.now(UTC)
    store = open_store(history_uri, settings)
    collected = _collect(
        source,
        settings=settings,
        cluster=checked_cluster(cluster),
        scopes=parse_scopes(scopes),
        metrics=parse_names(metrics, what="metric"),
        days=days,
        now=now,
        until=parse_utc(until) if until else None,
        timezone=timezone,
        queries=queries,
        allow_partial=allow_partial,
    )
    check_not_empty(collected)
    manifest = add_to_history(store, collected, now=now)
    Path(summary).write_text(summary_of(manifest, history_uri=history_uri), encoding="utf-8")
    return StageResult(history_uri, manifest.digest)


def is_prometheus(source: str) -> bool:
    """Say whether a source is asked over HTTP; any other is a file or a folder."""
    return source.startswith(("http://", "https://"))


def check_summary(file: Path) -> None:
    """Refuse a file that cannot be written, before the work is done.

    Raises:
        UsageError: Its folder is not there or closed, or it is a folder itself.
    """
    if not file.parent.is_dir():
        raise UsageError(f"there is no folder {file.parent} for {file.name}; make it first")
    if not os.access(file.parent, os.W_OK):
        raise UsageError(f"no permission to write {file.name} into {file.parent}; name another")
    if file.is_dir():
        raise UsageError(f"expected a file for the summary, {file} is a folder")


def _collect(
    source: str,
    *,
    settings: Settings,
    cluster: str,
    scopes: tuple[str, ...],
    metrics: tuple[str, ...],
    days: int,
    now: datetime,
    until: datetime | None,
    timezone: str,
    queries: str,
    allow_partial: bool,
) -> Collected:
    if not is_prometheus(source):
        return collect_from_file(
            source,
            settings=settings,
            cluster=cluster,
            metrics=metrics,
            scopes=scopes,
            now=now,
            until=until,
            timezone=timezone,
        )
    overrides = read_object(queries, settings) if queries else b""
    presets = choose_presets(metrics=metrics, scopes=scopes, overrides=overrides)
    connection = Connection(source, settings=settings)
    try:
        return collect_from_prometheus(
            connection,
            presets,
            hour_range(days=days, until=until, now=now),
            cluster=cluster,
            allow_partial=allow_partial,
        )
    finally:
        connection.close()
