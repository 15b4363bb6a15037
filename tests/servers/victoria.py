"""A real VictoriaMetrics on loopback, over data of its own."""

import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from servers.base import free_port, require, wait_http

PACKAGE = "victoria-metrics"

StartVictoria = Callable[..., str]


@pytest.fixture(scope="session")
def start_victoria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartVictoria]:
    """Return `start(data, *flags) -> url`: VictoriaMetrics over a copy; ends with the session.

    Without data it starts empty.
    """
    require("victoria-metrics", package=PACKAGE)
    with ExitStack() as started:

        def start(data: Path | None = None, *flags: str) -> str:
            return started.enter_context(
                victoria_over(data, tmp_path_factory.mktemp("victoria"), *flags)
            )

        yield start


@contextmanager
def victoria_over(data: Path | None, folder: Path, *flags: str) -> Iterator[str]:
    """Run VictoriaMetrics over a copy of some data, and give its address.

    Args:
        data: A folder that it once wrote; None starts empty.
        folder: Where the copy and the log go.
        flags: More of the command line.
    """
    own = folder / "data"
    if data is not None:
        clone(data, own)
    with running_victoria(own, log=folder / "log", flags=flags) as url:
        yield url


@contextmanager
def running_victoria(data: Path, *, log: Path, flags: tuple[str, ...] = ()) -> Iterator[str]:
    """Run VictoriaMetrics over a folder that it may write to, and give its address."""
    port = free_port()
    with log.open("wb") as out:
        process = subprocess.Popen(
            [
                "victoria-metrics",
                f"-storageDataPath={data}",
                f"-httpListenAddr=127.0.0.1:{port}",
                "-retentionPeriod=100y",
                "-search.latencyOffset=0s",  # otherwise it holds back what is young
                "-loggerLevel=WARN",
                *flags,
            ],
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_http(f"http://127.0.0.1:{port}/health", seconds=20, log=log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)  # it writes what it still holds in memory
        process.wait(timeout=30)


def clone(data: Path, own: Path) -> None:
    """Copy a folder of immutable files without copying their bytes, where the disk can do that."""
    # both servers replace files and never change one, so the names may share them
    try:
        shutil.copytree(data, own, copy_function=_link, dirs_exist_ok=True)
    except shutil.Error:
        shutil.copytree(data, own, dirs_exist_ok=True)


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)
