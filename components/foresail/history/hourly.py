"""From points on a 5-minute or hourly grid to hourly buckets: numpy only, no I/O.

`ds` is the start of its bucket [ds, ds + 1 h). A gauge's points belong to the hour they lie in. A
counter's rate at `t` speaks of the time before `t`, so its points belong to (ds, ds + 1 h].
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foresail.panel import BoolArray, FloatArray, IntArray, TimeArray

STEP_SECONDS = 300
"""The resolution of the maximum within an hour."""
_COUNTS = ("points", "source")
STEPS_PER_HOUR = 3600 // STEP_SECONDS
P95 = 0.95
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
        max: As `mean`.
        p95: As `mean`.
        points: How many of each hour's twelve steps had a sample, shape `(N, T)`.
        source: How many of them the source answered for any series, shape `(N, T)`: the same for
            all series of a cluster.
    """

    ds: TimeArray
    mean: FloatArray
    max: FloatArray
    p95: FloatArray
    points: NDArray[np.uint16]
    source: NDArray[np.uint16]

    @property
    def answered(self) -> BoolArray:
        """Say for which hours the source was there for any series, shape `(T,)`."""
        return np.asarray(self.source.max(axis=0, initial=0) >= MIN_STEPS)

    @staticmethod
    def joined(ds: TimeArray, parts: "list[tuple[IntArray, Hourly]]") -> "Hourly":
        """Return the series of several as one; each comes with the rows that its series get."""
        count = sum(len(rows) for rows, _ in parts)
        values: dict[str, Any] = {
            name: np.empty((count, len(ds)), dtype=np.uint16 if name in _COUNTS else np.float64)
            for name in ("mean", "max", "p95", *_COUNTS)
        }
        for rows, part in parts:
            for name, target in values.items():
                target[rows] = getattr(part, name)
        return Hourly(ds, **values)

    def kept(self) -> "Hourly":
        """Return it with gaps for every series where the source was away."""
        there = (self.source >= MIN_STEPS) & ~np.isnan(self.mean)
        gone = {n: np.where(there, getattr(self, n), np.nan) for n in ("mean", "max", "p95")}
        return replace(self, **gone, points=np.where(there, self.points, 0).astype(np.uint16))


def fold_gauge(ds: TimeArray, points: FloatArray, *, batch: BoolArray) -> Hourly:
    """Fold a gauge's points into the statistics of each hour.

    Args:
        ds: Bucket starts, shape `(T,)`.
        points: Shape `(N, T * 12)`: the first lies at `ds[0]`, the next 5 minutes later.
        batch: Shape `(N,)`: series that hold nothing at steps without a point. One that ran for
            five minutes held its memory for five minutes.
    """
    by_hour = points.reshape(len(points), len(ds), STEPS_PER_HOUR)
    known = ~np.isnan(by_hour)
    asked = known.any(axis=0)  # steps that anything answered
    counts = known.sum(axis=2)
    filled = batch[:, None, None] & asked & ~known & (counts > 0)[:, :, None]
    by_hour = np.where(filled, 0.0, by_hour)
    mean, highest, p95 = _statistics(by_hour)
    return Hourly(ds, mean, highest, p95, *_steps(counts, asked.sum(axis=1))).kept()


def fold_counter(ds: TimeArray, mean: FloatArray, points: FloatArray) -> Hourly:
    """Join the hourly rate with the statistics of the short rates within the hour.

    Args:
        ds: Bucket starts, shape `(T,)`.
        mean: Shape `(N, T)`: the rate over 1 h, evaluated at each bucket's end.
        points: Shape `(N, T * 12)`: the first lies at `ds[0]` + 5 minutes.
    """
    by_hour = points.reshape(len(points), len(ds), STEPS_PER_HOUR)
    known = ~np.isnan(by_hour)
    _, highest, p95 = _statistics(by_hour)
    # a short rate can outlive the pod by a step; without a mean there was no usage to speak of
    whole = np.where(np.isnan(highest), np.nan, mean)
    source = known.any(axis=0).sum(axis=1)
    return Hourly(ds, whole, highest, p95, *_steps(known.sum(axis=2), source)).kept()


def fold_folded(
    ds: TimeArray,
    mean: FloatArray,
    highest: FloatArray,
    p95: FloatArray,
    counts: FloatArray,
    *,
    batch: BoolArray,
) -> Hourly:
    """Join the statistics that the source has folded itself, each shape `(N, T)`.

    Args:
        ds: Bucket starts, shape `(T,)`.
        mean: Of the hour.
        highest: Its highest step.
        p95: Of its steps.
        counts: How many steps had a sample; NaN for none.
        batch: As in `fold_gauge`; all False for a counter, whose rate covers the hour already.
    """
    steps = np.nan_to_num(counts).astype(np.int64)
    source = steps.max(axis=0, initial=0)
    mean = np.where(batch[:, None], mean * steps / np.maximum(source, 1), mean)
    whole = np.where(np.isnan(highest), np.nan, mean)
    return Hourly(ds, whole, highest, p95, *_steps(steps, source)).kept()


def _steps(counts: IntArray, source: IntArray) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    return counts.astype(np.uint16), np.broadcast_to(source, counts.shape).astype(np.uint16)


def _statistics(by_hour: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the mean, the maximum and the p95 of the last axis; NaN for an hour of gaps only.

    The p95 interpolates between the two nearest points, as Prometheus' `quantile_over_time` does.
    """
    ordered = np.sort(by_hour, axis=2)  # gaps last
    known = ~np.isnan(ordered)
    counts = known.sum(axis=2)
    with np.errstate(invalid="ignore"):  # 0 / 0 of an hour of gaps, and infinities
        mean = np.where(known, ordered, 0.0).sum(axis=2) / np.where(counts, counts, np.nan)
        place = P95 * np.maximum(counts - 1, 0)
        below = np.floor(place).astype(np.int64)
        above = np.minimum(below + 1, np.maximum(counts - 1, 0))
        low, high, top = (
            np.take_along_axis(ordered, at[:, :, None], axis=2)[:, :, 0]
            for at in (below, above, np.maximum(counts - 1, 0))
        )
        part = place - below
        p95 = np.where(part > 0, low + part * (high - low), low)
    return mean, top, p95
