"""Hourly series like those of a cluster, ten thousand in seconds: the same at every call.

Row i is of kind i modulo the number of kinds, so that the first rows of a panel, however few, are
as mixed as the whole. No series is constant: the engine does not optimise those.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Kind = Callable[[FloatArray, int, np.random.Generator], FloatArray]
"""From the time in days, shape `(T,)`, and a number of series n to values, shape `(n, T)`."""

START = np.datetime64("2025-03-03T00:00:00", "s")
HOURS_A_DAY = 24
SEED = 20_250_303


def hours(days: int) -> NDArray[np.datetime64]:
    """Return the bucket starts of so many days, `datetime64[s]`."""
    return START + np.arange(days * HOURS_A_DAY) * np.timedelta64(3_600, "s")


def complete_series(series: int, days: int) -> NDArray[np.float32]:
    """Return series with a value in every hour, shape `(series, days * 24)`."""
    rng = np.random.default_rng(SEED)
    time = np.arange(days * HOURS_A_DAY) / HOURS_A_DAY
    values = np.empty((series, time.size), dtype=np.float32)
    for i, kind in enumerate(KINDS):
        count = len(range(i, series, len(KINDS)))
        scale = np.exp(rng.uniform(-2.0, 24.0, (count, 1)))  # millicores to tens of gigabytes
        values[i :: len(KINDS)] = scale * np.maximum(kind(time, count, rng), 0.0)
    return values


def a_third(series: int) -> BoolArray:
    """Return which series are to have gaps: a third of them, and a third of each kind."""
    kind_turn, kind = np.divmod(np.arange(series), len(KINDS))
    return np.asarray((kind + kind_turn) % 3 == 0)


def with_gaps(values: NDArray[np.float32], which: BoolArray) -> NDArray[np.float32]:
    """Return a copy in which these series miss values, each its own.

    In turn: some outages of hours to days, one to ten percent missing at random, a late start.
    """
    rng = np.random.default_rng(SEED + 1)
    found = values.copy()
    rows = values.shape[1]
    for turn, i in enumerate(np.flatnonzero(which).tolist()):
        if turn % 3 == 0:
            for start in rng.integers(1, rows - 1, rng.integers(1, 5)).tolist():
                found[i, start : min(start + int(rng.integers(3, 73)), rows - 1)] = np.nan
        elif turn % 3 == 1:
            found[i, rng.random(rows) < rng.uniform(0.01, 0.1)] = np.nan
        else:
            found[i, : int(rng.uniform(0.05, 0.6) * rows)] = np.nan
    return found


def _day(time: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    """Return days of two waves with a phase of their own, within about +-1.4."""
    turn = 2 * np.pi * time + rng.uniform(0, 2 * np.pi, (n, 1))
    return np.asarray(np.sin(turn) + 0.4 * np.cos(2 * turn))


def _noise(time: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    return rng.standard_normal((n, time.size))


def _weekend(time: FloatArray) -> FloatArray:
    return np.asarray(np.floor(time) % 7 >= 5, dtype=np.float64)  # noqa: PLR2004  # Saturday


def _daily(time: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    return 3 + _day(time, n, rng) + 0.1 * _noise(time, n, rng)


def _step(time: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    after = time > rng.uniform(0.2, 0.8, (n, 1)) * time[-1]
    height = rng.uniform(-1.0, 2.0, (n, 1))
    return 2 + height * after + 0.3 * _day(time, n, rng) + 0.1 * _noise(time, n, rng)


def _weekly(time: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    return 4 + _day(time, n, rng) - 1.5 * _weekend(time) + 0.3 * _noise(time, n, rng)


def _leak(time: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    """Grow steadily, and start anew at each restart, which comes when it comes."""
    restart = rng.random((n, time.size)) < rng.uniform(0.002, 0.01, (n, 1))
    last = np.maximum.accumulate(np.where(restart, time, 0.0), axis=1)
    return 1 + 0.1 * (time - last) + 0.05 * _noise(time, n, rng)


def _nightly(time: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    """Rest all day but for the hour of a job."""
    runs = np.round(time * HOURS_A_DAY) % HOURS_A_DAY == rng.integers(0, HOURS_A_DAY, (n, 1))
    return 0.2 + 4 * runs + 0.05 * np.abs(_noise(time, n, rng))


def _growing(time: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    slope = rng.uniform(0.5, 4.0, (n, 1)) * time / time[-1]
    return 2 + slope + 0.5 * _day(time, n, rng) - 0.4 * _weekend(time) + 0.2 * _noise(time, n, rng)


def _spikes(time: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    struck = rng.random((n, time.size)) < 1 / 300
    height = struck * rng.exponential(8.0, (n, time.size))
    return 1 + 0.2 * _day(time, n, rng) + height + 0.05 * _noise(time, n, rng)


def _wandering(time: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    """Go wherever chance leads, as the load of a new product does."""
    walk = np.cumsum(0.03 * _noise(time, n, rng), axis=1)
    return 4 + walk + 0.3 * _day(time, n, rng) + 0.05 * _noise(time, n, rng)


def _saturation(time: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    """Grow into a limit and stay at it."""
    slope = rng.uniform(5.0, 9.0, (n, 1)) * time / time[-1]
    return np.minimum(0.5 + slope + 0.5 * _day(time, n, rng) + 0.1 * _noise(time, n, rng), 4.0)


def _sawtooth(time: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    period = rng.uniform(2.5, 8.0, (n, 1))
    return 1 + (time % period) / period + 0.1 * _day(time, n, rng) + 0.03 * _noise(time, n, rng)


def _replicas(time: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    level = 4 + 2 * _day(time, n, rng) + 0.5 * _noise(time, n, rng)
    return np.round(np.maximum(level, 1.0))


def _quiet(time: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    """Hardly move, as the memory of an idle program does."""
    return 3 + 0.05 * time / time[-1] + 0.02 * _day(time, n, rng) + 2e-3 * _noise(time, n, rng)


def _idle(time: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    return 1 + 1e-3 * _noise(time, n, rng)


def _still(time: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    """Follow a rule nearly exactly: hard for whoever takes differences of large sums."""
    slope = 0.5 * time / time[-1]
    return 3 + slope + 0.2 * _day(time, n, rng) + 1e-5 * _noise(time, n, rng)


KINDS: tuple[Kind, ...] = (
    _daily,
    _step,
    _weekly,
    _leak,
    _nightly,
    _growing,
    _spikes,
    _wandering,
    _saturation,
    _sawtooth,
    _replicas,
    _quiet,
    _idle,
    _still,
)
