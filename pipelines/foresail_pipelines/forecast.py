"""The pipeline `foresail-forecast`: from Prometheus to a promoted forecast."""

from kfp import dsl

from foresail_components.featurize import featurize
from foresail_components.promote import promote
from foresail_components.register import register
from foresail_components.stage_history import stage_history
from foresail_components.train import train
from foresail_components.validate import validate
from foresail_components.validate_model import validate_model


@dsl.pipeline(name="foresail-forecast")
def forecast(
    source: str,
    history_uri: str = "s3://mlpipeline/foresail/history",
    cluster: str = "cluster",
    scopes: str = "cluster,node,namespace,workload",
    metrics: str = "cpu,memory",
    days: int = 90,
    until: str = "",
    as_of: str = "",
    timezone: str = "",
    preset: str = "cadvisor",
    queries: str = "",
    cluster_label: str = "",
    allow_partial: bool = False,  # noqa: FBT001, FBT002  # a parameter of the pipeline
    max_load: str = "normal",
    max_series: int = 50_000,
    late_hours: int = 6,
    horizons: str = "next_day,next_week,next_month",
    windows: int = 3,
    changepoint_prior_scale: float = 0.05,
    yearly_seasonality: str = "auto",
    weekly_seasonality: str = "auto",
    daily_seasonality: str = "auto",
    holidays_country: str = "",
    seed: int = 0,
    tracking_uri: str = "",
    experiment: str = "foresail",
    promotion: str = "auto",
) -> None:
    """Forecast the CPU and memory of a cluster a day, a week and a month ahead.

    Stage, validate, featurize, train, register, validate the model, promote. Credentials come from
    the containers' environment, never from parameters.

    Args:
        source: `http(s)://...` is a Prometheus, `prod=https://...,dev=https://...` several; else a
            CSV or Parquet file or `s3://bucket/key`.
        history_uri: Where the history is kept: `s3://bucket/prefix` or a folder.
        cluster: Name of the cluster; every series id starts with it.
        scopes: What to forecast, comma-separated: cluster, node, namespace, workload.
        metrics: Which metrics, comma-separated: cpu, memory.
        days: How far back to read.
        until: End of the staged window in UTC, such as 2026-11-21T08:00:00Z; empty means now.
        as_of: Last hour that may be known, such as 2026-11-21T08:00:00Z; empty means all of it.
        timezone: Zone of a file's stamps that have none, such as Europe/Berlin.
        preset: Which PromQL texts: cadvisor, kube-prometheus, node-exporter or openshift.
        queries: Path or URI of a YAML file with PromQL texts that replace ours; none for a file.
        cluster_label: Label by which one Prometheus tells clusters apart; empty for one cluster.
        allow_partial: Go on when Prometheus says that an answer is partial.
        max_load: How much to ask of a Prometheus at a time: low or normal.
        max_series: Of one query; more are refused.
        late_hours: How long after its end a day is asked for again.
        horizons: What to forecast, comma-separated: next_day, next_week, next_month.
        windows: Held-out windows per series; under three the promise stays unmeasured.
        changepoint_prior_scale: Prophet's; larger lets the trend bend more.
        yearly_seasonality: auto, true or false; true harms a history shorter than a year.
        weekly_seasonality: auto, true or false.
        daily_seasonality: auto, true or false.
        holidays_country: ISO code of a country whose holidays matter, such as DE; empty means none.
        seed: Makes a run repeatable.
        tracking_uri: MLflow; empty means the variable MLFLOW_TRACKING_URI.
        experiment: Name of the MLflow experiment.
        promotion: auto, or forecast-only to judge and register under the alias shadow only.
    """
    staged = stage_history(
        source=source,
        history_uri=history_uri,
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
    ).set_caching_options(enable_caching=False)
    validated = validate(
        history_uri=staged.outputs["history_uri"],
        history_digest=staged.outputs["digest"],
        as_of=as_of,
        scopes=scopes,
        metrics=metrics,
    )
    featurized = featurize(accepted=validated.outputs["accepted"], as_of=as_of)
    trained = train(
        panel=featurized.outputs["panel"],
        horizons=horizons,
        windows=windows,
        changepoint_prior_scale=changepoint_prior_scale,
        yearly_seasonality=yearly_seasonality,
        weekly_seasonality=weekly_seasonality,
        daily_seasonality=daily_seasonality,
        holidays_country=holidays_country,
        seed=seed,
    )
    registered = register(
        model=trained.outputs["model"],
        tracking_uri=tracking_uri,
        experiment=experiment,
        pipeline_run=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
    ).set_caching_options(enable_caching=False)
    judged = validate_model(
        panel=featurized.outputs["panel"],
        model=trained.outputs["model"],
        registered=registered.outputs["registered"],
        promotion=promotion,
    ).set_caching_options(enable_caching=False)
    promote(decision=judged.outputs["decision"], promotion=promotion).set_caching_options(
        enable_caching=False
    )
