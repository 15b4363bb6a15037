"""A real Prometheus over backfilled history, and a small HTTP server that misbehaves like one."""

import contextlib
import json
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from foresail.history.simulate import Simulation, simulate
from servers.base import free_port, require, wait_http
from servers.victoria import clone

UNTIL = datetime(2025, 4, 2, 6, tzinfo=UTC)
"""End of the simulated ten days; the clocks of Europe/Berlin change within them."""
DAYS = 10

StartPrometheus = Callable[..., str]

NO_COMPACTION = tuple(f"--storage.tsdb.{end}-block-duration=2h" for end in ("min", "max"))
"""Hidden flags: otherwise it joins backfilled blocks while a test measures."""
_READY_SECONDS = 60


@dataclass(frozen=True)
class Running:
    """A running Prometheus."""

    url: str
    pid: int


@dataclass(frozen=True)
class SimulatedPrometheus:
    """A running Prometheus and the truth behind it."""

    url: str
    simulation: Simulation
    openmetrics: Path


@pytest.fixture(scope="session")
def start_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartPrometheus]:
    """Return `start(openmetrics, *flags) -> url`: Prometheus over that text; ends with the session.

    Without a text it starts empty.
    """
    program = require("prometheus", package="prometheus")
    promtool = require("promtool", package="prometheus")
    with ExitStack() as running:

        def start(openmetrics: Path | None = None, *flags: str) -> str:
            folder = tmp_path_factory.mktemp("prometheus")
            data = folder / "data"
            data.mkdir()
            if openmetrics is not None:
                # the hidden flag: without it a backfill of ten days makes 120 small blocks
                backfill = ["tsdb", "create-blocks-from", "openmetrics", "-q"]
                flag = "--max-block-duration=1488h"
                subprocess.run(
                    [promtool, *backfill, flag, str(openmetrics), str(data)],
                    check=True,
                    capture_output=True,
                    timeout=120,
                )
            return running.enter_context(_running(program, folder, flags)).url

        yield start


@pytest.fixture(scope="session")
def simulation() -> Simulation:
    """Return ten simulated days."""
    return simulate(until=UNTIL, days=DAYS, seed=3)


@pytest.fixture(scope="session")
def simulated_prometheus(
    start_prometheus: StartPrometheus,
    simulation: Simulation,
    tmp_path_factory: pytest.TempPathFactory,
) -> SimulatedPrometheus:
    """Return a Prometheus that scraped the simulated cluster for ten days."""
    text = tmp_path_factory.mktemp("openmetrics") / "cluster.txt"
    simulation.write_openmetrics(text)
    return SimulatedPrometheus(start_prometheus(text), simulation, text)


@contextmanager
def prometheus_over(blocks: Path, folder: Path, *flags: str) -> Iterator[Running]:
    """Run Prometheus over a copy of some blocks.

    Args:
        blocks: A folder of them, as promtool writes it.
        folder: Where the copy, the configuration and the log go.
        flags: More of the command line.
    """
    program = require("prometheus", package="prometheus")
    clone(blocks, folder / "data")
    with _running(program, folder, (*NO_COMPACTION, *flags)) as running:
        yield running


@contextmanager
def _running(program: str, folder: Path, flags: tuple[str, ...]) -> Iterator[Running]:
    port = free_port()
    (folder / "prometheus.yml").write_text("global: {}\n")
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                "--storage.tsdb.retention.time=100y",
                f"--web.listen-address=127.0.0.1:{port}",
                *flags,
            ],
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_http(f"http://127.0.0.1:{port}", seconds=20, log=log)
        _wait_ready(f"http://127.0.0.1:{port}/-/ready", log=log)
        yield Running(f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_ready(url: str, *, log: Path) -> None:
    """Wait for a 200: Prometheus answers 503 while it reads its blocks."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310  # loopback
            return
        time.sleep(0.05)
    pytest.fail(f"{url} did not answer 200\n{log.read_text(errors='replace')[-2000:]}")


@dataclass
class OddServer:
    """A small HTTP server that answers as told.

    Attributes:
        url: Its address.
        answers: One for each request in turn, the last one for ever after: status, headers, body.
        requests: What came: path with query, headers.
        delay_seconds: Waits so long before each answer.
    """

    url: str = ""
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    delay_seconds: float = 0.0

    def will(self, status: int, body: bytes | str, **headers: str) -> None:
        """Append an answer; header names are written with `_` for `-`."""
        data = body.encode() if isinstance(body, str) else body
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append((status, {"Content-Type": "application/json"} | given, data))

    def will_return(self, *series: dict[str, Any], warnings: tuple[str, ...] = ()) -> None:
        """Append a successful matrix."""
        data = {"resultType": "matrix", "result": list(series)}
        answer = {"status": "success", "data": data, "warnings": list(warnings)}
        self.will(200, json.dumps(answer))


@pytest.fixture
def odd_server() -> Iterator[OddServer]:
    """Return a server on loopback that answers as the test tells it."""
    odd = OddServer()
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            odd.requests.append((self.path, dict(self.headers)))
            over.wait(odd.delay_seconds)
            answer = odd.answers.pop(0) if len(odd.answers) > 1 else odd.answers[0]
            status, headers, body = answer
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):  # the client may have given up
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its signature
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    odd.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield odd
    over.set()
    server.shutdown()
    server.server_close()
    thread.join()
