"""Bring hourly history from Prometheus, or from a file, into the object store."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar, cast

import structlog

from foresail.errors import ForesailError, UsageError
from foresail.history.connection import Connection
from foresail.history.estimate import MAX_SERIES, Estimate
from foresail.history.files import collect_from_file, stage_collected
from foresail.history.manifest import RunEntry
from foresail.history.naming import parse_names, parse_scopes
from foresail.history.plan import LATE_HOURS, HourRange, hour_range
from foresail.history.presets import DEFAULT_PRESET, Presets, choose_presets
from foresail.history.prometheus import Collector, Limits
from foresail.history.retries import tell_retries_plainly
from foresail.history.sources import Source, parse_sources
from foresail.history.staging import Stager, publish
from foresail.history.summary import summary_of
from foresail.objects import ObjectStore, open_store
from foresail.objects.uri import read_object
from foresail.settings import Settings, read_settings
from foresail.steps import AnyPath
from foresail.times import parse_utc

log = structlog.get_logger()

LOADS = ("low", "normal")

Done = TypeVar("Done")


class StageResult(NamedTuple):
    """Where the history is, and the digest that names this state of it."""

    history_uri: str
    digest: str


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who is told while a run goes on.

    Attributes:
        estimated: Called for each Prometheus with what will be asked of it.
        came: Called with the points that came since the last call.
    """

    estimated: Callable[[Estimate], None] = lambda _: None
    came: Callable[[int], None] = lambda _: None


_NOBODY = Watcher()
_watcher: ContextVar[Watcher] = ContextVar("watcher", default=_NOBODY)


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Tell someone of the runs within."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def run(
    *,
    source: str,
    history_uri: str,
    summary: AnyPath,
    cluster: str = "cluster",
    scopes: str = "cluster,node,namespace,workload",
    metrics: str = "cpu,memory",
    days: int = 90,
    until: str = "",
    timezone: str = "",
    preset: str = DEFAULT_PRESET,
    queries: str = "",
    cluster_label: str = "",
    allow_partial: bool = False,
    max_load: str = "normal",
    max_series: int = MAX_SERIES,
    late_hours: int = LATE_HOURS,
) -> StageResult:
    """Add what the source knows and the history lacks; nothing is deleted from it.

    Args:
        source: `http(s)://...` is a Prometheus, `prod=https://...,dev=https://...` several of them;
            anything else a CSV or Parquet file, a folder of `foresail simulate`, or
            `s3://bucket/key`.
        history_uri: `s3://bucket/prefix` or a folder.
        summary: Markdown file to write, for people.
        cluster: Name of the cluster; series ids begin with it.
        scopes: Which of cluster, node, namespace, workload.
        metrics: Which metrics.
        days: How far back to ask Prometheus, at least 1; a file is read whole.
        until: Exclusive end in UTC, on or after which nothing is staged; empty for now. The hour
            that is not over yet is never staged.
        timezone: Zone of a file's stamps that carry none.
        preset: Which PromQL texts: cadvisor, kube-prometheus, node-exporter or openshift.
        queries: Path or URI of a YAML file with PromQL texts of your own; none for a file.
        cluster_label: Label by which one Prometheus tells clusters apart.
        allow_partial: Take answers that Thanos calls partial; the manifest says so.
        max_load: How much to ask of a Prometheus at a time: low or normal.
        max_series: Of one query; more are refused.
        late_hours: How long after its end a day is asked for again.

    Returns:
        The history's address as given, and its digest.

    Raises:
        ForesailError: Nothing was published; the message says why. Of several sources, those that
            answer are staged, and the others named in the manifest.
    """
    tell_retries_plainly()
    sources = parse_sources(source, cluster=cluster)
    _check(
        sources,
        queries=queries,
        days=days,
        until=until,
        late_hours=late_hours,
        cluster_label=cluster_label,
    )
    check_summary(Path(summary))
    settings = read_settings()
    now = datetime.now(UTC)
    store = open_store(history_uri, settings)
    end = parse_utc(until) if until else None
    if not sources[0].is_prometheus:
        stager = Stager(store, sources[0].cluster, sources[0].address)
        found = collect_from_file(
            stager.source,
            settings=settings,
            cluster=stager.cluster,
            metrics=parse_names(metrics, what="metric"),
            scopes=parse_scopes(scopes),
            now=now,
            until=end,
            timezone=timezone,
        )
        runs, stagers = [stage_collected(stager, found, now=now)], [stager]
    else:
        limits = Limits(allow_partial=allow_partial, late_hours=late_hours, max_series=max_series)
        asking = _asking(
            store,
            settings,
            now=now,
            hours=hour_range(days=days, until=end, now=now),
            metrics=metrics,
            scopes=scopes,
            preset=preset,
            queries=queries,
            cluster_label=cluster_label,
            max_load=max_load,
            limits=limits,
        )
        runs, stagers = asking.all_of(sources)
    manifest = publish(store, stagers, runs)
    text = summary_of(manifest, history_uri=history_uri, runs=runs)
    Path(summary).write_text(text, encoding="utf-8")
    return StageResult(history_uri, manifest.digest)


def estimate(
    *,
    source: str,
    history_uri: str,
    cluster: str = "cluster",
    scopes: str = "cluster,node,namespace,workload",
    metrics: str = "cpu,memory",
    days: int = 90,
    until: str = "",
    preset: str = DEFAULT_PRESET,
    queries: str = "",
    cluster_label: str = "",
    max_load: str = "normal",
    max_series: int = MAX_SERIES,
    late_hours: int = LATE_HOURS,
) -> tuple[Estimate, ...]:
    """Say what `run` would ask of each Prometheus; nothing is written. The arguments are its own.

    Raises:
        UsageError: The source is a file.
        ForesailError: A source does not answer, or a query would bring too many series.
    """
    tell_retries_plainly()
    sources = parse_sources(source, cluster=cluster)
    if not sources[0].is_prometheus:
        raise UsageError("the source is a file, and a file is read whole: there is no dry run")
    _check(
        sources,
        queries=queries,
        days=days,
        until=until,
        late_hours=late_hours,
        cluster_label=cluster_label,
    )
    settings = read_settings()
    now = datetime.now(UTC)
    asking = _asking(
        open_store(history_uri, settings),
        settings,
        now=now,
        hours=hour_range(days=days, until=parse_utc(until) if until else None, now=now),
        metrics=metrics,
        scopes=scopes,
        preset=preset,
        queries=queries,
        cluster_label=cluster_label,
        max_load=max_load,
        limits=Limits(late_hours=late_hours, max_series=max_series),
    )
    plans, failed = _of_each(sources, asking.estimate)
    if not plans:
        raise failed[0][1]
    return tuple(plans)


@dataclass(frozen=True, slots=True)
class _Asking:
    """What all Prometheus of one run share."""

    store: ObjectStore
    settings: Settings
    now: datetime
    presets: Presets
    hours: HourRange
    cluster_label: str
    load: Literal["low", "normal"]
    limits: Limits
    watcher: Watcher

    def all_of(self, sources: tuple[Source, ...]) -> tuple[list[RunEntry], list[Stager]]:
        """Stage each source; one of several that fails keeps what it had."""
        done, failed = _of_each(sources, self._one)
        if not done:
            raise failed[0][1]
        runs = [entry for entry, _ in done]
        runs += [self._entry(source, failure=str(error)) for source, error in failed]
        return runs, [stager for _, stager in done]

    def estimate(self, source: Source) -> Estimate:
        connection = self._connect(source)
        try:
            stager = Stager(self.store, source.cluster, source.address)
            return self._collector(connection, stager).estimate()
        finally:
            connection.close()

    def _one(self, source: Source) -> tuple[RunEntry, Stager]:
        connection = self._connect(source)
        try:
            stager = Stager(self.store, source.cluster, source.address)
            collector = self._collector(connection, stager)
            plan = collector.estimate()
            self.watcher.estimated(plan)
            log.info(
                "staging",
                cluster=source.cluster,
                series=plan.series,
                points=plan.points,
                requests=plan.requests,
                days_known=plan.skipped_days,
                resumes=stager.resumes,
            )
            queries = collector.collect()
            appeared, vanished = stager.turnover()
            entry = self._entry(source).model_copy(
                update={
                    "added": stager.added,
                    "changed": stager.changed,
                    "queries": queries,
                    "effort": collector.effort,
                    "appeared": appeared,
                    "vanished": vanished,
                }
            )
            return entry, stager
        finally:
            connection.close()

    def _connect(self, source: Source) -> Connection:
        return Connection(
            source.address, settings=self.settings, cluster=source.cluster, load=self.load
        )

    def _collector(self, connection: Connection, stager: Stager) -> Collector:
        return Collector(
            connection,
            self.presets,
            self.hours,
            stager,
            cluster_label=self.cluster_label,
            limits=self.limits,
            progress=self.watcher.came,
        )

    def _entry(self, source: Source, *, failure: str = "") -> RunEntry:
        return RunEntry(
            staged_at=self.now,
            source=source.address,
            cluster=source.cluster,
            since=self.hours.since,
            until=self.hours.until,
            failure=failure,
        )


def _of_each(
    sources: Sequence[Source], call: Callable[[Source], Done]
) -> tuple[list[Done], list[tuple[Source, ForesailError]]]:
    """Return what each source gave, and which of them failed.

    Raises:
        UsageError: The call is wrong, for whichever source.
    """
    done: list[Done] = []
    failed: list[tuple[Source, ForesailError]] = []
    for source in sources:
        try:
            done.append(call(source))
        except UsageError:
            raise
        except ForesailError as error:
            if len(sources) > 1:
                log.warning("a source is left out", cluster=source.cluster, reason=str(error))
            failed.append((source, error))
    return done, failed


def _asking(
    store: ObjectStore,
    settings: Settings,
    *,
    now: datetime,
    hours: HourRange,
    metrics: str,
    scopes: str,
    preset: str,
    queries: str,
    cluster_label: str,
    max_load: str,
    limits: Limits,
) -> _Asking:
    presets = choose_presets(
        metrics=parse_names(metrics, what="metric"),
        scopes=parse_scopes(scopes),
        overrides=read_object(queries, settings) if queries else b"",
        preset=preset,
        cluster_label=cluster_label,
    )
    load = _checked_load(max_load)
    return _Asking(
        store, settings, now, presets, hours, cluster_label, load, limits, _watcher.get()
    )


def check_summary(file: Path) -> None:
    """Refuse a file that cannot be written, before the work is done.

    Raises:
        UsageError: Its folder is not there or closed, or it is a folder itself.
    """
    if not file.parent.is_dir():
        raise UsageError(f"there is no folder {file.parent} for {file.name}; make it first")
    if not os.access(file.parent, os.W_OK):
        raise UsageError(f"no permission to write {file.name} into {file.parent}; name another")
    if file.is_dir():
        raise UsageError(f"expected a file for the summary, {file} is a folder")


def _check(
    sources: tuple[Source, ...],
    *,
    queries: str,
    days: int,
    until: str,
    late_hours: int,
    cluster_label: str,
) -> None:
    if days < 1:
        raise UsageError(f"expected at least 1 day, got {days}")
    if late_hours < 0:
        raise UsageError(f"expected late hours of 0 or more, got {late_hours}")
    if until:
        parse_utc(until)
    if cluster_label and len(sources) > 1:
        raise UsageError(
            "each of several sources brings the cluster it is named after; leave --cluster-label "
            "out, or stage them one by one"
        )
    if queries and not sources[0].is_prometheus:
        raise UsageError(
            "the queries file is for a Prometheus, and the source is a file; leave --queries out"
        )


def _checked_load(load: str) -> Literal["low", "normal"]:
    if load not in LOADS:
        raise UsageError(f"expected a load of {' or '.join(LOADS)}, got {load!r}")
    return cast("Literal['low', 'normal']", load)
