"""Write a bundle: every file first, the manifest last."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from foresail.bundle.schema import (
    FORECAST,
    HISTORY,
    HISTORY_HOURS,
    INDEX,
    MANIFEST,
    MODELS,
    RECIPE,
    FileEntry,
    Manifest,
    SeriesEntry,
)
from foresail.errors import BadInput

_PLAIN = re.compile(r"[a-z0-9_]+")


class Savable(Protocol):
    """A fitted model that can be kept."""

    def save(self, folder: Path) -> None:
        """Write it as files into a folder, creating it; nothing in them is a pickle."""


@dataclass(frozen=True, slots=True)
class Publication:
    """All that goes into one bundle.

    Attributes:
        metric: The one metric.
        trained_until: First hour of the forecast, UTC.
        quantiles: Ascending.
        horizons: Name -> hours.
        index: One entry a series.
        forecast: `(series, steps, quantiles)`; finite, not crossing, zero where there is none.
        history: `(series, T)`, the hours up to `trained_until`; the last 28 days are kept.
        history_digest: Of the history it was trained on.
        recipe: Settings per series, enough to refit at other origins.
        models: Contender's name -> what it fitted to the series of the index that it serves.
        versions: Of the libraries that made it.
    """

    metric: str
    trained_until: datetime
    quantiles: tuple[float, ...]
    horizons: Mapping[str, int]
    index: Sequence[SeriesEntry]
    forecast: NDArray[np.floating[Any]]
    history: NDArray[np.floating[Any]]
    history_digest: str
    recipe: Mapping[str, Any]
    models: Mapping[str, Savable]
    versions: Mapping[str, str]


def write_bundle(folder: Path, publication: Publication) -> Manifest:
    """Write a bundle into an empty folder and return its manifest.

    Raises:
        BadInput: The folder is not empty, the forecast would fail the reader's checks, or a
            model's name is no plain word.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BadInput(f"{folder} is not empty; a bundle is written once and never changed")
    forecast = np.ascontiguousarray(publication.forecast, dtype="<f4")
    if not np.isfinite(forecast).all() or (np.diff(forecast, axis=2) < 0).any():
        raise BadInput(f"the {publication.metric} forecast is not finite or its quantiles cross")
    np.save(folder / FORECAST, forecast, allow_pickle=False)
    np.save(folder / HISTORY, _last_days(publication.history), allow_pickle=False)
    entries = [entry.model_dump(mode="json") for entry in publication.index]
    _write_json(folder / INDEX, entries)
    _write_json(folder / RECIPE, publication.recipe)
    _write_models(folder / MODELS, publication.models)
    _write_parquet(folder, publication, forecast)
    manifest = Manifest(
        metric=publication.metric,
        trained_until=publication.trained_until,
        covers_until=publication.trained_until + timedelta(hours=forecast.shape[1]),
        quantiles=publication.quantiles,
        steps=forecast.shape[1],
        series=forecast.shape[0],
        horizons=publication.horizons,
        history_digest=publication.history_digest,
        versions=publication.versions,
        files={
            path.relative_to(folder).as_posix(): _entry(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        },
    )
    _write_json(folder / MANIFEST, manifest.model_dump(mode="json"))
    return manifest


def _write_models(folder: Path, models: Mapping[str, Savable]) -> None:
    folder.mkdir()
    for name, model in models.items():
        if not _PLAIN.fullmatch(name):  # it becomes a folder
            raise BadInput(f"expected a contender's name such as prophet, got {name!r}")
        model.save(folder / name)


def _last_days(history: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    kept = history[:, -HISTORY_HOURS:]
    padded = np.full((history.shape[0], HISTORY_HOURS), np.nan, dtype="<f4")
    if kept.shape[1]:
        padded[:, -kept.shape[1] :] = kept
    return padded


def _write_parquet(
    folder: Path, publication: Publication, forecast: NDArray[np.floating[Any]]
) -> None:
    from foresail.bundle.table import write_parquet  # noqa: PLC0415  # pyarrow is for training only

    write_parquet(folder, publication.trained_until, publication.index, forecast)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, sort_keys=True, allow_nan=False), encoding="utf-8")


def _entry(path: Path) -> FileEntry:
    data = path.read_bytes()
    return FileEntry(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
