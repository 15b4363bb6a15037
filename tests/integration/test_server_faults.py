"""The server while the world around it changes, fails, hangs or kills it."""

import os
import signal
import socket
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
from factories.folder_registry import FolderRegistry
from servers.base import free_port
from servers.foresail import Client, SetClock, serving
from servers.small_mlflow import small_mlflow

pytestmark = pytest.mark.integration

SERVE = "from foresail_serving.command import app; app()"
ROLLS = 12


def test_an_hour_that_rolls_while_a_version_comes_mixes_nothing(tmp_path: Path) -> None:
    """Each answer is of one hour and one version, and each pair of them has one tag."""
    clock = SetClock(bundles.TRAINED_UNTIL)
    bundles.publish(tmp_path, level=100.0)
    wrong: list[str] = []
    tags: dict[str, tuple[str, str]] = {}
    stop = threading.Event()

    def load(client: Client) -> None:
        while not stop.is_set():
            answer = client.get("/v1/next_day")
            body = answer.json()
            version, first = body["model"]["version"], body["ds"][0]
            hours = [datetime.fromisoformat(first) + timedelta(hours=h) for h in range(24)]
            level = 100.0 * int(version)
            if [datetime.fromisoformat(ds) for ds in body["ds"]] != hours:
                wrong.append(f"hours of two windows: {body['ds']}")
            if body["p50"] != [level + hour.hour for hour in hours]:
                wrong.append(f"version {version} from {first} on with other numbers")
            tag = answer.headers["etag"]
            if tags.setdefault(tag, (version, first)) != (version, first):
                wrong.append(f"tag {tag} for two answers")

    with serving(tmp_path, clock) as client:
        clients = [threading.Thread(target=load, args=(client,)) for _ in range(3)]
        for thread in clients:
            thread.start()
        for roll in range(1, ROLLS + 1):
            bundles.publish(tmp_path, version=str(roll + 1), level=100.0 * (roll + 1))
            clock.forward(hours=1)
            while client.get("/v1/next_day").json()["model"]["version"] != str(roll + 1):
                time.sleep(0.005)
        stop.set()
        for thread in clients:
            thread.join()
        last = client.get("/v1/next_day").json()
    assert wrong == []
    assert len(tags) == len(set(tags.values()))
    assert (last["model"]["version"], last["ds"][0]) == ("13", "2026-11-21T12:00:00Z")


@contextmanager
def served(cache: Path, *options: str) -> Iterator[tuple[Client, subprocess.Popen[bytes]]]:
    """Run `foresail serve` over a cache until the block ends."""
    port = free_port()
    command = [sys.executable, "-c", SERVE, "--port", str(port), "--cache", str(cache), *options]
    environment = {
        **os.environ,
        "FORESAIL_MODELS": "foresail-cpu",
        "FORESAIL_WATCH_SECONDS": "0.05",
        "FORESAIL_SYNC_SECONDS": "0.2",
        "FORESAIL_ACCESS_LOG": "false",
    }
    environment.pop("MLFLOW_TRACKING_URI", None)
    with subprocess.Popen(command, env=environment) as process:
        try:
            yield Client(port), process
        finally:
            process.kill()


def last_midnight() -> datetime:
    """Return the start of today, UTC."""
    return datetime.now(tz=UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.mark.heavy
def test_a_killed_server_is_back_from_its_cache(tmp_path: Path) -> None:
    """Nothing it leaves behind is in the way of the next, and the bytes are the same."""
    bundles.publish(tmp_path, trained_until=last_midnight())
    bodies = []
    for _ in range(3):
        with served(tmp_path) as (client, process):
            client.wait("/readyz", 200)
            bodies.append(client.get("/v1/next_month").json()["p50"][-1])
            process.send_signal(signal.SIGKILL)
            process.wait(10)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["current.json", "v"]
    assert len(set(bodies)) <= 2  # an hour may have passed


@pytest.mark.heavy
def test_a_registry_that_hangs_holds_up_nobody(tmp_path: Path) -> None:
    """Started over a cache, with an MLflow that accepts and never answers: all is served."""
    bundles.publish(tmp_path, trained_until=last_midnight())
    with socket.create_server(("127.0.0.1", 0)) as hung:
        url = f"http://127.0.0.1:{hung.getsockname()[1]}"
        with served(tmp_path, "--tracking-uri", url) as (client, _):
            client.wait("/v1/next_day", 200)
            deadline = time.monotonic() + 120
            while not (health := client.get("/health").json())["reasons"]:
                assert time.monotonic() < deadline, health
                assert client.get("/v1/next_day").status == 200
    assert "does not answer within" in health["reasons"][0]


@pytest.mark.heavy
def test_down_at_the_start_without_a_cache(tmp_path: Path) -> None:
    """Alive and not ready, and the first forecast is served as soon as the registry answers."""
    registry = FolderRegistry(tmp_path / "registry")
    bundles.write(registry.root / "foresail-cpu" / "1", trained_until=last_midnight())
    registry.promote("1")
    with small_mlflow(registry) as mlflow:
        mlflow.tokens = {"nobody has it"}
        with served(tmp_path / "cache", "--tracking-uri", mlflow.url) as (client, _):
            client.wait("/livez", 200)
            assert client.get("/readyz").status == 503
            nothing = client.get("/v1/next_day")
            assert (nothing.status, nothing.problem) == (503, "no-forecast")
            deadline = time.monotonic() + 60
            while "refused the credentials" not in str(client.get("/health").json()["reasons"]):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            mlflow.tokens = set()
            client.wait("/readyz", 200, seconds=60)
            assert client.get("/v1/next_day").json()["model"]["version"] == "1"
