"""One connection: what is read of it is bounded in bytes and in seconds.

It stands on uvicorn's protocol, which knows neither bound, and hands a request on when all of it
has been read: no route ever waits for a client.
"""

import asyncio
import re
import socket
import struct
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

import httptools
from uvicorn._types import ASGI3Application, HTTPScope
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from foresail_serving.front.guard import MAX_BODY, MAX_HEAD, MAX_PIPELINED, MAX_URL, Guard
from foresail_serving.front.refusals import Reason, RefusedError, refusal_bytes

if TYPE_CHECKING:
    from foresail_serving.front.direct import Ready

_LINGER_SECONDS = 2.0
_NO_LINGER = struct.pack("ii", 1, 0)
_TAKEN_BYTES = 64 * 1024
"""What a client takes of an answer within `write_seconds`, or it is not reading."""
_SHARED_BYTES = 8 * 1024
"""A larger body is written by itself: copying it costs more than writing twice."""
_FRAMED_BYTES = MAX_HEAD + 2 * MAX_BODY
"""Of a whole request: the marks between the chunks of a body may be as long as the body."""
_HOST = re.compile(rb"(?:[\w.~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?")
_TLS_HANDSHAKE = 0x16
_NO_HTTP = "expected a request of HTTP/1.1, got something else: {}"


class _Unsent(NamedTuple):
    """What waited for the client when it was last seen to take something."""

    size: int
    since: float
    cycle: RequestResponseCycle


class GuardedProtocol(HttpToolsProtocol):
    """A connection that cannot be held for longer, or be fed more, than the limits say.

    Args:
        config: Of uvicorn.
        server_state: Of uvicorn.
        app_state: Of uvicorn.
        guard: Knows the limits, and looks at the connection once a second.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        *,
        guard: Guard,
    ) -> None:
        super().__init__(config, server_state, app_state)
        self.url = b""
        self._guard = guard
        self._read: HTTPScope | None = None  # of the last request that was read to its end
        self._part: HTTPScope | None = None  # of the request whose clock runs
        self._since = 0.0
        self._got = 0  # bytes of the request that is being read, while its end is not there
        self._deaf = False
        self._lingering = False
        self._held: tuple[RequestResponseCycle, ASGI3Application] | None = None
        self._answering: RequestResponseCycle | None = None
        self._unsent: _Unsent | None = None
        # of an app that can answer without being waited for
        self._direct: Ready | None = getattr(self.app, "direct", None)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._since = monotonic()
        self._guard.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever answers that nobody listens any more."""
        super().connection_lost(exc)
        if self._answering is not None:
            self._answering.disconnected = True
        self._guard.left(self)

    # what comes in

    def data_received(self, data: bytes) -> None:
        """Read; of a flood, no more at a time than a head may be long."""
        if self._deaf:
            return
        if len(data) + self._got <= MAX_HEAD:
            self._feed(data)
            return
        rest = memoryview(data)
        while rest and not self._deaf:
            room = max(MAX_HEAD - self._got, 1) if not self._in_body else MAX_HEAD
            self._feed(rest[:room])
            rest = rest[room:]
            if self._got >= MAX_HEAD and not self._in_body:
                self._refuse(_too_large(self.url))

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer what was asked: a client may say that it asks nothing more."""
        if self._answering is None:
            return False
        self._answer_last()
        return True

    def _feed(self, data: bytes | memoryview) -> None:
        cycle = self.cycle
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._answer_last()  # the request itself is answered; what follows is another protocol
        except httptools.HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, RefusedError):
                self._refuse(cause)
            else:
                self._refuse(RefusedError("bad-request", _misread(error, data)))
        if self.scope is not self._read:
            self._wait_for_the_rest(len(data) if self.cycle is cycle else 0)

    def _wait_for_the_rest(self, size: int) -> None:
        """Note how much there is of a request, and when its clock started.

        Args:
            size: Bytes that have come; those that came in one piece with an earlier request, or
                with the end of this one's head, do not count.
        """
        if self._part is not self.scope:
            self._part = self.scope
            self._got = 0
            self._since = monotonic()
        self._got += size
        if self._got > _FRAMED_BYTES:
            self._refuse(_body_too_large())

    # called by the parser

    def on_headers_complete(self) -> None:
        """Check what the parser does not; the request is held until its body is there."""
        super().on_headers_complete()
        scope = self.scope
        host = None
        for name, value in self.headers:
            if name == b"host":
                if host is not None:
                    raise RefusedError("bad-request", "expected one Host header, got several")
                host = value
            elif name == b"transfer-encoding":
                _check_coding(value, scope["http_version"])
                self.headers = []  # trailers may follow; no route takes them for headers
        if host != self._guard.host or len(self.url) > MAX_URL:
            self._check_head(host)
        elif scope["http_version"] != "1.1":
            _check_version(scope["http_version"])
        if len(self.pipeline) > MAX_PIPELINED:
            raise RefusedError("pipelined")
        if self._guard.drain.draining:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if len(self.cycle.body) + len(body) > MAX_BODY:
            raise _body_too_large()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Hand the request on."""
        self._read = self.scope
        self._got = 0
        self.cycle.more_body = False
        self.cycle.message_event.set()
        held = self._held
        if held is not None:
            self._held = None
            self._start_asgi_task(*held)

    def _check_head(self, host: bytes | None) -> None:
        version = self.scope["http_version"]
        _check_version(version)
        if len(self.url) > MAX_URL:
            raise _too_large(self.url)
        if host is None:
            if version == "1.1":
                raise RefusedError("bad-request", "expected a Host header, got none")
        elif _HOST.fullmatch(host):
            self._guard.host = host
        else:
            raise RefusedError(
                "bad-request", "expected a name and perhaps a port as Host, got something else"
            )

    # called by uvicorn

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if not cycle.more_body:
            self._answering = cycle
            if not self._answer_at_once(cycle):
                super()._start_asgi_task(cycle, app)
            return
        self._held = (cycle, app)
        if cycle.waiting_for_100_continue:
            cycle.waiting_for_100_continue = False
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _answer_at_once(self, cycle: RequestResponseCycle) -> bool:
        """Write an answer that is there already, if it is; a slow client waits in uvicorn's way."""
        if self._direct is None or self.flow.write_paused or self.transport.is_closing():
            return False
        answer = self._direct(cycle.scope)
        if answer is None:
            return False
        end = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
        body = b"" if cycle.scope["method"] == "HEAD" else answer.body
        date = self._guard.date_lines(self.server_state.default_headers)
        cycle.response_started = cycle.response_complete = True
        if len(body) > _SHARED_BYTES:
            # what a slow client has not taken is the kept body itself, not a copy for each of them
            self.transport.write(b"".join((answer.status, date, answer.head, end)))
            self.transport.write(body)
        else:
            self.transport.write(b"".join((answer.status, date, answer.head, end, body)))
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()
        return True

    def on_response_complete(self) -> None:
        """Go on with the next request; how long that may take, the guard knows."""
        self.server_state.total_requests += 1
        self._answering = None
        if self.transport.is_closing():
            return
        self._since = monotonic()
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def resume_writing(self) -> None:
        """Note that the client reads."""
        super().resume_writing()
        self._unsent = None

    def shutdown(self) -> None:
        """Finish what has been asked, and what is being asked while the server drains."""
        if self._answering is not None:
            self._answer_last()
        elif not (self._guard.drain.draining and self._asking):
            self.transport.close()

    # called by the guard

    @property
    def given_up(self) -> tuple[bool, float] | None:
        """As `Guarded` says."""
        if self._answering is not None or self.transport.is_closing():
            return None
        return self.scope is not None and self.scope is self._read, self._since

    def look(self, now: float) -> None:
        """As `Guarded` says."""
        waited = now - self._since
        if self._is_stuck(now):
            self._guard.refusals.note("write-timeout")
            self._reset()
        elif self._lingering:
            if waited > _LINGER_SECONDS:
                self.transport.abort()
        elif self._asking or self.scope is None:
            if waited > self._guard.limits.request_seconds and not self.flow.read_paused:
                self._time_out()
        elif self._answering is None and waited > self.timeout_keep_alive:
            self.transport.close()

    def shed(self) -> None:
        """As `Guarded` says."""
        self._guard.refusals.note("shed")
        self._reset()

    def _reset(self) -> None:
        """Close now, without the kernel holding on to what the client has not taken."""
        connection = self.transport.get_extra_info("socket")
        if not self.transport.is_closing() or self.transport.get_write_buffer_size():
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()

    @property
    def _asking(self) -> bool:
        """Whether a part of a request has been read, and is not given up."""
        return self.scope is not self._read and not self._deaf

    @property
    def _in_body(self) -> bool:
        """Whether the head of the request that is being read is there."""
        return self._asking and self.cycle is not None and self.cycle.scope is self.scope

    def _is_stuck(self, now: float) -> bool:
        """Return whether an answer waits, and has not been read for too long."""
        size = self.transport.get_write_buffer_size()
        if not size:
            self._unsent = None
            return False
        was = self._unsent
        if was is None or was.cycle is not self.cycle or was.size - size >= _TAKEN_BYTES:
            self._unsent = _Unsent(size, now, self.cycle)
            return False
        return now - was.since > self._guard.limits.write_seconds

    def _time_out(self) -> None:
        if not self._asking:
            self._guard.refusals.note("silent")
            self.transport.close()
            return
        seconds = self._guard.limits.request_seconds
        self._refuse(
            RefusedError("request-timeout", f"expected a whole request within {seconds:g} s")
        )

    # the end

    def _refuse(self, error: RefusedError) -> None:
        """Stop reading; say why, unless an earlier request is still being answered."""
        if self._deaf:
            return
        self._guard.refusals.note(error.reason)
        self._forget_unread()
        if self._answering is not None:
            self._answer_last()
            return
        self._deaf = True
        if self.transport.is_closing():
            return
        start, rest = refusal_bytes(error.reason, error.detail)
        date = self._guard.date_lines(self.server_state.default_headers)
        self.transport.write(b"".join((start, date, rest)))
        # closed at once with something unread, the kernel would take the answer back
        self._lingering = True
        self._since = monotonic()
        self.flow.resume_reading()
        self.transport.write_eof()

    def _forget_unread(self) -> None:
        """Drop the request whose end has not been read."""
        self._held = None
        if self.pipeline and self.pipeline[0][0].more_body:
            self.pipeline.popleft()

    def _answer_last(self) -> None:
        """Close after the last request that has been read whole."""
        self._deaf = True
        self._forget_unread()
        last = self.pipeline[0][0] if self.pipeline else self._answering
        if last is not None:
            last.keep_alive = False


def _check_version(version: str) -> None:
    if version not in {"1.1", "1.0"}:
        raise RefusedError("bad-request", _NO_HTTP.format(f"HTTP/{version}"))


def _check_coding(value: bytes, version: str) -> None:
    """Two servers in a row may read any other coding differently."""
    if value.lower() != b"chunked" or version != "1.1":
        raise RefusedError(
            "bad-request", "expected no Transfer-Encoding but chunked, and that in HTTP/1.1 alone"
        )


def _too_large(url: bytes) -> RefusedError:
    reason: Reason = "url-too-long" if len(url) > MAX_URL else "head-too-large"
    told = f"a URL of {MAX_URL} bytes" if len(url) > MAX_URL else f"a head of {MAX_HEAD} bytes"
    return RefusedError(reason, f"expected {told} at most, got more")


def _body_too_large() -> RefusedError:
    return RefusedError("body-too-large", f"expected a body of {MAX_BODY} bytes at most, got more")


def _misread(error: httptools.HttpParserError, data: bytes | memoryview) -> str:
    if data[0] == _TLS_HANDSHAKE:
        return _NO_HTTP.format("TLS, which a proxy before this server can speak; use http://")
    if data[:4] == b"PRI ":
        return _NO_HTTP.format("HTTP/2.0")
    if isinstance(error.__context__, ValueError | httptools.HttpParserError):
        return "expected a path, or a URL with one, got something else"
    return _NO_HTTP.format(error)
