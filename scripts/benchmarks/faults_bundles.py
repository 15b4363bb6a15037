"""The versions of a campaign: good ones, each with numbers of its own, and one of every bad kind.

They are put into a real MLflow: their files where it keeps files, their records by its own API.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np
from factories import bundles

from foresail.bundle.schema import FORECAST, MANIFEST
from foresail.registry import Registry, names
from foresail_serving.cache import CURRENT, Current, replace_json, version_folder

if TYPE_CHECKING:
    from mlflow import MlflowClient

CPU, MEMORY = "foresail-cpu", "foresail-memory"
OVERSIZE = 50_000_000
_CROSSING = (3.0, 2.0, 1.0)


@dataclass(frozen=True, slots=True)
class Good:
    """A version that may be served.

    Attributes:
        model: Registered model.
        version: Its number.
        level: Its p50 is this and the hour of the day.
        cache: A cache that holds it alone, as champion and as challenger.
    """

    model: str
    version: str
    level: float
    cache: Path


@dataclass(frozen=True, slots=True)
class Versions:
    """What there is to flip between.

    Attributes:
        good: All that may be served.
        bad: Kind -> a version of cpu that must never be.
    """

    good: tuple[Good, ...]
    bad: dict[str, str]

    def of(self, model: str) -> tuple[Good, ...]:
        """Return the good versions of a model."""
        return tuple(good for good in self.good if good.model == model)


def make_versions(registry: Registry, folder: Path, artifacts: Path, *, hour: datetime) -> Versions:
    """Register everything that a campaign flips between.

    Args:
        registry: An MLflow that knows nothing yet.
        folder: For what is written on the way.
        artifacts: Where that MLflow keeps files.
        hour: The present hour; forecasts begin a little before it.
    """
    client = registry._client()  # noqa: SLF001  # what makes these versions is no trainer
    run = client.create_run(client.create_experiment("faults")).info
    for model in (CPU, MEMORY):
        client.create_registered_model(model)
    maker = _Maker(client, folder, artifacts, run.artifact_uri, run.run_id)
    begin = hour - timedelta(hours=2)
    good = [maker.good(CPU, level=level, trained_until=begin) for level in (20.0, 30.0, 40.0)]
    older = maker.good(CPU, level=50.0, trained_until=begin - timedelta(hours=5))
    maker.mark_rollback(older)
    good += [older, *(maker.good(MEMORY, level=at, trained_until=begin) for at in (60.0, 70.0))]
    late = begin - timedelta(hours=30)
    bad = {kind: maker.bad(harm, trained_until=begin) for kind, harm in HARMS.items()}
    bad["older"] = maker.bad(_nothing, trained_until=late)
    return Versions(tuple(good), bad)


@dataclass(slots=True)
class _Maker:
    """Writes versions where MLflow keeps files; it takes them only as files of a run."""

    client: "MlflowClient"
    folder: Path
    artifacts: Path
    run_uri: str
    run_id: str
    made: int = 0

    def good(self, model: str, *, level: float, trained_until: datetime) -> Good:
        self.made += 1
        version = self._register(model, level, trained_until, _nothing)
        cache = self.folder / f"reference-{self.made}"
        metric = model.removeprefix("foresail-")
        bundles.write(version_folder(cache, model, version), metric=metric, level=level,
                      trained_until=trained_until)  # fmt: skip
        served = {model: version}
        replace_json(cache / CURRENT, Current(models=served, challengers=served))
        return Good(model, version, level, cache)

    def bad(self, harm: Callable[[Path], None], *, trained_until: datetime) -> str:
        self.made += 1
        return self._register(CPU, 900.0 + self.made, trained_until, harm)

    def mark_rollback(self, good: Good) -> None:
        self.client.set_model_version_tag(good.model, good.version, names.ROLLBACK, "true")

    def _register(
        self, model: str, level: float, trained_until: datetime, harm: Callable[[Path], None]
    ) -> str:
        bundle = self.artifacts / urlsplit(self.run_uri).path[1:] / str(self.made) / "bundle"
        metric = model.removeprefix("foresail-")
        bundles.write(bundle, metric=metric, level=level, trained_until=trained_until)
        harm(bundle)
        tags = {
            names.BUNDLE_PATH: "bundle",
            names.MANIFEST_SHA256: hashlib.sha256((bundle / MANIFEST).read_bytes()).hexdigest(),
        }
        source = f"{self.run_uri}/{self.made}"
        made = self.client.create_model_version(model, source, run_id=self.run_id, tags=tags)
        return str(made.version)


def _nothing(_bundle: Path) -> None:
    pass


def _truncate(bundle: Path) -> None:
    with (bundle / FORECAST).open("r+b") as file:
        file.truncate(1000)


def _flip(bundle: Path) -> None:
    data = bytearray((bundle / FORECAST).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / FORECAST).write_bytes(data)


def _oversize(bundle: Path) -> None:
    with (bundle / FORECAST).open("r+b") as file:
        file.truncate(OVERSIZE)


def _with(change: Callable[[np.ndarray], None]) -> Callable[[Path], None]:
    """Return a harm that is signed, as by a broken trainer."""

    def harm(bundle: Path) -> None:
        values = np.load(bundle / FORECAST)
        change(values)
        np.save(bundle / FORECAST, values)
        data = (bundle / FORECAST).read_bytes()
        manifest = json.loads((bundle / MANIFEST).read_text())
        manifest["files"][FORECAST] = {
            "sha256": hashlib.sha256(data).hexdigest(),
            "size": len(data),
        }
        (bundle / MANIFEST).write_text(json.dumps(manifest))

    return harm


def _nan(values: np.ndarray) -> None:
    values[0, 0, 0] = np.nan


def _cross(values: np.ndarray) -> None:
    values[0, 0] = _CROSSING


def _half(bundle: Path) -> None:
    shutil.move(bundle / FORECAST, bundle / "forecast.part")


HARMS: dict[str, Callable[[Path], None]] = {
    "truncated": _truncate,
    "bit flipped": _flip,
    "oversized": _oversize,
    "not a number": _with(_nan),
    "quantiles cross": _with(_cross),
    "file missing": _half,
}
