"""FastAPI is built beside the requests, and built again where that failed."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp
from structlog.testing import capture_logs

from foresail_serving.front.later import Later


class Builder:
    """Builds an app; the first times it fails."""

    def __init__(self, *, failures: int) -> None:
        self.failures = failures
        self.calls = 0

    def __call__(self) -> ASGIApp:
        """Return an app that says so."""
        self.calls += 1
        if self.calls <= self.failures:
            raise MemoryError("fs_0123456789abcdef")
        return PlainTextResponse("built")


async def asked(app: ASGIApp) -> bytes:
    """Return what the app answers."""
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await app({"type": "http", "method": "GET", "path": "/"}, receive, send)
    return b"".join(message.get("body", b"") for message in sent)


def test_many_requests_wait_for_one_building() -> None:
    """Whoever asks while it is built gets its answer; it is never built twice."""
    builder = Builder(failures=0)

    async def ask_many() -> list[bytes]:
        later = Later(builder)
        first = await asyncio.gather(*(asked(later) for _ in range(5)))
        return [*first, await asked(later)]

    assert asyncio.run(ask_many()) == [b"built"] * 6
    assert builder.calls == 1


def test_a_failure_is_not_kept() -> None:
    """A machine that was out of memory for a moment serves its pages with the next request."""

    async def ask_again() -> bytes:
        later = Later(Builder(failures=1))
        with pytest.raises(MemoryError, match="fs_"):
            await asked(later)
        return await asked(later)

    with capture_logs() as logs:
        assert asyncio.run(ask_again()) == b"built"
    told = "the routes could not be built; the next request tries again"
    assert [(line["event"], line["error"]) for line in logs] == [(told, "MemoryError")]
    assert "fs_" not in str(logs)


def test_a_client_that_leaves_stops_nothing() -> None:
    """The others get what was begun for the one that is gone."""
    builder = Builder(failures=0)

    async def leave() -> bytes:
        later = Later(builder)
        gone = asyncio.ensure_future(asked(later))
        await asyncio.sleep(0)
        gone.cancel()
        return await asked(later)

    assert asyncio.run(leave()) == b"built"
    assert builder.calls == 1
