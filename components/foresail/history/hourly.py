"""From points on a 5-minute or hourly grid to hourly buckets: numpy only, no I/O.

`ds` is the start of its bucket [ds, ds + 1 h). A gauge's points belong to the hour they lie in. A
counter's rate at `t` speaks of the time before `t`, so its points belong to (ds, ds + 1 h].
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foresail.panel import FloatArray, TimeArray

STEP_SECONDS = 300
"""The resolution of the maximum within an hour."""
STEPS_PER_HOUR = 3600 // STEP_SECONDS
MIN_STEPS = STEPS_PER_HOUR - 1
"""An hour in which the source as a whole answered fewer steps is a gap for every series.

One missed scrape passes. More, and a mean would speak of a part of the hour only.
"""


@dataclass(frozen=True, slots=True)
class Hourly:
    """N series in T hourly buckets.

    Attributes:
        ds: Bucket starts, shape `(T,)`, `datetime64[s]`.
        mean: Shape `(N, T)`; NaN is a gap.
        maximum: As `mean`.
    """

    ds: TimeArray
    mean: FloatArray
    maximum: FloatArray


def answered_hours(points: FloatArray) -> NDArray[np.bool_]:
    """Say for each hour whether the source was there for it.

    Args:
        points: Shape `(N, T * 12)` at 5-minute steps; NaN is a gap.
    """
    seen = ~np.isnan(points).all(axis=0) if len(points) else np.zeros(points.shape[1], dtype=bool)
    counted: NDArray[np.bool_] = seen.reshape(-1, STEPS_PER_HOUR).sum(axis=1) >= MIN_STEPS
    return counted


def fold_gauge(
    ds: TimeArray,
    points: FloatArray,
    *,
    answered: NDArray[np.bool_],
    batch: NDArray[np.bool_],
) -> Hourly:
    """Fold a gauge's points into the mean and the maximum of each hour.

    Args:
        ds: Bucket starts, shape `(T,)`.
        points: Shape `(N, T * 12)`: the first lies at `ds[0]`, the next 5 minutes later.
        answered: Shape `(T,)`: the hours to keep.
        batch: Shape `(N,)`: series that hold nothing at steps without a point. One that ran for
            five minutes held its memory for five minutes.
    """
    by_hour = points.reshape(len(points), len(ds), STEPS_PER_HOUR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an hour of gaps only stays a gap
        mean, maximum = np.nanmean(by_hour, axis=2), np.nanmax(by_hour, axis=2)
    there = (~np.isnan(by_hour)).sum(axis=2)
    source = (~np.isnan(by_hour)).any(axis=0).sum(axis=1)  # steps that anything answered
    mean = np.where(batch[:, None], mean * there / np.maximum(source, 1), mean)
    return _kept(Hourly(ds, mean, maximum), answered)


def fold_counter(
    ds: TimeArray, mean: FloatArray, points: FloatArray, *, answered: NDArray[np.bool_]
) -> Hourly:
    """Join the hourly rate with the maximum of the short rates within the hour.

    Args:
        ds: Bucket starts, shape `(T,)`.
        mean: Shape `(N, T)`: the rate over 1 h, evaluated at each bucket's end.
        points: Shape `(N, T * 12)`: the first lies at `ds[0]` + 5 minutes.
        answered: Shape `(T,)`: the hours to keep.
    """
    by_hour = points.reshape(len(points), len(ds), STEPS_PER_HOUR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an hour of gaps only stays a gap
        maximum = np.nanmax(by_hour, axis=2)
    # a short rate can outlive the pod by a step; without a mean there was no usage to speak of
    whole = np.where(np.isnan(maximum), np.nan, mean)
    return _kept(Hourly(ds, whole, np.where(np.isnan(mean), np.nan, maximum)), answered)


def fill_idle(hourly: Hourly, *, idle: NDArray[np.bool_], tail_hours: int) -> Hourly:
    """Write zero where a batch workload did not run although the source was there.

    Args:
        hourly: All series of one scope.
        idle: Shape `(N,)`: which series may rest (the CronJobs).
        tail_hours: How long after its last run a series is still taken to rest.
    """
    present = ~np.isnan(hourly.mean)
    alive = present.any(axis=0)
    steps = np.arange(len(hourly.ds))
    first = np.where(present.any(axis=1), present.argmax(axis=1), len(steps))
    last = len(steps) - 1 - present[:, ::-1].argmax(axis=1)
    within = (steps >= first[:, None]) & (steps <= last[:, None] + tail_hours)
    zero = idle[:, None] & within & alive & ~present
    return Hourly(hourly.ds, np.where(zero, 0.0, hourly.mean), np.where(zero, 0.0, hourly.maximum))


def _kept(hourly: Hourly, answered: NDArray[np.bool_]) -> Hourly:
    return Hourly(
        hourly.ds,
        np.where(answered, hourly.mean, np.nan),
        np.where(answered, hourly.maximum, np.nan),
    )
