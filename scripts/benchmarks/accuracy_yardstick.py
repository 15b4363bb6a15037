"""statsforecast as a yardstick: on some series, in an environment of its own."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.accuracy_cells import ROOT, VMS, Cell
from foresail.panel import FloatArray, SeriesInfo, SeriesKey

VERSION = "2.1.1"
MODELS = ("AutoETS", "MSTL", "AutoTheta")
HISTORY_DAYS = 28
"""Given to it: as many as the naive's band sees; 90 would take five times as long."""
MACHINE_SERIES = 60
"""Of the virtual machines; of the pools it gets all."""
SEED = 0
PROGRAM = Path(__file__).with_name("accuracy_statsforecast.py")
HOME = ROOT / ".foresail" / "benchmarks"

JobKey = tuple[str, np.datetime64, SeriesKey]
"""Dataset, origin, series."""


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What statsforecast forecast.

    Attributes:
        forecasts: (Model, job) -> p10, p50, p90, shape `(hours or more, 3)`.
        chosen: (Dataset, series) pairs that it was given.
        seconds: Of the cores, per model.
        refused: How many histories each model refused.
        why: There is none; empty if there is one.
    """

    forecasts: Mapping[tuple[str, JobKey], FloatArray] = field(default_factory=dict)
    chosen: frozenset[tuple[str, SeriesKey]] = frozenset()
    seconds: Mapping[str, float] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    why: str = ""

    def of(self, cell: Cell) -> dict[str, FloatArray]:
        """Return each model's forecasts of a cell, `(n, hours, 3)`, NaN where it has none."""
        if self.why:
            return {}
        hours = cell.horizon.hours
        found = {name: np.full((len(cell.index), hours, 3), np.nan) for name in MODELS}
        for name, quantiles in found.items():
            for row, info in enumerate(cell.index):
                made = self.forecasts.get((name, _key(cell, info)))
                if made is not None:
                    quantiles[row] = made[:hours]
        return found


def measure(cells: Sequence[Cell]) -> Yardstick:
    """Forecast the chosen series of all cells, each history once; kept for the next run."""
    chosen = choose(cells)
    jobs = jobs_of(cells, chosen)
    kept = HOME / "statsforecast.parquet"
    digest = _digest(jobs)
    notes = kept.with_suffix(".json")
    if not notes.is_file() or json.loads(notes.read_text(encoding="utf-8"))["digest"] != digest:
        python = environment()
        if python is None:
            return Yardstick(why="not installed, and cannot be fetched")
        print(f"bench: statsforecast, {len(jobs)} histories ...", file=sys.stderr)
        told = _run(python, jobs, kept)
        notes.write_text(json.dumps({**told, "digest": digest}), encoding="utf-8")
    told = json.loads(notes.read_text(encoding="utf-8"))
    rows = pd.read_parquet(kept)
    keys = list(jobs)
    forecasts = {
        (str(model), keys[int(str(job))]): part[["p10", "p50", "p90"]].to_numpy(dtype=np.float64)
        for (model, job), part in rows.groupby(["model", "job"], sort=False)
    }
    return Yardstick(forecasts, chosen, told["seconds"], told["refused"])


def choose(cells: Sequence[Cell]) -> frozenset[tuple[str, SeriesKey]]:
    """Return the series it gets: some of the machines', drawn by a fixed seed, all the pools'."""
    machines = sorted(
        {(c.dataset.name, i.key) for c in cells if c.dataset.group == VMS for i in c.index}
    )
    drawn = np.random.default_rng(SEED).permutation(len(machines))[:MACHINE_SERIES]
    pools = {(c.dataset.name, i.key) for c in cells if c.dataset.group != VMS for i in c.index}
    return frozenset({machines[place] for place in drawn} | pools)


def jobs_of(
    cells: Sequence[Cell], chosen: frozenset[tuple[str, SeriesKey]]
) -> dict[JobKey, tuple[int, FloatArray]]:
    """Return each history once, with the hours of the longest horizon that it is asked for."""
    jobs: dict[JobKey, tuple[int, FloatArray]] = {}
    for cell in cells:
        for info, values in zip(cell.index, cell.counted.values, strict=True):
            if (cell.dataset.name, info.key) in chosen:
                key = _key(cell, info)
                hours, y = jobs.get(key) or (0, filled(values[-24 * HISTORY_DAYS :]))
                jobs[key] = (max(hours, cell.horizon.hours), y)
    return jobs


def filled(y: FloatArray) -> FloatArray:
    """Return a history from its first value on, gaps bridged by straight lines.

    What is missing at the end is its last value.
    """
    known = np.flatnonzero(np.isfinite(y))
    return np.interp(np.arange(known[0], len(y)), known, y[known])


def environment() -> Path | None:
    """Return the Python of an environment with statsforecast, made where it is missing."""
    folder = HOME / f"statsforecast-{VERSION}"
    python = folder / "bin" / "python"
    have = [str(python), "-c", "import statsforecast"]
    if python.is_file() and not subprocess.run(have, capture_output=True, check=False).returncode:
        return python
    own = ROOT / ".foresail" / "uv" / "bin" / "uv"  # where scripts/_env.sh puts it if need be
    uv = str(own) if own.exists() else shutil.which("uv")
    if not uv:
        return None
    print(f"bench: fetching statsforecast {VERSION} ...", file=sys.stderr)
    wanted = f"statsforecast=={VERSION}"
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        [uv, "pip", "install", "--quiet", "--python", str(python), wanted, "pyarrow"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"bench: no statsforecast: {done.stderr[-1000:]}", file=sys.stderr)
            return None
    return python


def _run(
    python: Path, jobs: Mapping[JobKey, tuple[int, FloatArray]], target: Path
) -> dict[str, object]:
    frames = [
        pd.DataFrame({"job": number, "hours": hours, "y": y})
        for number, (hours, y) in enumerate(jobs.values())
    ]
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "in.parquet", Path(folder) / "out.parquet"
        pd.concat(frames).to_parquet(source, index=False)
        done = subprocess.run(
            [str(python), str(PROGRAM), str(source), str(made)],
            env={**os.environ, **threads},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit("bench: statsforecast failed; its words stand above")
        target.write_bytes(made.read_bytes())
    told: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return told


def _digest(jobs: Mapping[JobKey, tuple[int, FloatArray]]) -> str:
    """Return what tells whether a kept file answers these jobs."""
    found = hashlib.sha256(VERSION.encode() + PROGRAM.read_bytes())
    for key, (hours, y) in jobs.items():
        found.update(f"{key} {hours}".encode())
        found.update(y.tobytes())
    return found.hexdigest()


def _key(cell: Cell, info: SeriesInfo) -> JobKey:
    return (cell.dataset.name, cell.as_of, info.key)
