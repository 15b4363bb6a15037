"""Register one version per metric in MLflow, with the alias `challenger`.

Where a cluster did not answer its series are completed from the champion before.
"""

import tempfile
from pathlib import Path

import structlog

from foresail.bundle.reader import read_manifest
from foresail.errors import BadInput
from foresail.registry import Registered, Registry
from foresail.registry.address import given_address, parse_address
from foresail.registry.completion import Completion, completed
from foresail.registry.names import PIPELINE_RUN
from foresail.registry.publish import Upload
from foresail.settings import read_settings
from foresail.steps import AnyPath
from foresail.steps.artifacts import FACTS, HistoryFacts

log = structlog.get_logger()


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
        model: Folder with one sub-folder per metric, each with `bundle/` inside, and the history's
            `facts.json`, which names the clusters that did not answer.
        registered: Written: names and versions, a `Registered` record.
        tracking_uri: MLflow; empty means `MLFLOW_TRACKING_URI`.
        experiment: Name of the MLflow experiment.
        pipeline_run: Id of the pipeline's run, kept as a tag.

    Returns:
        `registered`: how many versions; `<metric>.version` and `<metric>.series` for each, and
        where a cluster did not answer `<metric>.carried`.

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
    silent = _silent(Path(model))
    models = []
    measured = {"registered": float(len(bundles))}
    with tempfile.TemporaryDirectory(prefix="foresail-register-") as scratch:
        whole = {
            metric: _completed(registry, folder, silent=silent, scratch=Path(scratch))
            for metric, folder in bundles.items()
        }
        for metric, found in whole.items():
            entry = registry.register(found.folder, experiment=experiment, tags=tags)
            models.append(entry.model_copy(update={"carried": found.carried, "silent": found.told}))
            measured[f"{metric}.version"] = float(entry.version)
            measured[f"{metric}.series"] = float(read_manifest(found.folder).series)
            if silent:
                measured[f"{metric}.carried"] = float(found.carried)
    where = parse_address(uri).uri
    Registered(tracking_uri=where, experiment=experiment, models=tuple(models)).write(registered)
    log.info("registered", tracking_uri=where, **measured)
    return measured


def _silent(model: Path) -> tuple[str, ...]:
    """Return the clusters that did not answer; none where the model does not say."""
    if not (model / FACTS).exists():
        return ()
    return HistoryFacts.read(model).silent


def _completed(
    registry: Registry, folder: Path, *, silent: tuple[str, ...], scratch: Path
) -> Completion:
    if not silent:
        return Completion(folder, 0, "")
    found = completed(registry, folder, silent=silent, scratch=scratch)
    log.warning(
        "cluster silent",
        metric=read_manifest(folder).metric,
        clusters=silent,
        carried=found.carried,
        outcome=found.told,
    )
    return found


def _bundles(model: Path) -> dict[str, Path]:
    folders = sorted(path for path in model.glob("*/bundle") if path.is_dir())
    if not folders:
        raise BadInput(f"expected bundles in {model}/<metric>/bundle, found none; run train first")
    bundles = {read_manifest(folder).metric: folder for folder in folders}
    if len(bundles) != len(folders):
        raise BadInput(f"{model} holds two bundles of the same metric; each metric stands once")
    return bundles
