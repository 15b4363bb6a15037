"""Synthetic series that look like those of a cluster: 16 kinds, the same at every call.

All start on Monday 2025-03-03 UTC. A series depends on its kind, its seed, its place, its step and
its length only, so that a figure in a test's message can be reproduced from the series' name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from foresail.panel import FloatArray, Panel, SeriesInfo, TimeArray

START = np.datetime64("2025-03-03T00:00:00", "s")
"""A Monday at midnight, so that whole days and whole weeks start with the grid."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """What a kind draws on.

    Attributes:
        days: Time since the first bucket in days, shape `(n,)`.
        per_day: Buckets a day.
        rng: The series' own stream of random numbers.
    """

    days: FloatArray
    per_day: int
    rng: np.random.Generator

    @property
    def share(self) -> FloatArray:
        """Return time as a share of the whole, from 0 to 1, shape `(n,)`."""
        return np.asarray(self.days / self.days[-1])

    def day(self) -> FloatArray:
        """Return a day's rhythm of two waves with a phase of its own, within about +-1.4."""
        turn = 2 * np.pi * self.days + self.rng.uniform(0, 2 * np.pi)
        return np.asarray(np.sin(turn) + 0.4 * np.cos(2 * turn))

    def weekend(self) -> FloatArray:
        """Return 1 on Saturdays and Sundays, else 0."""
        return np.asarray(np.floor(self.days) % 7 >= 5, dtype=np.float64)

    def noise(self) -> FloatArray:
        """Return independent standard normal draws."""
        return self.rng.normal(size=len(self.days))


def _daily(c: Canvas) -> FloatArray:
    return 3 + c.day() + 0.1 * c.noise()


def _weekly(c: Canvas) -> FloatArray:
    return 4 + c.day() - 1.5 * c.weekend() + 0.3 * c.noise()


def _trend(c: Canvas) -> FloatArray:
    return 2 + 3 * c.share + 0.5 * c.day() - 0.4 * c.weekend() + 0.2 * c.noise()


def _shrinking(c: Canvas) -> FloatArray:
    return 5 - 4 * c.share + 0.4 * c.day() + 0.3 * c.noise()


def _step(c: Canvas) -> FloatArray:
    at = c.rng.uniform(0.25, 0.75)
    return 2 + 1.5 * (c.share > at) + 0.3 * c.day() + 0.1 * c.noise()


def _sawtooth(c: Canvas) -> FloatArray:
    period = c.rng.uniform(2.5, 8)
    return 1 + (c.days % period) / period + 0.1 * c.day() + 0.03 * c.noise()


def _leak(c: Canvas) -> FloatArray:
    """Grow steadily, and start anew at each of a few restarts."""
    restarts = np.sort(c.rng.uniform(0.1, 0.95, 3)) * c.days[-1]
    since = c.days - np.concatenate([[0.0], restarts])[np.searchsorted(restarts, c.days, "right")]
    return 1 + 6 * since / c.days[-1] + 0.05 * c.noise()


def _idle(c: Canvas) -> FloatArray:
    return 0.01 * (1 + 0.001 * c.noise())


def _bursts(c: Canvas) -> FloatArray:
    """Rest all day but for the hour of a nightly job."""
    hour = c.rng.integers(0, 24)
    runs = np.floor(c.days * 24 + 1e-9) % 24 == hour
    return 0.2 + 4 * runs + 0.05 * np.abs(c.noise())


def _saturation(c: Canvas) -> FloatArray:
    """Grow into a limit and stay at it."""
    return np.minimum(0.5 + 8 * c.share + 0.5 * c.day() + 0.1 * c.noise(), 4.0)


def _spikes(c: Canvas) -> FloatArray:
    y = 1 + 0.2 * c.day() + 0.05 * c.noise()
    struck = c.rng.integers(0, len(y), max(3, len(y) // 300))
    y[struck] += c.rng.exponential(8, len(struck))
    return y


def _low_noise(c: Canvas) -> FloatArray:
    return 3 + 0.5 * c.share + 0.2 * c.day() + 1e-5 * c.noise()


def _gaps(c: Canvas) -> FloatArray:
    """Lose a tenth of the buckets in long stretches, and a few single ones."""
    y = 3 + c.day() - 0.8 * c.weekend() + 0.2 * c.noise()
    n = len(y)
    for start in c.rng.integers(c.per_day, n - c.per_day, 4):
        y[start : start + n // 40] = np.nan
    y[c.rng.integers(1, n - 1, 5)] = np.nan
    return y


def _late_start(c: Canvas) -> FloatArray:
    """Begin to exist somewhere in the first 60 % of the time."""
    y = 2 + c.share + 0.6 * c.day() + 0.2 * c.noise()
    y[c.share < c.rng.uniform(0.2, 0.6)] = np.nan
    return y


def _replicas(c: Canvas) -> FloatArray:
    return np.round(np.clip(4 + 2 * c.day() + 0.5 * c.noise(), 1, None))


def _growing_noise(c: Canvas) -> FloatArray:
    return (1 + 2 * c.share + 0.8 * (1 + c.day())) * np.exp(0.25 * c.noise())


KINDS: dict[str, Callable[[Canvas], FloatArray]] = {
    "daily": _daily,
    "weekly": _weekly,
    "trend": _trend,
    "shrinking": _shrinking,
    "step": _step,
    "sawtooth": _sawtooth,
    "leak": _leak,
    "idle": _idle,
    "bursts": _bursts,
    "saturation": _saturation,
    "spikes": _spikes,
    "low_noise": _low_noise,
    "gaps": _gaps,
    "late_start": _late_start,
    "replicas": _replicas,
    "growing_noise": _growing_noise,
}
INCOMPLETE = ("gaps", "late_start")
"""The kinds that miss values."""
COMPLETE = tuple(kind for kind in KINDS if kind not in INCOMPLETE)
"""The kinds with a value in every bucket."""


def grid(days: int, *, step_minutes: int = 60) -> TimeArray:
    """Return the bucket starts of so many days from `START`, `datetime64[s]`."""
    count = days * 24 * 60 // step_minutes
    return START + np.arange(count) * np.timedelta64(60 * step_minutes, "s")


def series(
    kind: str, *, days: int, step_minutes: int = 60, seed: int | Sequence[int] = 0
) -> FloatArray:
    """Return one series of a kind; NaN is a gap, and nothing is negative."""
    per_day = 24 * 60 // step_minutes
    canvas = Canvas(np.arange(days * per_day) / per_day, per_day, np.random.default_rng(seed))
    scale = canvas.rng.uniform(0.5, 5)
    return np.maximum(scale * KINDS[kind](canvas), 0.0)


def panel(
    *,
    days: int,
    step_minutes: int = 60,
    n: int | None = None,
    seed: int = 0,
    kinds: Sequence[str] = tuple(KINDS),
) -> Panel:
    """Return a panel of `n` series, the kinds taken in turn (as a rule each of them once).

    Series number i is called after its kind and i: `leak-6`.
    """
    names = [kinds[i % len(kinds)] for i in range(len(kinds) if n is None else n)]
    values = np.array(
        [
            series(kind, days=days, step_minutes=step_minutes, seed=[seed, i])
            for i, kind in enumerate(names)
        ]
    )
    ids = [f"{kind}-{i}" for i, kind in enumerate(names)]
    return of(values, names=ids, step_minutes=step_minutes)


def of(values: FloatArray, *, names: Sequence[str] = (), step_minutes: int = 60) -> Panel:
    """Return the panel of given values, shape `(N, T)`, on the grid that starts at `START`."""
    ids = names or [f"series-{i}" for i in range(len(values))]
    ds = START + np.arange(values.shape[1]) * np.timedelta64(60 * step_minutes, "s")
    return Panel(ds, values, tuple(SeriesInfo(name, "cpu", unit="cores") for name in ids))
