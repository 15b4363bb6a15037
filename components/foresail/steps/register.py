"""Register one version per metric in MLflow, with the alias `challenger`."""

from pathlib import Path

import structlog

from foresail.bundle.reader import read_manifest
from foresail.errors import BadInput
from foresail.registry import Registered, Registry
from foresail.registry.address import given_address, parse_address
from foresail.registry.names import PIPELINE_RUN
from foresail.registry.publish import Upload
from foresail.settings import read_settings
from foresail.steps import AnyPath


def run(
    *,
    model: AnyPath,
    registered: AnyPath,
    tracking_uri: str = "",
    experiment: str = "foresail",
    pipeline_run: str = "",
) -> dict[str, float]:
    """Register the bundles that train wrote.

    Args:
        model: Folder with one sub-folder per metric, each with `bundle/` inside.
        registered: Written: names and versions, a `Registered` record.
        tracking_uri: MLflow; empty means `MLFLOW_TRACKING_URI`.
        experiment: Name of the MLflow experiment.
        pipeline_run: Id of the pipeline's run, kept as a tag.

    Returns:
        `registered`: how many versions; `<metric>.version` and `<metric>.series` for each.

    Raises:
        BadInput: There is no bundle, or two of the same metric.
        BadBundle: One fails its checks; then none is registered.
        UsageError: No tracking URI, or one that holds credentials.
    """
    uri = given_address(tracking_uri, configured=read_settings().mlflow_tracking_uri)
    bundles = _bundles(Path(model))
    for folder in bundles.values():
        Upload.read(folder, metrics={}, tags={})
    registry = Registry(uri)
    tags = {PIPELINE_RUN: pipeline_run} if pipeline_run else {}
    models = tuple(
        registry.register(folder, experiment=experiment, tags=tags) for folder in bundles.values()
    )
    where = parse_address(uri).uri
    Registered(tracking_uri=where, experiment=experiment, models=models).write(registered)
    measured = {"registered": float(len(models))}
    for entry in models:
        measured[f"{entry.metric}.version"] = float(entry.version)
        measured[f"{entry.metric}.series"] = float(read_manifest(bundles[entry.metric]).series)
    structlog.get_logger().info("registered", tracking_uri=where, **measured)
    return measured


def _bundles(model: Path) -> dict[str, Path]:
    folders = sorted(path for path in model.glob("*/bundle") if path.is_dir())
    if not folders:
        raise BadInput(f"expected bundles in {model}/<metric>/bundle, found none; run train first")
    bundles = {read_manifest(folder).metric: folder for folder in folders}
    if len(bundles) != len(folders):
        raise BadInput(f"{model} holds two bundles of the same metric; each metric stands once")
    return bundles
