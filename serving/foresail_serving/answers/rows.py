"""From the hours of a series to the rows of its answer: hours as they are, days and weeks made."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import numpy as np

from foresail.bundle import Segment, SeriesEntry
from foresail.bundle.days import Kind, period_quantiles
from foresail.panel import FloatArray, IntArray
from foresail_serving.answers.periods import Periods
from foresail_serving.answers.queries import Aggregate, Step
from foresail_serving.answers.window import Values, Window, expired, not_begun
from foresail_serving.snapshot import Found

QuantilesOf = Literal["hours", "periods"]
Factors = tuple[float, float, float]
_HOUR = timedelta(hours=1)
_UNITS = {"1d": "day", "1w": "week"}
_FACTORS: Mapping[tuple[Step, Aggregate | None], str] = {
    ("1d", "peak"): "peak",
    ("1d", "mean"): "daily_mean",
    ("1w", "peak"): "week_peak",
    ("1w", "mean"): "weekly_mean",
}


@dataclass(frozen=True, slots=True)
class Rows:
    """The periods of an answer that are there: those of which every hour is forecast.

    Attributes:
        first: Place of the first among the periods asked.
        values: p10, p50, p90 of each, float32, shape `(3, n)`, each contiguous.
        begins: Row of the bundle in which each begins, n of them.
        quantiles_of: What was calibrated: the `periods` themselves, or only their `hours`.
    """

    first: int
    values: Values
    begins: Sequence[int]
    quantiles_of: QuantilesOf

    def __len__(self) -> int:
        return len(self.begins)


def rows_within(window: Window, periods: Periods, found: Found) -> tuple[Window, Rows]:
    """Return the rows of an answer, and the hours that they are made of.

    Args:
        window: The hours that are there; none where the series abstains.
        periods: What is asked.
        found: The series.

    Raises:
        ProblemError: Hours are there, and no whole period is.
    """
    if periods.step == "1h":
        begins = range(window.first, window.first + len(window.values))
        values = np.ascontiguousarray(window.values.T)
        return window, Rows(window.missing, values, begins, "hours")
    if not len(window.values):
        return window, Rows(0, np.empty((3, 0), dtype=np.float32), (), "hours")
    missing, there = window.missing, len(window.values)
    first = bisect_left(periods.offsets, missing)
    last = bisect_right(periods.offsets, missing + there) - 1
    if last <= first:
        unit = _UNITS[periods.step]
        if missing:
            raise not_begun(window.stored_from, asked=f"the first {unit} asked has begun")
        raise expired(window.first_hour + there * _HOUR, asked=f"the first {unit} asked is over")
    cut = np.array(periods.offsets[first : last + 1]) - missing
    whole = window.within(int(cut[0]), int(cut[-1]))
    values, quantiles_of = _made(whole, cut - cut[0], periods, found.entry)
    begins = (window.first + cut[:-1]).tolist()
    return whole, Rows(first, values, begins, quantiles_of)


def segment_of(entry: SeriesEntry, row: int, *, hours: int, step: Step) -> Segment | None:
    """Return the segment a period counts for: its first hour's, and most of its hours' of a week.

    So they were counted when their quantiles were measured.

    Args:
        entry: The series; None is returned where it names no segments.
        row: Of the bundle, in which the period begins.
        hours: Its length.
        step: How long it is by name.
    """
    decides = row + hours // 2 if step == "1w" else row
    for segment in entry.segments:
        if decides < segment.until_hours:
            return segment
    return entry.segments[-1] if entry.segments else None


def _made(
    window: Window, cut: IntArray, periods: Periods, entry: SeriesEntry
) -> tuple[Values, QuantilesOf]:
    """Return the peak or mean of each period, and whether its quantiles are calibrated as such."""
    kind: Kind = periods.aggregate or "mean"
    hours: FloatArray = window.values.astype(np.float64)
    starts, lengths = cut[:-1], np.diff(cut)
    if kind == "peak":
        reduced = np.maximum.reduceat(hours, starts, axis=0)
    else:
        reduced = np.add.reduceat(hours, starts, axis=0) / lengths[:, None]
    factors = _factors(entry, (starts + window.first).tolist(), lengths.tolist(), periods)
    if factors is None:
        return np.ascontiguousarray(reduced.T, dtype=np.float32), "hours"
    scale = np.array(np.nan if entry.scale is None else entry.scale)
    lowest = np.minimum.reduceat(hours[:, 0], starts)
    found = period_quantiles(reduced, factors, scale, lowest, kind=kind)
    return np.ascontiguousarray(found.T, dtype=np.float32), "periods"


def _factors(
    entry: SeriesEntry, begins: Sequence[int], lengths: Sequence[int], periods: Periods
) -> FloatArray | None:
    """Return the factors of each period, shape `(n, 3)`; None where one has none.

    Rows of one answer are made in one way: a step between two ways would look like a forecast.
    """
    name = _FACTORS[periods.step, periods.aggregate]
    found: list[Factors] = []
    for row, hours in zip(begins, lengths, strict=True):
        segment = segment_of(entry, row, hours=hours, step=periods.step)
        factors: Factors | None = getattr(segment, name, None)
        if factors is None:
            return None
        found.append(factors)
    return np.array(found)
