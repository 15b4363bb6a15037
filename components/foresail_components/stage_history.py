"""`stage-history`: bring history from Prometheus or a file into the object store."""

from typing import NamedTuple

from kfp import dsl

from foresail_components._component import component


@component
def stage_history(
    source: str,
    history_uri: str,
    summary: dsl.Output[dsl.Markdown],
    cluster: str = "cluster",
    scopes: str = "cluster,node,namespace,workload",
    metrics: str = "cpu,memory",
    days: int = 90,
    until: str = "",
    timezone: str = "",
    preset: str = "cadvisor",
    queries: str = "",
    cluster_label: str = "",
    allow_partial: bool = False,
    max_load: str = "normal",
    max_series: int = 50_000,
    late_hours: int = 6,
) -> NamedTuple("Staged", [("history_uri", str), ("digest", str)]):
    """Bring hourly history into the object store. Adds to what is there, never deletes.

    Args:
        source: `http(s)://...` is a Prometheus, `prod=https://...,dev=https://...` several; else a
            CSV or Parquet file or `s3://bucket/key`.
        history_uri: Where the history is kept: `s3://bucket/prefix` or a folder.
        cluster: Name of the cluster; every series id starts with it.
        scopes: What to stage, comma-separated: cluster, node, namespace, workload.
        metrics: Which metrics, comma-separated: cpu, memory.
        days: How far back to read.
        until: End of the window in UTC, such as 2026-11-21T08:00:00Z; empty means now.
        timezone: Zone of a file's stamps that have none, such as Europe/Berlin.
        preset: Which PromQL texts: cadvisor, kube-prometheus, node-exporter or openshift.
        queries: Path or URI of a YAML file with PromQL texts that replace ours; none for a file.
        cluster_label: Label by which one Prometheus tells clusters apart; empty for one cluster.
        allow_partial: Go on when Prometheus says that an answer is partial.
        max_load: How much to ask of a Prometheus at a time: low or normal.
        max_series: Of one query; more are refused.
        late_hours: How long after its end a day is asked for again.

    Returns:
        summary: What was staged, for people.
        history_uri: Where the history is.
        digest: Of the whole history; changes whenever the history does.
    """
    from foresail.steps.stage_history import run

    return run(
        source=source,
        history_uri=history_uri,
        summary=summary.path,
        cluster=cluster,
        scopes=scopes,
        metrics=metrics,
        days=days,
        until=until,
        timezone=timezone,
        preset=preset,
        queries=queries,
        cluster_label=cluster_label,
        allow_partial=allow_partial,
        max_load=max_load,
        max_series=max_series,
        late_hours=late_hours,
    )
