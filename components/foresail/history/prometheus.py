"""Collect hourly usage and capacity from a Prometheus: what is missing, and no more."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from foresail.errors import BadInput
from foresail.history.block import Block, CountArray
from foresail.history.connection import Connection
from foresail.history.estimate import MAX_SERIES, Estimate, Line, check_cardinality
from foresail.history.fetch import (
    MEAN_WINDOW,
    SHORT_WINDOW,
    Fetched,
    fetch_capacity,
    fetch_usage,
    steps_of,
)
from foresail.history.ledger import Ledger
from foresail.history.manifest import Effort, QueryEntry
from foresail.history.plan import (
    DAYS_PER_CHUNK,
    HOUR_SECONDS,
    LATE_HOURS,
    Family,
    HourRange,
    chunks,
    digest_of_texts,
    missing_days,
)
from foresail.history.presets import CapacityPreset, Presets, UsagePreset
from foresail.history.reader import BUDGET, Grid, Labels, RangeReader, Span
from foresail.history.rows import capacity_rows, joined, names_of, usage_block
from foresail.history.shards import shards_of
from foresail.history.staging import Stager

if TYPE_CHECKING:
    import pandas as pd

CHUNK_POINTS = 3_000_000
"""Points of one query held at a time, 5 minutes apart: 24 MB, and some copies of them."""

_POINTS_PER_DAY = 288
_AWAY_HOURS = (2, 24, 7 * 24)
_PROBES_HOURS = (0, 6, 24, 7 * 24, 30 * 24)
_EDGE = np.timedelta64(2, "h")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may ask for.

    Attributes:
        allow_partial: Take answers that Thanos calls partial.
        late_hours: How long after its end a day is asked for again.
        max_series: Of one query.
    """

    allow_partial: bool = False
    late_hours: int = LATE_HOURS
    max_series: int = MAX_SERIES


@dataclass(frozen=True, slots=True)
class _Task:
    """One family and the days of it that are asked for."""

    family: Family
    days: list[date]
    usage: UsagePreset | None = None
    capacity: tuple[CapacityPreset, ...] = ()

    @property
    def presets(self) -> Sequence[UsagePreset | CapacityPreset]:
        return self.capacity if self.usage is None else (self.usage,)


@dataclass
class Collector:
    """Reads one source into one stager.

    Attributes:
        connection: To the source.
        presets: What to ask.
        hours: For which time.
        stager: Where the rows go.
        cluster_label: Label by which the source tells clusters apart; empty for one cluster.
        limits: What may be asked.
        progress: Called with the points that came since the last call.
    """

    connection: Connection
    presets: Presets
    hours: HourRange
    stager: Stager
    cluster_label: str = ""
    limits: Limits = field(default_factory=Limits)
    progress: Callable[[int], None] = lambda _: None
    _tasks: list[_Task] = field(init=False)
    _series: dict[str, int] = field(default_factory=dict)
    _points: int = 0
    _at: int = 0

    def __post_init__(self) -> None:
        """Find out what is missing."""
        self._tasks = list(self._plan())
        self._reader = RangeReader(self.connection, allow_partial=self.limits.allow_partial)

    def estimate(self) -> Estimate:
        """Count the series of every query and say what reading them will take.

        Raises:
            BadInput: A query would bring more series than allowed, or is wrong.
            Unreachable: The source does not answer; AccessDenied and NotFound likewise.
        """
        lines = []
        self._at = at = self._inhabited()
        for task in self._tasks:
            for preset in task.presets if task.days else ():
                self._series[preset.name] = self._count(preset, at=at)
                lines.append(self._line(preset, len(task.days)))
        check_cardinality(lines, max_series=self.limits.max_series)
        known = sum(len(self.hours.days) - len(task.days) for task in self._tasks)
        return Estimate(self.stager.cluster, self.connection.url, tuple(lines), known)

    def collect(self) -> tuple[QueryEntry, ...]:
        """Read what is missing into the stager, as `estimate` has counted it.

        The first query that fails ends it. What came until then stands in the stager's journal.

        Raises:
            BadInput: A preset finds nothing, is wrong, or its answer is.
            Unreachable: The source does not answer; AccessDenied and NotFound likewise.
        """
        entries: list[QueryEntry] = []
        for task in self._tasks:
            entries += self._usage(task) if task.usage else self._capacity(task)
        return tuple(entries)

    @property
    def effort(self) -> Effort:
        """What it took until now."""
        report = self.connection.throttle.report()
        return Effort(
            requests=report.requests,
            retries=report.retries,
            points=self._points,
            concurrency=report.concurrency,
            server_seconds=round(report.server_seconds, 3),
        )

    def _plan(self) -> list[_Task]:
        tasks = []
        for preset in self.presets.usage:
            texts = (preset.text, preset.resets, preset.fold)
            family = Family("history", preset.metric, preset.scope, digest_of_texts(texts))
            tasks.append(_Task(family, self._missing(family), usage=preset))
        by_metric = groupby(self.presets.capacity, key=lambda preset: preset.metric)
        for metric, presets in by_metric:
            some = tuple(presets)
            family = Family("capacity", metric, "", digest_of_texts(p.text for p in some))
            tasks.append(_Task(family, self._missing(family), capacity=some))
        return tasks

    def _missing(self, family: Family) -> list[date]:
        asked = self.stager.asked(family)
        return missing_days(self.hours, asked, late_hours=self.limits.late_hours)

    def _inhabited(self) -> int:
        """Return the latest of some instants at which the source has anything; else the end.

        Thanos and others lag behind, and a source may have stopped before the window ends.
        """
        end = int(self.hours.until.timestamp())
        probes = [task.usage for task in self._tasks if task.usage and task.days]
        for back in _PROBES_HOURS if probes else ():
            at = max(end - back * HOUR_SECONDS, self.hours.start + HOUR_SECONDS)
            if self._count(probes[0], at=at):
                return at
        return end

    def _remembers(self, preset: UsagePreset, *, before: HourRange) -> bool:
        """Say whether the source has values of before some hours: then it was away at their start.

        Where it has none, it begins to remember within them.
        """
        return any(
            self._count(preset, at=before.start - back * HOUR_SECONDS) for back in _AWAY_HOURS
        )

    def _check_came(self, preset: UsagePreset, block: Block) -> None:
        if len(block.series) > self.limits.max_series:
            line = Line(preset.name, len(block.series), 0, 0, 0)
            check_cardinality([line], max_series=self.limits.max_series)

    def _count(self, preset: UsagePreset | CapacityPreset, *, at: int) -> int:
        text = preset.over("10m") if isinstance(preset, UsagePreset) else preset.text
        return self.connection.count(text, at=at, what=preset.name)

    def _line(self, preset: UsagePreset | CapacityPreset, days: int) -> Line:
        series = self._series[preset.name]
        asked = steps_of(preset)
        points = sum(series * days * 86400 // step for step in asked)
        pieces = sum(
            max(
                -(-series * days * 86400 // step // BUDGET),
                -(-days // self._days_per_chunk(series)),
            )
            for step in asked
        )
        return Line(preset.name, series, days, points, pieces)

    def _days_per_chunk(self, series: int) -> int:
        return int(np.clip(CHUNK_POINTS // (max(series, 1) * _POINTS_PER_DAY), 1, DAYS_PER_CHUNK))

    def _usage(self, task: _Task) -> list[QueryEntry]:
        preset = task.usage
        if preset is None or not task.days:
            return []
        series = self._series.get(preset.name, 1)
        shards = shards_of(self.connection, preset, series=series, at=self._at)
        reading = _Reading(counted=bool(preset.resets))
        for days in chunks(task.days, limit=self._days_per_chunk(series)):
            hours = self.hours.of_days(days)
            fetched = fetch_usage(self._reader, preset, hours, shards=shards, series=series)
            self._came(fetched.points)
            block, source = usage_block(
                fetched.labels,
                fetched.hourly,
                fetched.resets,
                scope=preset.scope,
                cluster=self.stager.cluster,
                cluster_label=self.cluster_label,
            )
            self._check_came(preset, block)
            if reading.may_begin_at(block) and self._remembers(preset, before=hours):
                reading.remembered = True
            reading.enter(fetched, block, source, self._named(preset, fetched.duplicates))
            self.stager.add_usage(
                block, metric=preset.metric, scope=preset.scope, trusted_from=reading.trusted_from
            )
            # a partial answer may be whole tomorrow, and an empty one is of no use before another
            if reading.ledger.rows and not fetched.warnings:
                waiting = [*reading.empty, *days]
                self.stager.cover(task.family, waiting, until=self.hours.until)
                reading.empty.clear()
            elif not reading.ledger.rows:
                reading.empty += days
            self.stager.checkpoint()
        if not reading.ledger.rows:
            span = Span(self.hours.start, HOUR_SECONDS, self.hours.hours + 1)
            raise BadInput(self._reader.explain_empty(preset.text, span, what=preset.name))
        return [reading.entry(preset, days=len(task.days))]

    def _named(self, preset: UsagePreset, duplicates: Mapping[Labels, int]) -> dict[str, int]:
        own, label = self.stager.cluster, self.cluster_label
        return {
            names_of(key, preset.scope, cluster=own, cluster_label=label)[0]: count
            for key, count in duplicates.items()
        }

    def _capacity(self, task: _Task) -> list[QueryEntry]:
        entries: dict[str, QueryEntry] = {}
        for days in chunks(task.days, limit=DAYS_PER_CHUNK):
            hours = self.hours.of_days(days)
            found: dict[str, list[pd.DataFrame]] = {}
            for preset in task.capacity:
                series = self._series.get(preset.name, 1)
                grid = fetch_capacity(self._reader, preset, hours, series=series)
                self._came(int((~np.isnan(grid.values)).sum()))
                rows = capacity_rows(
                    preset,
                    grid.labels,
                    grid.values,
                    hours.ds,
                    cluster=self.stager.cluster,
                    cluster_label=self.cluster_label,
                )
                for cluster, some in rows.items():
                    found.setdefault(cluster, []).append(some)
                entries[preset.name] = _with_capacity(
                    entries.get(preset.name), preset, grid, sum(map(len, rows.values())), len(days)
                )
            for cluster, frames in found.items():
                self.stager.add_capacity(joined(frames), cluster=cluster, metric=task.family.metric)
            self.stager.cover(task.family, days, until=self.hours.until)
            self.stager.checkpoint()
        return list(entries.values())

    def _came(self, points: int) -> None:
        self._points += points
        self.progress(points)


@dataclass(slots=True)
class _Reading:
    """What the chunks of one usage query have told so far."""

    counted: bool
    ledger: Ledger = field(default_factory=Ledger)
    outages: int = 0
    empty: list[date] = field(default_factory=list)
    remembered: bool = False
    warnings: dict[str, None] = field(default_factory=dict)
    asked: bool = False
    trusted_from: np.datetime64 | None = None

    def may_begin_at(self, block: Block) -> bool:
        """Say whether the first value of all lies within this block, and not at its start."""
        seen = np.asarray(block.present.any(axis=0))
        return bool(seen.any() and not self.ledger.rows and (self.asked or not seen[0]))

    def enter(
        self,
        fetched: Fetched,
        block: Block,
        source: CountArray,
        duplicates: Mapping[str, int],
    ) -> None:
        """Take note of one chunk; chunks come in the order of time."""
        hourly = fetched.hourly
        seen = np.asarray(block.present.any(axis=0))
        if self.may_begin_at(block) and not self.remembered:
            # what lies before the first value is forgotten, or was never there
            self.trusted_from = hourly.ds[int(seen.argmax())] + _EDGE
        self.asked = True
        if seen.any() or self.ledger.rows:
            # before its first value a source was not away: it had not begun, or has forgotten
            begun = 0 if self.ledger.rows else int(seen.argmax())
            self.outages += int((~hourly.answered[begun:]).sum())
        self.warnings |= dict.fromkeys(fetched.warnings)
        self.counted = self.counted and fetched.resets is not None
        self.ledger.enter(block, source=source, duplicates=duplicates)

    def entry(self, preset: UsagePreset, *, days: int) -> QueryEntry:
        """Return what the manifest says of it."""
        totals = self.ledger.totals()
        return QueryEntry(
            preset=preset.name,
            text=preset.text,
            windows=(MEAN_WINDOW, SHORT_WINDOW) if preset.is_counter else (),
            steps=steps_of(preset),
            days=days,
            series=len(self.ledger.place),
            rows=self.ledger.rows,
            gaps=totals.gaps,
            stale=totals.stale,
            outages=self.outages,
            infinities=self.ledger.infinities,
            resets=totals.resets if self.counted else None,
            duplicates=totals.duplicates,
            warnings=tuple(self.warnings),
            troubled=self.ledger.troubled(),
        )


def _with_capacity(
    before: QueryEntry | None, preset: CapacityPreset, grid: Grid, rows: int, days: int
) -> QueryEntry:
    known = before or QueryEntry(preset=preset.name, text=preset.text, steps=steps_of(preset))
    warnings = dict.fromkeys((*known.warnings, *grid.warnings))
    return known.model_copy(
        update={
            "days": known.days + days,
            "series": max(known.series, len(grid.labels)),
            "rows": known.rows + rows,
            "infinities": known.infinities + int(np.isinf(grid.values).sum()),
            "warnings": tuple(warnings),
        }
    )
