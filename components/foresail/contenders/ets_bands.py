"""The band of a smoothed forecast: what its rule missed in the past, hour by hour."""

from dataclasses import dataclass

import numpy as np

from foresail.contenders.ets_rule import JUDGED_DAYS, Rule
from foresail.contenders.ets_states import Array32
from foresail.contenders.repetition import TAILS, row_quantiles
from foresail.panel import FloatArray

_NESTED_DAYS = (28, 14, 7)
"""Misses of the last week count three times, of the one before twice: spreads change."""
_ENOUGH_MISSES = 36
"""Fewer misses than of a day and a half make no band."""
_HALF_LIFE = 14.0
_CAUTION = 7.0
"""Days' worth of misses at all hours that count beside an hour's own."""


@dataclass(frozen=True, slots=True)
class Band:
    """What is added to what a rule says.

    Attributes:
        middle: To the p50, `(n,)`: the median of what the rule missed by.
        low: To that for the p10, at most 0, `(hours, n)`.
        high: To that for the p90, at least 0, `(hours, n)`.
    """

    middle: Array32
    low: Array32
    high: Array32


def band(blocks: Array32, rule: Rule, spread: FloatArray, *, hours: slice, ahead: int) -> Band:
    """Return the band of a rule for hours of a day.

    A miss some days ahead is a miss of the next day plus the change, in between, of what the rule
    says of it. A change seen once, such as a step, would make the band lopsided for a month, so it
    counts in both directions, and once not at all.

    With too few misses the band is `spread`.

    Args:
        blocks: What came, `(24, D, n)`, NaN for gaps.
        rule: The rule.
        spread: See `spread_of`.
        hours: Of the day.
        ahead: Days; fewer where history is shorter than twice as many.
    """
    days = blocks.shape[1]
    ahead = min(ahead, max(1, (days - 1) // 2))
    first = max(0, days - 1 - JUDGED_DAYS)
    near = blocks[hours, first + 1 :] - _ripe(rule, first, days - 1, ahead=1, hours=hours)
    middle = _median(near)
    near -= middle
    wide = _relative_width(near)
    near /= wide[:, None]
    samples = [near[:, -count:] for count in _NESTED_DAYS]
    if ahead > 1:
        first = max(first, ahead - 1)
        near = near[:, first - days + 1 :]
        # what is said of a day on the day before it, less what was said of it so many days before
        change = _ripe(rule, first, days - 1, ahead=1, hours=hours)
        change -= _ripe(rule, first - ahead + 1, days - ahead, ahead=ahead, hours=hours)
        samples = [near + change, near - change, near]
    enough = np.isfinite(_per_series(samples[0])).sum(axis=1) >= _ENOUGH_MISSES
    low, high = np.where(enough, _tails(samples), spread)
    return Band(middle, np.minimum(low, 0) * wide, np.maximum(high, 0) * wide)


def spread_of(blocks: Array32) -> FloatArray:
    """Return the 10 % and 90 % quantile of the last 28 days about their median, `(2, n)`."""
    recent = blocks[:, -JUDGED_DAYS:]
    return _tails([recent - _median(recent)])


def _ripe(rule: Rule, first: int, stop: int, *, ahead: int, hours: slice) -> Array32:
    """Return what the rule said where it had seen enough to be judged, NaN where not."""
    said = rule.said(first, stop, ahead=ahead, hours=hours)
    return np.where(rule.states.ripe[first:stop], said, np.float32(np.nan))


def _per_series(samples: Array32) -> Array32:
    return samples.reshape(-1, samples.shape[-1]).T


def _median(misses: Array32) -> Array32:
    """Return each series' median, 0 for one without a miss."""
    found = row_quantiles(_per_series(misses), (0.5,))[:, 0]
    return np.nan_to_num(found).astype(np.float32)


def _tails(samples: list[Array32]) -> FloatArray:
    """Return the 10 % and 90 % quantile of each series' samples, `(2, n)`; 0 without samples."""
    together = np.concatenate([_per_series(one) for one in samples], axis=1)
    return np.nan_to_num(row_quantiles(together, TAILS).T)


def _relative_width(misses: Array32) -> Array32:
    """Return how far each hour is missed by, relative to all, `(hours, n)`; about 1.

    The worst miss of each hour is left out: one spike is no habit of its hour.
    """
    size = np.nan_to_num(np.abs(misses))
    weight = np.isfinite(misses) * 0.5 ** (np.arange(misses.shape[1])[::-1, None] / _HALF_LIFE)
    if misses.shape[1]:
        np.put_along_axis(weight, size.argmax(axis=1)[:, None], 0.0, axis=1)
    total, count = (size * weight).sum(axis=1), weight.sum(axis=1)
    mean = total.sum(axis=0) / np.maximum(count.sum(axis=0), 1e-9)
    own = (total + _CAUTION * mean) / (count + _CAUTION)
    width = np.divide(own, mean, out=np.ones_like(own), where=mean > 0)
    return np.asarray(width, dtype=np.float32)
