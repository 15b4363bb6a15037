"""The forecasts of a cell: what Foresail serves, every contender, and Prophet as it comes."""

import resource
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.accuracy_cells import Cell
from foresail.contenders import ProphetSettings, SeasonalNaive
from foresail.evaluation.asking import not_below_zero
from foresail.evaluation.field import field
from foresail.evaluation.scores import REFERENCE
from foresail.horizons import QUANTILES
from foresail.panel import HOUR, FloatArray, IntArray
from foresail.panel_prophet import PanelProphet
from foresail.times import isoformat

STOCK = "stock Prophet"


@dataclass(frozen=True, slots=True)
class Served:
    """What one call of `foresail forecast` wrote for the n series that count.

    Attributes:
        quantiles: p10, p50, p90, shape `(n, hours, 3)`; NaN where there is no forecast.
        models: Who made each; empty where nobody did.
        codes: A `foresail.codes.Code` each, shape `(n,)`.
        seconds: By the clock, from the start of the process to its end.
        core_seconds: That the cores spent on it.
    """

    quantiles: FloatArray
    models: tuple[str, ...]
    codes: IntArray
    seconds: float
    core_seconds: float = 0.0


def served(cell: Cell, history: Path, *, folder: Path) -> Served:
    """Call `foresail forecast` on the whole file, which must not look beyond the origin.

    Raises:
        SystemExit: It failed; shows its last words.
    """
    out = folder / "served.parquet"
    command = [sys.executable, "-m", "foresail", "forecast", "--history", str(history)]
    command += ["--as-of", isoformat(cell.as_of), "--horizon", cell.horizon.name, "--out", str(out)]
    begun, spent = time.perf_counter(), _spent()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds, cores = time.perf_counter() - begun, _spent() - spent
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(command[2:])} failed:\n{done.stderr[-3000:]}")
    return replace(picked(pd.read_parquet(out), cell, seconds=seconds), core_seconds=cores)


def _spent() -> float:
    """Return the seconds that cores have spent on the processes that were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def picked(rows: pd.DataFrame, cell: Cell, *, seconds: float) -> Served:
    """Return of a forecast file the series that count, in the cell's order.

    Raises:
        SystemExit: The file holds other hours than the cell, or lacks a series.
    """
    hours = cell.horizon.hours
    keys = [f"{info.series} {info.metric}" for info in cell.index]
    blocks = rows.assign(key=rows["series"].astype(str) + " " + rows["metric"].astype(str))
    blocks = blocks[blocks["key"].isin(keys)].sort_values(["key", "ds"], kind="stable")
    stamps = blocks["ds"].dt.tz_localize(None).to_numpy().astype("datetime64[s]")
    wanted = cell.as_of + HOUR * np.arange(1, hours + 1)
    if not np.array_equal(stamps, np.tile(wanted, len(keys))):
        raise SystemExit(f"bench: the forecast of {cell} does not hold each hour once")
    first = blocks.iloc[::hours]
    place = pd.Index(first["key"]).get_indexer(pd.Index(keys))
    quantiles = blocks[["p10", "p50", "p90"]].to_numpy(dtype=np.float64)
    return Served(
        quantiles=quantiles.reshape(len(keys), hours, 3)[place],
        models=tuple(first["model"].fillna("").astype(str).iloc[place]),
        codes=first["code"].to_numpy(dtype=np.int64)[place],
        seconds=seconds,
    )


def reference(cell: Cell) -> FloatArray:
    """Return the seasonal naive that every score is relative to, shape `(n, hours, 3)`.

    As it is defined: unlike the contender of its name it may fall below zero.
    """
    return SeasonalNaive(24).forecast(cell.counted, hours=cell.horizon.hours).quantiles


def singles(cell: Cell) -> dict[str, FloatArray]:
    """Return what each contender alone forecasts, and stock Prophet; shape `(n, hours, 3)` each.

    Contenders are held at zero as in the contest, and forecast every series that is known: what
    learns from the whole panel shall have it. Stock Prophet is left as it comes.
    """
    counted, hours = cell.counted, cell.horizon.hours
    found = {
        contender.name: not_below_zero(
            contender.forecast(cell.known, hours=hours).quantiles[cell.rows], counted.values
        )
        for contender in field(ProphetSettings())
        if contender.name != REFERENCE
    }
    stock = PanelProphet().fit(counted).predict(hours, QUANTILES)
    return {**found, STOCK: np.sort(stock, axis=2)}
