"""Collect hourly usage and capacity from a Prometheus."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foresail.errors import BadInput, UsageError
from foresail.history.connection import Connection
from foresail.history.frames import empty_capacity, empty_usage
from foresail.history.hourly import (
    STEP_SECONDS,
    Hourly,
    answered_hours,
    fill_idle,
    fold_counter,
    fold_gauge,
)
from foresail.history.manifest import QueryEntry
from foresail.history.naming import SCOPE_LABELS
from foresail.history.presets import CapacityPreset, Presets, UsagePreset
from foresail.history.reader import Labels, RangeReader, Span
from foresail.history.rows import aligned, capacity_rows, count_gaps, joined, usage_rows
from foresail.history.staging import Collected
from foresail.panel import TimeArray

HOUR_SECONDS = 3600
MEAN_WINDOW = "1h"
MAX_WINDOW = "10m"
"""Two steps: a rate needs two samples, and over 5-minute samples one step holds only one."""

REST_HOURS = 7 * 24
"""A CronJob that has not run for longer counts as gone, not as resting."""

_EDGE_HOURS = 2
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_HOURS_PER_FOLD = 168


@dataclass(frozen=True, slots=True)
class HourRange:
    """Whole UTC hours: `since` up to, not including, `until`."""

    since: datetime
    until: datetime

    @property
    def hours(self) -> int:
        """How many."""
        return int((self.until - self.since).total_seconds()) // HOUR_SECONDS

    @property
    def ds(self) -> TimeArray:
        """The bucket starts, `datetime64[s]`."""
        start = np.datetime64(int(self.since.timestamp()), "s")
        return start + np.arange(self.hours) * np.timedelta64(HOUR_SECONDS, "s")


def hour_range(*, days: int, until: datetime | None, now: datetime) -> HourRange:
    """Return the last `days` days of finished hours before `until`.

    Raises:
        UsageError: `days` is not positive, or leads to before 1970.
    """
    if days < 1:
        raise UsageError(f"expected at least 1 day, got {days}")
    end = min(until or now, now).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    known = (end - _FIRST).days
    if days > known:
        raise UsageError(
            f"expected a window after 1970, got {days} days before {end:%Y-%m-%d}; ask for less"
        )
    return HourRange(end - timedelta(days=days), end)


def collect_from_prometheus(
    connection: Connection,
    presets: Presets,
    hours: HourRange,
    *,
    cluster: str,
    allow_partial: bool = False,
) -> Collected:
    """Ask for everything; the first query that fails ends it, so that nothing half is staged.

    Raises:
        BadInput: A preset finds nothing, is wrong, or its answer is.
        Unreachable: Prometheus does not answer; AccessDenied and NotFound likewise.
    """
    collector = _Collector(RangeReader(connection, allow_partial=allow_partial), hours, cluster)
    usage = [collector.usage(preset) for preset in presets.usage]
    capacity = [collector.capacity(preset) for preset in presets.capacity]
    return Collected(
        source=connection.url,
        cluster=cluster,
        usage=joined([part.rows for part in usage], empty_usage()),
        capacity=joined([part.rows for part in capacity], empty_capacity()),
        queries=tuple(part.entry for part in (*usage, *capacity)),
        since=hours.since,
        until=hours.until,
        edges={part.key: part.edge for part in usage if part.edge is not None},
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """What one preset brought."""

    key: tuple[str, str]
    rows: pd.DataFrame
    entry: QueryEntry
    edge: pd.Timestamp | None = None


@dataclass(frozen=True, slots=True)
class _Folded:
    labels: tuple[Labels, ...]
    hourly: Hourly
    outages: int
    warnings: tuple[str, ...]


class _Collector:
    """Holds what all presets of one run share."""

    def __init__(self, reader: RangeReader, hours: HourRange, cluster: str) -> None:
        self._reader = reader
        self._hours = hours
        self._cluster = cluster
        self._counted: dict[str, int | None] = {}

    def usage(self, preset: UsagePreset) -> _Part:
        folded = self._folded(preset)
        hourly = folded.hourly
        present = ~np.isnan(hourly.mean)
        if not present.any():
            what = self._reader.explain_empty(preset.text, self._span(), what=preset.name)
            raise BadInput(what)
        rows = usage_rows(preset, folded.labels, hourly, cluster=self._cluster)
        entry = QueryEntry(
            preset=preset.name,
            text=preset.text,
            windows=(MEAN_WINDOW, MAX_WINDOW) if preset.is_counter else (),
            steps=(HOUR_SECONDS, STEP_SECONDS) if preset.is_counter else (STEP_SECONDS,),
            series=len(folded.labels),
            rows=len(rows),
            gaps=count_gaps(present),
            outages=folded.outages,
            infinities=int(np.isinf(rows["y"].to_numpy()).sum()),
            resets=self._resets(preset),
            warnings=folded.warnings,
        )
        first = int(present.any(axis=0).argmax())
        # what lies before the first value is forgotten, or was never there
        edge = pd.Timestamp(hourly.ds[first] + np.timedelta64(_EDGE_HOURS, "h"), tz="UTC")
        return _Part((preset.metric, preset.scope), rows, entry, edge if first else None)

    def capacity(self, preset: CapacityPreset) -> _Part:
        span = Span(int(self._hours.since.timestamp()), HOUR_SECONDS, self._hours.hours)
        names = SCOPE_LABELS[preset.scope]
        grid = self._reader.read(preset.text, span, names=names, what=preset.name)
        rows = capacity_rows(
            preset, grid.labels, grid.values, self._hours.ds, cluster=self._cluster
        )
        entry = QueryEntry(
            preset=preset.name,
            text=preset.text,
            steps=(HOUR_SECONDS,),
            series=len(grid.labels),
            rows=len(rows),
            gaps=count_gaps(~np.isnan(grid.values)),
            infinities=int(np.isinf(grid.values).sum()),
            warnings=grid.warnings,
        )
        return _Part((preset.metric, preset.scope), rows, entry)

    def _span(self) -> Span:
        return Span(int(self._hours.since.timestamp()), HOUR_SECONDS, self._hours.hours + 1)

    def _folded(self, preset: UsagePreset) -> _Folded:
        """Read and fold week by week: the 5-minute points of many series are large."""
        pieces = [
            self._fold_piece(preset, first, min(_HOURS_PER_FOLD, self._hours.hours - first))
            for first in range(0, self._hours.hours, _HOURS_PER_FOLD)
        ]
        labels = tuple(sorted({key for piece in pieces for key in piece.labels}))
        place = {key: i for i, key in enumerate(labels)}
        mean = np.full((len(labels), self._hours.hours), np.nan)
        maximum = mean.copy()
        at = 0
        for piece in pieces:
            width = len(piece.hourly.ds)
            rows = [place[key] for key in piece.labels]
            mean[rows, at : at + width] = piece.hourly.mean
            maximum[rows, at : at + width] = piece.hourly.maximum
            at += width
        hourly = Hourly(self._hours.ds, mean, maximum)
        hourly = fill_idle(hourly, idle=_batch(labels), tail_hours=REST_HOURS)
        return _Folded(
            labels,
            hourly,
            outages=sum(piece.outages for piece in pieces),
            warnings=tuple(dict.fromkeys(text for piece in pieces for text in piece.warnings)),
        )

    def _fold_piece(self, preset: UsagePreset, first: int, hours: int) -> _Folded:
        start = int(self._hours.since.timestamp()) + first * HOUR_SECONDS
        ds = self._hours.ds[first : first + hours]
        names = SCOPE_LABELS[preset.scope]
        per_hour = HOUR_SECONDS // STEP_SECONDS
        if not preset.is_counter:
            span = Span(start, STEP_SECONDS, hours * per_hour)
            grid = self._reader.read(preset.text, span, names=names, what=preset.name)
            answered = answered_hours(grid.values)
            hourly = fold_gauge(ds, grid.values, answered=answered, batch=_batch(grid.labels))
            return _Folded(grid.labels, hourly, int((~answered).sum()), grid.warnings)
        fine = self._reader.read(
            preset.over(MAX_WINDOW),
            Span(start + STEP_SECONDS, STEP_SECONDS, hours * per_hour),
            names=names,
            what=preset.name,
        )
        mean = self._reader.read(
            preset.over(MEAN_WINDOW),
            Span(start + HOUR_SECONDS, HOUR_SECONDS, hours),
            names=names,
            what=preset.name,
        )
        if len(mean.labels) and not len(fine.labels):
            raise BadInput(
                f"{preset.name} answers over {MEAN_WINDOW} but not over {MAX_WINDOW}: its samples "
                "lie further apart than 5 minutes; scrape more often"
            )
        answered = answered_hours(fine.values)
        points = aligned(fine.labels, fine.values, mean.labels)
        hourly = fold_counter(ds, mean.values, points, answered=answered)
        warnings = tuple(dict.fromkeys((*mean.warnings, *fine.warnings)))
        return _Folded(mean.labels, hourly, int((~answered).sum()), warnings)

    def _resets(self, preset: UsagePreset) -> int | None:
        """Count counter resets; the count informs only, so a refused query leaves it unknown."""
        if not preset.resets:
            return None
        if preset.resets not in self._counted:
            start = int(self._hours.since.timestamp()) + HOUR_SECONDS
            span = Span(start, HOUR_SECONDS, self._hours.hours)
            try:
                grid = self._reader.read(preset.resets, span, names=(), what=preset.name)
            except BadInput:
                self._counted[preset.resets] = None
            else:
                self._counted[preset.resets] = int(np.nansum(grid.values))
        return self._counted[preset.resets]


def _batch(labels: tuple[Labels, ...]) -> NDArray[np.bool_]:
    """Say which series rest between their runs, that is, use nothing while they are not there."""
    return np.array([dict(key).get("kind") == "CronJob" for key in labels], dtype=bool)
