"""`monitor`: hold the served forecasts to what came, and move the alias back where it is worse."""

from kfp import dsl

from foresail_components._component import component


@component
def monitor(
    history_uri: str,
    report: dsl.Output[dsl.Artifact],
    metrics_file: dsl.Output[dsl.Artifact],
    summary: dsl.Output[dsl.Markdown],
    measured: dsl.Output[dsl.Metrics],
    tracking_uri: str = "",
    alias: str = "champion",
    metrics: str = "",
    as_of: str = "",
    rollback: bool = False,
) -> None:
    """Hold the served forecasts to what came since they were made.

    Args:
        history_uri: Where stage-history goes on writing.
        tracking_uri: MLflow; empty means the variable MLFLOW_TRACKING_URI.
        alias: Which version to judge.
        metrics: Which metrics, comma-separated; empty means every model with the alias.
        as_of: Last hour that may be known, such as 2026-11-21T08:00:00Z; empty means all of it.
        rollback: Give the alias champion back to the version before where the verdict is worse.

    Returns:
        report: Everything as JSON, down to each series.
        metrics_file: Gauges in Prometheus' text format.
        summary: Live errors against the promises, and what was done, for people.
        measured: Live error by the promise and by the naive rule, and the verdict, per metric.
    """
    from foresail.steps.monitor import run

    measured.metadata.update(
        run(
            history_uri=history_uri,
            report=report.path,
            metrics_file=metrics_file.path,
            summary=summary.path,
            tracking_uri=tracking_uri,
            alias=alias,
            metrics=metrics,
            as_of=as_of,
            rollback=rollback,
        )
    )
