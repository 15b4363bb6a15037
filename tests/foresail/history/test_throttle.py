"""A server is asked as much as it takes: the limit grows, is halved, and rests."""

import threading
import time
from contextlib import ExitStack

import pytest
from factories.clocks import HandClock

from foresail.errors import BadInput
from foresail.history.throttle import Load, Throttle, ThrottleReport


@pytest.fixture
def clock() -> HandClock:
    """Return a clock that the test turns."""
    return HandClock()


def throttle(clock: HandClock, load: Load = "normal") -> Throttle:
    """Return a throttle by that clock."""
    return Throttle(load, clock=clock.now, sleep=clock.sleep)


def ask(
    asked: Throttle, clock: HandClock, *, seconds: float = 1.0, abreast: int = 1, kind: str = "a"
) -> None:
    """Let so many requests be answered well, side by side."""
    with ExitStack() as under_way:
        turns = [under_way.enter_context(asked.turn(kind)) for _ in range(abreast)]
        clock.seconds += seconds
        for turn in turns:
            turn.answered()
            turn.went_well()


def grown(clock: HandClock, limit: int) -> Throttle:
    """Return a throttle that has come to this limit; its best answer took a second."""
    asked = throttle(clock)
    while asked.limit < limit:
        ask(asked, clock, abreast=asked.limit)
    return asked


def fail(asked: Throttle, *, retry_after: float | None = None) -> None:
    """Let one request be refused."""
    with asked.turn("a") as turn:
        turn.had_enough(retry_after)


def test_the_limit_starts_at_one_and_grows_to_four(clock: HandClock) -> None:
    """By one after four good answers with the limit in full use."""
    asked = throttle(clock)
    limits = []
    for _ in range(16):
        limits.append(asked.limit)
        ask(asked, clock, abreast=asked.limit)
    assert limits == [1] * 4 + [2] * 4 + [3] * 4 + [4] * 4
    assert asked.limit == 4


def test_a_limit_that_is_not_used_does_not_grow(clock: HandClock) -> None:
    """One request after another proves nothing about two at a time."""
    asked = grown(clock, 2)
    for _ in range(20):
        ask(asked, clock, abreast=1)
    assert asked.limit == 2


def test_low_load_asks_one_at_a_time_and_rests_as_long(clock: HandClock) -> None:
    """The server works for half of the time at most."""
    asked = throttle(clock, "low")
    began = clock.now()
    for _ in range(10):
        ask(asked, clock, seconds=2.0)
    assert asked.limit == 1
    assert clock.now() - began == pytest.approx(10 * 2 + 9 * 2)
    assert asked.report().waited_seconds == pytest.approx(18.0)


def test_enough_halves_the_limit_and_pauses(clock: HandClock) -> None:
    """Half a second after the first failure, twice as long after each next one, up to 30 s."""
    asked = grown(clock, 4)
    limits, pauses = [], []
    for _ in range(8):
        fail(asked)
        limits.append(asked.limit)
        pauses.append(asked.rest_seconds)
    assert limits == [2, 1, 1, 1, 1, 1, 1, 1]
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_good_answer_ends_the_row_of_failures(clock: HandClock) -> None:
    """The next failure pauses for half a second again."""
    asked = throttle(clock)
    fail(asked)
    fail(asked)
    ask(asked, clock)
    fail(asked)
    assert asked.rest_seconds == 0.5


@pytest.mark.parametrize(("wanted", "kept"), [(7.0, 7.0), (3600.0, 60.0), (0.0, 0.0), (-5.0, 0.0)])
def test_what_the_server_wants_is_kept_up_to_a_minute(
    clock: HandClock, wanted: float, kept: float
) -> None:
    """Retry-After stands above our own pause."""
    asked = throttle(clock)
    fail(asked, retry_after=wanted)
    assert asked.rest_seconds == kept
    began = clock.now()
    ask(asked, clock, seconds=0)
    assert clock.now() - began == pytest.approx(kept)


def test_those_that_were_under_way_together_halve_once(clock: HandClock) -> None:
    """Four refusals of one moment are one piece of news."""
    asked = grown(clock, 4)
    with ExitStack() as under_way:
        for turn in [under_way.enter_context(asked.turn("a")) for _ in range(4)]:
            turn.had_enough()
    assert asked.limit == 2
    assert asked.rest_seconds == 0.5


@pytest.mark.parametrize(("seconds", "limit"), [(2.04, 4), (2.06, 2)])
def test_more_than_twice_the_best_time_halves_without_a_pause(
    clock: HandClock, seconds: float, limit: int
) -> None:
    """And 50 ms, within which no difference counts."""
    asked = grown(clock, 4)
    ask(asked, clock, seconds=seconds, abreast=1)
    assert asked.limit == limit
    assert asked.rest_seconds == 0


@pytest.mark.parametrize(("seconds", "limit"), [(1.54, 3), (1.56, 2)])
def test_only_steady_answers_let_it_grow(clock: HandClock, seconds: float, limit: int) -> None:
    """Up to one and a half times the best."""
    asked = grown(clock, 2)
    for _ in range(4):
        ask(asked, clock, seconds=seconds, abreast=2)
    assert asked.limit == limit


def test_times_are_compared_within_a_kind(clock: HandClock) -> None:
    """A range query takes longer than a count, and that is no sign of anything."""
    asked = grown(clock, 4)
    ask(asked, clock, seconds=30.0, kind="b")
    assert asked.limit == 4


def test_alone_beside_a_server_that_became_slower_it_grows_again(clock: HandClock) -> None:
    """What one request by itself takes is the server's own speed, sooner or later."""
    asked = throttle(clock)
    ask(asked, clock, seconds=1.0)
    rounds = 0
    while asked.limit == 1 and rounds < 50:
        ask(asked, clock, seconds=10.0)
        rounds += 1
    assert 8 < rounds < 20


def test_a_refusal_is_no_answer_to_compare_with(clock: HandClock) -> None:
    """It costs the server nothing: the next answer is not slow beside it."""
    asked = grown(clock, 4)
    with asked.turn("b") as turn:
        turn.answered()
    ask(asked, clock, seconds=5.0, kind="b")
    ask(asked, clock, seconds=5.0, kind="b")
    assert asked.limit == 4


def test_map_keeps_the_order() -> None:
    """Whichever answer comes first."""
    asked = Throttle("normal")

    def slower_first(number: int) -> int:
        with asked.turn("a") as turn:
            time.sleep(0.01 if number == 0 else 0.003)
            turn.answered()
            turn.went_well()
        return number * number

    assert asked.map(slower_first, range(30)) == [n * n for n in range(30)]
    report = asked.report()
    assert report.requests == 30
    assert 2 <= report.concurrency <= 4


@pytest.mark.parametrize("load", ["low", "normal"])
def test_the_first_failure_ends_a_map(load: Load, clock: HandClock) -> None:
    """Nothing new is begun, and the failure is raised."""
    asked = throttle(clock, load)
    begun = []

    def call(number: int) -> None:
        with asked.turn("a"):
            begun.append(number)
            if number == 2:
                raise BadInput("two is wrong")

    with pytest.raises(BadInput, match="two is wrong"):
        asked.map(call, range(100))
    assert len(begun) < 10


def test_who_waits_for_a_turn_is_sent_home_by_a_failure() -> None:
    """A retry that waits out a long pause does not hold up the end."""
    asked = Throttle("normal")
    paused = threading.Event()

    def call(number: int) -> None:
        if number == 0:
            fail(asked, retry_after=30)
            paused.set()
            with asked.turn("a"):
                pytest.fail("began after the end")
        paused.wait(5)
        raise BadInput("one is wrong")

    began = time.monotonic()
    with pytest.raises(BadInput, match="one is wrong"):
        asked.map(call, range(2))
    assert time.monotonic() - began < 3


def test_the_report_says_what_the_server_was_asked(clock: HandClock) -> None:
    """Requests, retries, the most at a time, pauses, and work up to the head of each answer."""
    asked = throttle(clock)
    ask(asked, clock, seconds=2.0)
    with asked.turn("a") as turn:
        clock.seconds += 3.0
        turn.had_enough(5.0)
    with asked.turn("a", again=True) as turn:
        clock.seconds += 1.0
        turn.answered()
        clock.seconds += 100.0  # the body
        turn.went_well()
    assert asked.report() == ThrottleReport(
        requests=3,
        retries=1,
        concurrency=1,
        waited_seconds=pytest.approx(5.0),
        server_seconds=pytest.approx(6.0),
    )
