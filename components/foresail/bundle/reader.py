"""Open a bundle: verified once, mapped, never trusted."""

import hashlib
import json
import mmap
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from foresail.bundle.schema import (
    FORECAST,
    HISTORY,
    HISTORY_HOURS,
    INDEX,
    MANIFEST,
    SCHEMA_VERSION,
    SERVED,
    Manifest,
    SeriesEntry,
)
from foresail.errors import BadBundle

_BLOCK = 1 << 20
_ALL: set[str] = set()
_DECODER = json.JSONDecoder()
_GAP = re.compile(r"[\s,]*")
_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified bundle.

    Attributes:
        manifest: Its manifest.
        index: One entry a series.
        forecast: float32 `(series, steps, quantiles)`, mapped read-only.
        history: float32 `(series, 672)`, mapped read-only.
    """

    manifest: Manifest
    index: tuple[SeriesEntry, ...]
    forecast: NDArray[np.float32]
    history: NDArray[np.float32]

    @staticmethod
    def open(folder: Path) -> "Bundle":
        """Verify and map the served files of a bundle.

        Raises:
            BadBundle: The manifest is missing or of a newer schema, a file is missing, has other
                bytes than the manifest says, holds a wrong shape, type or value.
        """
        manifest = read_manifest(folder)
        for name in SERVED:
            verify_file(folder, name, manifest)
        index = _read_index(folder)
        forecast, history = _map(folder, FORECAST), _map(folder, HISTORY)
        _check_arrays(folder.name, manifest, index, forecast, history)
        _forget_pages(forecast)
        _forget_pages(history)
        return Bundle(manifest, index, forecast, history)


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a bundle folder.

    Raises:
        BadBundle: It is missing, unreadable, unsafe, or of a newer schema.
    """
    path = folder / MANIFEST
    try:
        return parse_manifest(path.read_bytes())
    except FileNotFoundError as error:
        raise BadBundle(
            f"{folder.name} has no {MANIFEST}: it is not a whole bundle", check="manifest"
        ) from error


def parse_manifest(data: bytes) -> Manifest:
    """Return the manifest in these bytes.

    Raises:
        BadBundle: They are no manifest, name a file outside the folder, or are of a newer schema.
    """
    try:
        raw = json.loads(data)
        version = raw.get("schema_version", SCHEMA_VERSION)
    except (ValueError, AttributeError) as error:
        raise BadBundle(f"{MANIFEST} is not JSON of a manifest", check="manifest") from error
    if version != SCHEMA_VERSION:
        raise BadBundle(
            f"the bundle has schema version {version}, this Foresail reads {SCHEMA_VERSION}; "
            "upgrade the older of the two",
            check="schema",
        )
    try:
        manifest = Manifest.model_validate(raw)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, e["loc"])) for e in error.errors())
        raise BadBundle(
            f"{MANIFEST} is incomplete or wrong in: {fields}", check="manifest"
        ) from error
    unsafe = [name for name in manifest.files if not _SAFE.fullmatch(name) or ".." in name]
    if unsafe:
        raise BadBundle(
            f"{MANIFEST} names {unsafe[0]!r}, which is no path inside the bundle", check="path"
        )
    missing = [name for name in SERVED if name not in manifest.files]
    if missing:
        raise BadBundle(f"{MANIFEST} lacks {', '.join(missing)}", check="manifest")
    return manifest


def verify_file(folder: Path, name: str, manifest: Manifest) -> None:
    """Hold one file of a bundle to its checksum.

    Raises:
        BadBundle: It is missing or has other bytes than the manifest says.
    """
    expected = manifest.files[name]
    digest = hashlib.sha256()
    size = 0
    try:
        with (folder / name).open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                size += len(block)
    except OSError as error:
        raise BadBundle(f"{folder.name}: {name} is missing", check="missing") from error
    if size != expected.size or digest.hexdigest() != expected.sha256:
        raise BadBundle(
            f"{folder.name}: {name} is not the file that was published (sha256)", check="sha256"
        )


def verify_folder(folder: Path, name: str, manifest: Manifest) -> None:
    """Hold every file below a folder of a bundle to its checksum.

    Raises:
        BadBundle: One is missing, has other bytes than the manifest says, or is not in it.
    """
    files = {file for file in manifest.files if file.startswith(f"{name}/")}
    for file in sorted(files):
        verify_file(folder, file, manifest)
    there = (path for path in (folder / name).rglob("*") if path.is_file())
    for path in there:
        file = path.relative_to(folder).as_posix()
        if file not in files:
            raise BadBundle(f"{folder.name}: {MANIFEST} does not name {file}", check="manifest")


def _forget_pages(array: NDArray[np.float32]) -> None:
    """Give back the memory of a mapping that was looked at whole; its pages come when asked for."""
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def _read_index(folder: Path) -> tuple[SeriesEntry, ...]:
    """Read the index entry by entry: all at once it would take twice the memory for good."""
    try:
        return tuple(_entries((folder / INDEX).read_text(encoding="utf-8").strip()))
    except (ValueError, IndexError, RecursionError) as error:
        raise BadBundle(
            f"{folder.name}: {INDEX} is not an index of series", check="index"
        ) from error


def _entries(text: str) -> Iterator[SeriesEntry]:
    if not text.startswith("["):
        raise ValueError("no list")
    at = _skip(text, 1)
    while text[at] != "]":
        raw, end = _DECODER.raw_decode(text, at)
        yield _lean(SeriesEntry.model_validate(raw))
        at = _skip(text, end)
    if at != len(text) - 1:
        raise ValueError("more than a list")


def _skip(text: str, at: int) -> int:
    gap = _GAP.match(text, at)
    return gap.end() if gap else at


def _lean(entry: SeriesEntry) -> SeriesEntry:
    """Let all models of an index share one note of what was set, which nobody reads here.

    Pydantic keeps a set of names in each of them, which is more than half of an index's memory.
    """
    horizons = tuple(entry.horizons.values())
    qualities = [horizon.quality for horizon in horizons]
    qualities += [segment.quality for segment in entry.segments]
    for model in (entry, *horizons, *entry.segments, *qualities):
        if model is not None:
            object.__setattr__(model, "__pydantic_fields_set__", _ALL)
    return entry


def _map(folder: Path, name: str) -> NDArray[np.float32]:
    try:
        array: NDArray[np.float32] = np.load(folder / name, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise BadBundle(
            f"{folder.name}: {name} is not a plain array of numbers", check="dtype"
        ) from error
    if array.dtype != np.dtype("<f4"):
        raise BadBundle(
            f"{folder.name}: {name} holds {array.dtype}, expected float32", check="dtype"
        )
    return np.asarray(array)  # mapped still: as a memmap every cut of it takes a microsecond more


def _check_arrays(
    name: str,
    manifest: Manifest,
    index: tuple[SeriesEntry, ...],
    forecast: NDArray[np.float32],
    history: NDArray[np.float32],
) -> None:
    shape = (manifest.series, manifest.steps, len(manifest.quantiles))
    if forecast.shape != shape or len(index) != manifest.series:
        raise BadBundle(
            f"{name}: expected {shape} forecasts and {manifest.series} series, "
            f"found {forecast.shape} and {len(index)}",
            check="shape",
        )
    if history.shape != (manifest.series, HISTORY_HOURS):
        raise BadBundle(f"{name}: {HISTORY} has shape {history.shape}", check="shape")
    if any(entry.hours > manifest.steps for entry in index):
        raise BadBundle(
            f"{name}: a series claims more than the {manifest.steps} stored hours", check="hours"
        )
    start = manifest.trained_until
    if any(entry.trained_until(start) > start for entry in index):
        raise BadBundle(f"{name}: a series knows hours that come after the bundle", check="as-of")
    span = timedelta(seconds=manifest.step_seconds * manifest.steps)
    if manifest.covers_until - start != span:
        raise BadBundle(
            f"{name}: covers_until is not trained_until + {manifest.steps} steps", check="covers"
        )
    if not np.isfinite(forecast).all():
        raise BadBundle(f"{name}: {FORECAST} holds values that are not finite", check="not-finite")
    if (np.diff(forecast, axis=2) < 0).any():
        raise BadBundle(f"{name}: {FORECAST} holds quantiles that cross", check="crossing")
