"""Ask for the hours of one query and fold them: from PromQL to hourly arrays."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foresail.errors import BadInput
from foresail.history.hourly import STEP_SECONDS, Hourly, fold_counter, fold_folded, fold_gauge
from foresail.history.idle import BATCH
from foresail.history.plan import HOUR_SECONDS, HourRange
from foresail.history.presets import CapacityPreset, UsagePreset
from foresail.history.reader import Grid, Labels, RangeReader, Span
from foresail.history.refusals import Refused
from foresail.history.rows import aligned
from foresail.panel import FloatArray, IntArray

MEAN_WINDOW = "1h"
SHORT_WINDOW = "10m"
"""Two steps: a rate needs two samples, and over 5-minute samples one step holds only one."""

_STEPS_PER_HOUR = HOUR_SECONDS // STEP_SECONDS


@dataclass(frozen=True, slots=True)
class Fetched:
    """The hours of one usage query.

    Attributes:
        labels: Of each series, N of them.
        hourly: Their hours.
        resets: Counter resets, shape `(N, T)`; None where nobody counts or counting was refused.
        warnings: What the source said of partial answers.
        duplicates: Series -> samples that came twice.
        points: Numbers that were read.
    """

    labels: tuple[Labels, ...]
    hourly: Hourly
    resets: FloatArray | None
    warnings: tuple[str, ...]
    duplicates: Mapping[Labels, int]
    points: int


def steps_of(preset: UsagePreset | CapacityPreset) -> tuple[int, ...]:
    """Return the seconds between the evaluations of each query that a preset asks."""
    if isinstance(preset, CapacityPreset):
        return (HOUR_SECONDS,)
    counting = (HOUR_SECONDS,) if preset.resets else ()
    if preset.fold == "subquery":
        return (HOUR_SECONDS,) * 4 + counting
    return ((HOUR_SECONDS, STEP_SECONDS) if preset.is_counter else (STEP_SECONDS,)) + counting


def fetch_usage(
    reader: RangeReader,
    preset: UsagePreset,
    hours: HourRange,
    *,
    shards: Sequence[str],
    series: int,
) -> Fetched:
    """Return some hours of one query.

    Args:
        reader: Of the source.
        preset: What to ask.
        hours: For which time.
        shards: What to add to its selectors; the answers are disjoint.
        series: About how many there are.

    Raises:
        BadInput: The preset is wrong, or its answer is.
        Unreachable: The source does not answer; AccessDenied and NotFound likewise.
    """
    return _Asking(reader, preset, hours, tuple(shards), series).usage()


def fetch_capacity(
    reader: RangeReader, preset: CapacityPreset, hours: HourRange, *, series: int
) -> Grid:
    """Return some hours of one capacity, at the start of each; the arguments are as above."""
    span = Span(hours.start, HOUR_SECONDS, hours.hours)
    return reader.read(
        [preset.text], span, names=preset.labels, what=preset.name, series=max(series, 1)
    )


@dataclass(frozen=True, slots=True)
class _Asking:
    reader: RangeReader
    preset: UsagePreset
    hours: HourRange
    shards: tuple[str, ...]
    series: int

    def usage(self) -> Fetched:
        if self.preset.fold == "subquery":
            grids, labels, hourly = self._folded_there()
        elif self.preset.is_counter:
            grids, labels, hourly = self._counter()
        else:
            grids, labels, hourly = self._gauge()
        resets = self._resets(labels)
        duplicates: dict[Labels, int] = {}
        for grid in grids:
            for key, count in grid.duplicates.items():
                duplicates[key] = duplicates.get(key, 0) + count
        return Fetched(
            labels,
            hourly,
            resets,
            tuple(dict.fromkeys(text for grid in grids for text in grid.warnings)),
            {key: duplicates[key] for key in labels if key in duplicates},
            sum(int((~np.isnan(grid.values)).sum()) for grid in grids),
        )

    def _gauge(self) -> tuple[list[Grid], tuple[Labels, ...], Hourly]:
        fine = self._read(self._texts(SHORT_WINDOW), 0, STEP_SECONDS)
        batch = _batch(fine.labels)
        hourly = self._by_cluster(
            fine.labels,
            lambda rows: fold_gauge(self.hours.ds, fine.values[rows], batch=batch[rows]),
        )
        return [fine], fine.labels, hourly

    def _counter(self) -> tuple[list[Grid], tuple[Labels, ...], Hourly]:
        fine = self._read(self._texts(SHORT_WINDOW), STEP_SECONDS, STEP_SECONDS)
        mean = self._read(self._texts(MEAN_WINDOW), HOUR_SECONDS, HOUR_SECONDS)
        if len(mean.labels) and not len(fine.labels):
            raise BadInput(
                f"{self.preset.name} answers over {MEAN_WINDOW} but not over {SHORT_WINDOW}: its "
                "samples lie further apart than 5 minutes; scrape more often"
            )
        points = aligned(fine.labels, fine.values, mean.labels)
        hourly = self._by_cluster(
            mean.labels,
            lambda rows: fold_counter(self.hours.ds, mean.values[rows], points[rows]),
        )
        return [mean, fine], mean.labels, hourly

    def _folded_there(self) -> tuple[list[Grid], tuple[Labels, ...], Hourly]:
        """Let the source fold its 5-minute steps; each hour is asked for just after its last one.

        A second aside, since newer Prometheus leaves out the step on a range's left edge.
        """
        counter = self.preset.is_counter
        last = HOUR_SECONDS + (1 if counter else -1)
        steps = f"[{MEAN_WINDOW}:{STEP_SECONDS // 60}m]"
        texts = self._texts(SHORT_WINDOW)
        over = {
            "mean": "avg_over_time(({}){})",
            "max": "max_over_time(({}){})",
            "p95": "quantile_over_time(0.95, ({}){})",
            "count": "count_over_time(({}){})",
        }
        grids = {
            name: self._read([form.format(text, steps) for text in texts], last, HOUR_SECONDS)
            for name, form in over.items()
            if not (counter and name == "mean")
        }
        if counter:
            grids["mean"] = self._read(self._texts(MEAN_WINDOW), HOUR_SECONDS, HOUR_SECONDS)
        labels = grids["mean"].labels
        values = {n: aligned(g.labels, g.values, labels) for n, g in grids.items()}
        batch = _batch(labels) & (not counter)
        hourly = self._by_cluster(
            labels,
            lambda rows: fold_folded(
                self.hours.ds,
                values["mean"][rows],
                values["max"][rows],
                values["p95"][rows],
                values["count"][rows],
                batch=batch[rows],
            ),
        )
        return list(grids.values()), labels, hourly

    def _by_cluster(self, labels: tuple[Labels, ...], fold: Callable[[IntArray], Hourly]) -> Hourly:
        """Fold each cluster on its own: where one was away, another's answers say nothing of it."""
        if not self.preset.cluster_label:
            return fold(np.arange(len(labels)))
        own = np.array([dict(key)[self.preset.cluster_label] for key in labels], dtype=object)
        groups = [np.flatnonzero(own == name) for name in dict.fromkeys(own.tolist())]
        return Hourly.joined(self.hours.ds, [(rows, fold(rows)) for rows in groups])

    def _texts(self, window: str) -> list[str]:
        return [self.preset.over(window, shard) for shard in self.shards]

    def _read(self, texts: Sequence[str], offset: int, step: int) -> Grid:
        points = self.hours.hours * (HOUR_SECONDS // step)
        span = Span(self.hours.start + offset, step, points)
        return self.reader.read(
            texts,
            span,
            names=self.preset.labels,
            what=self.preset.name,
            series=max(self.series, 1),
        )

    def _resets(self, labels: tuple[Labels, ...]) -> FloatArray | None:
        """Count counter resets; the count informs only, so a refused query leaves it unknown."""
        if not self.preset.resets:
            return None
        texts = [self.preset.resets_text(shard) for shard in self.shards]
        try:
            grid = self._read(texts, HOUR_SECONDS, HOUR_SECONDS)
        except Refused:
            return None
        return aligned(grid.labels, grid.values, labels)


def _batch(labels: tuple[Labels, ...]) -> NDArray[np.bool_]:
    """Say which series rest between their runs, that is, use nothing while they are not there."""
    return np.array([dict(key).get("kind") == BATCH for key in labels], dtype=bool)
