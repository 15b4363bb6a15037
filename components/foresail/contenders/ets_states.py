"""Exponential smoothing of many series at once: their levels, their mean day, their mean week.

Time is cut into days that end with the panel, so each forecast starts at the same hour of such a
day. Arrays have the series last, `(24, D, n)`: every operation then runs along memory, and a step
from one day to the next is one operation for all series. 32 bits are plenty for what is estimated.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foresail.contenders.repetition import row_quantiles
from foresail.panel import BoolArray

Array32 = NDArray[np.float32]

LEVEL_HOURS = (1.0, 3.0, 8.0)
"""Half-lives of the quick levels, which follow the hours."""
LEVEL_DAYS = (1.0, 4.0, 16.0)
"""Half-lives of the slow levels, which follow the days' medians: a spike moves no median."""
SHAPES = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
"""How much of the mean day and of the mean week: a level alone, with the day, with both."""
WEEK = 7
_DAY_HALF_LIFE = 14.0
_WEEK_HALF_LIFE = 4.0
"""In weeks, as the one before is in days."""
_LEVEL_UNDER_WEEK = 7.0
"""Half-life, in days, of the level that the mean week is measured from."""
_SPREAD_HALF_LIFE = 14.0
_CLIP = 3.0
"""An hour further from the mean shape than this many mean deviations counts as that far."""
_ODD = 8.0
_CAUTION = 0.5
"""A shape seen n times counts n / (n + 0.5): one Sunday is not every Sunday."""
_RIPE_HOURS = 24
_HALF_DAY = 12
"""A day with fewer hours has no mean to measure its hours from."""


@dataclass(frozen=True, slots=True)
class States:
    """What has been learnt by the end of each day.

    Attributes:
        levels: One for each shape and half-life, `(C, D, n)`; shapes are the slower index.
        day: What each hour adds to its day, `(24, D, n)`.
        week: What the hours of each day added, on average, on this day of the week, by its end;
            `(24, 6 + D, n)`: six days of nothing come first, for weekdays not yet seen.
        ripe: Whether enough was known by then to judge by what came next, `(D, n)`.
    """

    levels: Array32
    day: Array32
    week: Array32
    ripe: BoolArray

    def weekday(self, first: int, stop: int, *, ahead: int) -> Array32:
        """Return what the week adds `ahead` days after each of the days `first` to `stop` - 1.

        It is known by the end of those days: it is that of the last such weekday.

        Returns:
            Shape `(24, stop - first, n)`.
        """
        back = -ahead % WEEK
        return self.week[:, first - back + WEEK - 1 : stop - back + WEEK - 1]


def smoothed(blocks: Array32) -> States:
    """Smooth through all days; a gap leaves all levels as they were.

    Args:
        blocks: Hours of days, `(24, D, n)`, NaN for gaps.
    """
    known = np.isfinite(blocks)
    values = np.where(known, blocks, np.float32(0))
    count = known.sum(axis=0, dtype=np.float32)
    mean = values.sum(axis=0) / np.maximum(count, 1)
    day = _shape(values - mean, known & (count >= _HALF_DAY), half_life=_DAY_HALF_LIFE, cycle=1)
    day -= day.mean(axis=0)
    under = _followed(mean[None], count[None], half_lives=(_LEVEL_UNDER_WEEK,))
    week = _shape(values - under - day, known, half_life=_WEEK_HALF_LIFE, cycle=WEEK)
    levels = [
        _levels(blocks - np.float32(d) * day - np.float32(w) * week, count) for d, w in SHAPES
    ]
    nothing = np.zeros((24, WEEK - 1, blocks.shape[2]), np.float32)
    return States(
        levels=np.concatenate(levels),
        day=day,
        week=np.concatenate([nothing, week], axis=1),
        ripe=np.cumsum(count, axis=0) >= _RIPE_HOURS,
    )


def _shape(values: Array32, known: BoolArray, *, half_life: float, cycle: int) -> Array32:
    """Return the running mean of every `cycle`-th day, hour by hour, `(24, D, n)`.

    Args:
        values: Shape `(24, D, n)`.
        known: What of them counts.
        half_life: In cycles.
        cycle: 1 for the mean day, 7 for a mean day for each day of the week.
    """
    hours, days, rows = values.shape
    mean, count = np.zeros((2, cycle, hours, rows), np.float32)
    spread, weight = np.zeros((2, rows), np.float32)
    found = np.empty_like(values)
    forget, fade = _decay(half_life), _decay(_SPREAD_HALF_LIFE)
    for d in range(days):
        i, seen = d % cycle, known[:, d]
        miss = np.where(seen, values[:, d] - mean[i], np.float32(0))
        spread = fade * spread + np.abs(miss).sum(axis=0)
        weight = fade * weight + seen.sum(axis=0, dtype=np.float32)
        most = _CLIP * spread / np.maximum(weight, 1)
        count[i] = forget * count[i] + seen
        mean[i] += np.clip(miss, -most, most) / np.maximum(count[i], 1) * seen
        found[:, d] = mean[i] * (count[i] / (count[i] + np.float32(_CAUTION)))
    return found


def _levels(values: Array32, count: Array32) -> Array32:
    """Return the level by each half-life of series without their shape, `(H, D, n)`."""
    known = np.isfinite(values)
    filled = np.where(known, _without_odd_hours(values), np.float32(0))
    quick = np.array([[[_decay(hours)]] for hours in LEVEL_HOURS])
    total, weight = np.zeros((2, len(LEVEL_HOURS), *count.shape), np.float32)
    for hour in range(len(values)):
        total = quick * total + filled[hour]
        weight = quick * weight + known[hour]
    hourly = _followed(
        np.divide(total, weight, out=np.zeros_like(total), where=weight > 0),
        weight,
        half_lives=tuple(hours / 24 for hours in LEVEL_HOURS),
    )
    median = _day_medians(values)
    slow = (len(LEVEL_DAYS), *count.shape)
    daily = _followed(
        np.broadcast_to(median, slow), np.broadcast_to(count, slow), half_lives=LEVEL_DAYS
    )
    return np.concatenate([hourly, daily])


def _without_odd_hours(values: Array32) -> Array32:
    """Return each hour, or the median of it and the two before it where it is far from that.

    Far is eight times as far as hours are on average (Hampel's identifier). A jump that lasts is
    followed an hour later; of a spike nothing stays.
    """
    before = _hour_before(values)
    low, high = np.minimum(values, before), np.maximum(values, before)
    median = np.maximum(low, np.minimum(high, _hour_before(before)))
    away = np.abs(values - median)
    known = np.isfinite(away)
    total = np.where(known, away, 0).sum(axis=0).cumsum(axis=0)
    mean = total / np.maximum(known.sum(axis=0).cumsum(axis=0), 1)
    return np.where(away > _ODD * mean, median, values)


def _hour_before(values: Array32) -> Array32:
    """Return what was an hour before, `(24, D, n)`; the first hour comes before itself."""
    midnight = np.concatenate([values[:1, :1], values[-1:, :-1]], axis=1)
    return np.concatenate([midnight, values[:-1]])


def _day_medians(values: Array32) -> Array32:
    """Return the median of each day's known hours, `(D, n)`; 0 where there is none."""
    hours, days, rows = values.shape
    found = row_quantiles(values.transpose(1, 2, 0).reshape(-1, hours), (0.5,))
    return np.nan_to_num(found.reshape(days, rows), copy=False).astype(np.float32)


def _followed(values: Array32, weight: Array32, *, half_lives: tuple[float, ...]) -> Array32:
    """Return simple exponential smoothing along days, which starts with the first value.

    Args:
        values: One row per half-life, `(H, D, n)`.
        weight: What each of them counts, 0 for a gap; same shape.
        half_lives: In days, H of them.
    """
    forget = np.array([[_decay(days)] for days in half_lives])
    level, mass = np.zeros((2, *values[:, 0].shape), np.float32)
    found = np.empty(values.shape, np.float32)
    for d in range(values.shape[1]):
        new = weight[:, d]
        mass = forget * mass + new
        gain = np.divide(new, mass, out=np.zeros_like(mass), where=new > 0)
        level = level + gain * (values[:, d] - level)
        found[:, d] = level
    return found


def _decay(half_life: float) -> np.float32:
    return np.float32(0.5 ** (1 / half_life))
