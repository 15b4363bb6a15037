"""The server as a process of its own, on a real socket, over real bundles."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from factories import bundles
from pydantic import TypeAdapter
from servers.base import free_port
from servers.foresail import Client

from foresail.bundle.schema import FORECAST
from foresail_serving.answers.schemas import ForecastAnswer

pytestmark = pytest.mark.integration

FORBIDDEN = ("prophet", "pandas", "scipy", "statsmodels", "kfp", "pyarrow", "mlflow", "matplotlib")
SERVE = "from foresail_serving.command import app; app()"


def last_midnight() -> datetime:
    """Return the start of today, UTC."""
    return datetime.now(tz=UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@contextmanager
def served(cache: Path, *options: str) -> Iterator[tuple[Client, subprocess.Popen[bytes]]]:
    """Run `foresail serve` over a cache until the block ends."""
    port = free_port()
    command = [sys.executable, "-c", SERVE, "--port", str(port), "--cache", str(cache), *options]
    environment = {**os.environ, "FORESAIL_WATCH_SECONDS": "0.02"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    with subprocess.Popen(command, env=environment) as process:
        client = Client(port)
        try:
            client.wait("/livez", 200)
            yield client, process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(15)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Cpu and memory, trained until last midnight."""
    for metric in ("cpu", "memory"):
        bundles.publish(tmp_path, metric=metric, trained_until=last_midnight())
    return tmp_path


PATHS = [
    *(
        f"{prefix}/{name}{extension}{question}"
        for prefix in ("/v1", "")
        for name in ("next_day", "next_week", "next_month")
        for extension in ("", ".json", ".csv")
        for question in ("", "?metric=memory&namespace=shop")
    ),
    *("/v1/series", "/v1/models", "/health", "/livez", "/readyz", "/metrics"),
    *("/docs", "/openapi.json"),
]


def test_every_page_answers(cache: Path) -> None:
    """All routes answer 200 from a bundle that the project's own writer wrote."""
    with served(cache) as (client, process):
        assert {path: client.get(path).status for path in PATHS} == dict.fromkeys(PATHS, 200)
        # An hour may pass between the two lines of a clock, never two.
        body = TypeAdapter(ForecastAnswer).validate_json(client.get("/v1/next_day").body)
        now = datetime.now(tz=UTC)
        assert timedelta() <= now - datetime.fromisoformat(body.ds[0]) < timedelta(hours=2)
        assert body.p50 is not None
        assert body.p50[0] == 10.0 + datetime.fromisoformat(body.ds[0]).hour
    assert process.returncode == 0


def test_a_swap_mixes_nothing(cache: Path) -> None:
    """While versions change under load, each answer is whole, of one version, and none fails.

    The level of version n is 100 n, so that a value tells which version it comes from.
    """
    wrong: list[str] = []
    seen: set[str] = set()
    stop = threading.Event()

    def load(client: Client) -> None:
        while not stop.is_set():
            answer = client.get("/v1/next_day")
            if answer.status != 200:
                wrong.append(f"{answer.status} {answer.body[:200]!r}")
                return
            body = answer.json()
            version = body["model"]["version"]
            seen.add(version)
            hours = [datetime.fromisoformat(ds).hour for ds in body["ds"]]
            if body["p50"] != [100.0 * int(version) + hour for hour in hours]:
                wrong.append(f"version {version} with the values of another")

    bundles.publish(cache, version="2", trained_until=last_midnight(), level=200.0)
    with served(cache) as (client, _):
        clients = [threading.Thread(target=load, args=(client,)) for _ in range(4)]
        for thread in clients:
            thread.start()
        for version in range(3, 13):
            bundles.publish(
                cache,
                version=str(version),
                trained_until=last_midnight(),
                level=100.0 * version,
            )
            deadline = threading.Event()
            while client.get("/v1/next_day").json()["model"]["version"] != str(version):
                deadline.wait(0.01)
        stop.set()
        for thread in clients:
            thread.join()
    assert wrong == []
    assert "12" in seen
    assert len(seen) >= 5


def test_a_corrupted_bundle_changes_nothing(cache: Path) -> None:
    """A new version with one flipped bit is refused and counted; the old one answers on."""
    with served(cache) as (client, _):
        before = client.get("/v1/next_week").body
        name = "foresail-cpu"
        folder = cache / "v" / name / "2"
        bundles.write(folder, trained_until=last_midnight(), level=99.0)
        data = bytearray((folder / FORECAST).read_bytes())
        data[-1] ^= 1
        (folder / FORECAST).write_bytes(data)
        bundles.point(cache, {name: "2"})
        refused = f'foresail_bundles_refused_total{{model="{name}",reason="sha256",by="server"}} 1'
        for _ in range(200):
            if refused in client.get("/metrics").body.decode():
                break
            threading.Event().wait(0.05)
        else:
            pytest.fail("the refusal was not counted")
        after = client.get("/v1/next_week")
        health = client.get("/health").json()
    assert after.status == 200
    if after.json()["start"] == json.loads(before)["start"]:  # unless the hour has rolled
        assert after.body == before
    assert after.json()["model"]["version"] == "1"
    assert health["refused"] == [{"model": name, "reason": "sha256", "by": "server", "count": 1}]


def test_the_server_loads_nothing_it_does_not_need(cache: Path) -> None:
    """In a fresh interpreter that has answered over a socket, no heavy library is loaded."""
    program = f"""
import json, sys, threading, urllib.request
from pathlib import Path
from foresail_serving import command
from foresail_serving.program import run_server
from foresail_serving.settings import ServeSettings

def announce(url):
    for path in ("/v1/next_day", "/v1/next_month.csv", "/v1/series", "/metrics", "/openapi.json"):
        urllib.request.urlopen(url + path).read()
    print(json.dumps(sorted(m for m in sys.modules if m.split(".")[0] in {FORBIDDEN!r})))

run_server(
    ServeSettings(cache_dir=Path({str(cache)!r}), listen_port=0),
    announce=announce,
    until_ready=True,
)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_once_ready_is_a_check(cache: Path) -> None:
    """`--once-ready` ends with 0 as soon as a forecast can be answered."""
    command = [sys.executable, "-c", SERVE, "--port", "0", "--cache", str(cache), "--once-ready"]
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=True, env=environment
    )
    assert done.stdout.startswith("serving on http://127.0.0.1:")


def test_a_port_that_is_taken_is_one_line(cache: Path) -> None:
    """The message names the port and the option; the error is one of usage."""
    with served(cache) as (client, _):
        program = f"""
from pathlib import Path
from foresail.errors import ForesailError
from foresail_serving.program import run_server
from foresail_serving.settings import ServeSettings
try:
    run_server(ServeSettings(cache_dir=Path("."), listen_port={client.port}), announce=print)
except ForesailError as error:
    print(error)
"""
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
        )
    expected = f"cannot listen on 127.0.0.1 port {client.port}: Address already in use; "
    assert done.stdout == f"{expected}choose another with --port\n"


def test_an_answer_does_not_wait_for_an_acknowledgement(cache: Path) -> None:
    """On one kept connection fifty answers take far less than fifty delayed acknowledgements.

    With Nagle's algorithm on, each would wait 40 ms: two seconds together.
    """
    with served(cache) as (client, _):
        connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=10)
        start = time.monotonic()
        for _ in range(50):
            connection.request("GET", "/livez")
            connection.getresponse().read()
        taken = time.monotonic() - start
        connection.close()
    assert taken < 1.5
