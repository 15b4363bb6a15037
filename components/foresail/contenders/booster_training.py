"""What the booster learns from: past origins of the panel, and what came after them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foresail.contenders.booster_features import (
    DAY,
    LOOKBACK,
    MEMORY,
    Float32Array,
    lead_rows,
    snapshot,
)
from foresail.panel import FloatArray, IntArray

ROW_BUDGET = 80_000
"""Examples drawn per segment, so that 10,000 series take no longer than 300."""
KEPT_ROWS = 40_000
"""Examples kept of those, about."""
KEPT_PER_SERIES = 100
"""No more than this of each: a small panel is learnt in less time, and no worse."""
LEAST_ROWS = 10_000
"""Nor fewer than this in all."""
MAX_ORIGINS = 48
MAX_SERIES = 400
MAX_LEADS = 48
"""Leads drawn per series and origin: more of them say the same thing again."""
MIN_HISTORY = 10 * DAY
"""Hours before the first origin."""
MIN_VALUES = 7 * DAY
"""Values within the 28 days before an origin."""
_TAMEST = 0.3
_WILDEST = 20.0
"""Units between which the distance that a series strays from its centre makes a difference."""


@dataclass(frozen=True, slots=True)
class Examples:
    """What one segment's models are fitted to.

    Attributes:
        rows: Shape `(m, F)`; see `lead_rows`.
        targets: What came, less the daily shape, in units about the centre, `(m,)`.
    """

    rows: Float32Array
    targets: Float32Array


_Part = tuple[Float32Array, Float32Array, IntArray]
"""Rows, targets and the series that each speaks of."""


def examples(
    values: FloatArray,
    rows: IntArray,
    segments: Sequence[tuple[int, int]],
    *,
    first_hour: int,
    seed: int,
) -> list[Examples]:
    """Return the examples of each segment of leads.

    Args:
        values: Shape `(N, T)`, NaN for gaps.
        rows: Series to learn from, in the order in which they are drawn; one at least.
        segments: First lead and the lead after the last one.
        first_hour: Hour of the first column, counted from 1970-01-01 00:00 UTC.
        seed: Of what is drawn.
    """
    rng = np.random.default_rng(seed)
    # of a large panel only what is drawn is copied
    old = np.asarray(np.isfinite(values[:, : -(MIN_HISTORY + DAY)]).any(axis=1))[rows]
    if old.any():  # the others have nothing to teach yet
        rows = rows[old]
    if len(rows) > MAX_SERIES:
        rows = rows[np.sort(rng.choice(len(rows), MAX_SERIES, replace=False))]
    values = values[rows]
    origins = _origins(values, rng)
    per_origin = min(int(np.ceil(ROW_BUDGET / len(origins) / len(values))), MAX_LEADS)
    found: list[list[_Part]] = [[] for _ in segments]
    for origin in origins.tolist():
        known = np.isfinite(values[:, max(0, origin - MEMORY) : origin]).sum(axis=1)
        able = np.flatnonzero(known >= MIN_VALUES)
        if not len(able):
            continue
        seen = snapshot(values[able, max(0, origin - LOOKBACK) : origin])
        for parts, (start, stop) in zip(found, segments, strict=True):
            ahead = np.arange(start, min(stop, values.shape[1] - origin))
            leads = np.sort(rng.permutation(ahead)[:per_origin])
            came = values[able][:, origin + leads] - seen.centre[:, None]
            targets = (came / seen.unit[:, None]).astype(np.float32) - seen.expected(leads)
            kept = np.isfinite(targets)
            about = lead_rows(seen, leads, first_hour=first_hour + origin)
            series = np.broadcast_to(able[:, None], kept.shape)
            parts.append((about[kept], targets[kept], series[kept]))
    wanted = min(KEPT_ROWS, max(LEAST_ROWS, KEPT_PER_SERIES * len(values)))
    return [_chosen(parts, rng, wanted=wanted) for parts in found]


def _origins(values: FloatArray, rng: np.random.Generator) -> IntArray:
    """Return origins spread over the history, at any hour of the day, the latest a day ago.

    One model's leads begin a week after its origin, so most origins must leave room for more.
    """
    begun = int(np.isfinite(values).any(axis=0).argmax())
    spread = np.linspace(begun + MIN_HISTORY, values.shape[1] - DAY, MAX_ORIGINS)
    shifted = spread - rng.uniform(0, DAY, MAX_ORIGINS)
    return np.unique(np.maximum(shifted, begun + MIN_HISTORY).astype(np.int64))


def _chosen(parts: list[_Part], rng: np.random.Generator, *, wanted: int) -> Examples:
    """Keep more examples of series that stay near what is expected of them than of wild ones.

    The score compares each series with a rule of its own, so all count alike in it, while a wild
    one has the larger losses: each is drawn by the inverse of how far it strays. To draw is much
    cheaper than to fit with weights.
    """
    if not parts:
        return Examples(np.zeros((0, 0), dtype=np.float32), np.zeros(0, dtype=np.float32))
    rows, targets, series = (np.concatenate(column) for column in zip(*parts, strict=True))
    strays = np.bincount(series, np.abs(targets)) / np.maximum(np.bincount(series), 1)
    weight = 1 / (np.minimum(strays, _WILDEST) + _TAMEST)
    chance = weight[series] * wanted / weight[series].sum()
    kept = rng.uniform(size=len(series)) < chance
    return Examples(rows[kept], targets[kept])
