"""The way out and back in: signals, kills, rolling restarts, and machines that allow little."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from factories import bundles
from factories.clocks import SetClock
from servers.base import unable
from servers.foresail import Client, serving
from servers.process import command, environment, process, published
from servers.raw import HOST, read_to_end, statuses

pytestmark = pytest.mark.integration

GET = b"GET /v1/next_day HTTP/1.1\r\n" + HOST


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A forecast of cpu."""
    return published(tmp_path / "cache")


def connected(client: Client) -> socket.socket:
    """Return a connection to a server."""
    return socket.create_connection(("127.0.0.1", client.port), timeout=10)


def test_sigterm_finishes_what_was_asked_and_goes_on_for_a_while(cache: Path) -> None:
    """The balancer is told at once; until it has heard, every request is answered as before."""
    with (
        process(cache, drain_seconds=1.5) as (client, server),
        connected(client) as kept,
        connected(client) as half,
    ):
        kept.sendall(GET + b"\r\n")
        assert statuses(kept.recv(1000)) == [200]
        half.sendall(GET)
        server.send_signal(signal.SIGTERM)
        assert client.wait("/readyz", 503).problem == "draining"
        answer = client.get("/v1/next_day")
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        kept.sendall(GET + b"\r\n")
        assert statuses(read_to_end(kept)) == [200]
        half.sendall(b"\r\n")
        assert statuses(read_to_end(half)) == [200]
        assert client.get("/livez").status == 200
        assert server.wait(10) == 0
    with pytest.raises(ConnectionRefusedError):
        connected(client)


def test_a_request_that_has_begun_is_waited_for(cache: Path) -> None:
    """Without any drain, too, SIGTERM lets half a request be finished."""
    with process(cache, drain_seconds=0) as (client, server), connected(client) as half:
        half.sendall(GET)
        client.get("/livez")
        server.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        half.sendall(b"\r\n")
        assert statuses(read_to_end(half)) == [200]
        assert server.wait(10) == 0


def test_ctrl_c_does_not_drain(cache: Path) -> None:
    """At a terminal nobody balances: idle and half-sent requests are dropped, and it ends."""
    with process(cache, drain_seconds=60) as (client, server), connected(client) as half:
        half.sendall(GET)
        client.get("/livez")
        server.send_signal(signal.SIGINT)
        assert server.wait(5) == 0


def test_a_second_signal_does_not_wait(cache: Path) -> None:
    """Whoever asks twice is in a hurry."""
    with process(cache, drain_seconds=60) as (client, server):
        server.send_signal(signal.SIGTERM)
        assert client.wait("/readyz", 503).problem == "draining"
        server.send_signal(signal.SIGTERM)
        assert server.wait(5) == 0


def test_a_killed_server_comes_back_from_its_cache(cache: Path) -> None:
    """On the same port, without MLflow, and without anything to be cleaned up before."""
    files = {path: path.stat().st_mtime_ns for path in sorted(cache.rglob("*"))}
    with process(cache) as (client, server):
        before = client.get("/v1/next_day")
        kept = connected(client)
        kept.sendall(GET + b"\r\n")
        kept.recv(1000)
        server.kill()
        server.wait(5)
        kept.close()
    assert {path: path.stat().st_mtime_ns for path in sorted(cache.rglob("*"))} == files
    with process(cache, port=client.port) as (again, _):
        after = again.wait("/v1/next_day", 200)
    if after.json()["start"] == before.json()["start"]:  # unless the hour has rolled
        assert after.body == before.body


# rolling restarts


@dataclass
class Balancer:
    """Sends each request to one of the servers that were ready when it looked last.

    Attributes:
        ports: Of the servers there are.
        ready: Those of them that were ready.
        answered: Requests that got their 200.
        failed: What became of the others.
    """

    ports: list[int]
    answered: int = 0
    failed: list[str] = field(default_factory=list)
    ready: list[int] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self) -> None:
        """Ask every server whether it is ready."""
        ready = []
        for port in self.ports:
            try:
                if Client(port).get("/readyz").status == 200:
                    ready.append(port)
            except OSError:
                continue
        self.ready = ready

    def send(self, stop: threading.Event, turn: int) -> None:
        """Send requests one after the other, on connections that are kept as long as they may."""
        kept: dict[int, http.client.HTTPConnection] = {}
        while not stop.is_set():
            turn += 1
            ready = self.ready
            port = ready[turn % len(ready)]
            connection = kept.setdefault(port, http.client.HTTPConnection("127.0.0.1", port))
            try:
                connection.request("GET", "/v1/next_day")
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                kept.pop(port).close()
                continue
            if response.will_close:
                kept.pop(port).close()
            with self._lock:
                self.answered += response.status == 200
            if response.status != 200:
                self.failed.append(str(response.status))
        for connection in kept.values():
            connection.close()


@contextmanager
def balanced(ports: list[int], *, seconds: float) -> Iterator[Balancer]:
    """Send requests to these servers; their readiness is looked at every so many seconds."""
    balancer, stop = Balancer(ports), threading.Event()
    balancer.look()

    def look() -> None:
        while not stop.wait(seconds):
            balancer.look()

    threads = [threading.Thread(target=look)]
    threads += [threading.Thread(target=balancer.send, args=(stop, turn)) for turn in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield balancer
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def check_rolling(cache: Path, *, requests: int, servers: int) -> None:
    """One server after the other is replaced, until so many requests have been answered."""
    with ExitStack() as running:
        now = [running.enter_context(process(cache)) for _ in range(servers)]
        replaced = 0
        with balanced([client.port for client, _ in now], seconds=0.25) as balancer:
            while balancer.answered < requests or replaced < servers:
                new, server = running.enter_context(process(cache))
                balancer.ports.append(new.port)
                now.append((new, server))
                while new.port not in balancer.ready:  # as a deployment waits
                    time.sleep(0.05)
                old, old_server = now.pop(0)
                old_server.send_signal(signal.SIGTERM)
                assert old_server.wait(15) == 0
                balancer.ports.remove(old.port)
                replaced += 1
    assert balancer.failed == []
    assert balancer.answered >= requests


def test_a_rolling_restart_breaks_nothing(cache: Path) -> None:
    """Though the balancer learns of it late, no request fails."""
    check_rolling(cache, requests=300, servers=1)


@pytest.mark.heavy
def test_many_rolling_restarts_break_nothing(cache: Path) -> None:
    """As above: 25,000 requests, each server replaced again and again."""
    check_rolling(cache, requests=25_000, servers=2)


# machines that allow little


def test_it_serves_as_anybody_from_a_machine_it_cannot_write(cache: Path, tmp_path: Path) -> None:
    """A read-only root, a uid without a name, no network, no home: the first forecast is there."""
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("setpriv"):
        unable("needs root, unshare and setpriv")
    for folder in (*reversed(tmp_path.parents), tmp_path):
        if folder.owner() == "root" and folder.name.startswith(("pytest-", "popen-")):
            folder.chmod(0o755)
    tmp_path.chmod(0o755)
    script = (
        "set -e; ip link set lo up; mount -o remount,bind,ro /; "
        'exec setpriv --reuid=65532 --regid=65532 --clear-groups --no-new-privs "$@"'
    )
    isolated = ["unshare", "--mount", "--net", "sh", "-c", script, "sh"]
    done = subprocess.run(
        [*isolated, *command(cache, 0), "--once-ready"],
        env={**environment(), "HOME": "/nonexistent"},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("serving on http://127.0.0.1:")


@pytest.mark.parametrize("year", [2026, 2038, 2106])
def test_a_clock_that_jumps_does_no_harm(tmp_path: Path, year: int) -> None:
    """An hour back and forth: answers follow the wall clock, and no age is ever negative."""
    trained_until = datetime(year, 2, 8, 3, tzinfo=UTC)
    bundles.publish(tmp_path, trained_until=trained_until)
    clock = SetClock(trained_until)
    age = b'foresail_bundle_age_seconds{model="foresail-cpu"} '
    with serving(tmp_path, clock) as client:
        first = client.get("/v1/next_day")
        clock.forward(hours=1)
        assert client.get("/v1/next_day").json()["start"] == f"{year}-02-08T04:00:00Z"
        clock.forward(hours=-1)
        assert client.get("/v1/next_day").body == first.body
        clock.forward(hours=-1)
        assert client.get("/health").status == 200
        assert age + b"0\n" in client.get("/metrics").body
    assert first.json()["start"] == f"{year}-02-08T03:00:00Z"
