"""How a panel is cut into blocks: the same for every number of shards.

Whatever is computed for a series is computed together with its block. So a shard is a run of whole
blocks, and the numbers do not depend on how many shards there are, to the last bit.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from foresail.errors import UsageError
from foresail.panel import IntArray

FIRST = 512
"""Series of the first block, drawn at random: they teach what holds for all."""
BLOCK = 512
"""Series of each other block at most: of 256 each they take a thirtieth longer, and of 1,024 twice
the memory."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The blocks of a panel.

    Attributes:
        series: How many series the panel has.
        first: Rows of the first block, ascending.
    """

    series: int
    first: IntArray

    @staticmethod
    def of(alike: IntArray, *, seed: int) -> "Layout":
        """Return the blocks of a panel, the first one drawn with as many of each group.

        Args:
            alike: Group of each series, shape `(N,)`.
            seed: Of the draw.
        """
        return Layout(len(alike), np.sort(_mixed(alike, seed=seed)[:FIRST]))

    @property
    def rest(self) -> list[IntArray]:
        """Return the rows of the other blocks, ascending, of nearly equal size."""
        rows = np.setdiff1d(np.arange(self.series), self.first)
        count = -(-len(rows) // BLOCK)
        return np.array_split(rows, count) if count else []

    def shards(self, wanted: int) -> int:
        """Return how many shards there will be: no more than blocks after the first, 1 at least."""
        return max(1, min(wanted, len(self.rest)))

    def shard(self, number: int, *, of: int) -> Iterator[IntArray]:
        """Yield the blocks of one shard; the first block of the panel is in none.

        Args:
            number: 0 to `of` - 1.
            of: How many shards there are; see `shards`.

        Raises:
            UsageError: There is no such shard.
        """
        if not 0 <= number < of:
            raise UsageError(f"shard must be 0 to {of - 1}, got {number}")
        rest = self.rest
        for place in np.array_split(np.arange(len(rest)), of)[number].tolist():
            yield rest[place]


def _mixed(alike: IntArray, *, seed: int) -> IntArray:
    """Return the series in a random order that begins with as many of each group, shape `(N,)`."""
    order = np.random.default_rng(seed).permutation(len(alike))
    turn = np.zeros(len(alike), dtype=np.int64)
    for group in np.unique(alike).tolist():
        among = alike[order] == group
        turn[among] = np.arange(among.sum())
    return order[np.argsort(turn, kind="stable")]
