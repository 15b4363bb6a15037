"""Servers as processes on one core, and wrk on another."""

import base64
import http.client
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

CONNECTIONS = 16
_TICKS = os.sysconf("SC_CLK_TCK")
_START_SECONDS = 120.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.005
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}
_APPS = Path(__file__).with_name("serve_apps.py")


@dataclass(frozen=True, slots=True)
class Cores:
    """Where servers and load run; empty where processes cannot be pinned.

    Attributes:
        server: The last core: systems serve their devices on the first.
        load: Another one.
    """

    server: tuple[str, ...] = ()
    load: tuple[str, ...] = ()

    @staticmethod
    def found() -> "Cores":
        """Choose two cores of those that this process may use."""
        if sys.platform != "linux" or len(os.sched_getaffinity(0)) <= 1:
            return Cores()
        cores = sorted(os.sched_getaffinity(0))
        return Cores(("taskset", "-c", str(cores[-1])), ("taskset", "-c", str(cores[0])))


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Attributes:
        port: On loopback.
        pid: Of its first process.
        group: Whether its children count as well.
        cores: Where it and the load run.
    """

    port: int
    pid: int
    group: bool
    cores: Cores

    @property
    def cpu_seconds(self) -> float:
        """What its processes have used, user and system."""
        return sum(_cpu_seconds(pid) for pid in (_members(self.pid) if self.group else [self.pid]))

    @property
    def memory_bytes(self) -> int:
        """What it holds in memory now, mapped files included."""
        return 1024 * _status(self.pid, "VmRSS")

    @property
    def own_memory_bytes(self) -> int:
        """What it holds in memory now that is no file."""
        return 1024 * _status(self.pid, "RssAnon")

    def get(self, path: str, **headers: str) -> tuple[int, list[tuple[str, str]], bytes]:
        """Ask once: status, headers in lower case, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            names = [(name.lower(), value) for name, value in response.getheaders()]
            return response.status, names, response.read()
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk saw.

    Attributes:
        rate: Requests a second of the clock.
        per_cpu: Requests a second that the server's processes used.
        p99_ms: Of the answers' times.
    """

    rate: float
    per_cpu: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Target:
    """What wrk asks for.

    Attributes:
        server: Whom.
        path: What.
        headers: Sent along.
        script: Lua that makes the requests, in place of the path.
    """

    server: Server
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    script: Path | None = None

    def load(self, *, seconds: float, connections: int = CONNECTIONS) -> Load:
        """Ask with all connections for so long; the process exits where an answer is bad."""
        before = self.server.cpu_seconds
        told = self._wrk(seconds, connections)
        spent = self.server.cpu_seconds - before
        if bad := re.search(r"(Non-2xx.*|Socket errors.*)", told):
            raise SystemExit(f"bench: {self.path}: {bad[1]}")
        count = int(_found(r"(\d+) requests in", told)[0])
        rate = float(_found(r"Requests/sec:\s+([\d.]+)", told)[0])
        value, unit = _found(r"99%\s+([\d.]+)(us|ms|s|m)", told)
        return Load(rate, count / max(spent, 1 / _TICKS), float(value) * _UNITS[unit])

    def _wrk(self, seconds: float, connections: int) -> str:
        sent = [word for name, value in self.headers.items() for word in ("-H", f"{name}: {value}")]
        script = ["-s", str(self.script)] if self.script else []
        command = [
            *self.server.cores.load,
            *("wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s"),
            *("--latency", "--timeout", "20s", *sent, *script),
            f"http://127.0.0.1:{self.server.port}{self.path}",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"bench: wrk failed: {done.stderr[-500:]}")
        return done.stdout


@dataclass(frozen=True, slots=True)
class Duel:
    """Two targets that took turns; the median of the rounds counts.

    Attributes:
        ratio: Requests for each CPU second of the server, the first's over the second's.
        by_the_clock: The same, for each second of the clock.
        rate: Requests a second of the clock, of the first.
    """

    ratio: float
    by_the_clock: float
    rate: float


def duel(ours: Target, other: Target, *, rounds: int, seconds: float) -> Duel:
    """Let two targets take turns; the first turn of each is only to warm up."""
    for target in (ours, other):
        target.load(seconds=1)
    pairs = [(ours.load(seconds=seconds), other.load(seconds=seconds)) for _ in range(rounds)]
    return Duel(
        statistics.median(a.per_cpu / b.per_cpu for a, b in pairs),
        statistics.median(a.rate / b.rate for a, b in pairs),
        statistics.median(a.rate for a, _ in pairs),
    )


@contextmanager
def running(
    command: Sequence[str],
    port: int,
    cores: Cores,
    *,
    path: str,
    environment: Mapping[str, str] | None = None,
    group: bool = False,
) -> Iterator[Server]:
    """Run a server until the block ends; it is there once a GET of the path is a 200."""
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(
            [*cores.server, *command],
            env={**os.environ, **(environment or {})},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        server = Server(port, process.pid, group, cores)
        try:
            if not _answers(server, process, path):
                log.seek(0)
                told = log.read().decode(errors="replace")[-2000:]
                raise SystemExit(f"bench: {path} was not answered:\n{told}")
            yield server
        finally:
            _stop(process)


@contextmanager
def foresail(cache: Path, cores: Cores, **settings: object) -> Iterator[Server]:
    """Run `foresail serve` over a cache, with these settings; without them, no access log."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "foresail",
        "serve",
        "--port",
        str(port),
        "--cache",
        str(cache),
    ]
    named = {"models": "foresail-cpu", "access_log": False, **settings}
    given = {f"FORESAIL_{name.upper()}": str(value) for name, value in named.items()}
    environment = {"MLFLOW_TRACKING_URI": "", **given}
    with running(command, port, cores, path="/v1/next_day", environment=environment) as server:
        yield server


@contextmanager
def app(
    kind: str, answer: tuple[list[tuple[str, str]], bytes], folder: Path, cores: Cores
) -> Iterator[Server]:
    """Run one of `serve_apps` with the headers and the body of an answer."""
    headers, body = answer
    port = free_port()
    file = folder / f"answer-{port}.json"
    dated = any(name == "date" for name, _ in headers)  # that one is uvicorn's own to send
    told = [(name, value) for name, value in headers if name != "date"]
    content = {"headers": told, "date": dated, "body": base64.b64encode(body).decode()}
    file.write_text(json.dumps(content), encoding="utf-8")
    path = {"bare": "/", "fastapi": "/ready"}[kind]
    with running(
        [sys.executable, str(_APPS), kind, str(port), str(file)], port, cores, path=path
    ) as server:
        yield server


def free_port() -> int:
    """Return a TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(server: Server, process: subprocess.Popen[bytes], path: str) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if server.get(path)[0] == http.client.OK:
                return True
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(_POLL_SECONDS)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue


def _members(group: int) -> list[int]:
    """Return the processes of a group."""
    numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [number for number in numbers if _stat(number, 2) == group]


def _cpu_seconds(pid: int) -> float:
    return (_stat(pid, 11) + _stat(pid, 12)) / _TICKS


def _stat(pid: int, field: int) -> int:
    """Return a number that stands after the name in /proc/PID/stat; 0 of one that is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[field])


def _status(pid: int, name: str) -> int:
    """Return kilobytes from /proc/PID/status."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(_found(rf"{name}:\s+(\d+) kB", text)[0])


def _found(pattern: str, text: str) -> tuple[str, ...]:
    match = re.search(pattern, text)
    if match is None:
        raise SystemExit(f"bench: expected {pattern} in what was told:\n{text[-1000:]}")
    return match.groups()
