"""Rules that say the same for every day, or every week, ahead, and the bands of their past misses.

History is cut into blocks of one period, counted back from its end. At the end of each past block
the rule is asked what it would have said, so its misses are known for a day, a week and a month
ahead, from origins at the same hour of the day as the one that is forecast from.
"""

from collections.abc import Callable

import numpy as np

from foresail.contenders.protocol import Outcome
from foresail.panel import FloatArray

Rule = Callable[[FloatArray], FloatArray]
"""Blocks `(n, B, period)`, NaN for gaps -> what the rule says at the end of each block for the
phases that follow: `(n, B, period)`, or `(n, B, 1)` where all are alike; NaN for nothing to go by.
Values come relative to the last one known."""

WINDOW_DAYS = 28
"""The longest memory of a rule."""
LAG_DAYS = (1, 7, 28)
"""Days ahead at which misses are measured; the band between them is interpolated."""
JUDGED_DAYS = 14
"""The least span of days whose misses are looked at. The spread of a busy machine changes, so days
long past say little of tomorrow; a lag longer than this is judged over as many days as it is long.
"""
ENOUGH_MISSES = 72
"""Hours; fewer misses than three days of them make no band."""
TAILS = (0.1, 0.9)
_CHUNK_ROWS = 256
"""Rows taken at once: their history and misses stay in the processor's cache."""


def repeat_rule(values: FloatArray, rule: Rule, *, hours: int, period: int) -> Outcome:
    """Forecast with a rule, with the band of what it missed; see `Contender.forecast`.

    Args:
        values: Shape `(N, T)`, NaN for gaps, at least one value per row.
        rule: What is said.
        hours: How far ahead.
        period: Hours in a block.
    """
    quantiles = np.empty((len(values), hours, 3))
    lags = lags_of(period)
    kept = (lags[-1] * 2 * period) + WINDOW_DAYS * 24
    phases = np.arange(hours) % period
    between = _interpolation(lags, hours=hours, period=period)
    for start in range(0, len(values), _CHUNK_ROWS):
        rows = slice(start, start + _CHUNK_ROWS)
        last = last_cycle(values[rows], period=1)
        blocks = blocks_of(values[rows, -kept:] - last, period=period)
        said = rule(blocks)
        # where the rule has nothing to go by, the last value stands: zero, relative to itself
        ahead = np.where(np.isfinite(said[:, -1]), said[:, -1], 0.0) + last
        middle = ahead[:, phases % ahead.shape[1]]
        offsets = miss_quantiles(blocks, said, lags=lags)
        quantiles[rows, :, 0] = middle + offsets[:, :, 0] @ between
        quantiles[rows, :, 1] = middle
        quantiles[rows, :, 2] = middle + offsets[:, :, 1] @ between
    return Outcome(quantiles)


def lags_of(period: int) -> tuple[int, ...]:
    """Return the lags at which misses are measured, in blocks of `period` hours, ascending."""
    return tuple(sorted({max(1, days * 24 // period) for days in LAG_DAYS}))


def blocks_of(values: FloatArray, *, period: int) -> FloatArray:
    """Cut `(N, T)` into `(N, B, period)`, the last block complete; gaps fill up the first one."""
    rows, length = values.shape
    count = -(-length // period)
    padded = np.full((rows, count * period), np.nan)
    padded[:, count * period - length :] = values
    return padded.reshape(rows, count, period)


def miss_quantiles(blocks: FloatArray, said: FloatArray, *, lags: tuple[int, ...]) -> FloatArray:
    """Return the 10 % and 90 % quantile of what the rule missed at each lag.

    A miss a week ahead is a miss a day ahead plus the change, within that week, of what the rule
    says. A change seen once, such as a step, would make the band lopsided for a month, so it counts
    in both directions, and once not at all. No band is narrower than that of a shorter lag.
    A lag with fewer than `ENOUGH_MISSES` takes what the values themselves spread around their mean.

    Args:
        blocks: Shape `(n, B, period)`, NaN for gaps.
        said: What the rule said at the end of each block, `(n, B, period)` or `(n, B, 1)`.
        lags: In blocks, ascending.

    Returns:
        Shape `(n, len(lags), 2)`: at most 0, at least 0.
    """
    spread = _spread(blocks)
    band = np.zeros((len(blocks), len(lags), 2))
    widest = np.zeros((len(blocks), 2))
    for i, lag in enumerate(lags):
        misses = _misses(blocks, said, lag=lag)
        count = np.isfinite(misses[:, 0]).sum(axis=1)
        # seven digits are plenty for a band, and sort three times as fast
        found = row_quantiles(misses.reshape(len(blocks), -1).astype(np.float32), TAILS)
        found = np.where((count >= ENOUGH_MISSES)[:, None], found, spread)
        np.minimum(widest[:, 0], found[:, 0], out=widest[:, 0])
        np.maximum(widest[:, 1], found[:, 1], out=widest[:, 1])
        band[:, i] = widest
    return band


def last_cycle(values: FloatArray, *, period: int) -> FloatArray:
    """Return the last known value at each phase of the period that follows the history.

    A phase without a value takes the series' last value.

    Args:
        values: Shape `(N, T)`, NaN for gaps.
        period: In steps.

    Returns:
        Shape `(N, period)`; column i speaks of step T + i.
    """
    rows, length = values.shape
    cycles = -(-length // period)
    padded = np.full((rows, cycles * period), np.nan)
    padded[:, cycles * period - length :] = values
    by_phase = padded.reshape(rows, cycles, period)[:, ::-1]
    known = np.isfinite(by_phase)
    latest = np.take_along_axis(by_phase, known.argmax(axis=1)[:, None, :], axis=1)[:, 0]
    missing = ~known.any(axis=1)
    return np.where(missing, _last_value(values)[:, None], latest)


def _last_value(values: FloatArray) -> FloatArray:
    backwards = values[:, ::-1]
    position = np.isfinite(backwards).argmax(axis=1)
    return np.asarray(backwards[np.arange(len(values)), position])


def row_quantiles(samples: np.ndarray, probabilities: tuple[float, ...]) -> FloatArray:
    """Return quantiles of each row, linear between its known values as `np.nanquantile` has them.

    Args:
        samples: Shape `(n, m)`, NaN where there is no sample.
        probabilities: K of them, 0 to 1.

    Returns:
        Shape `(n, K)`; NaN for a row without samples.
    """
    if not samples.shape[1]:
        return np.full((len(samples), len(probabilities)), np.nan)
    ordered = np.sort(samples, axis=1)  # NaN go last
    top = np.maximum(np.isfinite(samples).sum(axis=1) - 1, 0)[:, None]
    place = top * np.array(probabilities)
    below = place.astype(np.int64)
    lower = np.take_along_axis(ordered, below, axis=1).astype(np.float64)
    upper = np.take_along_axis(ordered, np.minimum(below + 1, top), axis=1)
    return np.asarray(lower + (place - below) * (upper - lower))


def _misses(blocks: FloatArray, said: FloatArray, *, lag: int) -> FloatArray:
    """Return misses `(n, 1 or 3, hours)` at a lag: as they were, and with the change of the rule.

    NaN where either the value or what was said is unknown; no hours for a history too short.
    """
    rows, count, period = blocks.shape
    judged = min(max(JUDGED_DAYS * 24 // period, lag), count - lag)
    if judged <= 0:
        return np.full((rows, 1, 0), np.nan)
    before = said[:, count - judged - 1 : count - 1]
    near = blocks[:, count - judged :] - before
    if lag == 1:
        return near.reshape(rows, 1, -1)
    change = before - said[:, count - judged - lag : count - lag]
    both = np.stack([near + 0 * change, near + change, near - change], axis=1)
    return both.reshape(rows, 3, -1)


def _spread(blocks: FloatArray) -> FloatArray:
    """Return the 10 % and 90 % quantile of the last 28 days about their mean, `(n, 2)`."""
    recent = blocks.reshape(len(blocks), -1)[:, -WINDOW_DAYS * 24 :]
    known = np.isfinite(recent)
    mean = np.where(known, recent, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    found = row_quantiles((recent - mean[:, None]).astype(np.float32), TAILS)
    return np.where(np.isfinite(found), found, 0.0)


def _interpolation(lags: tuple[int, ...], *, hours: int, period: int) -> FloatArray:
    """Return `(len(lags), hours)`: how much each lag has to say on each lead, by log(lead).

    A lag of k blocks speaks of the leads from (k - 1) * period + 1 to k * period, so it stands in
    their middle; before the first and after the last the band stays as it is.
    """
    places = np.log((np.array(lags) - 0.5) * period)
    leads = np.log(np.arange(1, hours + 1))
    return np.stack([np.interp(leads, places, one) for one in np.eye(len(lags))])
