"""HTTP with one deadline for a whole answer, and a limit for its size.

The timeout of requests is one of each read: a server that sends a byte now and then, in the head or
in the body, is waited for without end.
"""

import io
import time
from functools import partial
from http.client import HTTPResponse
from socket import SocketIO, socket
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager

_CHUNK_BYTES = 256 * 1024
"""Some clients unpack a chunk whole: up to a thousand times as much."""


class TooLarge(Exception):  # noqa: N818  # never leaves the package
    """An answer grew beyond the limit."""


class DeadlineAdapter(HTTPAdapter):
    """Gives up on an answer when the timeout is over, however lively it comes."""

    def __init__(self, *, connections: int) -> None:
        """Keep at most so many connections open, to one host; retry nothing."""
        super().__init__(pool_connections=1, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(
        self,
        connections: int,
        maxsize: int,
        block: bool = False,  # noqa: FBT001, FBT002  # its signature
        **pool_kwargs: Any,  # noqa: ANN401  # its signature
    ) -> None:
        """Let the pools make our connections."""
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(
        self,
        proxy: str,
        **proxy_kwargs: Any,  # noqa: ANN401  # its signature
    ) -> PoolManager:
        """Let the pools behind a proxy make our connections too."""
        manager: PoolManager = super().proxy_manager_for(proxy, **proxy_kwargs)
        if not proxy.lower().startswith("socks"):  # whose connections are of its own kind
            manager.pool_classes_by_scheme = _POOLS
        return manager


def timeout_of(seconds: float) -> Any:  # noqa: ANN401  # requests' types know no urllib3.Timeout
    """Return a timeout of so many seconds for connecting, waiting and reading together."""
    return urllib3.Timeout(total=max(seconds, 0.001))


def read_body(response: requests.Response, *, most: int) -> bytearray:
    """Return the unpacked body.

    Args:
        response: Asked for with `stream=True`.
        most: Bytes that it may have.

    Raises:
        TooLarge: It has more.
        requests.Timeout: It was not whole at the deadline.
    """
    body = bytearray()
    try:
        for piece in response.iter_content(_CHUNK_BYTES):
            body += piece
            if len(body) > most:
                raise TooLarge
    except requests.ConnectionError as error:
        if isinstance(error.args[0] if error.args else None, urllib3.exceptions.ReadTimeoutError):
            raise requests.Timeout from error
        raise
    return body


class _Timed(io.RawIOBase):
    """Reads from a socket until a deadline."""

    def __init__(self, source: SocketIO, sock: socket, deadline: float) -> None:
        self._source = source
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401  # a buffer
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._source.readinto(buffer)

    def close(self) -> None:
        self._source.close()
        super().close()


class _TimedSocket:
    """Stands for a socket where an answer is made of it."""

    def __init__(self, sock: socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        source = self._sock.makefile("rb", buffering=0)
        return io.BufferedReader(_Timed(source, self._sock, self._deadline))


def _timed_response(sock: socket, *args: Any, deadline: float, **kwargs: Any) -> HTTPResponse:  # noqa: ANN401  # handed through
    return HTTPResponse(_TimedSocket(sock, deadline), *args, **kwargs)  # type: ignore[arg-type]


class _TimedHTTPConnection(HTTPConnection):
    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]  # as urllib3 itself
        # urllib3 has just set what is left of the whole timeout
        deadline = time.monotonic() + (self.timeout or 0.0)
        self.response_class = partial(_timed_response, deadline=deadline)  # type: ignore[assignment]
        try:
            return super().getresponse()
        finally:
            del self.response_class  # a proxy's tunnel asks before there is a deadline


class _TimedHTTPSConnection(_TimedHTTPConnection, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _TimedHTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _TimedHTTPSConnection


_POOLS = {"http": _HTTPPool, "https": _HTTPSPool}
