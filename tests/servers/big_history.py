"""Two servers filled with the history of `big_world`, and kept.

They lie below `.foresail/test/big-history`, one folder for each state of what is drawn and each
size; `python -m servers.big_history` fills them before somebody waits for them.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from servers.base import require
from servers.big_text import json_lines, write_openmetrics
from servers.big_world import BIG, CLUSTER, SMALL, UNTIL, Size, World, make_world
from servers.victoria import running_victoria, victoria_over

ROOT = Path(__file__).parents[2] / ".foresail" / "test" / "big-history"

_SOURCES = ("text", "world")
_CHUNKS = 8
_WORKERS = 2

Server = Literal["prometheus", "victoria"]


def filled(server: Server, size: Size) -> Path:
    """Return the data folder of a server that holds a history; fill it where it is not kept.

    Several processes may ask at the same time: one fills, the others wait.
    """
    sources = [Path(__file__).with_name(f"big_{name}.py").read_bytes() for name in _SOURCES]
    key = hashlib.sha256(b"".join(sources) + str(size).encode()).hexdigest()[:16]
    name = f"{server}-{size.workloads}x{size.days}"
    kept = ROOT / f"{name}-{key}"
    ROOT.mkdir(parents=True, exist_ok=True)
    with (ROOT / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            for old in ROOT.glob(f"{name}-*"):  # of an earlier state, or half filled
                shutil.rmtree(old)
            work = ROOT / f"{name}-unfinished"
            (work / "data").mkdir(parents=True)
            (_fill_prometheus if server == "prometheus" else _fill_victoria)(size, work)
            (work / "data").rename(kept)
            shutil.rmtree(work)
    return kept


def _chunks(size: Size) -> list[tuple[int, int]]:
    """Cut the time: blocks of Prometheus must not overlap, and the text is large."""
    bounds = np.linspace(0, size.scrapes, _CHUNKS + 1).astype(int).tolist()
    return list(pairwise(bounds))


def _fill_prometheus(size: Size, work: Path) -> None:
    # a fresh interpreter: the test's own may hold threads, which do not survive a fork
    with ProcessPoolExecutor(_WORKERS, get_context("spawn")) as pool:
        jobs = [pool.submit(_backfill, size, chunk, work) for chunk in _chunks(size)]
        for job in jobs:
            job.result()


def _backfill(size: Size, chunk: tuple[int, int], work: Path) -> None:
    text, blocks = work / f"{chunk[0]}.txt", work / f"{chunk[0]}"
    write_openmetrics(make_world(size), chunk, text)
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "-q"]
    flag = "--max-block-duration=1488h"  # hidden: without it there are 12 blocks a day
    subprocess.run(
        [*command, flag, str(text), str(blocks)], check=True, capture_output=True, timeout=300
    )
    for block in blocks.glob("0*"):
        block.rename(work / "data" / block.name)
    text.unlink()  # the texts of all chunks together would be two gigabytes


def _fill_victoria(size: Size, work: Path) -> None:
    with running_victoria(work / "data", log=work / "log") as url:
        with ProcessPoolExecutor(_WORKERS, get_context("spawn")) as pool:
            jobs = [pool.submit(_import, size, chunk, url) for chunk in _chunks(size)]
            for job in jobs:
                job.result()
        flush = f"{url}/internal/force_flush"
        urllib.request.urlopen(flush, timeout=60).close()  # noqa: S310  # loopback


def _import(size: Size, chunk: tuple[int, int], url: str) -> None:
    body = b"".join(json_lines(make_world(size), chunk))
    request = urllib.request.Request(f"{url}/api/v1/import", data=body)  # noqa: S310  # loopback
    urllib.request.urlopen(request, timeout=300).close()  # noqa: S310  # loopback


# -- for the tests -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def big_world() -> World:
    """Give the 500 series of 60 days; whoever asks for it has the servers filled meanwhile."""
    return make_world(BIG)


@pytest.fixture(scope="module")
def big_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a Prometheus that holds 500 series of 60 days."""
    with _prometheus(BIG, tmp_path_factory.mktemp("big")) as url:
        yield url


@pytest.fixture(scope="module")
def big_victoria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a VictoriaMetrics that holds the same."""
    require("victoria-metrics", package="victoria-metrics")
    with victoria_over(filled("victoria", BIG), tmp_path_factory.mktemp("big")) as url:
        yield url


@pytest.fixture(scope="module")
def small_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a Prometheus that holds 60 series of 10 days."""
    with _prometheus(SMALL, tmp_path_factory.mktemp("small")) as url:
        yield url


def staging(
    url: str,
    history: str | Path,
    folder: Path,
    *,
    size: Size,
    scopes: str = "namespace",
    until: datetime = UNTIL,
) -> dict[str, Any]:
    """Return what to call `foresail.steps.stage_history.run` with; its summary goes to a folder."""
    return {
        "source": url,
        "history_uri": str(history),
        "summary": str(folder / "summary.md"),
        "cluster": CLUSTER,
        "scopes": scopes,
        "days": size.days,
        "until": f"{until:%Y-%m-%dT%H:%M:%SZ}",
    }


@contextmanager
def _prometheus(size: Size, folder: Path) -> Iterator[str]:
    from servers.prometheus import prometheus_over  # noqa: PLC0415  # slow: not where data are made

    require("promtool", package="prometheus")
    with prometheus_over(filled("prometheus", size), folder) as running:
        yield running.url


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin to fill the big servers while other tests run, where a test wants them."""
    wanted = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    first = os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0"
    tools = all(shutil.which(name) for name in ("promtool", "victoria-metrics"))
    if not ("big_world" in wanted and first and tools):
        return
    if session.config.option.collectonly:
        return
    process = subprocess.Popen(
        [sys.executable, "-m", "servers.big_history"],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    session.config.add_cleanup(lambda: _end(process))


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)  # with what it started
    process.wait(timeout=20)


def main(argv: list[str]) -> None:
    """Fill servers, and print where: `python -m servers.big_history [prometheus 250 60]`."""
    if argv:
        print(filled(argv[0], Size(int(argv[1]), int(argv[2]))))  # type: ignore[arg-type]  # noqa: T201
    else:
        print(filled("prometheus", BIG), filled("victoria", BIG))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
