"""Compile the pipelines and the components to YAML: the same bytes on every machine."""

import importlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foresail.errors import UsageError

COMPILED = Path(__file__).parent / "compiled"
"""The golden files: one per pipeline, and `components/*.yaml`, one per component to share alone."""
FORECAST = COMPILED / "forecast.yaml"
FORECAST_SHARDED = COMPILED / "forecast_sharded.yaml"
MONITOR = COMPILED / "monitor.yaml"


def compile_all(folder: Path, *, image: str = "") -> tuple[Path, ...]:
    """Write every pipeline and every component below `folder`.

    Args:
        folder: Gets `forecast.yaml`, `forecast_sharded.yaml`, `monitor.yaml` and
            `components/NAME.yaml`.
        image: Replaces the train image, such as a digest or a copy in a registry of your own.

    Returns:
        The written files, in order.

    Raises:
        UsageError: The folder cannot be written to.
    """
    texts = compiled_texts(image=image)
    try:
        for name, text in texts.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write below {folder}: {error.strerror}") from error
    return tuple(folder / name for name in texts)


def stale(folder: Path = COMPILED, *, image: str = "") -> tuple[str, ...]:
    """Return the files below `folder` that differ from a fresh compilation, or are not ours."""
    texts = compiled_texts(image=image)
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*.yaml")}
    differing = {
        n for n in texts if n not in present or (folder / n).read_bytes().decode() != texts[n]
    }
    return tuple(sorted(differing | (present - texts.keys())))


def compiled_texts(*, image: str = "") -> Mapping[str, str]:
    """Return the YAML of everything by its path below the folder."""
    from foresail_components import NAMES
    from foresail_components._image import TRAIN_IMAGE
    from foresail_pipelines.forecast import forecast
    from foresail_pipelines.forecast_sharded import forecast_sharded
    from foresail_pipelines.monitor import monitor

    definitions = {
        "forecast.yaml": forecast,
        "forecast_sharded.yaml": forecast_sharded,
        "monitor.yaml": monitor,
    }
    for name in NAMES:
        module = importlib.import_module(f"foresail_components.{name}")
        definitions[f"components/{name}.yaml"] = getattr(module, name)
    texts = {name: _compile(definition) for name, definition in definitions.items()}
    if not image:
        return texts
    if any(c.isspace() for c in image):
        raise UsageError(f"expected an image such as registry/name:tag, got {image!r}")
    return {n: t.replace(f"image: {TRAIN_IMAGE}\n", f"image: {image}\n") for n, t in texts.items()}


def _compile(definition: Any) -> str:  # noqa: ANN401  # kfp publishes no types
    from kfp import compiler

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.yaml"
        compiler.Compiler().compile(definition, str(path))
        return path.read_text(encoding="utf-8")
