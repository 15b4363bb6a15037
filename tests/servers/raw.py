"""Clients that do not behave: raw bytes on a socket, and thousands of slow connections at once."""

import contextlib
import selectors
import socket
import time
from collections import Counter
from dataclasses import dataclass, field

HOST = b"Host: localhost\r\n"


def exchange(port: int, data: bytes, *, seconds: float = 5.0, half_close: bool = False) -> bytes:
    """Send bytes on a connection of its own and return all that comes until the server closes.

    Args:
        port: Of the server on loopback.
        data: What is sent.
        seconds: After so long without a byte the test fails by `TimeoutError`.
        half_close: Say that nothing more will be asked.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        # a server that has seen enough closes while we are still sending
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        return read_to_end(connection)


def read_to_end(connection: socket.socket) -> bytes:
    """Return all that comes until the server closes the connection."""
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            got += piece
    return got


def statuses(answers: bytes) -> list[int]:
    """Return the status of each answer among the bytes of a connection."""
    return [int(part[:3]) for part in answers.split(b"HTTP/1.1 ")[1:]]


@dataclass
class Outcome:
    """What became of many slow connections.

    Attributes:
        opened: How many connections stood.
        refused: How many could not be opened.
        held: Seconds each was open until the server closed it.
        open: How many the server had not closed at the end.
        statuses: Of the answers that came.
    """

    opened: int = 0
    refused: int = 0
    held: list[float] = field(default_factory=list)
    open: int = 0
    statuses: Counter[int] = field(default_factory=Counter)


def slow_heads(port: int, n: int, seconds: float, *, every: float = 1.0) -> Outcome:
    """Open n connections and send each one's head a byte at a time.

    Args:
        port: Of the server on loopback.
        n: Connections.
        seconds: When to give up; it returns earlier when the server has closed all.
        every: Seconds between two bytes.
    """
    first = b"GET /v1/next_day HTTP/1.1\r\n" + HOST + b"X-Slow: "
    return _hold(port, n, seconds, first=first, drip=b"a", every=every)


def slow_bodies(port: int, n: int, seconds: float, *, every: float = 1.0) -> Outcome:
    """Open n connections and send each one's body a byte at a time; else as `slow_heads`."""
    path = b"POST /prometheus/api/v1/query HTTP/1.1\r\n"
    first = path + HOST + b"Content-Type: application/x-www-form-urlencoded\r\n"
    first += b"Content-Length: 1000\r\n\r\nquery="
    return _hold(port, n, seconds, first=first, drip=b"a", every=every)


def slow_readers(
    port: int,
    n: int,
    seconds: float,
    *,
    path: str = "/v1/next_month.csv",
    requests: int = 1,
    every: float = 1.0,
) -> Outcome:
    """Open n connections with the smallest buffer there is, ask, and read a byte at a time.

    Args:
        port: Of the server on loopback.
        n: Connections.
        seconds: As in `slow_heads`.
        path: What is asked.
        requests: How often it is asked on each connection, before anything is read.
        every: Seconds between two bytes.
    """
    request = f"GET {path} HTTP/1.1\r\n".encode() + HOST + b"\r\n"
    return _hold(port, n, seconds, first=request * requests, drip=b"", every=every)


def _hold(port: int, n: int, seconds: float, *, first: bytes, drip: bytes, every: float) -> Outcome:
    """Hold n connections; with nothing to drip they read a byte at a time instead."""
    outcome = Outcome()
    began = time.monotonic()
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as opened:
        for _ in range(n):
            connection = opened.enter_context(socket.socket())
            if not drip:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            _open(selector, connection, port, first=first, outcome=outcome)
        while selector.get_map() and time.monotonic() - began < seconds:
            turn = time.monotonic()
            if drip:
                _send(selector, drip)
            _collect(selector, 0.0, outcome=outcome, most=4096 if drip else 1)
            while (left := turn + every - time.monotonic()) > 0 and selector.get_map():
                if drip:
                    _collect(selector, left, outcome=outcome, most=4096)
                else:
                    time.sleep(left)
        outcome.open = len(selector.get_map())
    return outcome


def _open(
    selector: selectors.BaseSelector,
    connection: socket.socket,
    port: int,
    *,
    first: bytes,
    outcome: Outcome,
) -> None:
    connection.settimeout(10)
    try:
        connection.connect(("127.0.0.1", port))
        connection.sendall(first)
    except OSError:
        outcome.refused += 1
        return
    connection.settimeout(0)
    outcome.opened += 1
    selector.register(connection, selectors.EVENT_READ, time.monotonic())


def _send(selector: selectors.BaseSelector, drip: bytes) -> None:
    for key in tuple(selector.get_map().values()):
        connection = key.fileobj
        assert isinstance(connection, socket.socket)
        with contextlib.suppress(OSError):  # the next read finds it closed
            connection.send(drip)


def _collect(
    selector: selectors.BaseSelector, timeout: float, *, outcome: Outcome, most: int
) -> None:
    """Read at most so many bytes of each connection that has some, and note those that ended."""
    for key, _ in selector.select(timeout):
        connection = key.fileobj
        assert isinstance(connection, socket.socket)
        try:
            # a reset is told here at once, while what came before it may be read for long
            reset = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            got = b"" if reset else connection.recv(most)
        except BlockingIOError:
            continue
        except OSError:
            got = b""
        outcome.statuses.update(statuses(got))
        if not got:
            outcome.held.append(time.monotonic() - key.data)
            selector.unregister(connection)
            connection.close()
