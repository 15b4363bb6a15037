"""The pipeline `foresail-monitor`: the hours that came, and the champions held to them."""

from kfp import dsl

from foresail_components.monitor import monitor as watch
from foresail_components.stage_history import stage_history


@dsl.pipeline(name="foresail-monitor")  # type: ignore[untyped-decorator]  # kfp has no types
def monitor(
    source: str,
    history_uri: str = "s3://mlpipeline/foresail/history",
    cluster: str = "cluster",
    scopes: str = "cluster,node,namespace,workload",
    metrics: str = "cpu,memory",
    days: int = 7,
    timezone: str = "",
    preset: str = "cadvisor",
    queries: str = "",
    cluster_label: str = "",
    allow_partial: bool = False,  # noqa: FBT001, FBT002  # a parameter of the pipeline
    max_load: str = "normal",
    as_of: str = "",
    tracking_uri: str = "",
    alias: str = "champion",
    rollback: bool = False,  # noqa: FBT001, FBT002  # as above
) -> None:
    """Hold the served forecasts to what came since they were made.

    Stage the hours that came, compare, and - if asked - give the alias champion back where a
    forecast is worse than it promised. Credentials come from the containers' environment, never
    from parameters.

    Args:
        source: As for foresail-forecast: `http(s)://...` is a Prometheus; else a file.
        history_uri: Where foresail-forecast keeps the history.
        cluster: Name of the cluster, as there.
        scopes: What to stage, comma-separated: cluster, node, namespace, workload.
        metrics: What to stage, comma-separated: cpu, memory. Every model with the alias is watched.
        days: How far back to read; older hours were staged by foresail-forecast.
        timezone: Zone of a file's stamps that have none, such as Europe/Berlin.
        preset: Which PromQL texts, as there.
        queries: Path or URI of a YAML file with PromQL texts that replace ours; none for a file.
        cluster_label: Label by which one Prometheus tells clusters apart, as there.
        allow_partial: Go on when Prometheus says that an answer is partial.
        max_load: How much to ask of a Prometheus at a time: low or normal.
        as_of: Last hour that may be known, such as 2026-11-21T08:00:00Z; empty means all of it.
        tracking_uri: MLflow; empty means the variable MLFLOW_TRACKING_URI.
        alias: Which version to judge.
        rollback: Give the alias champion back to the version before where the verdict is worse.
    """
    staged = stage_history(
        source=source,
        history_uri=history_uri,
        cluster=cluster,
        scopes=scopes,
        metrics=metrics,
        days=days,
        timezone=timezone,
        preset=preset,
        queries=queries,
        cluster_label=cluster_label,
        allow_partial=allow_partial,
        max_load=max_load,
    ).set_caching_options(enable_caching=False)
    watch(
        history_uri=staged.outputs["history_uri"],
        tracking_uri=tracking_uri,
        alias=alias,
        as_of=as_of,
        rollback=rollback,
    ).set_caching_options(enable_caching=False)
