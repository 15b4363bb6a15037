"""Large answers to clients that do not read them."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from servers.base import free_port
from servers.raw import exchange
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from foresail_serving.front.drain import Drain
from foresail_serving.front.refusals import Refusals
from foresail_serving.front.server import GuardedServer
from foresail_serving.routes.outbox import Outbox, Outgoing
from foresail_serving.settings import ServeSettings

LARGE = 12 * 2**20
"""Bytes; more than the system keeps for a connection."""
ASK = b"GET /%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class App:
    """Answers `/shared` with one body for all, everything else with a new one each."""

    def __init__(self) -> None:
        self.outbox = Outbox(2 * LARGE)
        self.shared = b"s" * LARGE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{message['type']}.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        body = {"/shared": self.shared, "/small": b"small"}.get(scope["path"])
        response = Outgoing(
            bytes(LARGE) if body is None else body,
            outbox=self.outbox,
            refusal=Response(b"full", status_code=503),
            media_type="text/plain",
            before=b"first ",
        )
        await response(scope, receive, send)

    def until(self, waiting: int) -> None:
        """Wait until so many bytes wait for their clients."""
        deadline = time.monotonic() + 10
        while self.outbox.waiting != waiting:
            assert time.monotonic() < deadline, self.outbox.waiting
            time.sleep(0.01)


@pytest.fixture
def app() -> App:
    """Nothing has been asked yet."""
    return App()


@pytest.fixture
def port(app: App) -> Iterator[int]:
    """Serve it as the server is served."""
    port, settings = free_port(), ServeSettings()
    listening = socket.create_server(("127.0.0.1", port))
    server = GuardedServer(app, settings, listening=listening, drain=Drain(), refusals=Refusals())
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield port
    server.should_exit = True
    thread.join(10)


@contextlib.contextmanager
def deaf(port: int, path: bytes) -> Iterator[None]:
    """Ask, and read nothing until the block ends."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        connection.connect(("127.0.0.1", port))
        connection.sendall(ASK % path)
        yield


def test_bodies_that_nobody_reads_are_bounded(app: App, port: int) -> None:
    """The third is refused while two wait; small ones go on, and who leaves makes room."""
    with deaf(port, b"a"):
        app.until(LARGE)
        with deaf(port, b"b"):
            app.until(2 * LARGE)
            assert exchange(port, ASK % b"c").startswith(b"HTTP/1.1 503 ")
            assert exchange(port, ASK % b"small").endswith(b"\r\n\r\nfirst small")
        app.until(LARGE)
        whole = exchange(port, ASK % b"c")
        assert len(whole.partition(b"\r\n\r\n")[2]) == LARGE + len(b"first ")
        app.until(LARGE)
    app.until(0)


def test_those_who_read_the_same_body_share_it(app: App, port: int) -> None:
    """Eight of them hold what one holds."""
    with contextlib.ExitStack() as readers:
        for _ in range(8):
            readers.enter_context(deaf(port, b"shared"))
        app.until(LARGE)
        assert exchange(port, ASK % b"shared").endswith(b"s" * 1000)
        with deaf(port, b"b"):
            app.until(2 * LARGE)
            assert exchange(port, ASK % b"shared").startswith(b"HTTP/1.1 200 ")
    app.until(0)


def test_a_body_larger_than_all_room_can_be_had_alone() -> None:
    """What is asked for was allowed; only not beside others."""
    outbox, body = Outbox(100_000), bytes(200_000)
    assert outbox.admits(body)
    with outbox.holding(body):
        assert not outbox.admits(bytes(70_000))
        assert outbox.admits(bytes(60_000))
    assert outbox.waiting == 0
