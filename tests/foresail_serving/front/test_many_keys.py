"""Ten thousand different questions against the ready answers: their room is bounded."""

import http.client
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from factories import bundles
from servers.base import free_port
from servers.foresail import Client, SetClock, serving

NAME = "prod/namespace/shop"
ROOM = 200_000


def spellings(count: int) -> Iterator[str]:
    """Spell one question in different ways: each letter of the id plain or as %XX."""
    for number in range(count):
        letters = [f"%{ord(c):02X}" if number >> at & 1 else c for at, c in enumerate(NAME)]
        yield f"/v1/next_week?series={''.join(letters)}"


def ask_all(port: int, paths: Iterator[str]) -> set[bytes]:
    """Ask one after the other on one connection, and return the different bodies."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    bodies = set()
    try:
        for path in paths:
            connection.request("GET", path)
            response = connection.getresponse()
            bodies.add(response.read())
            assert response.status == 200
    finally:
        connection.close()
    return bodies


def kept(client: Client) -> dict[str, float]:
    """Return the cache's figures as /metrics tells them."""
    lines = client.get("/metrics").body.decode().splitlines()
    found = (line.split() for line in lines if line.startswith("foresail_answer_cache_"))
    return {name.removeprefix("foresail_answer_cache_"): float(value) for name, value in found}


def test_the_room_for_answers_is_never_exceeded(cache: Path) -> None:
    """The oldest answers go; the one asked last is still there, and all are the same bytes."""
    clock = SetClock(bundles.TRAINED_UNTIL + timedelta(hours=12))
    with serving(cache, clock, cache_bytes=ROOM) as client:
        assert len(ask_all(client.port, spellings(300))) == 1
        full = kept(client)
        assert 0.8 * ROOM < full["bytes"] <= ROOM
        assert full["evictions_total"] > 200
        before = full["hits_total"]
        last = list(spellings(300))[-1]
        ask_all(client.port, iter([last]))
        assert kept(client)["hits_total"] == before + 1


@pytest.mark.heavy
def test_ten_thousand_questions_take_no_more_memory_than_their_room(tmp_path: Path) -> None:
    """A process that keeps 8 MB of answers grows by little more, and no further."""
    for metric in ("cpu", "memory"):
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        bundles.publish(tmp_path, metric=metric, trained_until=today)
    port, room = free_port(), 8_000_000
    command = [sys.executable, "-m", "foresail", "serve", "--port", str(port)]
    told = {"CACHE_BYTES": str(room), "ACCESS_LOG": "false"}
    environment = {**os.environ, **{f"FORESAIL_{name}": value for name, value in told.items()}}
    environment.pop("MLFLOW_TRACKING_URI", None)
    with subprocess.Popen([*command, "--cache", str(tmp_path)], env=environment) as process:
        try:
            Client(port).wait("/readyz", 200)
            ask_all(port, spellings(100))
            begun = memory(process.pid)
            grown = []
            paths = spellings(12_000)
            for _ in range(6):
                ask_all(port, itertools.islice(paths, 2_000))
                grown.append(memory(process.pid) - begun)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(15)
    assert max(grown) < 2 * room
    assert grown[-1] - grown[1] < room / 4


def memory(pid: int) -> int:
    """Return the memory of a process that is no file, bytes."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if line.startswith("RssAnon:"))
    return 1024 * int(line.split()[1])
