"""The demo: a cluster's history through the compiled pipeline to a running server.

Called by `scripts/demo`, which brings the environment.
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from foresail.bundle import Bundle, SeriesEntry
from foresail.errors import ForesailError, UsageError
from foresail.history.simulate import simulate
from foresail.registry import CHAMPION, RegistryClient, model_name
from foresail_pipelines.compiler import FORECAST
from foresail_pipelines.local import LocalRun, run
from foresail_pipelines.progress import TaskProgress

ROOT = Path(".foresail/demo")
SEED = 7
DAYS = 90
HORIZONS = ("next_day", "next_week", "next_month")
METRICS = ("cpu", "memory")
GIB = 2.0**30

console = Console()


def main(argv: list[str]) -> int:
    """Run the demo; return the exit code."""
    arguments = _parse(argv)
    # a cluster's history, models and cache are its own: nothing of another's is mixed in
    home = ROOT / (_slug(arguments.prometheus) if arguments.prometheus else "simulated")
    os.environ["TMPDIR"] = str(_folder(home, "tmp"))
    os.environ.setdefault("MPLCONFIGDIR", str(_folder(home, "matplotlib")))
    # the server must not outlive us; and whoever starts us in the background has SIGINT ignored
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.default_int_handler)
    started = time.monotonic()
    try:
        _check_port(arguments.port)
        source = arguments.prometheus or _simulated(home)
        made = _pipeline(home, source, "cluster" if arguments.prometheus else "demo")
        _show_pipeline(made, _bundles(made))
        with _server(home, arguments.port) as url:
            console.print(f"first answer {time.monotonic() - started:.0f} s after the start\n")
            _show_urls(home, url, made)
            if arguments.once:
                _show_answers(url)
            else:
                with suppress(KeyboardInterrupt):
                    console.print("The server runs until Ctrl-C.")
                    signal.pause()
    except ForesailError as error:
        console.print(f"demo: {error}", style="red", markup=False, highlight=False)
        return error.exit_code
    except KeyboardInterrupt:
        console.print("demo: stopped")
        return 130
    return 0


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="Forecast a simulated cluster, or yours, and serve the forecast on this "
        "machine. Everything is written below .foresail/.",
        epilog="Example: scripts/demo --prometheus https://prometheus.example",
    )
    parser.add_argument("--prometheus", metavar="URL", help="read this Prometheus instead")
    parser.add_argument("--once", action="store_true", help="ask the server everything, then stop")
    parser.add_argument("--port", type=int, default=8080, help="of the server (default: 8080)")
    return parser.parse_args(argv)


def _slug(url: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", urllib.parse.urlsplit(url).netloc.rpartition("@")[2])


def _simulated(home: Path) -> str:
    """Simulate a cluster up to this hour, once an hour, and return its folder."""
    until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    folder = home / "cluster" / f"{until:%Y-%m-%dT%H}"
    if not folder.is_dir():
        # another hour's cluster has other values at the same hours
        for old in ("cluster", "history"):
            shutil.rmtree(home / old, ignore_errors=True)
        with console.status("simulating a cluster: 6 nodes, 6 namespaces, 40 workloads, 90 days"):
            simulated = simulate(until=until, days=DAYS, seed=SEED, cluster="demo")
            simulated.write_folder(folder)
    return str(folder.resolve())


def _pipeline(home: Path, source: str, cluster: str) -> LocalRun:
    arguments = {
        "source": source,
        "cluster": cluster,
        "history_uri": str(_folder(home, "history")),
        "days": DAYS,
        "tracking_uri": _tracking_uri(home),
    }
    with TaskProgress(console) as progress:
        return run(FORECAST, arguments, root=_folder(home, "runs"), on_task=progress)


def _tracking_uri(home: Path) -> str:
    return f"sqlite:///{home.resolve() / 'mlflow.db'}"


def _folder(home: Path, name: str) -> Path:
    folder = (home / name).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _bundles(made: LocalRun) -> list[Bundle]:
    model = made.task("train").artifacts["model"]
    return [Bundle.open(home / "bundle") for home in sorted(model.iterdir()) if home.is_dir()]


def _show_pipeline(made: LocalRun, bundles: list[Bundle]) -> None:
    seconds = sum(task.seconds for task in made.tasks)
    steps = ", ".join(f"{task.name} {task.seconds:.0f}" for task in made.tasks)
    console.print(f"\nthe pipeline took {seconds:.0f} s: {steps}", highlight=False)
    for bundle in bundles:
        console.print(_promises(bundle))
    console.print(
        "error, naive: scaled quantile loss of the forecast, and of yesterday repeated,\n"
        "on the held-out windows; band: share of their hours in p10 to p90 (aim: 80 %).\n"
        f"{sum(len(b.index) for b in bundles)} series in all: hourly mean and maximum of cluster, "
        "nodes, namespaces\nand workloads; /v1/series lists every one.",
        highlight=False,
        style="dim",
    )


def _promises(bundle: Bundle) -> Table:
    """Return the table of a metric: the cluster at every horizon, its namespaces for the week."""
    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title=f"\n{bundle.manifest.metric}, hourly mean",
        title_justify="left",
    )
    for name in ("series", "horizon", "winner"):
        table.add_column(name, no_wrap=True)
    for name in ("error", "naive", "diff", "band", "windows"):
        table.add_column(name, justify="right", no_wrap=True)
    for scope, horizons in (("cluster", HORIZONS), ("namespace", ("next_week",))):
        for entry in bundle.index:
            if entry.stat == "mean" and entry.labels.get("scope") == scope:
                for horizon in horizons:
                    table.add_row(*_promise(entry, horizon))
    return table


def _promise(entry: SeriesEntry, horizon: str) -> tuple[str, ...]:
    found = entry.horizons[horizon]
    name = entry.labels.get("namespace", "")
    who = (f"namespace {name}" if name else entry.series)[:26]
    if not found.winner:
        return (who, horizon, f"none (code {found.code})")
    winner = found.winner.removeprefix("seasonal_").replace("_", " ")
    quality = found.quality
    if not quality:
        return (who, horizon, winner, "", "", "unmeasured")
    return (
        who,
        horizon,
        winner,
        f"{quality.sql:.2f}",
        f"{quality.naive_sql:.2f}",
        f"{100 * (quality.vs_naive - 1):+.0f} %",
        f"{quality.coverage:.0%}",
        str(quality.windows),
    )


@contextmanager
def _server(home: Path, port: int) -> Iterator[str]:
    """Start `foresail serve`, wait for its first forecast, stop it at the end."""
    url = f"http://127.0.0.1:{port}"
    log = _folder(home, "logs") / "server.log"
    command = [
        *(sys.executable, "-m", "foresail", "serve"),
        *("--port", str(port), "--tracking-uri", _tracking_uri(home)),
        *("--cache", str(_folder(home, "cache"))),
    ]
    with log.open("wb") as sink:
        child = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT)
    try:
        with console.status("starting the server"):
            _wait(child, url, champions=_champions(home), log=log)
        yield url
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(timeout=30)


def _champions(home: Path) -> dict[str, str]:
    """Return the version of each model that the server is to answer from."""
    registry = RegistryClient(_tracking_uri(home))
    names = [model_name(metric) for metric in METRICS]
    return {name: v for name in names if (v := registry.version_of(name, CHAMPION))}


def _wait(
    child: "subprocess.Popen[bytes]", url: str, *, champions: dict[str, str], log: Path
) -> None:
    """Return when the server answers from this run's champions, not from a cached older one."""
    deadline = time.monotonic() + 60
    while child.poll() is None and time.monotonic() < deadline:
        try:
            served = _get(f"{url}/v1/models")["models"]
        except OSError:
            served = []
        if {model["name"]: model["version"] for model in served} == champions:
            return
        time.sleep(0.2)
    tail = log.read_text(errors="replace").strip().splitlines()[-1:] or ["(no output)"]
    raise ForesailError(f"the server did not become ready; {log} ends with: {tail[0]}")


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UsageError(f"port {port} is in use; choose another with --port") from error


def _show_urls(home: Path, url: str, made: LocalRun) -> None:
    """Say where everything is, and what to ask."""
    pages = {"history": "validate", "forecast": "validate-model"}
    for name, task in pages.items():
        shutil.copyfile(made.task(task).artifacts["report"], home / f"{name}.html")
    lines = [
        f"dashboard {url}/",
        *(f"{name:9} {home / name}.html" for name in pages),
        f"registry  .venv/bin/foresail registry list --tracking-uri sqlite:///{home}/mlflow.db",
        "",
        "Try:",
        f"  curl -s '{url}/v1/next_week?metric=cpu'",
        f"  curl -s '{url}/v1/next_day?metric=memory&namespace=shop'",
        f"  curl -s '{url}/v1/next_month.csv?metric=memory'",
        f"  curl -s '{url}/v1/series?scope=workload'",
        "",
    ]
    console.print("\n".join(lines), soft_wrap=True, highlight=False, markup=False)


def _show_answers(url: str) -> None:
    """Ask for every horizon of CPU and memory and print what came."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("asked", "metric"):
        table.add_column(name, no_wrap=True)
    for name in ("mean", "peak p50", "peak p90", "room", "full on", "hours"):
        table.add_column(name, justify="right", no_wrap=True)
    for metric in METRICS:
        for horizon in HORIZONS:
            try:
                answer = _get(f"{url}/v1/{horizon}?metric={metric}")
            except urllib.error.HTTPError as error:
                console.print(f"{horizon} {metric}: {json.load(error)['detail']}")
                continue
            table.add_row(horizon, metric, *_cells(answer))
    console.print(table)
    console.print(
        "mean and peaks of the whole cluster, in cores and GiB; room: allocatable minus\n"
        "the highest p90; full on: the first hour whose p90 reaches 85 % of allocatable.",
        highlight=False,
        style="dim",
    )


def _get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310  # our own server
        body: dict[str, Any] = json.load(response)
    return body


def _cells(answer: dict[str, Any]) -> list[str]:
    summary = answer["summary"]
    if summary is None:
        return ["none", "", "", "", f"code {answer['code']}", "0"]
    room = answer["capacity"]["headroom"]["p90"]
    full = answer["capacity"]["full_on"]["p90"] or "not ahead"
    unit = answer["unit"]
    figures = [summary["mean"], summary["peak"], summary["peak_p90"], room]
    return [
        *("" if value is None else _in_unit(value, unit) for value in figures),
        full,
        str(len(answer["ds"])),
    ]


def _in_unit(value: float, unit: str) -> str:
    return f"{value / GIB:.1f} GiB" if unit == "bytes" else f"{value:.1f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
