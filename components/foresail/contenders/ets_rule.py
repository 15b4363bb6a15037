"""Which of the smoothed levels and shapes a series is forecast with, judged by its own past."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from foresail.contenders.ets_states import SHAPES, Array32, States
from foresail.panel import FloatArray

JUDGED_DAYS = 28
_ENOUGH_DAYS = 3
"""Days' worth of misses without which a candidate is judged as for the leads before."""
_SHARPNESS = 30.0
"""A candidate that misses by 1 % more than the best has exp(-0.3) of its share: those that are
about as good are averaged, which forecasts better than the one that was luckiest."""


@dataclass(frozen=True, slots=True)
class Loss:
    """How far the candidates missed, a number of days ahead.

    Attributes:
        total: Sum of the absolute misses at each hour of the day, `(C, 24, n)`.
        count: Hours that it is the sum of, `(24, n)`.
    """

    total: FloatArray
    count: FloatArray


@dataclass(frozen=True, slots=True)
class Rule:
    """A weighted mean of the candidates, for each series.

    Attributes:
        states: What the candidates are made of.
        level: Shape `(D, n)`.
        day: Share of the mean day, `(n,)`.
        week: Share of the mean week, `(n,)`.
    """

    states: States
    level: Array32
    day: Array32
    week: Array32

    def said(self, first: int, stop: int, *, ahead: int, hours: slice) -> Array32:
        """Return what it says at the end of days, for hours of the day some days ahead.

        Returns:
            Shape `(hours, stop - first, n)`.
        """
        week = self.states.weekday(first, stop, ahead=ahead)[hours]
        said = self.level[first:stop] + self.day * self.states.day[hours, first:stop]
        return np.asarray(said + self.week * week)

    def latest(self, *, ahead: int, hours: slice) -> Array32:
        """Return what it says at the end of the last day, `(hours, n)`."""
        days = len(self.level)
        return self.said(days - 1, days, ahead=ahead, hours=hours)[:, 0]


def past_loss(blocks: Array32, states: States, *, ahead: int) -> Loss:
    """Return what the candidates missed by in the last 28 days.

    Args:
        blocks: What came, `(24, D, n)`, NaN for gaps.
        states: What the candidates are made of.
        ahead: Days.
    """
    hours, days, rows = blocks.shape
    first, stop = max(0, days - ahead - JUDGED_DAYS), max(0, days - ahead)
    known = np.isfinite(blocks[:, first + ahead : stop + ahead]) & states.ripe[first:stop]
    counted = known.astype(np.float32)
    came = np.where(known, blocks[:, first + ahead : stop + ahead], np.float32(0))
    total = np.empty((len(states.levels), hours, rows))
    each = len(states.levels) // len(SHAPES)
    miss = np.empty_like(came)
    for s, (day, week) in enumerate(SHAPES):
        above = came - np.float32(day) * states.day[:, first:stop]
        above -= np.float32(week) * states.weekday(first, stop, ahead=ahead)
        for c in range(s * each, (s + 1) * each):
            np.subtract(above, states.levels[c, first:stop], out=miss)
            np.abs(miss, out=miss)
            np.multiply(miss, counted, out=miss)
            total[c] = miss.sum(axis=1)
    return Loss(total, counted.sum(axis=1).astype(np.float64))


def mean_loss(losses: Iterable[Loss], *, hours: slice, before: FloatArray) -> FloatArray:
    """Return each candidate's mean absolute miss over losses and hours of the day, `(C, n)`.

    Args:
        losses: For the days ahead that count.
        hours: Of the day.
        before: Returned for a series with too few misses; same shape.
    """
    total, count = np.zeros(before.shape), np.zeros(before.shape[1])
    for loss in losses:
        total += loss.total[:, hours].sum(axis=1)
        count += loss.count[hours].sum(axis=0)
    enough = count >= _ENOUGH_DAYS * (hours.stop - hours.start)
    return np.where(enough, total / np.maximum(count, 1), before)


def rule(states: States, loss: FloatArray) -> Rule:
    """Return the mean of the candidates, weighed by how little worse than the best each was.

    Args:
        states: What the candidates are made of.
        loss: Shape `(C, n)`.
    """
    best = loss.min(axis=0)
    worse = np.where(loss == best, 1.0, np.inf)
    np.divide(loss, best, out=worse, where=best > 0)
    share = np.exp(-_SHARPNESS * (worse - 1))
    share = (share / share.sum(axis=0)).astype(np.float32)
    level = np.zeros_like(states.levels[0])
    for one, its in zip(states.levels, share, strict=True):
        level += its * one
    by_shape = share.reshape(len(SHAPES), -1, share.shape[1]).sum(axis=1)
    day, week = np.array(SHAPES, np.float32).T @ by_shape
    return Rule(states, level, day, week)
