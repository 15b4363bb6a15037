"""The pool: jobs in order, here or in processes of one core each."""

import os
import time
from contextlib import closing

import pytest

from foresail.panel_prophet.pool import each, quota_cores, usable_cores, workers_for


def squared(number: int) -> int:
    """Return the square, or end the process at 13."""
    if number == 13:
        os._exit(1)
    return number * number


def slowly(number: int) -> int:
    """Return the number after a second."""
    time.sleep(1)
    return number


def threads(_: int) -> str:
    """Return how many threads numpy was told to use."""
    return os.environ["OPENBLAS_NUM_THREADS"]


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_results_come_in_the_order_of_the_jobs(workers: int) -> None:
    """Wherever they are done."""
    assert list(each(squared, [3, 1, 2], workers=workers)) == [9, 1, 4]


def test_a_process_that_ends_leaves_its_jobs_without_an_answer() -> None:
    """The caller hears of every job, and of no exception."""
    answers = list(each(squared, [13, 1, 2], workers=1))
    assert answers == [None, None, None]


def test_a_process_computes_on_one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes do the parallel part; the caller's own setting stays as it was."""
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    assert list(each(threads, [0], workers=1)) == ["1"]
    assert os.environ["OPENBLAS_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


def test_whoever_stops_listening_does_not_wait_for_the_rest() -> None:
    """An hour of jobs that have not begun is dropped."""
    with closing(each(slowly, list(range(3600)), workers=1)) as answers:
        assert next(answers) == 0


@pytest.mark.parametrize(
    ("jobs", "seconds", "here"), [(1, 100.0, True), (2, 0.25, True), (10_000, 0.25, False)]
)
def test_a_pool_is_opened_only_where_it_pays(jobs: int, seconds: float, *, here: bool) -> None:
    """One job never does, and neither do jobs that are done before a process has started."""
    most = usable_cores()
    expected = 0 if here or most == 1 else min(jobs, most)
    assert workers_for(jobs, seconds=seconds) == expected


@pytest.mark.parametrize(
    ("text", "cores"),
    [("max 100000\n", 0), ("150000 100000\n", 2), ("400000 100000", 4), ("1000 100000", 1)],
)
def test_a_container_may_use_its_quota(text: str, cores: int) -> None:
    """Part of a core counts as one; 0 is no limit."""
    assert quota_cores(text) == cores
