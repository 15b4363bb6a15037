"""A fitted panel on disk: numpy arrays and JSON, no pickle."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from foresail.errors import BadInput
from foresail.panel import FloatArray, Panel
from foresail.panel_prophet.admission import seasonalities_of_all
from foresail.panel_prophet.fitted import Fitted
from foresail.panel_prophet.fitting import union_of_features
from foresail.panel_prophet.spans import coverage
from foresail.panel_prophet.specification import Specification
from foresail.panel_prophet.state import FittedPanel

FORMAT = 1
_UNREADABLE = (
    BadInput,
    OSError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    EOFError,
    BadZipFile,
)
MODEL, PARAMETERS, PANEL = "model.json", "parameters.npz", "panel"


def write(folder: Path, state: FittedPanel, settings: Mapping[str, Any]) -> None:
    """Write a fitted panel.

    Args:
        folder: Created if it is not there.
        state: The fitted panel.
        settings: Plain values that `read` gives back.
    """
    state.panel.save(folder / PANEL)
    arrays = {f"fitted/{name}": values for name, values in state.fitted.arrays().items()}
    arrays |= {f"regressor/{name}": values for name, values in state.regressors.items()}
    if state.caps is not None:
        arrays["caps"] = state.caps
    np.savez(folder / PARAMETERS, **arrays)
    plain = {
        "format": FORMAT,
        "settings": dict(settings),
        "specification": state.specification.to_json(),
        "columns": list(state.features.names),
        "failed": sorted(state.failed),
        "reasons": {str(row): reason for row, reason in state.reasons.items()},
        "prophets": {str(row): text for row, text in state.prophets.items()},
    }
    (folder / MODEL).write_text(json.dumps(plain, sort_keys=True), encoding="utf-8")


def read(folder: Path) -> tuple[FittedPanel, dict[str, Any]]:
    """Return the fitted panel and the settings that `write` wrote.

    Raises:
        BadInput: The folder holds no model of this format.
    """
    try:
        plain = json.loads((folder / MODEL).read_text(encoding="utf-8"))
        found = plain.get("format") if isinstance(plain, dict) else None
        if found == FORMAT:
            state = _state(folder, plain)
            return state, dict(plain["settings"])
    except _UNREADABLE as error:
        raise BadInput(
            f"no model in {folder}: expected {MODEL}, {PARAMETERS} and {PANEL}/ as they were saved"
        ) from error
    raise BadInput(f"the model in {folder} has format {found}, expected {FORMAT}")


def _state(folder: Path, plain: Mapping[str, Any]) -> FittedPanel:
    with (folder / PARAMETERS).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        held = {name: np.asarray(arrays[name]) for name in arrays}
    panel = Panel.load(folder / PANEL)
    specification = Specification.from_json(plain["specification"])
    seasonalities = seasonalities_of_all(specification, panel.ds, coverage(panel.values))
    regressors = _named(held, "regressor/")
    fitted = Fitted.from_arrays(_named(held, "fitted/"))
    state = FittedPanel(
        specification=specification,
        panel=panel,
        regressors=regressors,
        caps=held.get("caps"),
        seasonalities=seasonalities,
        features=union_of_features(specification, seasonalities, panel.ds, regressors),
        fitted=fitted,
        reasons={int(row): reason for row, reason in plain["reasons"].items()},
        failed=frozenset(plain["failed"]),
        prophets={int(row): text for row, text in plain["prophets"].items()},
    )
    _check(state, plain["columns"])
    return state


def _check(state: FittedPanel, columns: list[str]) -> None:
    """Hold what was read to itself; a wrong number must not become a forecast.

    Raises:
        ValueError: The parts do not belong together.
    """
    series, rows = len(state.panel), len(state.panel.ds)
    fitted = state.fitted
    wide = {"delta", "bend_times", "beta", "centre", "spread"}
    for name, values in fitted.arrays().items():
        shape = values.shape[:1] if name in wide else values.shape
        if shape != (series,) or values.dtype.kind not in "fib":
            raise ValueError(name)
    if tuple(columns) != state.features.names or fitted.beta.shape != (series, len(columns)):
        raise ValueError("columns")
    if (fitted.first < 0).any() or (fitted.last >= max(rows, 2)).any():
        raise ValueError("rows")
    known = set(range(series))
    if not (state.failed | set(state.prophets) | set(state.reasons)) <= known:
        raise ValueError("series")
    if not np.isfinite(fitted.sigma[state.solved]).all():
        raise ValueError("sigma")


def _named(arrays: Mapping[str, FloatArray], prefix: str) -> dict[str, FloatArray]:
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
