"""An HTTP proxy in front of a real server, which does to each request what a test tells it.

It stands before a Prometheus or an S3 gateway alike: paths, bodies and the Host header pass
unchanged, so signatures stay valid.
"""

import gzip
import http.client
import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import numpy as np

Kind = Literal[
    "pass",  # nothing
    "drop",  # hang up without an answer; the server never hears of it
    "lose",  # let the server do its work, and hang up on its answer
    "cut",  # hang up in the middle of the body
    "wait",  # begin to answer only after `seconds`
    "drip",  # spread the body over `seconds`
    "busy",  # 429, to ask again after `seconds`
    "bad-gateway",  # 502
    "unavailable",  # 503
    "html",  # 200 and a page for people
    "half-json",  # 200 and the first half of the body, with a length that agrees
    "bomb",  # 200 and a small body that unpacks to `bytes_unpacked`
    "warnings",  # what Thanos adds to an answer that lacks a store
    "flip",  # one bit of the body changed, the length right
    "refuse",  # 403 in S3's words
    "slow-down",  # 503 in S3's words
]

HEALING: tuple[Kind, ...] = ("drop", "cut", "wait", "drip", "busy", "bad-gateway", "unavailable")
"""What a client gets over that asks again."""

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "accept-encoding"}
_PAGE = b"<!DOCTYPE html><html><body><h1>Please sign in</h1></body></html>"
_STATUS: dict[Kind, int] = {
    "busy": 429,
    "bad-gateway": 502,
    "unavailable": 503,
    "html": 200,
    "refuse": 403,
    "slow-down": 503,
}
_BODY: dict[Kind, tuple[str, bytes]] = {
    "bad-gateway": ("text/html", _PAGE),
    "html": ("text/html", _PAGE),
    "refuse": ("application/xml", b"<Error><Code>AccessDenied</Code></Error>"),
    "slow-down": ("application/xml", b"<Error><Code>SlowDown</Code></Error>"),
}
_DRIPS = 10


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request.

    Attributes:
        kind: See `Kind`.
        seconds: Of a wait, of a drip, of Retry-After.
        bytes_unpacked: Of a bomb.
    """

    kind: Kind
    seconds: float = 0.0
    bytes_unpacked: int = 0


PASS = Fault("pass")


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came.

    Attributes:
        number: Counted from 1.
        method: Such as GET.
        path: Without its query.
        query: Each parameter's first value; of a query that is sent in the body, those of the form.
        sent: Bytes of its body.
    """

    number: int
    method: str
    path: str
    query: Mapping[str, str]
    sent: int

    @property
    def instants(self) -> int:
        """Return at how many instants a range query is to be evaluated; 0 for any other."""
        if not self.path.endswith("/query_range"):
            return 0
        span = float(self.query["end"]) - float(self.query["start"])
        return int(span // float(self.query["step"])) + 1


Plan = Callable[[Request], Fault | None]


@dataclass(slots=True)
class FaultProxy:
    """A running proxy.

    Attributes:
        url: Its address.
        upstream: The address of the server behind it.
        plan: Chooses what happens to a request; it is asked for one at a time.
        requests: All that came.
        done: How often each kind of fault was done.
        points: Points of range queries that passed to the client, whole.
    """

    url: str
    upstream: str
    plan: Plan
    requests: list[Request] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    points: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, method: str, target: str, body: bytes) -> Fault | None:
        """Note a request and return what is to happen to it."""
        parts = urlsplit(target)
        form = body.decode() if method == "POST" and "/api/v1/" in parts.path else parts.query
        query = {name: values[0] for name, values in parse_qs(form).items()}
        with self._lock:
            request = Request(len(self.requests) + 1, method, parts.path, query, len(body))
            self.requests.append(request)
            fault = self.plan(request)
            if fault is not None:
                self.done[fault.kind] += 1
            return fault

    def count(self, points: int) -> None:
        """Note points that passed."""
        with self._lock:
            self.points += points

    def forget(self) -> None:
        """Begin to count anew."""
        with self._lock:
            self.requests.clear()
            self.done.clear()
            self.points = 0


def never(request: Request) -> None:
    """Let every request pass."""
    del request


def in_turn(*faults: Fault | None) -> Plan:
    """Return a plan that does one of these to each request in turn, and then lets all pass."""
    waiting = list(faults)
    return lambda _: waiting.pop(0) if waiting else None


def seeded(seed: int, faults: Sequence[Fault], *, share: float) -> Plan:
    """Return a plan that does one of these to a share of all requests; prints its seed."""
    print(f"fault proxy: seed {seed}, {share:.0%} of the requests")  # noqa: T201  # to do it again
    rng = np.random.default_rng(seed)

    def plan(request: Request) -> Fault | None:
        del request
        drawn = int(rng.integers(len(faults)))
        return faults[drawn] if rng.random() < share else None

    return plan


@contextmanager
def fault_proxy(upstream: str, plan: Plan = never) -> Iterator[FaultProxy]:
    """Run a proxy before a server; it ends with the block, whoever still waits."""
    over = threading.Event()
    proxy = FaultProxy("", upstream, plan)
    server = _Server(proxy, over)
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, proxy: FaultProxy, over: threading.Event) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy
        self.over = over

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went away: killing them is what tests do."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.proxy.take(self.command, self.path, body) or PASS
        if fault.kind == "drop":
            self._hang_up()
            return
        answer = _made_up(fault)
        if answer is None:
            upstream, headers = self.server.proxy.upstream, dict(self.headers.items())
            try:
                answer = _asked(upstream, self.command, self.path, headers, body)
            except (OSError, http.client.HTTPException):  # as when the server was killed
                self._hang_up()
                return
        if fault.kind == "lose":
            self._hang_up()
            return
        self._send(_spoilt(answer, fault), fault)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _any  # noqa: N815  # its names

    def _send(self, answer: _Answer, fault: Fault) -> None:
        if fault.kind == "wait":
            self.server.over.wait(fault.seconds)
        self.send_response(answer.status)
        length = str(len(answer.body))
        for name, value in ({"Content-Length": length} | dict(answer.headers)).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault.kind == "cut":
            self.wfile.write(answer.body[: len(answer.body) // 2])
            self._hang_up()
            return
        pieces = _DRIPS if fault.kind == "drip" else 1
        size = len(answer.body) // pieces + 1
        for at in range(0, len(answer.body), size):
            self.wfile.write(answer.body[at : at + size])
            self.server.over.wait(fault.seconds / pieces if pieces > 1 else 0)
        if self.path.startswith("/api/v1/query_range"):
            self.server.proxy.count(answer.body.count(b'"]'))  # how each point ends

    def _hang_up(self) -> None:
        """Reset the connection, as a killed process or a broken router does."""
        at_once = struct.pack("ii", 1, 0)  # without it the end would be a polite one
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        self.rfile.close()
        self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its signature
        """Say nothing."""


def _asked(
    upstream: str, method: str, target: str, headers: Mapping[str, str], body: bytes
) -> _Answer:
    """Ask the server behind; bodies come unpacked, so that they can be read and changed."""
    parts = urlsplit(upstream)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=120)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            if name.lower() not in _HOP:
                connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        content = response.read()
        kept = {n: v for n, v in response.getheaders() if n.lower() not in _HOP}
        if method == "HEAD" and response.getheader("Content-Length"):
            kept["Content-Length"] = str(response.getheader("Content-Length"))
        return _Answer(response.status, kept, content)
    finally:
        connection.close()


def _made_up(fault: Fault) -> _Answer | None:
    """Return the answer of a fault that needs no server."""
    status = _STATUS.get(fault.kind)
    if status is not None:
        kind, body = _BODY.get(fault.kind, ("text/plain", b"not now"))
        wait = {"Retry-After": f"{fault.seconds:g}"} if fault.kind == "busy" else {}
        return _Answer(status, {"Content-Type": kind} | wait, body)
    if fault.kind == "bomb":
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        return _Answer(200, headers, gzip.compress(bytes(fault.bytes_unpacked)))
    return None


def _spoilt(answer: _Answer, fault: Fault) -> _Answer:
    """Return a real answer with a fault in its body."""
    match fault.kind:
        case "half-json":
            return replace(answer, body=answer.body[: len(answer.body) // 2])
        case "warnings" if answer.status == HTTPStatus.OK:
            content = json.loads(answer.body) | {"warnings": ["no store for 2025-03"]}
            return replace(answer, body=json.dumps(content).encode())
        case "flip" if answer.body:
            middle = len(answer.body) // 2
            flipped = bytes([answer.body[middle] ^ 1])
            return replace(answer, body=answer.body[:middle] + flipped + answer.body[middle + 1 :])
        case _:
            return answer
