"""The access log: one line a request, whole, in order, and never in the way."""

import asyncio
import json
import threading
from typing import Any

from foresail_serving.access.log import AccessLog
from foresail_serving.access.tokens import new_token
from foresail_serving.settings import ServeSettings


class Sink:
    """Takes what is written, as much at once as it likes."""

    def __init__(self, most: int = 2**20) -> None:
        self.most = most
        self.chunks: list[bytes] = []

    def __call__(self, chunk: bytes) -> int:
        """Take a part."""
        self.chunks.append(chunk[: self.most])
        return len(self.chunks[-1])

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Return what was logged."""
        return [json.loads(line) for line in b"".join(self.chunks).splitlines()]


def write(log: AccessLog, **fields: Any) -> None:
    """Log a request that differs in these fields."""
    usual = {
        "client": "grafana",
        "method": "GET",
        "path": "/v1/next_day",
        "route": "/v1/next_day",
        "status": 200,
        "bytes": 2228,
        "seconds": 0.00012345,
        "cache": "hit",
    }
    log.write(**{**usual, **fields})


def logged(*requests: dict[str, Any], most: int = 2**20) -> Sink:
    """Return what is written of these requests."""
    sink = Sink(most)

    async def run() -> None:
        log = AccessLog(sink)
        for fields in requests:
            write(log, **fields)
        await log.close()

    asyncio.run(run())
    return sink


def test_a_line_tells_who_asked_what_and_how_it_went() -> None:
    """In the form of the other logs: event, level, timestamp in UTC."""
    (line,) = logged({}).lines
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "request",
        "level": "info",
        "client": "grafana",
        "method": "GET",
        "path": "/v1/next_day",
        "route": "/v1/next_day",
        "status": 200,
        "bytes": 2228,
        "seconds": 0.000123,
        "cache": "hit",
    }


def test_probes_that_are_well_are_left_out() -> None:
    """Those that are not are logged."""
    asked = [{"path": path, "status": 200} for path in ("/livez", "/readyz", "/metrics")]
    lines = logged(*asked, {"path": "/readyz", "status": 503}, {"path": "/health"}).lines
    assert [line["path"] for line in lines] == ["/readyz", "/health"]


def test_a_path_cannot_carry_a_token_or_break_a_line() -> None:
    """Whatever stands in it: a token, line ends, ten thousand letters, half a character."""
    token = new_token()
    paths = [f"/v1/{token}", f"/v1/key={token}", "/a\n\x1b[31m{b}", "/" + "x" * 10_000, "/\udcff"]
    sink = logged(*({"path": path} for path in paths))
    assert token.encode() not in b"".join(sink.chunks)
    assert len(sink.lines) == 5
    assert sink.lines[0]["path"] == "/v1/fs_***"
    assert sink.lines[2]["path"] == "/a\n\x1b[31m{b}"
    assert len(sink.lines[3]["path"]) == 303


def test_lines_are_written_whole_and_in_order() -> None:
    """A pipe takes 4,096 bytes without another process coming in between; it may take less."""
    sink = logged(*({"bytes": n} for n in range(3000)))
    assert [line["bytes"] for line in sink.lines] == list(range(3000))
    assert all(len(chunk) <= 4096 and chunk.endswith(b"\n") for chunk in sink.chunks)
    slow = logged(*({"bytes": n} for n in range(10)), most=7)
    assert [line["bytes"] for line in slow.lines] == list(range(10))


def test_a_line_waits_a_second_at_most() -> None:
    """Without anybody asking again."""
    sink = Sink()

    async def run() -> float:
        log = AccessLog(sink)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        write(log)
        for _ in range(500):
            if sink.chunks:
                break
            await asyncio.sleep(0.02)
        return loop.time() - begun

    assert 0.9 < asyncio.run(run()) < 5


def test_a_full_pipe_holds_up_nobody_and_memory_stays_bounded() -> None:
    """Lines beyond 20,000 are dropped, and how many is told when it flows again."""
    gate, stuck = threading.Event(), threading.Event()
    sink = Sink()

    def blocked(chunk: bytes) -> int:
        stuck.set()
        assert gate.wait(20)
        return sink(chunk)

    async def run() -> None:
        log = AccessLog(blocked)
        for n in range(1000):
            write(log, bytes=n)
        await asyncio.to_thread(stuck.wait, 10)
        for n in range(20_500):
            write(log, bytes=n)
        gate.set()
        await log.close()

    asyncio.run(run())
    assert len(sink.lines) == 1000 + 20_000 + 1
    assert sink.lines[-1] == {
        "event": "access log lines dropped",
        "level": "warning",
        "lines": 500,
    }


def test_a_broken_pipe_is_no_error() -> None:
    """There is nobody left to tell."""

    def gone(chunk: bytes) -> int:
        raise BrokenPipeError(len(chunk))

    async def run() -> None:
        log = AccessLog(gone)
        write(log)
        await log.close()

    asyncio.run(run())


def test_the_setting_switches_it() -> None:
    """Where it is not set, whatever is no terminal gets the log."""
    assert AccessLog.of(ServeSettings(access_log=True)) is not None
    assert AccessLog.of(ServeSettings(access_log=False)) is None
    assert AccessLog.of(ServeSettings()) is not None
