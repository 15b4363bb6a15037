"""All connections of a server together: room for new ones, and a look at each now and then."""

import asyncio
import resource
from dataclasses import dataclass, field

import pytest
import structlog

from foresail_serving.front.drain import Drain
from foresail_serving.front.guard import Guard, Limits
from foresail_serving.front.refusals import Reason, Refusals

LIMITS = Limits(request_seconds=0.04, write_seconds=1.0, backlog=4, most=8)


@dataclass(eq=False)
class Waiting:
    """A connection that waits for its client."""

    given_up: tuple[bool, float] | None
    looks: list[float] = field(default_factory=list)
    closed: bool = False

    def look(self, now: float) -> None:
        """Note that it was looked at."""
        self.looks.append(now)

    def shed(self) -> None:
        """Note that it gave way."""
        self.closed = True


def guard() -> Guard:
    """Return a guard for eight connections."""
    return Guard(LIMITS, refusals=Refusals(), drain=Drain())


def test_the_longest_waiting_give_way() -> None:
    """At one too many a quarter is closed: requests that do not end first, idle ones then."""

    async def crowded() -> list[bool]:
        guarded = guard()
        begun = [Waiting((False, since)) for since in (5.0, 3.0)]
        idle = [Waiting((True, since)) for since in (2.0, 1.0)]
        answered = [Waiting(None) for _ in range(4)]
        last = Waiting((False, 9.0))
        everyone = [*begun, *idle, *answered, last]
        for connection in everyone:
            guarded.joined(connection)
        return [connection.closed for connection in everyone]

    assert asyncio.run(crowded()) == [True, True, False, False, *4 * [False], True]


def test_where_nobody_can_give_way_new_ones_wait() -> None:
    """While all connections are being answered, accepting pauses until one of them has ended."""
    told: list[str] = []

    async def busy() -> None:
        guarded = guard()
        guarded.on_full = lambda: told.append("full")
        answered = [Waiting(None) for _ in range(9)]
        for connection in answered:
            guarded.joined(connection)
        assert not guarded.has_room
        for connection in answered[:2]:
            guarded.left(connection)
        assert guarded.has_room

    asyncio.run(busy())
    assert told == ["full"]


def test_every_connection_is_looked_at_again_and_again() -> None:
    """Also where there are more of them than are looked at in one turn of the loop."""

    async def looked() -> list[int]:
        guarded = Guard(
            Limits(request_seconds=0.04, write_seconds=1.0, backlog=4, most=1000),
            refusals=Refusals(),
            drain=Drain(),
        )
        everyone = [Waiting((True, 0.0)) for _ in range(350)]
        for connection in everyone:
            guarded.joined(connection)
        for _ in range(200):
            await asyncio.sleep(0.01)
            if min(len(c.looks) for c in everyone) >= 2:
                break
        for connection in everyone:
            guarded.left(connection)
        return [len(c.looks) for c in everyone]

    looks = asyncio.run(looked())
    assert min(looks) >= 2
    assert max(looks) - min(looks) <= 1


@pytest.mark.parametrize(("files", "backlog", "most"), [(256, 96, 96), (1024, 480, 480)])
def test_the_connections_fit_into_the_file_descriptors(files: int, backlog: int, most: int) -> None:
    """What is open and what may arrive at once leaves 64 for everything else."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, before[1]))
    try:
        limits = Limits.of(request_seconds=10.0, write_seconds=30.0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert (limits.backlog, limits.most) == (backlog, most)


def test_refusals_are_logged_once_a_minute() -> None:
    """In one line by reason; browsers' spare connections are counted without a line."""
    refusals = Refusals()
    noted: tuple[tuple[float, Reason], ...] = (
        *((0.0, "silent"), (1.0, "shed"), (30.0, "shed")),
        (62.0, "bad-request"),
    )
    with structlog.testing.capture_logs() as lines:
        for now, reason in noted:
            refusals.note(reason)
            refusals.tell(now)
    event = {"event": "connections refused", "log_level": "warning"}
    assert lines == [{**event, "shed": 1}, {**event, "shed": 1, "bad-request": 1}]
    assert refusals.counts["silent"] == 1
