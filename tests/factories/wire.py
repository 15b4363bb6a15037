"""Small servers on loopback: one that answers as a function says, one that speaks raw bytes."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

Talk = Callable[[socket.socket, threading.Event], None]


@dataclass(frozen=True)
class Asked:
    """One request.

    Attributes:
        method: GET or POST.
        path: Without the query.
        params: Of the query or of the form; the last value of each.
        headers: As they came.
        target: The path with its query, as it came.
        body: Of a POST.
    """

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    target: str
    body: bytes


@dataclass(frozen=True)
class Told:
    """One answer."""

    body: bytes | str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Site:
    """A running server.

    Attributes:
        url: Its address.
        asked: What came, in order.
        most: The most requests that were under way at a time.
    """

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    most: int = 0
    _under_way: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def counted(self, request: Asked) -> Iterator[None]:
        """Note a request while it is answered."""
        with self._lock:
            self.asked.append(request)
            self._under_way += 1
            self.most = max(self.most, self._under_way)
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1


@contextmanager
def site(tell: Callable[[Asked], Told]) -> Iterator[Site]:
    """Run a server whose answers are a function of what is asked."""
    running = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            given = parse_qs(body.decode() or parts.query, keep_blank_values=True)
            params = {name: values[-1] for name, values in given.items()}
            headers = dict(self.headers)
            request = Asked(self.command, parts.path, params, headers, self.path, body)
            with running.counted(request):
                told = tell(request)
            data = told.body.encode() if isinstance(told.body, str) else told.body
            self.send_response(told.status)
            named = {"Content-Type": "application/json", "Content-Length": str(len(data))}
            for name, value in (named | told.headers).items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):  # the client may have given up
                self.wfile.write(data)

        do_POST = do_GET  # noqa: N815  # its signature

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its signature
            """Say nothing."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing of clients that have gone."""

    server = Quiet(("127.0.0.1", 0), Handler)
    running.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def wire(*talks: Talk, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Run a server that speaks raw bytes, and give its address.

    Args:
        talks: What to do with each connection in turn once a request's head is here, the last one
            for ever after; the event is set when the test is over.
        tls: The server's own certificate.
    """
    over = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.02)
    threads: list[threading.Thread] = []

    def talk(sock: socket.socket, number: int) -> None:
        sock.settimeout(5)
        with contextlib.suppress(OSError), contextlib.ExitStack() as held:
            plain = held.enter_context(sock)
            line = held.enter_context(tls.wrap_socket(plain, server_side=True)) if tls else plain
            head = b""
            while b"\r\n\r\n" not in head:
                piece = line.recv(65536)
                if not piece:
                    return
                head += piece
            talks[min(number, len(talks) - 1)](line, over)

    def serve() -> None:
        number = 0
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                sock, _ = listening.accept()
                threads.append(threading.Thread(target=talk, args=(sock, number), daemon=True))
                threads[-1].start()
                number += 1

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        over.set()
        server.join()
        listening.close()
        for thread in threads:
            thread.join()


def drip(start: bytes, *, every: float = 0.02) -> Talk:
    """Return a talk that says something and then a byte now and then, without end."""

    def talk(sock: socket.socket, over: threading.Event) -> None:
        sock.sendall(start)
        while not over.wait(every):
            sock.sendall(b"x")

    return talk


def say(data: bytes) -> Talk:
    """Return a talk that says something and hangs up."""

    def talk(sock: socket.socket, over: threading.Event) -> None:
        del over
        sock.sendall(data)

    return talk


def matrix(*series: dict[str, object], **more: object) -> str:
    """Return a successful range answer."""
    data = {"resultType": "matrix", "result": list(series)}
    return json.dumps({"status": "success", "data": data, **more})


def refusal(error: str, kind: str = "execution") -> str:
    """Return a refusal as the query API writes it."""
    return json.dumps({"status": "error", "errorType": kind, "error": error})
