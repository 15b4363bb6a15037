"""What may be served, whatever a model said.

A model that fits the past can still say eight cores for two. Each rule asks only what the history
itself has shown:

1. The range of a series goes from its lowest to its highest level. A spike is no level: a level was
   reached on three different days (on two in a history under three weeks, on one under two weeks),
   or in four of the last 24 hours, so that a new one counts at once.
2. The p50 stays within 1.5 times that range: never farther from its middle than 1.5 half-ranges. A
   p50 beyond it stops there, and its band moves with it.
3. p10 and p90 leave the range by half of it at most, and the p50 by one range at most: no band is
   wider than two ranges.
4. Where a trend has beaten the flat forecast in the series' own backtest and is still there, the
   limits of 2 and the outer ones of 3 move on in its direction, by the series' largest level in 30
   days: growth may go on, but not run away. It is there while the level of each of the last five
   weeks lies beyond that of the week before, and no step between them is more than half the way:
   a daily rhythm beats a flat forecast too, and a new level is a trend of a few days.
5. Nothing is below zero for a series that never was, nor above a known ceiling. A ceiling that the
   series has passed is none: the highest value seen stands in its place. Here each quantile is cut
   for itself, as the values would be.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foresail.capacity import Ceiling, ceiling_of
from foresail.contenders.averages import known_mean
from foresail.panel import BoolArray, FloatArray, IntArray, SeriesInfo

LEVEL_DAYS = 3
"""Days on which a level was reached, in a history of so many weeks or more."""
LEVEL_HOURS = 4
"""Of the last 24 hours: fewer may be a spike that is not over."""
MIDDLE_MARGIN = 0.25
"""Shares of the range by which the p50 may leave it on either side: 1.5 ranges in all."""
BAND_MARGIN = 0.5
"""Shares of the range by which p10 and p90 may: two ranges in all."""
DOUBLING_HOURS = 720
"""Lead at which proven growth may have doubled a series."""
TREND_WEEKS = 5
"""Weeks whose levels must lie in a row for a trend."""
STEP_SHARE = 0.5
"""Share of a trend's whole way above which one week's step is a new level and no trend."""
CONSTANT_HOURS = 28 * 24
"""Hours without any change after which a series is constant."""
ROUNDING = 1e-9
"""Relative difference that is none: the mean of an hour's equal samples need not be equal."""

_DAY = 24
_WEEK_DAYS = 7
_CHUNK_ROWS = 256
"""Rows taken at once: their forecasts stay in the processor's cache."""


def within_reason(
    quantiles: FloatArray, history: FloatArray, *, ceilings: FloatArray, growth: BoolArray
) -> FloatArray:
    """Return the forecasts, held to what their series have shown (the rules above).

    What keeps the rules is returned as it came, to the last bit.

    Args:
        quantiles: p10, p50, p90 of the hours after the history, ascending, shape `(N, H, 3)`; NaN
            stays NaN.
        history: Shape `(N, T)`, NaN for gaps, at least one value a series.
        ceilings: See `ceilings_of`; NaN where none is known, shape `(N,)`.
        growth: Where a trend has beaten the flat forecast in the series' own backtest, `(N, H)`.

    Returns:
        Ascending, shape `(N, H, 3)`.
    """
    shown = _shown(history)
    trend = np.zeros(len(history))
    claimed = np.flatnonzero(growth.any(axis=1))
    trend[claimed] = _trend(history[claimed])
    served: FloatArray = np.empty_like(quantiles)
    for start in range(0, len(quantiles), _CHUNK_ROWS):
        rows = slice(start, start + _CHUNK_ROWS)
        going = growth[rows] * trend[rows, None]
        near = _near(quantiles[rows], shown.low[rows], shown.high[rows], going)
        floor = np.where(shown.lowest[rows] < 0, -np.inf, 0.0)
        top = np.fmax(ceilings[rows], shown.highest[rows])
        top = np.where(np.isfinite(ceilings[rows]), top, np.inf)
        served[rows] = np.clip(near, floor[:, None, None], top[:, None, None])
    return served


def constants(history: FloatArray) -> FloatArray:
    """Return the value of each series that has had only one in the last 28 days, else NaN.

    Args:
        history: Shape `(N, T)`, NaN for gaps.

    Returns:
        Shape `(N,)`; NaN too for a series without a value in these days.
    """
    recent = history[:, -CONSTANT_HOURS:]
    low, high = np.fmin.reduce(recent, axis=1), np.fmax.reduce(recent, axis=1)
    same = high - low <= ROUNDING * np.maximum(np.abs(low), np.abs(high))
    return np.where(same, high, np.nan)


def ceilings_of(index: Sequence[SeriesInfo]) -> FloatArray:
    """Return the number that each series must stay under, NaN where none is known, shape `(N,)`."""
    found = [ceiling_of(info.capacity, scope=info.labels.get("scope", "")) for info in index]
    return np.array([c.value if isinstance(c, Ceiling) else np.nan for c in found])


@dataclass(frozen=True, slots=True)
class _Shown:
    """What histories have shown: levels, and single values; each of shape `(N,)`."""

    low: FloatArray
    high: FloatArray
    lowest: FloatArray
    highest: FloatArray


def _shown(history: FloatArray) -> _Shown:
    lows, peaks = _daily(history, np.fmin), _daily(history, np.fmax)
    known = np.isfinite(peaks).sum(axis=1)
    wanted = np.clip(known // _WEEK_DAYS, 1, LEVEL_DAYS)
    low, high = _at(lows, wanted - 1), _at(peaks, known - wanted)
    last = history[:, -_DAY:]
    count = np.isfinite(last).sum(axis=1)
    held = count >= LEVEL_HOURS
    low = np.where(held, np.minimum(low, _at(last, np.full_like(count, LEVEL_HOURS - 1))), low)
    high = np.where(held, np.maximum(high, _at(last, count - LEVEL_HOURS)), high)
    lowest, highest = np.fmin.reduce(lows, axis=1), np.fmax.reduce(peaks, axis=1)
    return _Shown(low, high, lowest, highest)


def _daily(history: FloatArray, extreme: np.ufunc) -> FloatArray:
    """Return one figure of each 24 hours, counted back from the end; NaN for a day of gaps."""
    rows, length = history.shape
    head = length % _DAY
    days = extreme.reduce(history[:, head:].reshape(rows, length // _DAY, _DAY), axis=2)
    if head:
        first = extreme.reduce(history[:, :head], axis=1, keepdims=True)
        days = np.concatenate([first, days], axis=1)
    return np.asarray(days)


def _at(values: FloatArray, place: IntArray) -> FloatArray:
    """Return the value at a place of each row's ascending order, where NaN go last.

    A place outside the row is moved into it: whoever asks for one does not look at the answer.
    """
    ordered = np.sort(values, axis=1)
    inside = np.clip(place, 0, values.shape[1] - 1)
    return np.asarray(np.take_along_axis(ordered, inside[:, None], axis=1)[:, 0])


def _trend(history: FloatArray) -> FloatArray:
    """Return 1 for a series whose weekly level rises steadily, -1 if it falls, else 0, `(N,)`.

    The level of a week is the median of its days' means: no rhythm of the day moves it, nor a spike
    on one day. Each week must have four days with values.
    """
    rows, days = len(history), TREND_WEEKS * _WEEK_DAYS
    if history.shape[1] < days * _DAY:
        return np.zeros(rows)
    by_day = history[:, -days * _DAY :].reshape(rows * days, _DAY)
    means = known_mean(by_day, axis=1).reshape(rows * TREND_WEEKS, _WEEK_DAYS)
    known = np.isfinite(means).sum(axis=1)
    levels = np.where(known > _WEEK_DAYS // 2, _at(means, known // 2), np.nan)
    steps = np.diff(levels.reshape(rows, TREND_WEEKS), axis=1)
    way = steps.sum(axis=1, keepdims=True)
    shares = np.full_like(steps, np.nan)
    np.divide(steps, way, out=shares, where=way != 0)
    steady = ((shares > 0) & (shares <= STEP_SHARE)).all(axis=1)
    return np.where(steady, np.sign(way[:, 0]), 0.0)


def _near(
    quantiles: FloatArray, low: FloatArray, high: FloatArray, trend: FloatArray
) -> FloatArray:
    """Return the forecasts by rules 2 to 4; `trend` is 1, 0 or -1, shape `(n, H)`."""
    low, high = low[:, None], high[:, None]
    span = high - low
    leads = np.arange(1, quantiles.shape[1] + 1)
    largest = np.maximum(np.abs(low), np.abs(high))
    reach = trend * largest * (2.0 ** (leads / DOUBLING_HOURS) - 1)
    low, high = low + np.minimum(reach, 0), high + np.maximum(reach, 0)
    middle, margin = MIDDLE_MARGIN * span, BAND_MARGIN * span
    p50 = np.clip(quantiles[:, :, 1], low - middle, high + middle)
    moved = p50 - quantiles[:, :, 1]
    p10 = np.maximum(quantiles[:, :, 0] + moved, np.maximum(p50 - span, low - margin))
    p90 = np.minimum(quantiles[:, :, 2] + moved, np.minimum(p50 + span, high + margin))
    # a band without width may have been moved by a rounding past its p50
    return np.stack([np.minimum(p10, p50), p50, np.maximum(p90, p50)], axis=2)
