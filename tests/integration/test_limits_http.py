"""Connections that do not behave, by the hundred, while good requests go on being answered."""

import resource
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from servers.foresail import Client
from servers.process import cpu_seconds, process, published, rss_bytes
from servers.raw import HOST, Outcome, exchange, slow_bodies, slow_heads, slow_readers, statuses

pytestmark = pytest.mark.integration

LIMITED = ("bash", "-c", 'ulimit -n 256; exec "$@"', "bash")
MIB = 2**20


@dataclass
class Good:
    """Requests that do behave, one after the other.

    Attributes:
        answered: How many got their 200.
        failed: What became of the others.
    """

    answered: int = 0
    failed: list[str] = field(default_factory=list)


@contextmanager
def good_requests(client: Client) -> Iterator[Good]:
    """Ask for forecasts until the block ends, each time on a new connection."""
    good, stop = Good(), threading.Event()

    def ask() -> None:
        while not stop.wait(0.01):
            try:
                status = client.get("/v1/next_day").status
            except OSError as error:
                good.failed.append(repr(error))
                continue
            if status == 200:
                good.answered += 1
            else:
                good.failed.append(str(status))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield good
    finally:
        stop.set()
        thread.join()


Running = tuple[Client, "subprocess.Popen[bytes]"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A forecast of cpu."""
    return published(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def running(cache: Path) -> Iterator[Running]:
    """A server that waits a second for a request, and for a client that does not read."""
    with process(cache, request_seconds=1, write_seconds=1) as running:
        yield running


def check_slow(running: Running, slow: Callable[..., Outcome], *, connections: int) -> None:
    """All slow connections are closed soon after the deadline of a second, with a 408."""
    client, server = running
    with good_requests(client) as good:
        before = rss_bytes(server)
        outcome = slow(client.port, connections, 20.0, every=0.3)
        grown = rss_bytes(server) - before
    assert good.failed == []
    assert good.answered > 10
    assert (outcome.opened, outcome.refused, outcome.open) == (connections, 0, 0)
    assert outcome.statuses == {408: connections}
    assert min(outcome.held) >= 1
    assert grown < 8 * MIB + connections * 16_384


@pytest.mark.parametrize("slow", [slow_heads, slow_bodies])
def test_slow_requests_end_at_the_deadline(running: Running, slow: Callable[..., Outcome]) -> None:
    """Heads and bodies that come a byte at a time are refused; no good request fails."""
    check_slow(running, slow, connections=100)


@pytest.mark.heavy
@pytest.mark.parametrize("slow", [slow_heads, slow_bodies])
def test_two_thousand_slow_requests(running: Running, slow: Callable[..., Outcome]) -> None:
    """As above, with as many as a small attack has."""
    check_slow(running, slow, connections=2_000)


def check_readers(running: Running, *, connections: int) -> None:
    """Slow readers are cut off after the deadline of a second, and cost little memory."""
    client, server = running
    with good_requests(client) as good:
        client.get("/v1/next_month.csv")
        before = rss_bytes(server)
        outcome = slow_readers(client.port, connections, 30.0, requests=5, every=0.3)
        grown = rss_bytes(server) - before
    assert good.failed == []
    assert good.answered > 10
    assert (outcome.opened, outcome.open) == (connections, 0)
    assert grown < 8 * MIB + connections * 65_536


def test_clients_that_do_not_read_are_cut_off(running: Running) -> None:
    """Half a megabyte for each of them is neither copied nor kept for long."""
    check_readers(running, connections=60)


@pytest.mark.heavy
def test_five_thousand_clients_that_do_not_read(running: Running) -> None:
    """As above, all at once."""
    with enough_files():
        check_readers(running, connections=5_000)


@contextmanager
def enough_files() -> Iterator[None]:
    """Let this process open as many sockets as the machine allows."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_out_of_descriptors_the_longest_waiting_give_way(cache: Path) -> None:
    """With 256 of them and 300 slow connections good requests go on, and nothing spins."""
    with process(cache, before=LIMITED, request_seconds=2) as (client, server):
        with good_requests(client) as good:
            outcome = slow_heads(client.port, 300, 15.0, every=0.3)
        assert (outcome.opened, outcome.open) == (300, 0)
        used = cpu_seconds(server)
        time.sleep(1)
        assert cpu_seconds(server) - used < 0.3
        assert client.get("/v1/next_day").status == 200
    assert good.failed == []
    assert good.answered > 10


def test_without_any_descriptor_the_server_recovers(running: Running) -> None:
    """It does not spin; what came meanwhile waits in the kernel, and is answered afterwards."""
    client, server = running
    before = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (8, before[1]))
    with ExitStack() as opened:
        waiting = [
            opened.enter_context(socket.create_connection(("127.0.0.1", client.port), timeout=10))
            for _ in range(20)
        ]
        time.sleep(0.2)
        used = cpu_seconds(server)
        time.sleep(0.8)
        spent = cpu_seconds(server) - used
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, before)
        for connection in waiting:
            connection.sendall(b"GET /v1/next_day HTTP/1.1\r\n" + HOST + b"\r\n")
        answers = [statuses(connection.recv(1000)) for connection in waiting]
    assert answers == 20 * [[200]]
    assert spent < 0.3


def test_floods_are_refused_without_being_kept(running: Running) -> None:
    """A head of 32 MB, 200,000 headers, a query of 8 MB and a body of 64 MB leave nothing behind.

    Each is sent once before memory is measured: what is loaded for the first answer stays.
    """
    first = b"GET /v1/next_day"
    head = b" HTTP/1.1\r\n" + HOST
    floods: dict[int, tuple[Callable[[], bytes], ...]] = {
        431: (
            lambda: first + head + b"X: " + b"a" * (32 * MIB) + b"\r\n\r\n",
            lambda: first + head + b"X: a\r\n" * 200_000 + b"\r\n",
        ),
        414: (lambda: first + b"?series=" + b"a" * (8 * MIB) + head + b"\r\n",),
        413: (lambda: first + head + b"Content-Length: 67108864\r\n\r\n" + bytes(64 * MIB),),
    }
    client, server = running
    held: list[int] = []
    for _ in range(2):
        for status, made in floods.items():
            for flood in made:
                assert statuses(exchange(client.port, flood())) == [status]
        held.append(rss_bytes(server))
    assert held[1] - held[0] <= MIB


def kept_open(server: subprocess.Popen[bytes]) -> int:
    """Return how many descriptors a process has open."""
    return len(list(Path(f"/proc/{server.pid}/fd").iterdir()))


def test_no_descriptor_stays_behind(running: Running) -> None:
    """After connections of all kinds that ended in all ways, as many are open as before."""
    client, server = running
    client.get("/v1/next_day")
    before = kept_open(server)
    for slow in (slow_heads, slow_bodies, partial(slow_readers, path="/livez")):
        slow(client.port, 60, 0.4, every=0.1)
    deadline = time.monotonic() + 10
    while kept_open(server) > before:
        assert time.monotonic() < deadline, kept_open(server)
        time.sleep(0.05)
