"""The panel engine against its bars, against Prophet, and against what the machine allows.

Every measurement is a process of its own (`engine_runs`), one at a time and all on one core, so
that nothing of ours competes. Other people's work may, and comes and goes: so the engine, Prophet
and prophet-batch take turns, and of each the best round counts. Seconds are those that the core
spent on the process; the clock's stand beside where the two sides are compared.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine_panels import a_third, complete_series, with_gaps
from benchmarks.figure import Figure, at_least, below

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ROUNDS = 3
SIZES = (100, 1_000, 10_000)
MANY = SIZES[-1]
BATCH, MULTIPLICATIVE = 200, 500
"""Series for prophet-batch, and with multiplicative seasonality: these take longer."""
CLOCKS = ("cpu", "wall")
NOT_MEASURED = "not measured: "


@dataclass(frozen=True, slots=True)
class Bench:
    """Where to measure.

    Attributes:
        folder: For the panels, and for an environment.
        core: The only one that measured processes run on; None where the system cannot pin.
    """

    folder: Path
    core: int | None

    @staticmethod
    def at(folder: str) -> "Bench":
        """Choose the last core: systems serve their devices on the first."""
        pins = sys.platform == "linux"
        return Bench(Path(folder), max(os.sched_getaffinity(0)) if pins else None)

    def put(self, name: str, values: np.ndarray[Any, Any]) -> str:
        """Write a panel and return its path."""
        file = self.folder / f"{name}.npy"
        np.save(file, values)
        return str(file)

    def run(self, name: str, *, python: str = sys.executable, **arguments: object) -> Any:  # noqa: ANN401  # JSON
        """Measure in a fresh process."""
        what = Path(str(arguments.get("file", ""))).stem
        print(f"bench: {name} {what}".rstrip() + " ...", file=sys.stderr)
        asked = json.dumps({"run": name, "core": self.core, **arguments})
        threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
        done = subprocess.run(
            [python, str(HERE / "engine_runs.py"), asked],
            env={**os.environ, **threads},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"bench: {name} failed:\n{done.stderr[-3000:]}")
        return json.loads(done.stdout.splitlines()[-1])


@dataclass(frozen=True, slots=True)
class Duel:
    """What the engine and the others took for the same kinds of series in the same minutes.

    Attributes:
        engine: Clock -> series/s of the engine's fit and predict.
        prophet: Clock -> series/s of Prophet, from the median series.
    """

    engine: Mapping[str, float]
    prophet: Mapping[str, float]

    def times_faster(self, clock: str) -> float:
        """Return how many series the engine does while Prophet does one."""
        return self.engine[clock] / self.prophet[clock]


@dataclass(frozen=True, slots=True)
class Rival:
    """What prophet-batch took.

    Attributes:
        python: Of the environment that holds it; empty if there is none.
        why: There is none.
        version: Of the package.
        rate: Clock -> series/s.
    """

    python: str = ""
    why: str = ""
    version: str = ""
    rate: Mapping[str, float] | None = None


def full() -> list[Figure]:
    """Measure everything, in some minutes."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench.at(folder)
        values = complete_series(MANY, 60)
        files = {
            "complete": bench.put("complete", values),
            "third": bench.put("third", with_gaps(values, a_third(MANY))),
            "every": bench.put("every", with_gaps(values, np.ones(MANY, dtype=bool))),
            "quarter": bench.put("quarter", complete_series(MANY, 90)),
        }
        rival = _rival(bench)
        complete, third, rival = _duels(bench, files, MANY, prophets=28, rival=rival)
        runs = {
            60: _engine(bench, files["complete"], SIZES, repeats=ROUNDS),
            90: _engine(bench, files["quarter"], SIZES, repeats=ROUNDS),
        }
        fit = _rate(runs[60], "fit", MANY)
        return [
            *_titled(
                "One core against others, 60 days",
                [
                    *_compared("complete", complete, bar=300, note="reach: 1,000"),
                    *_compared("a third with gaps", third, bar=150, note="reach: 400"),
                    *_against_rival(complete, rival),
                ],
            ),
            *_titled("Complete series, series/s of one core", _sizes(runs)),
            *_titled("Other panels, 60 days", _others(bench, files)),
            *_titled("Memory above the input, 10,000 series", _memory(bench, files)),
            *_titled("What the core allows, 60 days", _limits(bench, files, fit)),
            *_profiles(bench, files),
        ]


def small() -> list[Figure]:
    """Measure in under a minute whether the engine is still out of Prophet's reach."""
    series = 1_000
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench.at(folder)
        values = complete_series(series, 60)
        files = {
            "complete": bench.put("complete", values),
            "third": bench.put("third", with_gaps(values, a_third(series))),
        }
        complete, third, _ = _duels(bench, files, series, prophets=5, rival=Rival())
        return _titled(
            f"One core against Prophet, {series:,} series of 60 days",
            [
                *_compared("complete", complete, bar=100),
                *_compared("a third with gaps", third, bar=None),
            ],
        )


def _titled(title: str, figures: Iterable[Figure]) -> list[Figure]:
    return [replace(figure, group=title) for figure in figures]


def _duels(
    bench: Bench, files: Mapping[str, str], series: int, *, prophets: int, rival: Rival
) -> tuple[Duel, Duel, Rival]:
    """Let the engine, Prophet and prophet-batch take turns; complete series, and a third with gaps.

    Prophet does the first series of either panel: each kind in turn.
    """
    of_third = np.flatnonzero(a_third(prophets)).tolist()
    rows = [(files["complete"], row) for row in range(prophets)]
    rows += [(files["third"], row) for row in of_third]
    engine: dict[str, list[Any]] = {"complete": [], "third": []}
    prophet, batch, found = [], [], rival
    for _ in range(ROUNDS):
        engine["complete"] += _engine(bench, files["complete"], [series])
        prophet.append(bench.run("prophet", rows=rows))
        engine["third"] += _engine(bench, files["third"], [series])
        if rival.python:
            asked = {"file": files["complete"], "series": BATCH}
            ran = bench.run("prophet_batch", python=rival.python, **asked)
            found = replace(rival, version=ran["version"])
            batch.append(ran["run"])
    if batch:
        found = replace(found, rate={c: BATCH / min(run[c] for run in batch) for c in CLOCKS})
    each = {c: [min(run[c] for run in runs) for runs in zip(*prophet, strict=True)] for c in CLOCKS}
    # the same series in both panels but for the third
    mixed = {
        c: [s for row, s in enumerate(each[c][:prophets]) if row not in of_third]
        + each[c][prophets:]
        for c in CLOCKS
    }
    return (
        _duel(engine["complete"], series, {c: each[c][:prophets] for c in CLOCKS}),
        _duel(engine["third"], series, mixed),
        found,
    )


def _engine(
    bench: Bench, file: str, series: Sequence[int], *, repeats: int = 1, **keywords: str
) -> Any:  # noqa: ANN401  # JSON
    return bench.run("engine", file=file, series=series, keywords=keywords, repeats=repeats)


def _duel(runs: list[Any], series: int, prophet: Mapping[str, list[float]]) -> Duel:
    return Duel(
        engine={c: series / min(run["fit"][c] + run["predict"][c] for run in runs) for c in CLOCKS},
        prophet={c: 1 / statistics.median(prophet[c]) for c in CLOCKS},
    )


def _rate(runs: list[Any], work: str, series: int) -> float:
    """Return series/s of the best of the runs with so many series."""
    return series / min(run[work]["cpu"] for run in runs if run["series"] == series)


def _compared(name: str, duel: Duel, *, bar: int | None, note: str = "") -> list[Figure]:
    label, ratio = f"engine / Prophet, {name}", duel.times_faster("cpu")
    held = Figure(label, ratio, "times")
    return [
        held if bar is None else at_least(label, ratio, "times", least=bar, note=note),
        Figure("  the same by the clock", duel.times_faster("wall"), "times"),
        Figure("  engine, fit + predict 168 h", duel.engine["cpu"], "series/s"),
        Figure("  Prophet, its median series", duel.prophet["cpu"], "series/s"),
    ]


def _rival(bench: Bench) -> Rival:
    """Find prophet-batch in this environment, or make one for it that is gone afterwards."""
    if find_spec("prophet_batch"):
        return Rival(python=sys.executable)
    own = ROOT / ".foresail" / "uv" / "bin" / "uv"  # where scripts/_env.sh puts it if need be
    uv = str(own) if own.exists() else shutil.which("uv")
    if not uv:
        return Rival(why=NOT_MEASURED + "not installed, and no uv to fetch it")
    print("bench: fetching prophet-batch ...", file=sys.stderr)
    environment = bench.folder / "environment"
    python = environment / "bin" / "python"
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(environment)],
        [uv, "pip", "install", "--quiet", "--python", str(python), "prophet-batch"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return Rival(why=NOT_MEASURED + "not installed, and cannot be fetched")
    return Rival(python=str(python))


def _against_rival(complete: Duel, rival: Rival) -> list[Figure]:
    name = "engine / prophet-batch, complete"
    if not rival.rate:
        return [Figure(name, None, "times", ">= 40", note=rival.why)]
    ratio = {clock: complete.engine[clock] / rival.rate[clock] for clock in CLOCKS}
    how = f"{rival.version}, forecast_many, future rows only, {BATCH} series"
    return [
        at_least(name, ratio["cpu"], "times", least=40, note="reach: 100"),
        Figure("  the same by the clock", ratio["wall"], "times"),
        Figure("  prophet-batch", rival.rate["cpu"], "series/s", note=how),
    ]


def _sizes(runs: Mapping[int, list[Any]]) -> list[Figure]:
    aims = {
        ("fit", 60, MANY): "aim: 4,000; reach: 10,000",
        ("predict", 60, MANY): "aim: 20,000; reach: 50,000",
    }
    return [
        Figure(
            f"{work}, {series:,} series of {days} days",
            _rate(some, work, series),
            "series/s",
            note=aims.get((work, days, series), ""),
        )
        for days, some in runs.items()
        for work in ("fit", "predict")
        for series in SIZES
    ]


def _others(bench: Bench, files: Mapping[str, str]) -> list[Figure]:
    times = {"seasonality_mode": "multiplicative"}
    figures = []
    for name, file, series, keywords, note in (
        ("a third with gaps of their own", "third", MANY, {}, ""),
        ("all with gaps of their own", "every", MANY, {}, "aim: 1,500"),
        ("multiplicative", "complete", MULTIPLICATIVE, times, f"{MULTIPLICATIVE} series; aim: 200"),
    ):
        runs = _engine(bench, files[file], [series], repeats=ROUNDS, **keywords)
        figures += [
            Figure(f"fit, {name}", _rate(runs, "fit", series), "series/s", note=note),
            Figure(f"predict, {name}", _rate(runs, "predict", series), "series/s"),
        ]
    return figures


def _memory(bench: Bench, files: Mapping[str, str]) -> list[Figure]:
    figures = []
    for name, file in (("complete", files["complete"]), ("a third with gaps", files["third"])):
        grown = bench.run("memory", file=file)
        label = f"fit + predict 168 h, {name}"
        if grown is None:
            why = NOT_MEASURED + "needs /proc/self/clear_refs"
            figures.append(Figure(label, None, "MB", "< 150", note=why))
            continue
        figures += [
            below(label, grown["both"], "MB", limit=150, note="with the answer's 40; reach: 50"),
            Figure("  peak of fit", grown["fit"], "MB"),
            Figure("  left by fit: the model", grown["after_fit"], "MB"),
            Figure("  peak of predict above that", grown["predict"], "MB"),
        ]
    return figures


def _limits(bench: Bench, files: Mapping[str, str], fit: float) -> list[Figure]:
    found = bench.run("limits", file=files["complete"])
    gemm, reading = (found["series"] / found[limit]["cpu"] for limit in ("gemm", "reading"))
    return [
        Figure("Z'Y alone, double precision", gemm, "series/s", note="41 columns, 1,440 rows"),
        Figure("  share of it that fit reaches", 100 * fit / gemm, "%"),
        Figure("reading the input once", reading, "series/s"),
        Figure("  share of it that fit reaches", 100 * fit / reading, "%"),
    ]


def _profiles(bench: Bench, files: Mapping[str, str]) -> list[Figure]:
    figures = []
    for name, file in (("complete", files["complete"]), ("a third with gaps", files["third"])):
        parts = sorted(bench.run("profile", file=file).items(), key=lambda item: -item[1])
        shares = [Figure(part, 100 * share, "%") for part, share in parts]
        figures += _titled(f"Where the time of a fit goes, {name}", shares)
    return figures
