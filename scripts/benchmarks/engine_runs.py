"""What the benchmark of the engine measures, each in a fresh process of its own.

A program: it takes its orders as JSON, and the last line that it prints is what it found, as JSON.
It runs in whatever environment holds what it measures, so it imports nothing but numpy at the top.
"""

import ctypes
import gc
import json
import logging
import os
import resource
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np
from engine_panels import hours
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

    from foresail.panel import Panel

HORIZON = 168
LEVELS = (0.1, 0.5, 0.9)
WARM = 100
REPEATS = 3
MEGABYTE = 1e6
PARAMETERS = 41
"""Of a series of 60 or 90 days: slope, level, a week's 6 waves, a day's 8, 25 changepoints."""

EVERY_SECONDS = 0.001
"""How often a profile looks."""
REST = "the rest"
PARTS = {
    "spans": "reading and scaling",
    "admission": "reading and scaling",
    "moments.scaled": "reading and scaling",
    "changepoints": "Gram matrices and moments",
    "moments": "Gram matrices and moments",
    "fitting._solve_shared": "Gram matrices and moments",
    "path": "walk along the path",
    "solve": "elimination and refinement",
    "statistics": "elimination and refinement",
}
"""Module, or module and function, of the engine -> the part of a fit that it is."""

Seconds = dict[str, float]


def seconds(work: Callable[[], object]) -> Seconds:
    """Return what some work took: of the clock, and of the core.

    The core's seconds count what this process and the processes that it waited for computed
    (Prophet starts one), and not the time in which the core worked for somebody else.
    """
    wall, cpu = time.perf_counter(), _cpu()
    work()
    return {"cpu": _cpu() - cpu, "wall": time.perf_counter() - wall}


def _cpu() -> float:
    some = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in some)


def best(work: Callable[[], object]) -> Seconds:
    """Return the shortest of a few runs, by each clock: noise only ever adds."""
    found = [seconds(work) for _ in range(REPEATS)]
    return {clock: min(one[clock] for one in found) for clock in ("cpu", "wall")}


def panel_of(values: NDArray[np.float32]) -> "Panel":
    """Return values as the engine takes them."""
    from foresail.panel import Panel, SeriesInfo  # noqa: PLC0415  # not where prophet-batch runs

    ds = hours(values.shape[1] // 24)
    return Panel(ds, values, tuple(SeriesInfo(f"s{i}", "cpu") for i in range(len(values))))  # type: ignore[arg-type]  # float32


def engine(file: str, series: Sequence[int], keywords: dict[str, Any], repeats: int) -> Any:  # noqa: ANN401  # JSON
    """Measure fit and predict of the first so many series: the best of some repeats for each."""
    from foresail.panel_prophet import PanelProphet  # noqa: PLC0415  # not with prophet-batch

    values = np.load(file)
    _fit_and_predict(values[:WARM].copy(), keywords)
    found = []
    for count in series:
        panel = panel_of(values[:count].copy())
        for _ in range(repeats):
            model = PanelProphet(**keywords)
            fit = seconds(lambda: model.fit(panel))  # noqa: B023  # called at once
            predict = seconds(lambda: model.predict(HORIZON, LEVELS))  # noqa: B023  # called at once
            found.append({"series": count, "fit": fit, "predict": predict})
        left = sum(one.engine != "panel" for one in model.report)
        if left:
            raise SystemExit(f"{left} of {count} series of {file} were not solved by the engine")
    return found


def _fit_and_predict(values: NDArray[np.float32], keywords: dict[str, Any]) -> None:
    from foresail.panel_prophet import PanelProphet  # noqa: PLC0415  # not with prophet-batch

    PanelProphet(**keywords).fit(panel_of(values)).predict(HORIZON, LEVELS)


def prophet(rows: Sequence[tuple[str, int]]) -> Any:  # noqa: ANN401  # JSON
    """Measure an ordinary Prophet on each of these rows of files: fit, predict, its own bands."""
    logging.disable(logging.CRITICAL)  # it announces every fit
    import pandas as pd  # noqa: PLC0415  # only this run pays for it
    from prophet import Prophet  # noqa: PLC0415  # as above

    def forecast(y: NDArray[np.float32]) -> None:
        ds = hours(y.size // 24)
        future = pd.DataFrame({"ds": ds[-1] + np.arange(1, HORIZON + 1) * np.timedelta64(1, "h")})
        frame = pd.DataFrame({"ds": ds, "y": y.astype(np.float64)})
        found.append(seconds(lambda: Prophet().fit(frame).predict(future)))

    found: list[Seconds] = []
    values = {file: np.load(file, mmap_mode="r") for file in {file for file, _ in rows}}
    forecast(values[rows[0][0]][rows[0][1]])  # the first one loads Stan's model
    found.clear()
    for file, row in rows:
        forecast(values[file][row])
    return found


def prophet_batch(file: str, series: int) -> Any:  # noqa: ANN401  # JSON
    """Measure prophet-batch as its README advises for many series of which forecasts are wanted.

    `forecast_many` keeps no models; without history rows it samples no bands for them, and with
    the columns named it builds no others. One core, so one job.
    """
    logging.disable(logging.CRITICAL)  # it hands through what Prophet announces
    from prophet_batch import forecast_many  # noqa: PLC0415  # only this run has it

    values = np.load(file, mmap_mode="r")[:series]

    def forecast(frame: "pd.DataFrame") -> None:
        forecast_many(
            frame,
            periods=HORIZON,
            freq="h",
            include_history=False,
            columns=["ds", "yhat", "yhat_lower", "yhat_upper"],
            seed=0,
            n_jobs=1,
        )

    forecast(_long_frame(values[:2]))
    frame = _long_frame(values)
    return {"version": version("prophet-batch"), "run": seconds(lambda: forecast(frame))}


def _long_frame(values: NDArray[np.float32]) -> "pd.DataFrame":
    import pandas as pd  # noqa: PLC0415  # only this run pays for it

    count, rows = values.shape
    return pd.DataFrame(
        {
            "unique_id": np.repeat([f"s{i}" for i in range(count)], rows),
            "ds": np.tile(hours(rows // 24), count),
            "y": values.ravel().astype(np.float64),
        }
    )


def memory(file: str) -> Any:  # noqa: ANN401  # JSON
    """Measure by how many megabytes fit and predict grow a process that holds the input.

    Peaks of resident memory, above what was resident before; None where the system does not tell.
    """
    from foresail.panel_prophet import PanelProphet  # noqa: PLC0415  # not with prophet-batch

    if not os.access("/proc/self/clear_refs", os.W_OK):
        return None
    panel = panel_of(np.load(file))
    _fit_and_predict(panel.values[:WARM].copy(), {})  # type: ignore[arg-type]  # float32
    gc.collect()
    # what the allocator still holds of the warm-up would hide as much of the growth
    ctypes.CDLL(None).malloc_trim(0)
    before = _resident("VmRSS")
    model = PanelProphet()
    fit = _peak_above(before, lambda: model.fit(panel))
    between = _resident("VmRSS")
    kept: list[object] = []
    predict = _peak_above(between, lambda: kept.append(model.predict(HORIZON, LEVELS)))
    both = max(fit, between - before + predict)
    return {"fit": fit, "after_fit": between - before, "predict": predict, "both": both}


def _peak_above(before: float, work: Callable[[], object]) -> float:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # sets the peak back
    work()
    return _resident("VmHWM") - before


def _resident(name: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith(name + ":"))
    return float(line.split()[1]) * 1024 / MEGABYTE


def limits(file: str) -> Any:  # noqa: ANN401  # JSON
    """Measure what no fit can do without: to read the input once, and Z'Y in double precision."""
    values = np.load(file)
    flat = values.reshape(-1)
    reading = best(lambda: np.dot(flat, flat))
    y = values.astype(np.float64)
    # speed does not depend on what stands in Z
    z = np.random.default_rng(0).standard_normal((y.shape[1], PARAMETERS))
    return {"series": len(y), "reading": reading, "gemm": best(lambda: z.T @ y.T)}


def profile(file: str) -> Any:  # noqa: ANN401  # JSON
    """Return each part's share of a fit, summing to 1.

    A second thread looks now and then where the first one is. To time every call instead would
    make small functions seem several times as slow as they are.
    """
    from foresail import panel_prophet  # noqa: PLC0415  # not with prophet-batch

    panel = panel_of(np.load(file))
    _fit_and_predict(panel.values[:WARM].copy(), {})  # type: ignore[arg-type]  # float32
    package = Path(panel_prophet.__file__).parent
    found: dict[str, float] = defaultdict(float)
    fitting, done = threading.get_ident(), threading.Event()

    def watch() -> None:
        last = time.process_time()
        while not done.wait(EVERY_SECONDS):
            frame = sys._current_frames()[fitting]  # noqa: SLF001  # there is no public way
            now = time.process_time()
            found[part_of(frame, package)] += now - last
            last = now

    sys.setswitchinterval(EVERY_SECONDS / 10)
    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(REPEATS):
        panel_prophet.PanelProphet().fit(panel)
    done.set()
    watcher.join()
    whole = sum(found.values())
    return {part: spent / whole for part, spent in found.items()}


def part_of(frame: FrameType | None, package: Path) -> str:
    """Return the part of a fit that a frame belongs to, or the nearest of its callers that does."""
    while frame is not None:
        code = frame.f_code
        if Path(code.co_filename).parent == package:
            module = Path(code.co_filename).stem
            return PARTS.get(f"{module}.{code.co_name}", PARTS.get(module, REST))
        frame = frame.f_back
    return REST


RUNS: dict[str, Callable[..., Any]] = {
    run.__name__: run for run in (engine, prophet, prophet_batch, memory, limits, profile)
}


def main(argument: str) -> int:
    """Run what is asked for."""
    asked = json.loads(argument)
    core = asked.pop("core")
    if core is not None:
        os.sched_setaffinity(0, {core})
    print(json.dumps(RUNS[asked.pop("run")](**asked)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
