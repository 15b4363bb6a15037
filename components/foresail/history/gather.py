"""From the rows of many parts to one panel, without holding anything twice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from foresail.history.block import HOUR, stamps_of, texts_of
from foresail.history.manifest import PartEntry
from foresail.history.naming import LABELS
from foresail.panel import FloatArray, IntArray, Panel, SeriesInfo, TimeArray, unit_of

_ROOM = 1.25


@dataclass(slots=True)
class Gather:
    """Values of the series that parts name, growing as they name new ones.

    Attributes:
        ds: The hours, shape `(H,)`, `datetime64[s]`.
        kinds: Metric and statistic of each line of a series, K of them, ascending.
        values: Shape `(room, K, H)`; the first rows belong to `place`, the rest is not set.
        read_labels: Returns the label columns of a part; asked only where it names new series:
            they take longer to read than all the rest.
        place: Series -> row.
        labels: Of each row.
    """

    ds: TimeArray
    kinds: tuple[tuple[str, str], ...]
    values: FloatArray
    read_labels: Callable[[PartEntry], pa.Table]
    place: dict[str, int] = field(default_factory=dict)
    labels: list[tuple[str, ...]] = field(default_factory=list)
    _names: pa.Array | None = None
    _rows: IntArray | None = None

    @staticmethod
    def of(
        parts: Sequence[PartEntry],
        ds: TimeArray,
        *,
        stats: Sequence[str],
        read_labels: Callable[[PartEntry], pa.Table],
    ) -> "Gather":
        """Return one with room for what these parts will probably name."""
        kinds = sorted((metric, stat) for metric in {p.metric for p in parts} for stat in stats)
        most: dict[tuple[str, str], int] = {}
        for part in parts:
            scope = (part.cluster, part.scope)
            most[scope] = max(most.get(scope, 0), -(-part.rows // (24 * part.days)))
        room = int(sum(most.values()) * _ROOM) + 16
        return Gather(ds, tuple(kinds), np.empty((room, len(kinds), len(ds))), read_labels)

    def take(self, part: PartEntry, table: pa.Table) -> None:
        """Write a part's rows where they belong."""
        names, codes = texts_of(table)
        if self._rows is None or self._names is None or not names.equals(self._names):
            self._rows = self._places(names.to_pylist(), codes, part)
            self._names = names  # the next day mostly has the same series
        target = self._rows[codes]
        hours = ((stamps_of(table) - self.ds[0]) // HOUR).astype(np.int64)
        within = (hours >= 0) & (hours < len(self.ds))
        some = slice(None) if within.all() else within
        for k, (metric, stat) in enumerate(self.kinds):
            if metric == part.metric:
                self.values[target[some], k, hours[some]] = table.column(stat).to_numpy()[some]

    def panel(self) -> Panel:
        """Return what came as a panel, and let go of it.

        It is trimmed to the hours that have a value; series without one are left out.
        """
        count, width = len(self.place), len(self.kinds)
        flat = self.values[:count].reshape(count * width, len(self.ds))
        known = np.zeros(len(self.ds), dtype=bool)
        valued = np.zeros(len(flat), dtype=bool)
        for row, line in enumerate(flat):  # one at a time: a mask of all would be large, too
            there = ~np.isnan(line)
            valued[row] = there.any()
            known |= there
        if not valued.any():
            return Panel(np.empty(0, "datetime64[s]"), np.empty((0, 0)), ())
        names = list(self.place)
        order = sorted(range(count), key=names.__getitem__)
        wanted = [row * width + k for row in order for k in range(width)]
        wanted = [line for line in wanted if valued[line]]
        _bring_forward(flat, wanted)
        start, stop = int(known.argmax()), len(known) - int(known[::-1].argmax())
        labels = [{n: t for n, t in zip(LABELS, one, strict=True) if t} for one in self.labels]
        index = tuple(
            SeriesInfo(names[line // width], metric, stat, unit_of(metric), labels[line // width])
            for line in wanted
            for metric, stat in (self.kinds[line % width],)
        )
        return Panel(self.ds[start:stop], flat[: len(wanted), start:stop], index)

    def _places(self, names: list[str], codes: IntArray, part: PartEntry) -> IntArray:
        fresh = sorted(name for name in names if name not in self.place)
        if fresh:
            place = {name: i for i, name in enumerate(names)}
            opening = np.full(len(names), -1)
            opening[codes[::-1]] = np.arange(len(codes))[::-1]
            at = pa.array(opening[[place[name] for name in fresh]])
            labels = self.read_labels(part)
            columns = [labels.column(name).take(at).to_pylist() for name in LABELS]
            self.labels += zip(*columns, strict=True)
            before = len(self.place)
            for name in fresh:
                self.place[name] = len(self.place)
            self._make_room()
            self.values[before : len(self.place)] = np.nan
        return np.array([self.place[name] for name in names], dtype=np.int64)

    def _make_room(self) -> None:
        if len(self.place) > len(self.values):
            larger = np.empty((int(len(self.place) * _ROOM), *self.values.shape[1:]))
            larger[: len(self.values)] = self.values
            self.values = larger


def _bring_forward(rows: FloatArray, wanted: Sequence[int]) -> None:
    """Put the wanted rows first, in their order, in place; the others end up behind them.

    Args:
        rows: Shape `(N, H)`; changed.
        wanted: Some of the rows, each once.
    """
    left = set(range(len(rows))).difference(wanted)
    source = [*wanted, *sorted(left)]
    done = [False] * len(rows)
    for start in range(len(rows)):
        if done[start] or source[start] == start:
            continue
        held, at = rows[start].copy(), start
        while source[at] != start:
            rows[at] = rows[source[at]]
            done[at], at = True, source[at]
        rows[at] = held
        done[at] = True
