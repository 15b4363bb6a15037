"""One line of JSON for each request, on stderr."""

import asyncio
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import orjson

from foresail_serving.access.settings import AccessSettings
from foresail_serving.logs import mask

_QUIET = ("/livez", "/readyz", "/metrics")
"""Asked every few seconds by machines; logged only where the answer is no 200."""
_LONGEST_PATH = 300
_FLUSH_LINES = 1000
_FLUSH_SECONDS = 1.0
_MOST_LINES = 20_000
_CHUNK = 4096
"""Bytes that a pipe takes whole: no line of another process comes in between."""
_STDERR = 2


class AccessLog:
    """Collects lines and writes them from a thread, so that a full pipe holds up no request.

    Args:
        write: Takes bytes, and returns how many it took.
    """

    def __init__(self, write: Callable[[bytes], int] | None = None) -> None:
        self._sink = write or _to_stderr
        self._lines: list[bytes] = []
        self._dropped = 0
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Future[None] | None = None

    @staticmethod
    def of(settings: AccessSettings) -> "AccessLog | None":
        """Return the log; None where nothing is to be logged.

        Unless it is asked for, a terminal gets none: whoever runs the server there reads what it
        says, and a dashboard asks dozens of times a minute.
        """
        wanted = settings.access_log
        if wanted is None:
            wanted = not sys.stderr.isatty()
        return AccessLog() if wanted else None

    def write(
        self,
        *,
        client: str,
        method: str,
        path: str,
        route: str,
        status: int,
        bytes: int,  # noqa: A002  # the field's name in the log
        seconds: float,
        cache: str,
    ) -> None:
        """Log one request. Called on the event loop.

        Args:
            client: The token's name, or the address.
            method: Of HTTP.
            path: Without the query, which may name what is nobody's business.
            route: What it is counted under.
            status: Of the answer.
            bytes: Of the body that was sent.
            seconds: From the request's head to the answer's end.
            cache: `hit`, `miss`, or empty.
        """
        if status == 200 and path in _QUIET:  # noqa: PLR2004  # HTTP's OK
            return
        if "fs_" in path or "=" in path or len(path) > _LONGEST_PATH or not path.isascii():
            path = _harmless(path)
        if len(self._lines) >= _MOST_LINES:
            self._dropped += 1
            return
        self._lines.append(
            orjson.dumps(
                {
                    "event": "request",
                    "level": "info",
                    "timestamp": datetime.now(tz=UTC),
                    "client": client,
                    "method": method,
                    "path": path,
                    "route": route,
                    "status": status,
                    "bytes": bytes,
                    "seconds": round(seconds, 6),
                    "cache": cache,
                },
                option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z,
            )
        )
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self._flush)
        elif len(self._lines) == _FLUSH_LINES:
            self._flush()

    def _flush(self) -> None:
        """Give the lines to a thread; one at a time, so that they stay in order."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing is not None and not self._writing.done():
            self._timer = asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self._flush)
            return
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(None, _write_all, self._sink, self._collected())

    def _collected(self) -> list[bytes]:
        lines, self._lines = self._lines, []
        if self._dropped:
            told = {"event": "access log lines dropped", "level": "warning", "lines": self._dropped}
            lines.append(orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE))
            self._dropped = 0
        return lines

    async def close(self) -> None:
        """Write what is left; called when the last request has been answered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing is not None:
            await self._writing
        await asyncio.to_thread(_write_all, self._sink, self._collected())


def _harmless(path: str) -> str:
    """Return a path without a token, half characters or more than a line should hold."""
    masked = mask(path).encode(errors="replace").decode()
    return masked if len(masked) <= _LONGEST_PATH else f"{masked[:_LONGEST_PATH]}..."


def _to_stderr(chunk: bytes) -> int:
    return os.write(_STDERR, chunk)


def _write_all(sink: Callable[[bytes], int], lines: list[bytes]) -> None:
    chunk = b""
    try:
        for line in lines:
            if len(chunk) + len(line) > _CHUNK:
                _write(sink, chunk)
                chunk = b""
            chunk += line
        _write(sink, chunk)
    except OSError:
        return  # stderr is gone, and with it the place to say so


def _write(sink: Callable[[bytes], int], chunk: bytes) -> None:
    while chunk:
        chunk = chunk[sink(chunk) :]
