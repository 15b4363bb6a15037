"""How many requests one server gets at a time: as few as it takes, fewer when it has enough.

The limit starts at one. It grows by one after a run of good answers and is halved by what says
"enough": 429, 5xx, a timeout, or answers that take long. That is the additive increase and
multiplicative decrease of TCP; the rule for "long" follows TCP Vegas (Brakmo and Peterson, 1995):
the fastest answer shows the server's own speed, and what takes more than twice as long has spent
more time in line than in work.
"""

import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, TypeVar

Load = Literal["low", "normal"]

HIGHEST: dict[Load, int] = {"low": 1, "normal": 4}
"""The most requests at a time."""

RUN = 4
"""So many good answers in a row, with the limit in full use, allow one request more."""

SLOW = 2.0
"""An answer is slow beyond so many times the best seen of its kind, and halves the limit."""
STEADY = 1.5
"""An answer is good up to so many times the best; between the two it changes nothing."""
SLACK_SECONDS = 0.05
"""Beyond which a difference counts at all; our own threads wait for each other about as long."""

FIRST_PAUSE_SECONDS = 0.5
"""After the first failure; the next one in a row pauses twice as long."""
MAX_PAUSE_SECONDS = 30.0
MAX_RETRY_AFTER_SECONDS = 60.0
"""A server that asks for more is asked again all the same; the run shall end, one way or other."""

_DRIFT = 1.25
_LOOK_SECONDS = 0.2

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class ThrottleReport:
    """What the server was asked to do.

    Attributes:
        requests: How many, with those made again.
        retries: How many of them were made again.
        concurrency: The most at a time.
        waited_seconds: How long nothing was asked, out of politeness.
        server_seconds: Work of the server: from each request to the head of its answer.
    """

    requests: int = 0
    retries: int = 0
    concurrency: int = 0
    waited_seconds: float = 0.0
    server_seconds: float = 0.0


@dataclass(slots=True)
class Turn:
    """One request under way.

    Attributes:
        kind: Requests of one kind cost the server about the same.
        began: When, by the throttle's clock.
        abreast: How many were under way then, with this one.
        age: How often the limit had been halved by then.
        head: When the head of the answer came.
        well: The answer is one to compare others with.
        enough: The server has had enough.
        retry_after: How long it wants to be left alone; None where it does not say.
    """

    kind: Hashable
    began: float
    abreast: int
    age: int
    clock: Callable[[], float]
    head: float | None = None
    well: bool = False
    enough: bool = False
    retry_after: float | None = None

    def answered(self) -> None:
        """Note that the head of the answer is here: the server's work is done."""
        self.head = self.clock()

    def went_well(self) -> None:
        """Note that the answer is whole and no refusal, which would cost the server nothing."""
        self.well = True

    def had_enough(self, retry_after: float | None = None) -> None:
        """Note that the server is overloaded, or did not answer."""
        self.enough = True
        self.retry_after = retry_after


class Ended(Exception):  # noqa: N818  # no error: another request of the same `map` has failed
    """What is under way is given up; `map` raises the failure that is the reason."""


@dataclass(slots=True)
class _Batch:
    """The items of one `map`."""

    changed: threading.Condition
    over: bool = False

    def __enter__(self) -> None:
        if self.over:
            raise Ended

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            with self.changed:
                self.over = True
                self.changed.notify_all()


@dataclass(slots=True)
class _State:
    """What changes, all of it under one lock."""

    limit: int = 1
    under_way: int = 0
    run: int = 0
    halvings: int = 0
    failures: int = 0
    open_at: float = float("-inf")
    waited_until: float = float("-inf")
    best: dict[Hashable, float] = field(default_factory=dict)


class Throttle:
    """Shared by all requests to one server; safe to use from many threads."""

    def __init__(
        self,
        load: Load = "normal",
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Start with one request at a time.

        Args:
            load: With `low` it stays at one, and after each answer rests for as long as that
                took: a server works on it for half of the time at most.
            clock: Seconds that never go back.
            sleep: Waits for so many of them.
        """
        self._most = HIGHEST[load]
        self._rests = load == "low"
        self._clock = clock
        self._sleep = sleep
        self._state = _State()
        self._report = ThrottleReport()
        self._changed = threading.Condition()
        self._mine = threading.local()

    @property
    def limit(self) -> int:
        """How many requests may be under way now."""
        return self._state.limit

    @property
    def most(self) -> int:
        """How many may ever be."""
        return self._most

    @property
    def rest_seconds(self) -> float:
        """How long the next request will wait, apart from those before it."""
        return max(0.0, self._state.open_at - self._clock())

    def report(self) -> ThrottleReport:
        """Return what the server was asked to do until now."""
        return self._report

    def map(self, call: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Return `call` of each item in their order, some at a time.

        The first failure ends it: nothing new is begun, what is under way comes to its end, and of
        the failures that of the first item is raised.

        Args:
            call: Makes its requests within `turn`; runs in threads.
            items: What to call it with.
        """
        given = list(items)
        if self._most == 1 or len(given) < 2:  # noqa: PLR2004  # one needs no thread
            return [call(item) for item in given]
        batch = _Batch(self._changed)
        # the batch within the pool, so that an interrupt here ends the others' work too
        with ThreadPoolExecutor(min(self._most, len(given)), "throttle") as pool, batch:
            futures = [pool.submit(self._within, batch, call, item) for item in given]
            wait(futures, return_when=FIRST_EXCEPTION)
        for future in futures:
            error = future.exception()
            if error is not None and not isinstance(error, Ended):
                raise error
        return [future.result() for future in futures]

    @contextmanager
    def turn(self, kind: Hashable, *, again: bool = False) -> Iterator[Turn]:
        """Wait until a request may be made, and make it within.

        Args:
            kind: Requests of one kind cost the server about the same; their times are compared.
            again: The same request has failed before.

        Raises:
            Ended: Another request of the same `map` has failed.
        """
        turn = self._begin(kind, again=again)
        try:
            yield turn
        finally:
            self._finish(turn)

    def _within(self, batch: _Batch, call: Callable[[Item], Result], item: Item) -> Result:
        self._mine.batch = batch
        with batch:
            return call(item)

    def _begin(self, kind: Hashable, *, again: bool) -> Turn:
        batch: _Batch | None = getattr(self._mine, "batch", None)
        while True:
            with self._changed:
                if batch is not None and batch.over:
                    raise Ended
                now = self._clock()
                state = self._state
                rest = state.open_at - now
                if rest <= 0 and state.under_way < state.limit:
                    state.under_way += 1
                    self._count(requests=1, retries=int(again))
                    return Turn(kind, now, state.under_way, state.halvings, self._clock)
                if rest <= 0:
                    self._changed.wait()
                    continue
            self._wait(min(rest, _LOOK_SECONDS), since=now)

    def _wait(self, seconds: float, *, since: float) -> None:
        self._sleep(seconds)
        with self._changed:
            now = self._clock()
            # several threads wait out the same pause; it counts once
            self._count(waited_seconds=max(0.0, now - max(since, self._state.waited_until)))
            self._state.waited_until = max(now, self._state.waited_until)

    def _count(
        self,
        *,
        requests: int = 0,
        retries: int = 0,
        waited_seconds: float = 0.0,
        server_seconds: float = 0.0,
    ) -> None:
        before = self._report
        self._report = ThrottleReport(
            before.requests + requests,
            before.retries + retries,
            max(before.concurrency, self._state.under_way),
            before.waited_seconds + waited_seconds,
            before.server_seconds + server_seconds,
        )

    def _finish(self, turn: Turn) -> None:
        with self._changed:
            now = self._clock()
            state = self._state
            state.under_way -= 1
            self._count(server_seconds=(turn.head or now) - turn.began)
            if turn.enough:
                self._back_off(turn, now)
            elif turn.well and turn.head is not None:
                self._judge(turn, turn.head - turn.began)
            if self._rests:
                state.open_at = max(state.open_at, now + (now - turn.began))
            self._changed.notify_all()

    def _back_off(self, turn: Turn, now: float) -> None:
        state = self._state
        if turn.age == state.halvings:  # those that were under way then are no further news
            self._halve()
            state.failures += 1
        pause = min(FIRST_PAUSE_SECONDS * 2 ** max(state.failures - 1, 0), MAX_PAUSE_SECONDS)
        if turn.retry_after is not None:
            pause = min(max(turn.retry_after, 0.0), MAX_RETRY_AFTER_SECONDS)
        state.open_at = max(state.open_at, now + pause)

    def _judge(self, turn: Turn, latency: float) -> None:
        state = self._state
        best = state.best.get(turn.kind, latency)
        state.best[turn.kind] = min(best, latency)
        if turn.age != state.halvings:  # it was asked beside more than are allowed now
            return
        state.failures = 0
        if latency <= STEADY * best + SLACK_SECONDS:
            state.run += turn.abreast >= state.limit
            if state.run >= RUN and state.limit < self._most:
                state.limit += 1
                state.run = 0
        elif state.limit == 1:
            # nothing of ours was beside it: the server has become slower, or was lucky once
            state.best[turn.kind] = best * _DRIFT
        elif latency > SLOW * best + SLACK_SECONDS:
            self._halve()

    def _halve(self) -> None:
        self._state.limit = max(1, self._state.limit // 2)
        self._state.halvings += 1
        self._state.run = 0
