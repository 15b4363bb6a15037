"""Foresail's own server on a real socket, in this process so that its clock can be set."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from factories.clocks import SetClock

from foresail_serving.app import create_app
from foresail_serving.front.drain import Drain
from foresail_serving.front.refusals import Refusals
from foresail_serving.front.server import GuardedServer
from foresail_serving.settings import ServeSettings
from servers.base import free_port


@dataclass(frozen=True)
class Answer:
    """One answer over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body, read as JSON."""
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        """Return the slug of the problem that it is."""
        assert self.headers["content-type"] == "application/problem+json"
        return str(self.json()["type"]).removeprefix("urn:foresail:problem:")


@dataclass(frozen=True)
class Client:
    """Asks one server; of one in this process, `drain` and `refusals` are its own."""

    port: int
    sent: dict[str, str] = field(default_factory=dict)
    drain: Drain = field(default_factory=Drain)
    refusals: Refusals = field(default_factory=Refusals)

    @property
    def url(self) -> str:
        """Return where it is."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Send one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, headers={**self.sent, **(headers or {})})
            response = connection.getresponse()
            answered = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, answered, response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        """GET a path; headers are given with underscores."""
        return self.ask("GET", path, {n.replace("_", "-"): v for n, v in headers.items()})

    def wait(self, path: str, status: int, *, seconds: float = 20) -> Answer:
        """Ask until the status comes, and return that answer."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                answer = self.get(path)
            except OSError:
                time.sleep(0.05)
                continue
            if answer.status == status:
                return answer
            time.sleep(0.05)
        pytest.fail(f"{path} did not answer {status} within {seconds} s")


@contextmanager
def serving(cache: Path, clock: SetClock, **settings: Any) -> Iterator[Client]:
    """Run the server over a cache folder, with this clock, until the block ends."""
    port = free_port()
    chosen = ServeSettings(cache_dir=cache, watch_seconds=0.02, **settings)
    drain, refusals = Drain(), Refusals()
    app = create_app(chosen, clock=clock, drain=drain, refusals=refusals)
    listening = socket.create_server(("127.0.0.1", port))
    server = GuardedServer(app, chosen, listening=listening, drain=drain, refusals=refusals)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    client = Client(port, drain=drain, refusals=refusals)
    client.wait("/livez", 200)
    try:
        yield client
    finally:
        server.should_exit = True
        thread.join(10)
