"""Server and sync together, over a real MLflow."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from factories import bundles
from servers.base import free_port
from servers.foresail import Client
from servers.mlflow import MlflowServer

from foresail.registry import Registry

pytestmark = pytest.mark.integration

METRIC, MODEL = "queue-length", "foresail-queue-length"
SERVE = "from foresail_serving.command import app; app()"


def promoted(registry: Registry, folder: Path, *, hours: int, level: float) -> str:
    """Register a bundle that was trained `hours` after last midnight, and make it champion."""
    midnight = datetime.now(tz=UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    trained_until = midnight + timedelta(hours=hours)
    bundles.write(folder, metric=METRIC, trained_until=trained_until, level=level)
    version = registry.register(folder, experiment="sync").version
    registry.promote(MODEL, version)
    return version


def answered_by(client: Client, version: str, *, seconds: float = 60) -> None:
    """Wait until a version answers."""
    deadline = time.monotonic() + seconds
    path = f"/v1/next_day?metric={METRIC}"
    while time.monotonic() < deadline:
        answer = client.get(path)
        if answer.status == 200 and answer.json()["model"]["version"] == version:
            return
        time.sleep(0.05)
    pytest.fail(f"version {version} did not answer: {client.get('/health').body!r}")


def test_the_champion_is_served_and_followed(tmp_path: Path, mlflow_server: MlflowServer) -> None:
    """From an empty cache: the champion arrives, a promotion and a rollback are followed.

    When the server is killed outright, its sync does not stay behind.
    """
    registry = Registry(mlflow_server.uri)
    first = promoted(registry, tmp_path / "first", hours=-2, level=10.0)
    port = free_port()
    options = ["--port", str(port), "--cache", str(tmp_path / "cache")]
    environment = {
        **os.environ,
        "FORESAIL_MODELS": MODEL,
        "FORESAIL_SYNC_SECONDS": "0.2",
        "FORESAIL_WATCH_SECONDS": "0.05",
    }
    command = [sys.executable, "-c", SERVE, *options, "--tracking-uri", mlflow_server.uri]
    with subprocess.Popen(command, env=environment) as process:
        client = Client(port)
        client.wait("/livez", 200)
        answered_by(client, first)
        second = promoted(registry, tmp_path / "second", hours=-1, level=20.0)
        answered_by(client, second)
        registry.rollback(MODEL)
        answered_by(client, first)
        health = client.get("/health").json()
        assert (health["status"], health["missing"], health["reasons"]) == ("ok", [], [])
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == 1
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < deadline, "sync outlived the server"
        time.sleep(0.05)


def test_a_sync_that_dies_is_noticed(tmp_path: Path) -> None:
    """The server goes on, its log and /health say what has happened."""
    bundles.publish(tmp_path / "cache", trained_until=datetime.now(tz=UTC).replace(
        minute=0, second=0, microsecond=0))  # fmt: skip
    port = free_port()
    command = [
        *(sys.executable, "-c", SERVE, "--port", str(port), "--cache", str(tmp_path / "cache")),
        *("--tracking-uri", f"sqlite:///{tmp_path / 'mlflow.db'}"),
    ]
    environment = {**os.environ, "FORESAIL_MODELS": "foresail-cpu"}
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(command, env=environment, stderr=log) as process,
    ):
        client = Client(port)
        try:
            client.wait("/livez", 200)
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            os.kill(int(children[0]), signal.SIGKILL)
            deadline = time.monotonic() + 20
            said = "sync has ended (killed by signal 9); nothing new arrives"
            while said not in str((health := client.get("/health").json())["reasons"]):
                assert time.monotonic() < deadline, health
                time.sleep(0.05)
        finally:
            process.send_signal(signal.SIGINT)
    assert health["status"] == "degraded"
    assert '"event": "sync ended"' in (tmp_path / "log").read_text()


def test_a_server_that_is_stopped_says_nothing_of_its_sync(tmp_path: Path) -> None:
    """Ctrl-C reaches the whole group of a terminal; that is no sync that died."""
    port = free_port()
    command = [
        *(sys.executable, "-c", SERVE, "--port", str(port), "--cache", str(tmp_path / "cache")),
        *("--tracking-uri", f"sqlite:///{tmp_path / 'mlflow.db'}"),
    ]
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(command, stderr=log, start_new_session=True) as process,
    ):
        Client(port).wait("/livez", 200)
        os.killpg(process.pid, signal.SIGINT)
    assert "sync ended" not in (tmp_path / "log").read_text()
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_without_a_registry_the_cache_is_served(tmp_path: Path) -> None:
    """With MLflow down from the start the cache answers, and /health says what is wrong."""
    bundles.publish(tmp_path, trained_until=datetime.now(tz=UTC).replace(
        minute=0, second=0, microsecond=0))  # fmt: skip
    port, nowhere = free_port(), free_port()
    command = [
        *(sys.executable, "-c", SERVE, "--port", str(port), "--cache", str(tmp_path)),
        *("--tracking-uri", f"http://127.0.0.1:{nowhere}"),
    ]
    with subprocess.Popen(
        command, env={**os.environ, "FORESAIL_MODELS": "foresail-cpu"}
    ) as process:
        client = Client(port)
        try:
            assert client.wait("/v1/next_day", 200).json()["model"]["version"] == "1"
            deadline = time.monotonic() + 60
            while client.get("/health").json()["status"] != "degraded":
                assert time.monotonic() < deadline
                time.sleep(0.1)
            reasons = client.get("/health").json()["reasons"]
            metrics = client.get("/metrics").body.decode()
        finally:
            process.send_signal(signal.SIGINT)
    assert reasons[0].startswith("foresail-cpu: ")
    labels = '{model="foresail-cpu",reason="unreachable"}'
    assert f"foresail_sync_failures_total{labels}" in metrics
