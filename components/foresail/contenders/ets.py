"""Exponential smoothing, for every series of a panel at once."""

from dataclasses import dataclass

import numpy as np

from foresail.contenders.ets_bands import band, spread_of
from foresail.contenders.ets_rule import Loss, mean_loss, past_loss, rule
from foresail.contenders.ets_states import Array32, smoothed
from foresail.contenders.protocol import Outcome
from foresail.contenders.repetition import blocks_of, last_cycle
from foresail.panel import FloatArray, Panel

KEPT_DAYS = 84
"""Values from before do not count."""
_CHUNK_ROWS = 256
"""Rows taken at once: the 28 days that are judged stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class _Leads:
    """Leads that share one rule and one band.

    Attributes:
        first: Day ahead that they begin with.
        last: Day ahead that they end with.
        hours: Of those days; a slice of 24.
        judged: Days ahead at which the candidates are judged.
        band: Days ahead at which the band is measured.
    """

    first: int
    last: int
    hours: slice
    judged: tuple[int, ...]
    band: int


_ALL_DAY = slice(0, 24)
_LEADS = (
    _Leads(1, 1, slice(0, 6), judged=(1,), band=1),
    _Leads(1, 1, slice(6, 24), judged=(1,), band=1),
    _Leads(2, 7, _ALL_DAY, judged=(2, 4, 7), band=4),
    _Leads(8, 10_000, _ALL_DAY, judged=(14, 28), band=21),
)
"""The level of this hour tells much of the next few and little of the next month."""


@dataclass(frozen=True, slots=True)
class Ets:
    """A level with a mean day and a mean week, each smoothed exponentially, without a trend.

    Holt and Winters' additive method (https://otexts.com/fpp3/holt-winters.html) with two seasons
    and three departures. Smoothing is robust, after Gelper, Fried and Croux (2010): slow levels
    follow medians, no level an hour that stands alone, and shapes take no hour beyond three mean
    deviations. Half-lives are chosen per series for the leads they serve, by what they missed that
    far ahead. And the band is what the rule missed in the past, wider at hours that are known
    worse, and wider for later leads by how far the level moved.

    The p50 stays within the values of the last 84 days. There is no trend, damped or not: on real
    machines one gained nothing at any lead. Every series is forecast; with little history all
    levels and shapes count alike.

    Attributes:
        name: As served.
    """

    name: str = "ets"

    def forecast(self, panel: Panel, *, hours: int) -> Outcome:
        """Smooth every series and continue it; see `Contender.forecast`."""
        quantiles = np.empty((len(panel), hours, 3))
        for start in range(0, len(panel), _CHUNK_ROWS):
            rows = slice(start, start + _CHUNK_ROWS)
            last = last_cycle(panel.values[rows], period=1)
            kept = panel.values[rows, -KEPT_DAYS * 24 :]
            quantiles[rows] = _forecast(kept, last, hours=hours)
        return Outcome(quantiles)


def _forecast(values: FloatArray, last: FloatArray, *, hours: int) -> FloatArray:
    """Return quantiles `(n, hours, 3)` of values `(n, T)` with the last ones known, `(n, 1)`."""
    # relative to the last value a constant is all zeros, and forecast to the last digit
    away = values - last
    scale = np.where(np.isfinite(away), np.abs(away), 0.0).max(axis=1, keepdims=True)
    scale[scale == 0] = 1.0
    blocks = np.ascontiguousarray(
        blocks_of(away / scale, period=24).transpose(2, 1, 0), dtype=np.float32
    )
    ahead = _days_ahead(blocks, days=-(-hours // 24))
    flat = ahead.reshape(-1, 3, len(values))[:hours].transpose(2, 0, 1)
    return np.asarray(flat * scale[:, :, None] + last[:, :, None])


def _days_ahead(blocks: Array32, *, days: int) -> Array32:
    """Return quantiles `(days, 24, 3, n)` of blocks `(24, D, n)`, NaN for gaps."""
    states = smoothed(blocks)
    spread = spread_of(blocks)
    losses: dict[int, Loss] = {}
    loss = np.zeros(states.levels[:, 0].shape)
    seen = np.nan_to_num(blocks).reshape(-1, blocks.shape[2])  # zero is the last value, and seen
    lowest, highest = seen.min(axis=0), seen.max(axis=0)
    ahead = np.empty((days, 24, 3, blocks.shape[2]), np.float32)
    for leads in _LEADS:
        if leads.first > days:
            break
        for lag in leads.judged:
            losses[lag] = losses.get(lag) or past_loss(blocks, states, ahead=lag)
        loss = mean_loss((losses[lag] for lag in leads.judged), hours=leads.hours, before=loss)
        chosen = rule(states, loss)
        around = band(blocks, chosen, spread, hours=leads.hours, ahead=leads.band)
        for day in range(leads.first, min(leads.last, days) + 1):
            said = chosen.latest(ahead=day, hours=leads.hours)
            middle = np.clip(said + around.middle, lowest, highest)
            quantiles = (middle + around.low, middle, middle + around.high)
            ahead[day - 1, leads.hours] = np.stack(quantiles, axis=1)
    return ahead
