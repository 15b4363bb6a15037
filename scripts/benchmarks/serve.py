"""The server against its bars: other ways to give the same bytes, MLflow's server, the machine.

Every server is a process of its own on one core, and wrk asks it from another with 16 connections.
Those that are compared take turns. Their ratio is of the requests that one second of the server's
processor time answers: nothing else that runs here changes it; the clock's stands beside it.
"""

import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import serve_mlflow
from benchmarks.figure import Figure, at_least, at_most
from benchmarks.serve_bundles import fill_cache, point, series_id
from benchmarks.serve_environment import environment_of
from benchmarks.serve_load import Cores, Duel, Load, Server, Target, app, duel, foresail

MEGABYTE = 1e6
PAGES = ("next_day", "next_week", "next_month")
HOURS = {"next_day": 24, "next_week": 168, "next_month": 720}
MISS_BARS = {"next_day": 0.50, "next_week": 0.40, "next_month": 0.30}
MLFLOW_BARS = {"next_day": 500, "next_week": 1_000, "next_month": 2_000}
FASTAPI = {"ready": "ready bytes", "pydantic": "a model per request", "dict": "a dictionary"}
SOME, MANY = 100, 10_000
SWAP_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Bench:
    """Where and how long to measure.

    Attributes:
        folder: For caches and scripts.
        cores: For servers and load.
        rounds: Of each comparison.
        seconds: Of each turn.
    """

    folder: Path
    cores: Cores
    rounds: int
    seconds: float

    def cache(self, series: int) -> Path:
        """Return a cache with so many series, filled at the first call."""
        place = self.folder / f"cache-{series}"
        if not place.exists():
            _tell(f"writing {series:,} series")
            fill_cache(place, series=series)
        return place

    def duel(self, ours: Target, other: Target) -> Duel:
        """Let two targets take turns."""
        return duel(ours, other, rounds=self.rounds, seconds=self.seconds)


def full() -> list[Figure]:
    """Measure everything, in some minutes."""
    with _bench(rounds=5, seconds=2) as bench:
        return [
            *_hits(bench, PAGES),
            *_logged(bench),
            *_frameworks(bench),
            *_misses(bench, PAGES),
            *_against_mlflow(bench),
            *_patience(bench),
            *_memory(bench, (1, MANY)),
            *_start(bench, (1, MANY)),
            *_environment(bench),
        ]


def small() -> list[Figure]:
    """Measure in under a minute whether a hit, a miss, a swap and a start are still cheap."""
    with _bench(rounds=3, seconds=1) as bench:
        return [
            *_hits(bench, PAGES[:1]),
            *_misses(bench, PAGES[:1]),
            *_patience(bench),
            *_memory(bench, (1,)),
            *_start(bench, (1,)),
        ]


@contextmanager
def _bench(*, rounds: int, seconds: float) -> Iterator[Bench]:
    if sys.platform != "linux" or not shutil.which("wrk"):
        raise SystemExit("bench: serve needs Linux and wrk; install the Debian package wrk")
    with tempfile.TemporaryDirectory() as folder:
        yield Bench(Path(folder), Cores.found(), rounds, seconds)


def _hits(bench: Bench, pages: Iterable[str]) -> list[Figure]:
    figures = []
    with foresail(bench.cache(1), bench.cores) as server:
        for page in pages:
            _tell(f"a hit of {page}")
            ours = Target(server, f"/v1/{page}")
            _, headers, body = server.get(ours.path)
            with app("bare", (headers, body), bench.folder, bench.cores) as bare:
                held = replace(ours, headers={"If-None-Match": dict(headers)["etag"]})
                hit = bench.duel(ours, Target(bare, "/"))
                unchanged = bench.duel(held, Target(bare, "/"))
            figures += [
                *_compared(f"hit, {page}", hit, bar=0.85 if page == "next_day" else None),
                *_compared(f"304, {page}", unchanged, bar=1.1 if page == "next_day" else None),
            ]
    return _titled("Against a bare uvicorn app that gives the same bytes", figures)


def _logged(bench: Bench) -> list[Figure]:
    _tell("a hit with the access log")
    cache = bench.cache(1)
    with foresail(cache, bench.cores) as quiet, foresail(cache, bench.cores, access_log=1) as loud:
        told = bench.duel(Target(loud, "/v1/next_day"), Target(quiet, "/v1/next_day"))
    return _titled("What the access log costs", [Figure("hit, next_day", told.ratio, "of without")])


def _frameworks(bench: Bench) -> list[Figure]:
    _tell("FastAPI's own ways")
    figures = []
    with foresail(bench.cache(1), bench.cores) as server:
        _, headers, body = server.get("/v1/next_day")
    answer = (headers, body)
    with (
        app("bare", answer, bench.folder, bench.cores) as bare,
        app("fastapi", answer, bench.folder, bench.cores) as fastapi,
    ):
        for path, name in FASTAPI.items():
            told = bench.duel(Target(fastapi, f"/{path}"), Target(bare, "/"))
            figures.append(Figure(f"FastAPI, {name}", told.ratio, "of bare"))
    return _titled("FastAPI's own ways to give next_day", figures)


def _misses(bench: Bench, pages: Iterable[str]) -> list[Figure]:
    figures = []
    with foresail(bench.cache(SOME), bench.cores, cache_bytes=0) as server:
        for page in pages:
            _tell(f"a miss of {page}")
            _, headers, body = server.get(f"/v1/{page}")
            script = _each_series(bench.folder, page)
            with app("bare", (headers, body), bench.folder, bench.cores) as bare:
                ours, other = (Target(s, "/", script=script) for s in (server, bare))
                miss = bench.duel(ours, other)
            figures += _compared(f"miss, {page}", miss, bar=MISS_BARS[page])
    title = f"Misses, columnar JSON of {SOME} series in turn, against a bare app as above"
    return _titled(title, figures)


def _each_series(folder: Path, page: str) -> Path:
    """Write a script that asks for one series after the other."""
    script = folder / f"{page}.lua"
    paths = ",".join(f'"/v1/{page}?series={series_id(number)}"' for number in range(SOME))
    script.write_text(
        f"local paths, i = {{{paths}}}, 0\n"
        "request = function()\n"
        "  i = i % #paths + 1\n"
        '  return wrk.format("GET", paths[i])\n'
        "end\n",
        encoding="utf-8",
    )
    return script


def _against_mlflow(bench: Bench) -> list[Figure]:
    _tell("mlflow models serve")
    figures = []
    with (
        foresail(bench.cache(1), bench.cores) as server,
        serve_mlflow.scoring(bench.folder, bench.cores) as scoring,
    ):
        for page in PAGES:
            ours = Target(server, f"/v1/{page}")
            other = serve_mlflow.asking(scoring, hours=HOURS[page], folder=bench.folder)
            rounds = [
                (ours.load(seconds=bench.seconds), _scored(other, bench.seconds))
                for _ in range(bench.rounds)
            ]
            ratio = statistics.median(a.per_cpu / b.per_cpu for a, b in rounds)
            slow = statistics.median(b.p99_ms for _, b in rounds)
            figures += [
                at_least(page, ratio, "times", least=MLFLOW_BARS[page]),
                Figure("  mlflow", statistics.median(b.per_cpu for _, b in rounds), "requests/s"),
                Figure("  mlflow, p99", slow, "ms"),
            ]
    return _titled(
        "Requests for a second of processor time, against `mlflow models serve`", figures
    )


def _scored(target: Target, seconds: float) -> Load:
    return target.load(seconds=max(3 * seconds, 5), connections=serve_mlflow.CONNECTIONS)


def _patience(bench: Bench) -> list[Figure]:
    """Return how long the slowest hundredth waits: in quiet, and while versions are swapped."""
    _tell("waiting times")
    cache = bench.folder / "cache-swapped"
    for version in ("1", "2"):
        fill_cache(cache, series=SOME, version=version, seed=int(version))
    with foresail(cache, bench.cores, watch_seconds=0.05) as server:
        target = Target(server, "/v1/next_day")
        target.load(seconds=1)
        quiet, swapped = [], []
        for _ in range(bench.rounds):
            quiet.append(target.load(seconds=bench.seconds).p99_ms)
            with _swapping(cache, server, at_least=int(bench.seconds / SWAP_SECONDS) - 1):
                swapped.append(target.load(seconds=bench.seconds).p99_ms)
    calm, busy = statistics.median(quiet), statistics.median(swapped)
    figures = [
        at_most("p99, quiet", calm, "ms", most=5),
        at_most("p99, a version swapped every 0.5 s", busy / calm, "times quiet", most=2),
        Figure("  the same", busy, "ms"),
    ]
    return _titled(f"Waiting times, next_day, 16 connections, {SOME} series", figures)


@contextmanager
def _swapping(cache: Path, server: Server, *, at_least: int) -> Iterator[None]:
    """Swap what is served until the block ends; the process exits where the server did not."""
    over = threading.Event()

    def swap() -> None:
        turn = 0
        while not over.wait(SWAP_SECONDS):
            turn += 1
            point(cache, "21"[turn % 2])

    before = _swaps(server)
    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        yield
    finally:
        over.set()
        swapper.join()
    if _swaps(server) - before < at_least:
        raise SystemExit("bench: the server has not swapped its versions as it was told to")


def _swaps(server: Server) -> int:
    lines = server.get("/metrics")[2].decode().splitlines()
    return sum(int(float(line.split()[-1])) for line in lines if line.startswith(_SWAPS))


_SWAPS = "foresail_snapshot_swaps_total"


def _memory(bench: Bench, sizes: Iterable[int]) -> list[Figure]:
    figures = []
    for series in sizes:
        cache = bench.cache(series)
        _tell(f"memory with {series:,} series")
        with foresail(cache, bench.cores) as server:
            for number in range(0, series, max(1, series // 500)):
                server.get(f"/v1/next_month?series={series_id(number)}")
            most = 80 if series == 1 else 200
            name = "one series" if series == 1 else f"{series:,} series"
            figures += _held(name, server, most=most)
            if series > 1:
                _fill(server, series)
                figures += _held("  and 64 MB of ready answers", server, most=320)
    return _titled("Memory of the server's process", figures)


def _fill(server: Server, series: int) -> None:
    """Ask for more months than there is room for: each is some 40 kB."""
    for number in range(min(series, 3_000)):
        server.get(f"/v1/next_month?series={series_id(number)}")


def _held(name: str, server: Server, *, most: float) -> list[Figure]:
    return [
        at_most(name, server.memory_bytes / MEGABYTE, "MB", most=most),
        Figure("  of it no mapped file", server.own_memory_bytes / MEGABYTE, "MB"),
    ]


def _start(bench: Bench, sizes: Iterable[int]) -> list[Figure]:
    figures = []
    for series in sizes:
        cache = bench.cache(series)
        _tell(f"starts with {series:,} series")
        took = []
        for _ in range(bench.rounds):
            begun = time.perf_counter()
            with foresail(cache, bench.cores) as server:
                took.append((time.perf_counter() - begun, server.cpu_seconds))
        clock, spent = min(t for t, _ in took), min(s for _, s in took)
        label = f"first forecast, {series:,} series"
        if series == 1:
            label = "first forecast, one series"
        figures += [
            at_most(label, clock, "s", most=1),
            Figure("  of the processor", spent, "s"),
        ]
    return _titled("From start to the first forecast, from the disk here, best of some", figures)


def _environment(bench: Bench) -> list[Figure]:
    _tell("the environment of the server")
    found = environment_of("dashboard", bench.folder)
    names = ("size", "packages")
    if isinstance(found, str):
        why = f"not measured: {found}"
        figures = [Figure(name, None, "", note=why) for name in names]
    else:
        figures = [
            at_most("size", found.size / MEGABYTE, "MB", most=160),
            at_most("packages", found.packages, "", most=40),
        ]
    return _titled("Environment with the extra `dashboard`, which is `serve` and plotly", figures)


def _compared(name: str, told: Duel, *, bar: float | None) -> list[Figure]:
    held = Figure(name, told.ratio, "of bare")
    return [
        held if bar is None else at_least(name, told.ratio, "of bare", least=bar),
        Figure("  by the clock", told.by_the_clock, "of bare"),
        Figure("  requests", told.rate, "/s"),
    ]


def _titled(title: str, figures: Iterable[Figure]) -> list[Figure]:
    return [replace(figure, group=title) for figure in figures]


def _tell(what: str) -> None:
    print(f"bench: {what} ...", file=sys.stderr)
