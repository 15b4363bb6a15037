"""What staging a large history costs: its reader, its Prometheus, and whoever reads it back.

The history is the tests' own (`tests/servers/big_world.py`), whose truth is known. Reader and
panel are measured in a process of their own each; the reader is the command `foresail stage`, its
start included. Seconds are those that the cores spent on a process, unless a name says otherwise.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.figure import Figure, below

if TYPE_CHECKING:
    from servers.big_world import Size, Truth

SCRIPTS = Path(__file__).parents[1]
TESTS = SCRIPTS.with_name("tests")
MEGABYTE = 1e6

PANEL_SERIES = 10_000
PANEL_DAYS = 60
PANEL_ROUNDS = 3
Found = dict[str, float | None]
NO_PEAK = "not measured: needs /proc/PID/clear_refs"
_RESET_PEAK = "5"
_PERCENT = 100.0


def full() -> list[Figure]:
    """Measure 500 series of 60 days, and a panel of 10,000 series; some minutes."""
    _find_servers()
    from servers.big_world import BIG  # noqa: PLC0415  # the tests' folder is on the path only now

    return [*_staged(BIG, scope="workload"), *_panel(PANEL_SERIES)]


def small() -> list[Figure]:
    """Measure 60 series of 10 days and a panel of 1,000 series; the bars are the large ones'."""
    _find_servers()
    from servers.big_world import SMALL  # noqa: PLC0415  # as above

    return [*_staged(SMALL, scope="workload"), *_panel(PANEL_SERIES // 10)]


def _find_servers() -> None:
    """Let `servers` be imported, which fills and starts what is measured."""
    if str(TESTS) not in sys.path:
        sys.path.append(str(TESTS))


def _staged(size: "Size", *, scope: str) -> list[Figure]:
    from servers.big_history import filled  # noqa: PLC0415  # as above
    from servers.big_world import MORE_HOURS, UNTIL, make_world, truth_of  # noqa: PLC0415  # as above
    from servers.prometheus import prometheus_over  # noqa: PLC0415  # as above

    print("bench: filling Prometheus, or taking the one that is kept ...", file=sys.stderr)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = filled("prometheus", size)
        with prometheus_over(data, folder) as server:
            history = folder / "history"
            before = _forget_peak(server.pid)
            first = _stage(server.url, history, size, scope, UNTIL)
            grown = None if before is None else _status(server.pid, "VmHWM") - before
            second = _stage(server.url, history, size, scope, UNTIL + timedelta(hours=MORE_HOURS))
        truth = truth_of(make_world(size), scope=scope)  # type: ignore[arg-type]  # one of two
        figures = [
            *_reader(first, size),
            _server(grown),
            *_incremental(second),
            *_against_truth(history, truth),
        ]
    title = f"Staging {2 * size.workloads} series of {size.days} days from a Prometheus here"
    return [replace(figure, group=title) for figure in figures]


def _stage(url: str, history: Path, size: "Size", scope: str, until: datetime) -> Any:  # noqa: ANN401  # JSON
    from servers.big_world import CLUSTER  # noqa: PLC0415  # as above

    print(f"bench: staging until {until:%Y-%m-%d %H:%M} ...", file=sys.stderr)
    options = {"cluster": CLUSTER, "scopes": scope, "days": size.days, "until": f"{until:%FT%TZ}"}
    words = [f"--{option}={value}" for option, value in options.items()]
    return _measured("stage", url, str(history), *words)


def _reader(run: Any, size: "Size") -> list[Figure]:  # noqa: ANN401  # JSON
    samples = 2 * size.workloads * size.days * 288
    note = f"the samples are {samples / MEGABYTE:.1f} million"
    return [
        below("reader, user + system", run["cpu"], "s", limit=60, note=note),
        below("reader, peak memory", run["peak"] / MEGABYTE, "MB", limit=400),
        Figure("  by the clock", run["wall"], "s", note="mostly Prometheus' own work"),
        Figure("  samples for each second of the reader", samples / run["cpu"], "/s"),
        Figure("  samples for each second of the clock", samples / run["wall"], "/s"),
    ]


def _server(grown: float | None) -> Figure:
    name = "Prometheus, memory it grew by"
    if grown is None:
        return Figure(name, None, "MB", note=NO_PEAK)
    return Figure(name, grown / MEGABYTE, "MB", note="peak while it was read, above that before")


def _incremental(run: Any) -> list[Figure]:  # noqa: ANN401  # JSON
    return [
        below("a run six hours later, by the clock", run["wall"], "s", limit=5),
        Figure("  user + system", run["cpu"], "s"),
    ]


def _against_truth(history: Path, truth: "Truth") -> list[Figure]:
    from servers.big_world import largest_difference  # noqa: PLC0415  # as above

    from foresail.history import read_history  # noqa: PLC0415  # heavy
    from foresail.settings import Settings  # noqa: PLC0415  # heavy

    panel = read_history(str(history), settings=Settings()).panel
    mean, exact = (
        max(largest_difference(panel, truth, metric, stat) for metric in ("cpu", "memory"))
        for stat in ("mean", "max")
    )
    note = "of every hour that its workload lived through; in those that lost a scrape as well"
    return [
        below("largest difference of a mean", _PERCENT * mean, "%", limit=1, note=note),
        below(
            "largest difference of a maximum",
            _PERCENT * exact,
            "%",
            limit=1e-7,
            note="of hours that lost no scrape: it is exact but for rounding",
        ),
    ]


def _panel(series: int) -> list[Figure]:
    """Return what it takes to read a history whole; half of the series are cpu, half memory."""
    print(f"bench: writing a history of {series:,} series ...", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        _measured("write", folder, str(series))
        runs = [_measured("read", folder) for _ in range(PANEL_ROUNDS)]
    cpu, wall = (min(float(run[clock]) for run in runs) for clock in ("cpu", "wall"))
    best = runs[0]
    note = f"mean and maximum: {best['rows']:,} rows of {best['hours']:,} hours"
    figures = [
        # the clock counts other people's work, the cores what threads do side by side
        below("read_history, the less of the two below", min(cpu, wall), "s", limit=2, note=note),
        Figure("  user + system", cpu, "s"),
        Figure("  by the clock", wall, "s"),
        _grown(best["grown"]),
        Figure("  of that, the panel", best["panel"], "MB"),
    ]
    title = f"{series:,} series of {PANEL_DAYS} days, from Parquet to a panel"
    return [replace(figure, group=title) for figure in figures]


def _grown(megabytes: float | None) -> Figure:
    name = "read_history, peak memory above that before"
    if megabytes is None:
        return Figure(name, None, "MB", "< 500", note=NO_PEAK)
    return below(name, megabytes, "MB", limit=500)


def _forget_peak(pid: int | str) -> float | None:
    """Let the peak of a process' memory begin anew; return its memory now, in bytes.

    None where the system keeps no such peak.
    """
    try:
        Path(f"/proc/{pid}/clear_refs").write_text(_RESET_PEAK, encoding="ascii")
    except OSError:
        return None
    return _status(pid, "VmRSS")


def _status(pid: int | str, name: str) -> float:
    """Return a line of /proc/PID/status in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        key, _, rest = line.partition(":")
        if key == name:
            return float(rest.split()[0]) * 1024
    raise SystemExit(f"bench: /proc/{pid}/status has no {name}")


def _measured(what: str, *words: str) -> Any:  # noqa: ANN401  # JSON
    """Run one of the functions below in a fresh process and return what it found."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.history", what, *words],
        cwd=SCRIPTS,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"bench: {what} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


# -- in a process of its own -------------------------------------------------------------------


def stage(*words: str) -> Found:
    """Run `foresail stage`; the process' whole life counts."""
    from foresail.cli import main as foresail  # noqa: PLC0415  # only this run pays for it

    started = time.perf_counter()
    try:
        foresail(["stage", *words])
    except SystemExit as ended:
        if ended.code:
            raise
    return {"wall": time.perf_counter() - started, "cpu": _cpu(), "peak": _peak()}


def write(folder: str, series: str) -> Found:
    """Write a history of so many series, as a staging run does."""
    from foresail.history.block import HOUR, make_block  # noqa: PLC0415  # only this run needs it
    from foresail.history.manifest import RunEntry  # noqa: PLC0415  # as above
    from foresail.history.staging import Stager, publish  # noqa: PLC0415  # as above
    from foresail.objects import open_store  # noqa: PLC0415  # as above
    from foresail.settings import Settings  # noqa: PLC0415  # as above

    until = datetime(2025, 4, 2, tzinfo=UTC)
    first = np.datetime64(until.replace(tzinfo=None), "s") - PANEL_DAYS * 24 * HOUR
    store = open_store(folder, Settings())
    stager = Stager(store, "big", "bench")
    names = [f"app-{i:05d}" for i in range(int(series) // 2)]
    labels = {
        f"big/workload/team-{i % 100:02d}/Deployment/{name}": (
            *("big", "workload", "", f"team-{i % 100:02d}", "Deployment", name),
        )
        for i, name in enumerate(names)
    }
    labels = dict(sorted(labels.items()))
    rng = np.random.default_rng(1)
    for metric in ("cpu", "memory"):
        for day in range(PANEL_DAYS):
            mean = np.exp(rng.normal(size=(len(labels), 24)))
            counts = np.full(mean.shape, 12)
            values = {"mean": mean, "max": mean * 1.3, "p95": mean * 1.2, "points": counts}
            hours = first + (day * 24 + np.arange(24)) * HOUR
            stager.add_usage(
                make_block(hours, labels, **values),
                metric=metric,
                scope="workload",
            )
    entry = RunEntry(staged_at=until, source="bench", cluster="big", since=None, until=until)
    publish(store, [stager], [entry])
    return {"series": 2.0 * len(names)}


def read(folder: str) -> Found:
    """Read a history whole."""
    from foresail.history import read_history  # noqa: PLC0415  # not part of what is measured
    from foresail.settings import Settings  # noqa: PLC0415  # as above

    settings = Settings()
    before = _forget_peak("self")
    cpu, wall = _cpu(), time.perf_counter()
    panel = read_history(folder, settings=settings).panel
    return {
        "wall": time.perf_counter() - wall,
        "cpu": _cpu() - cpu,
        "grown": None if before is None else (_peak() - before) / MEGABYTE,
        "panel": panel.values.nbytes / MEGABYTE,
        "rows": panel.values.shape[0],
        "hours": panel.values.shape[1],
    }


def _peak() -> float:
    """Return the most memory that this process has had, in bytes."""
    if Path("/proc/self/status").exists():  # what getrusage tells there began with the parent's
        return _status("self", "VmHWM")
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


RUNS: dict[str, Callable[..., Found]] = {"stage": stage, "write": write, "read": read}

if __name__ == "__main__":
    print(json.dumps(RUNS[sys.argv[1]](*sys.argv[2:])))
