"""The pool of processes in which slow contenders fit."""

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager

from foresail.contenders.quiet import import_prophet


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS has no affinity


@contextmanager
def fitting_pool(workers: int | None = None) -> Iterator[Executor]:
    """Yield a pool with one process a usable core; each imports Prophet once.

    Fresh processes (spawn) rather than forks: the parent may hold threads (pyarrow, MLflow), and a
    forked lock never opens again.
    """
    pool = ProcessPoolExecutor(
        max_workers=workers or usable_cores(),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_warm_up,
    )
    with pool:
        yield pool


def _warm_up() -> None:
    # the workers do the parallel part; numpy's own threads would fight over the same cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import_prophet()
