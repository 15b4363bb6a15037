"""What a panel says of its contenders: sums per group of alike series, small whatever its size."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from foresail.panel import FloatArray, IntArray, SeriesKey

Group = tuple[str, str]
"""Series of one metric and one statistic are alike."""


@dataclass(frozen=True, slots=True)
class Pool:
    """How the contenders did on the series of each group.

    Attributes:
        groups: G of them.
        series: How many series of each group were measured, shape `(G,)`.
        windows: How many windows of these series each contender was scored on, `(G, C, W, S)`.
        ratios: Sum of its log ratios to the reference over them, same shape.
    """

    groups: tuple[Group, ...]
    series: IntArray
    windows: FloatArray
    ratios: FloatArray


def groups_of(keys: Iterable[SeriesKey]) -> tuple[Group, ...]:
    """Return the groups of these series, in the order in which they first occur."""
    return tuple(dict.fromkeys((key.metric, key.stat) for key in keys))


def places_in(groups: Sequence[Group], keys: Sequence[SeriesKey]) -> IntArray:
    """Return the group of each series, shape `(N,)`."""
    order = {group: place for place, group in enumerate(groups)}
    return np.array([order[key.metric, key.stat] for key in keys], dtype=np.int64)
