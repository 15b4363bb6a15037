"""Send one bundle to MLflow: run, logged model, files, and last the version that names them."""

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from foresail.bundle import Bundle
from foresail.bundle.reader import verify_file
from foresail.bundle.schema import MANIFEST, RECIPE
from foresail.errors import UsageError
from foresail.registry import names
from foresail.registry.address import Address, parse_address
from foresail.registry.connection import patience
from foresail.times import isoformat

if TYPE_CHECKING:
    from mlflow import MlflowClient

_TRANSFER_SECONDS = 120
_UNFIT = re.compile(r"[^A-Za-z0-9_. /-]")


@dataclass(frozen=True, slots=True)
class Upload:
    """A verified bundle and what MLflow shall say about it.

    Attributes:
        folder: The bundle.
        bundle: The same, opened.
        sha256: Of its manifest: what makes two bundles equal.
        metrics: Figures for the run.
        tags: Of the version.
    """

    folder: Path
    bundle: Bundle
    sha256: str
    metrics: Mapping[str, float]
    tags: Mapping[str, str]

    @staticmethod
    def read(folder: Path, *, metrics: Mapping[str, float], tags: Mapping[str, str]) -> "Upload":
        """Verify every file of a bundle and describe it.

        Raises:
            BadBundle: It fails its checks.
        """
        bundle = Bundle.open(folder)
        for name in bundle.manifest.files:
            verify_file(folder, name, bundle.manifest)
        sha256 = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
        own = {
            names.METRIC: bundle.manifest.metric,
            names.TRAINED_UNTIL: isoformat(bundle.manifest.trained_until),
            names.HISTORY_DIGEST: bundle.manifest.history_digest,
            names.SCHEMA_VERSION: str(bundle.manifest.schema_version),
            names.SERIES: str(bundle.manifest.series),
            names.MANIFEST_SHA256: sha256,
            names.BUNDLE_PATH: "artifacts/bundle",
        }
        carried = sum(entry.is_carried_over for entry in bundle.index)
        if carried:
            own[names.CARRIED] = str(carried)
        figures = {**promises(bundle), **metrics}
        return Upload(folder, bundle, sha256, figures, {**tags, **own})

    @property
    def metric(self) -> str:
        """Return the metric of the bundle."""
        return self.bundle.manifest.metric

    @property
    def name(self) -> str:
        """Return the registered model it belongs to."""
        return names.model_name(self.metric)


def promises(bundle: Bundle) -> dict[str, float]:
    """Return the means of a bundle's measured promises, as `next_day.coverage`, and its counts.

    All but `series` is of what was forecast for it: what is carried over was counted before.
    """
    own = [entry for entry in bundle.index if not entry.is_carried_over]
    figures = {"series": float(bundle.manifest.series)}
    for horizon in bundle.manifest.horizons:
        entries = [e.horizons[horizon] for e in own if horizon in e.horizons]
        measured = [e.quality for e in entries if e.quality is not None]
        figures[f"{horizon}.served"] = float(sum(e.winner is not None for e in entries))
        figures[f"{horizon}.measured"] = float(len(measured))
        for field in ("coverage", "sql", "mase", "naive_sql", "naive_mase"):
            if measured:
                total = sum(float(getattr(quality, field)) for quality in measured)
                figures[f"{horizon}.{field}"] = total / len(measured)
    return figures


@dataclass(frozen=True, slots=True)
class Publisher:
    """Writes to one MLflow.

    Attributes:
        client: Its client.
        address: Where it is.
    """

    client: "MlflowClient"
    address: Address

    def ensure_model(self, upload: Upload) -> None:
        """Create the registered model, unless it is there."""
        from mlflow.exceptions import MlflowException  # noqa: PLC0415  # slow to import

        try:
            self.client.create_registered_model(
                upload.name,
                tags={names.METRIC: upload.metric},
                description=f"Foresail's forecasts of {upload.metric}: one version a training.",
            )
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def publish(self, upload: Upload, *, experiment: str) -> str:
        """Log a run, upload the bundle as a model, and return the new version's number."""
        given = self._given_run()
        run_id, experiment_id = given or self._start_run(upload, experiment)
        done = False
        try:
            self._describe(upload, run_id)
            source, model_id = self._upload(upload, run_id, experiment_id)
            done = True
        finally:
            if given is None:
                self.client.set_terminated(run_id, "FINISHED" if done else "FAILED")
        version = self.client.create_model_version(
            upload.name,
            source,
            run_id=run_id,
            model_id=model_id,
            tags=dict(upload.tags),
            description=f"{upload.bundle.manifest.series} series",
            await_creation_for=0,
        )
        return str(version.version)

    def _given_run(self) -> tuple[str, str] | None:
        """Return the run that Kubeflow has started for this task, if it is on this server."""
        run_id = os.environ.get("MLFLOW_RUN_ID", "")
        elsewhere = os.environ.get("MLFLOW_TRACKING_URI", "")
        if not run_id or (elsewhere and parse_address(elsewhere).uri != self.address.uri):
            return None
        return run_id, str(self.client.get_run(run_id).info.experiment_id)

    def _start_run(self, upload: Upload, experiment: str) -> tuple[str, str]:
        experiment_id = self._experiment(experiment)
        until = upload.tags[names.TRAINED_UNTIL]
        run = self.client.create_run(
            experiment_id, run_name=f"{upload.name} {until}", tags=dict(upload.tags)
        )
        return str(run.info.run_id), experiment_id

    def _experiment(self, name: str) -> str:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415  # slow to import

        found = self.client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self.client.create_experiment(name, self._artifacts()))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            found = self.client.get_experiment_by_name(name)
        if found is None or found.lifecycle_stage != "active":
            raise UsageError(
                f"the MLflow experiment {name!r} was deleted; restore it or choose another name"
            )
        return str(found.experiment_id)

    def _artifacts(self) -> str | None:
        """Return the folder beside a sqlite file; MLflow's default is the working directory."""
        file = self.address.file
        return None if file is None else str(file.parent / "mlflow-artifacts")

    def _describe(self, upload: Upload, run_id: str) -> None:
        """Log params and metrics under the metric's name: Kubeflow's run takes several models."""
        from mlflow.entities import Metric, Param  # noqa: PLC0415  # slow to import

        now = time.time_ns() // 1_000_000
        prefix = _UNFIT.sub("-", upload.metric)
        params = {**_settings(upload.folder), **_facts(upload.bundle)}
        self.client.log_batch(
            run_id,
            metrics=[
                Metric(_UNFIT.sub("-", f"{prefix}.{k}"), v, now, 0)
                for k, v in upload.metrics.items()
            ],
            params=[Param(_UNFIT.sub("-", f"{prefix}.{k}"), v) for k, v in params.items()],
        )

    def _upload(self, upload: Upload, run_id: str, experiment_id: str) -> tuple[str, str]:
        from mlflow.entities import LoggedModelOutput  # noqa: PLC0415  # slow to import

        from foresail.registry.packaging import save_model  # noqa: PLC0415  # imports pandas

        model = self.client.create_logged_model(
            experiment_id,
            name=upload.name,
            source_run_id=run_id,
            tags=dict(upload.tags),
            params=_facts(upload.bundle),
            model_type="forecast",
        )
        folder = Path(tempfile.mkdtemp(prefix="foresail-register-"))
        try:
            save_model(folder / "model", upload.folder, upload.bundle, model=model, run_id=run_id)
            with patience(_TRANSFER_SECONDS):
                self.client.log_model_artifacts(model.model_id, str(folder / "model"))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self.client.finalize_logged_model(model.model_id, "READY")
        self.client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
        # a local store resolves models:/ against the process's own tracking URI, not the client's
        local = self.address.file is not None
        source = model.artifact_location if local else f"models:/{model.model_id}"
        return source, model.model_id


def _facts(bundle: Bundle) -> dict[str, str]:
    manifest = bundle.manifest
    return {
        "metric": manifest.metric,
        "series": str(manifest.series),
        "steps": str(manifest.steps),
        "horizons": ",".join(manifest.horizons),
        "trained_until": isoformat(manifest.trained_until),
        "covers_until": isoformat(manifest.covers_until),
        **{f"versions.{name}": version for name, version in manifest.versions.items()},
    }


def _settings(folder: Path) -> dict[str, str]:
    """Return the plain values of the recipe, as `seed` and `prophet.changepoint_prior_scale`."""
    recipe = folder / RECIPE
    told = json.loads(recipe.read_text(encoding="utf-8")) if recipe.exists() else {}
    values: dict[str, object] = {}
    for key, value in told.items() if isinstance(told, dict) else ():
        if isinstance(value, dict):
            values.update({f"{key}.{name}": inner for name, inner in value.items()})
        else:
            values[str(key)] = value
    limit = 500
    return {
        key: str(value)
        for key, value in values.items()
        if isinstance(value, str | int | float | bool) and len(str(value)) <= limit
    }
