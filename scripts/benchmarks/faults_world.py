"""What a campaign runs over: MLflow, sync and two servers, each a process that can be killed."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from servers.base import free_port
from servers.foresail import Client
from servers.mlflow import start_mlflow

_FORESAIL = str(Path(sys.executable).with_name("foresail"))
_LATE = 1.0
"""Seconds until a balancer has heard of a change; Kubernetes' takes about that."""
_START = 120
_STOP = 30


@dataclass(slots=True)
class Balancer:
    """Which servers get new connections: always a little late, as balancers are.

    Attributes:
        ports: Those that it knows of.
        killed: Servers that were killed outright, whose requests are asked again elsewhere.
    """

    ports: list[int] = field(default_factory=list)
    killed: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Server:
    """One `foresail serve`."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def client(self) -> Client:
        """Return a client of it."""
        return Client(self.port)


@dataclass(slots=True)
class World:
    """All processes, and where they keep what they have.

    Attributes:
        folder: Of MLflow and the logs.
        cache: Between sync and servers.
        balancer: Before the servers.
        servers: Those that run.
        started_seconds: How long each server took to its first forecast.
    """

    folder: Path
    cache: Path
    balancer: Balancer = field(default_factory=Balancer)
    servers: list[Server] = field(default_factory=list)
    started_seconds: list[float] = field(default_factory=list)
    mlflow_port: int = field(default_factory=free_port)
    mlflow: subprocess.Popen[bytes] | None = None
    sync: subprocess.Popen[bytes] | None = None

    @property
    def tracking_uri(self) -> str:
        """Return where MLflow is."""
        return f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def artifacts(self) -> Path:
        """Return where MLflow keeps files."""
        return self.folder / "artifacts"

    async def start_mlflow(self) -> None:
        """Start it, and wait until it answers."""
        self.mlflow = start_mlflow(self.folder, self.mlflow_port)
        await asyncio.to_thread(Client(self.mlflow_port).wait, "/health", 200, seconds=_START)

    def stop_mlflow(self, *, number: signal.Signals) -> None:
        """Send a signal to MLflow and its workers."""
        if self.mlflow is not None:
            os.killpg(self.mlflow.pid, number)
            if number == signal.SIGKILL:
                self.mlflow.wait()

    def start_sync(self) -> None:
        """Start sync; it is left to itself."""
        self.sync = self._start("sync", "--tracking-uri", self.tracking_uri, name="sync")

    async def start_server(self) -> Server:
        """Start a server, wait for its first forecast, and let the balancer know a little later."""
        port = free_port()
        began = time.monotonic()
        server = Server(port, self._start("serve", "--port", str(port), name=f"serve-{port}"))
        try:
            await asyncio.to_thread(server.client.wait, "/readyz", 200, seconds=_START)
        except BaseException:
            server.process.kill()
            raise
        self.started_seconds.append(time.monotonic() - began)
        self.servers.append(server)
        self.balancer.ports.append(port)
        return server

    async def retire(self, server: Server) -> int:
        """Stop a server as a rolling restart does, and return its exit code."""
        self.servers.remove(server)
        server.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(_LATE)
        self.balancer.ports.remove(server.port)
        return await asyncio.to_thread(server.process.wait, _STOP)

    def kill(self, server: Server) -> None:
        """Kill a server outright."""
        self.balancer.killed.add(server.port)
        self.balancer.ports.remove(server.port)
        self.servers.remove(server)
        server.process.kill()
        server.process.wait()

    def kill_sync(self) -> None:
        """Kill sync outright."""
        if self.sync is not None:
            self.sync.kill()
            self.sync.wait()

    def end(self) -> None:
        """End all that runs."""
        running = [server.process for server in self.servers]
        running += [self.sync] if self.sync is not None else []
        for process in running:
            process.kill()
            process.wait()
        if self.mlflow is not None and self.mlflow.poll() is None:
            self.stop_mlflow(number=signal.SIGKILL)

    def _start(self, *words: str, name: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [_FORESAIL, *words, "--cache", str(self.cache)],
                env=self._environment(),
                stdout=log,
                stderr=log,
            )

    def _environment(self) -> Mapping[str, str]:
        others = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "FORESAIL_"))}
        return others | {
            "FORESAIL_ACCESS_LOG": "false",
            "FORESAIL_WATCH_SECONDS": "0.05",
            "FORESAIL_SYNC_SECONDS": "0.2",
            "FORESAIL_SYNC_TIMEOUT_SECONDS": "4",
        }


@contextlib.contextmanager
def world(folder: Path, cache: Path) -> Iterator[World]:
    """Yield a world in which nothing runs yet; whatever runs ends with the block."""
    running = World(folder, cache)
    try:
        yield running
    finally:
        running.end()
