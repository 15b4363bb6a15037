"""Run a function over many jobs: here, or in a pool of processes where that pays."""

import multiprocessing
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")

START_SECONDS = 4.0
"""What a pool of processes costs before its first answer: each imports pandas and Prophet."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cores() -> int:
    """Return how many cores this process may use, in a container too."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1  # macOS has no affinity
    try:
        return min(cores, quota_cores(_QUOTA.read_text(encoding="ascii")) or cores)
    except OSError:
        return cores


def quota_cores(text: str) -> int:
    """Return how many cores a cgroup's `cpu.max` allows, rounded up; 0 without a limit.

    Args:
        text: Microseconds of computing and their period, such as `150000 100000`, or `max 100000`.
    """
    allowed, _, period = text.strip().partition(" ")
    return 0 if allowed == "max" else max(1, ceil(int(allowed) / int(period)))


def workers_for(jobs: int, *, seconds: float) -> int:
    """Return how many processes so many jobs are worth; 0 to do them here.

    Args:
        jobs: How many there are.
        seconds: About how long each takes.
    """
    workers = min(jobs, usable_cores())
    if workers < 2:  # noqa: PLR2004  # one process is not faster than none
        return 0
    saved = jobs * seconds * (1 - 1 / workers)
    return workers if saved > START_SECONDS else 0


def each(
    function: Callable[[Job], Result], jobs: Sequence[Job], *, workers: int
) -> Generator[Result | None, None, None]:
    """Yield the result of every job, in order; None where its process ended before it answered.

    Args:
        function: At the top level of a module, so that a new process finds it.
        jobs: What it is called with.
        workers: Processes; 0 to call it here.
    """
    if workers == 0:
        yield from map(function, jobs)
        return
    # Fresh processes rather than forks: the caller may hold threads, and a forked lock never opens
    context = multiprocessing.get_context("spawn")
    # numpy reads the number of its threads when it is loaded, before any initializer could set it
    with _single_threaded(), ProcessPoolExecutor(workers, mp_context=context) as pool:
        try:
            for future in [_submitted(pool, function, job) for job in jobs]:
                try:
                    yield None if future is None else future.result()
                except BrokenExecutor:
                    yield None
        finally:
            # whoever stops listening does not wait for the jobs that have not begun
            pool.shutdown(wait=True, cancel_futures=True)


def _submitted(
    pool: ProcessPoolExecutor, function: Callable[[Job], Result], job: Job
) -> Future[Result] | None:
    try:
        return pool.submit(function, job)
    except BrokenExecutor:  # it can break while jobs are still being handed in
        return None


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Let processes that start meanwhile compute on one core each."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
