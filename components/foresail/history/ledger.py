"""What was odd about each series while a run read it: gaps, staleness, resets, duplicates."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from foresail.history.block import HOUR, Block, CountArray
from foresail.history.idle import BATCH
from foresail.history.manifest import Troubles
from foresail.history.naming import LABELS
from foresail.panel import IntArray

LISTED = 200
"""Series that a manifest names for each query: those with most troubles."""

_FIRST, _LAST, _HOURS, _GAPS, _STALE, _RESETS, _DUPLICATES = range(7)
_KIND = LABELS.index("kind")


@dataclass(slots=True)
class Ledger:
    """Counts per series, block by block in the order of time."""

    place: dict[str, int] = field(default_factory=dict)
    counts: IntArray = field(default_factory=lambda: np.zeros((0, 7), dtype=np.int64))
    rows: int = 0
    infinities: int = 0
    _until: np.datetime64 | None = None

    def enter(
        self, block: Block, *, source: CountArray, duplicates: Mapping[str, int] | None = None
    ) -> None:
        """Count one block.

        Args:
            block: The hours that were read.
            source: How many steps of each hour the source answered for any series of the cluster,
                shape `(N, H)`.
            duplicates: Series -> samples that came twice.
        """
        if self._until is not None and block.ds[0] != self._until:
            self._close()
        self._until = block.ds[-1] + HOUR
        rows = self._rows(block.series)
        # a batch workload rests: its gaps are none
        batch = np.array([labels[_KIND] == BATCH for labels in block.labels], dtype=bool)
        present = block.present
        there = present.any(axis=1)
        hour = block.ds.astype("datetime64[h]").astype(np.int64)
        first = hour[present.argmax(axis=1)]
        last = hour[len(hour) - 1 - present[:, ::-1].argmax(axis=1)]
        mine = self.counts[rows]
        new = there & (mine[:, _HOURS] == 0)
        mine[:, _FIRST] = np.where(new, first, mine[:, _FIRST])
        mine[:, _LAST] = np.where(there, last, mine[:, _LAST])
        mine[:, _HOURS] += present.sum(axis=1)
        missed = np.maximum(source.astype(np.int64) - block.points, 0)
        mine[:, _STALE] += np.where(present & ~batch[:, None], missed, 0).sum(axis=1)
        mine[:, _RESETS] += block.resets.sum(axis=1, dtype=np.int64)
        mine[batch, _FIRST] = mine[batch, _LAST] - mine[batch, _HOURS] + 1
        self.counts[rows] = mine
        for name, count in (duplicates or {}).items():
            self.counts[self.place[name], _DUPLICATES] += count
        self.rows += int(present.sum())
        self.infinities += int(np.isinf(block.mean).sum())

    def troubled(self) -> dict[str, Troubles]:
        """Return the series with most troubles."""
        found = self._troubles()
        total = found.sum(axis=1)
        names = list(self.place)
        worst = np.argsort(-total, kind="stable")[:LISTED]
        return {
            names[i]: Troubles(
                **dict(
                    zip(("gaps", "stale", "resets", "duplicates"), found[i].tolist(), strict=True)
                )
            )
            for i in sorted(worst.tolist(), key=names.__getitem__)
            if total[i]
        }

    def totals(self) -> Troubles:
        """Return the sums over all series."""
        gaps, stale, resets, duplicates = self._troubles().sum(axis=0).tolist()
        return Troubles(gaps=gaps, stale=stale, resets=resets, duplicates=duplicates)

    def _troubles(self) -> IntArray:
        self._close()
        return self.counts[: len(self.place), _GAPS:]

    def _close(self) -> None:
        """Count the gaps of the hours that were read in one go; what follows lies elsewhere."""
        hours = self.counts[:, _HOURS]
        span = np.where(hours > 0, self.counts[:, _LAST] - self.counts[:, _FIRST] + 1, 0)
        self.counts[:, _GAPS] += span - hours
        self.counts[:, _HOURS] = 0

    def _rows(self, names: tuple[str, ...]) -> IntArray:
        for name in names:
            self.place.setdefault(name, len(self.place))
        if len(self.place) > len(self.counts):
            more = np.zeros((len(self.place), 7), dtype=np.int64)
            self.counts = np.concatenate([self.counts, more])
        return np.array([self.place[name] for name in names], dtype=np.int64)
