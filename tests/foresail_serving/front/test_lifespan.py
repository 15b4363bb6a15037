"""What is done beside the requests goes on, whatever fails."""

import asyncio
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from anyio import CapacityLimiter
from starlette.types import ASGIApp
from structlog.testing import capture_logs

from foresail_serving.access.gate import Gate
from foresail_serving.access.log import AccessLog
from foresail_serving.access.tokens import new_token, sha256_of
from foresail_serving.child import SyncChild
from foresail_serving.clock import utc_now
from foresail_serving.front.drain import Drain
from foresail_serving.front.kept import AnswerCache
from foresail_serving.front.later import Later
from foresail_serving.front.lifespan import Lifespan
from foresail_serving.front.refusals import Refusals
from foresail_serving.metrics.report import health
from foresail_serving.metrics.requests import RequestCounts
from foresail_serving.settings import ServeSettings
from foresail_serving.snapshot import SnapshotStore
from foresail_serving.state import State

SECRET = "fs_" + "0" * 64


class Store(SnapshotStore):
    """Raises what it is told to, and counts how often it was asked."""

    raises: Exception | None = None
    looks = 0

    def refresh(self) -> bool:
        """Look, or fail."""
        self.looks += 1
        if self.raises is not None:
            raise self.raises
        return super().refresh()


class Door(Gate):
    """A gate with a defect."""

    raises: Exception | None = None

    def refresh(self) -> None:
        """Look, or fail."""
        if self.raises is not None:
            raise self.raises
        super().refresh()


def no_routes() -> ASGIApp:
    """Fail to build them."""
    raise RuntimeError("no routes")


@dataclass
class Running:
    """A server without a socket."""

    folder: Path
    written: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.settings = ServeSettings(
            cache_dir=self.folder, watch_seconds=0.01, tokens_file=self.folder / "tokens.toml"
        )
        self.store, self.gate = Store(self.folder), Door(self.settings)
        self.state = State(
            settings=self.settings,
            clock=utc_now,
            store=self.store,
            requests=RequestCounts(),
            child=SyncChild(),
            answers=AnswerCache(0),
            drain=Drain(),
            refusals=Refusals(),
            files=CapacityLimiter(1),
            gate=None,
        )
        self.log = AccessLog(lambda text: self.written.append(text) or len(text))

    async def live(self, *steps: Callable[[], object]) -> list[str]:
        """Start, take each step after some looks, stop, and return what was told of it."""
        said: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        told: list[str] = []

        async def send(message: MutableMapping[str, Any]) -> None:
            told.append(message["type"])

        lifespan = Lifespan(self.state, gate=self.gate, log=self.log, routes=Later(no_routes))
        life = asyncio.ensure_future(lifespan(said.get, send))
        said.put_nowait({"type": "lifespan.startup"})
        for step in steps:
            looks = self.store.looks
            while self.store.looks < looks + 3:  # noqa: ASYNC110  # a thread looks, not a task
                await asyncio.sleep(0.01)
            step()
        said.put_nowait({"type": "lifespan.shutdown"})
        await life
        return told

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return what /health says."""
        return health(self.state, None).reasons[1:]


@pytest.fixture
def running(tmp_path: Path) -> Running:
    """A server with one token, and nothing to serve."""
    (tmp_path / "tokens.toml").write_text(
        f'[[token]]\nname = "a"\nsha256 = "{sha256_of(new_token())}"\nscopes = ["forecasts"]\n'
    )
    return Running(tmp_path)


def test_whatever_a_look_raises_the_next_one_comes(running: Running) -> None:
    """Neither tokens nor forecasts stop being looked at, /health says why, and it heals."""
    seen: list[tuple[str, ...]] = []

    def fail() -> None:
        running.gate.raises = RuntimeError(SECRET)
        running.store.raises = OSError(24, "Too many open files", SECRET)

    def see() -> None:
        seen.append(running.reasons)

    def heal() -> None:
        see()
        running.gate.raises = running.store.raises = None

    with capture_logs() as logs:
        asyncio.run(running.live(see, fail, heal, see))
    failed = [line["reason"] for line in logs if line["event"] == "refresh failed"]
    assert failed == [
        "the look at the file of tokens failed: RuntimeError",
        "the look at new forecasts failed: Too many open files",
    ]
    assert seen == [(), ("; ".join(failed),), ()]
    assert SECRET not in str(logs)


def test_a_file_of_tokens_that_no_parser_bears_is_only_refused(running: Running) -> None:
    """A list in a list, five thousand deep: forecasts are looked at, and so is the mended file."""
    file = running.settings.tokens_file
    assert file is not None
    good = file.read_text()
    listed: list[int | None] = []

    def mend() -> None:
        file.write_text(good.replace("name", "# again\nname"))

    with capture_logs() as logs:
        asyncio.run(
            running.live(
                lambda: file.write_text("a = " + "[" * 5000),
                mend,
                lambda: listed.append(running.gate.tokens),
            )
        )
    events = [(line["event"], line.get("reason")) for line in logs]
    deep = "expected plain values, got some nested or long beyond reason"
    assert events == [("tokens file cannot be used", deep), ("tokens read", None)]
    assert listed == [1]


def test_a_watch_that_has_ended_is_told(running: Running) -> None:
    """However it ended, nothing new comes any more."""
    asyncio.run(running.live(lambda: None))
    assert running.reasons == (
        "the server looks for new forecasts and at the file of tokens no longer",
    )


def test_the_log_is_closed_whatever_failed(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the routes could not be built, the last lines are written all the same."""
    monkeypatch.setattr("foresail_serving.front.lifespan._FORECASTS_FIRST_SECONDS", 0)

    def line() -> None:
        running.log.write(
            client="a",
            method="GET",
            path="/v1/next_day",
            route="/v1/next_day",
            status=200,
            bytes=1,
            seconds=0.1,
            cache="",
        )

    told = asyncio.run(running.live(line))
    assert told == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert b"/v1/next_day" in b"".join(running.written)
