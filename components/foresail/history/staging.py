"""Add days to a staged history: new parts first, the manifest last.

There is one part a partition (cluster, metric, scope and day); it is replaced as a whole, so the
same data give the same parts, whatever the order or the number of runs. What a run has written but
not yet published stands in its journal, from which a run that was killed goes on.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from foresail.errors import AccessDenied, ForesailError, NotFound
from foresail.history.block import Block, counted, from_table, joined, merged, to_table
from foresail.history.frames import CAPACITY_COLUMNS, CAPACITY_KEYS, latest, to_arrow, typed
from foresail.history.manifest import (
    MANIFEST,
    RUNS_KEPT,
    Coverage,
    HistoryManifest,
    PartEntry,
    Partition,
    RunEntry,
    Table,
    digest_of,
    load_manifest,
    manifest_or_empty,
    save_manifest,
)
from foresail.history.parts import Part, encode_part, read_part, write_parts
from foresail.history.plan import Family
from foresail.objects import ObjectStore
from foresail.panel import TimeArray

JOURNALS = "staging/"
_ATTEMPTS = 3

_log = structlog.get_logger(__name__)

_Place = tuple[str, str, str, str, date]


class Journal(BaseModel):
    """What a source has staged since the manifest was written; `staging/<name>.json`.

    Attributes:
        parts: That are to take the place of others.
        built_on: Part's key -> sha256 of the part that it takes up, where there was one.
        covered: Which days have been asked for.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    parts: tuple[PartEntry, ...] = ()
    built_on: Mapping[str, str] = Field(default_factory=dict)
    covered: tuple[Coverage, ...] = ()


def load_journal(store: ObjectStore, key: str) -> Journal:
    """Read a journal; one that is gone, torn or of another Foresail is an empty one."""
    try:
        return Journal.model_validate_json(store.get(key))
    except NotFound:
        return Journal()
    except ValidationError:
        _log.warning("a journal cannot be read and is left aside", key=key)
        return Journal()


@dataclass
class Stager:
    """Stages one source.

    Attributes:
        store: Of the history.
        cluster: As the source is called.
        source: Its address.
        added: Rows that were new.
        changed: Rows that replaced others.
    """

    store: ObjectStore
    cluster: str
    source: str
    added: int = 0
    changed: int = 0
    _base: HistoryManifest = field(init=False)
    _fresh: dict[_Place, PartEntry] = field(default_factory=dict)
    _built_on: dict[_Place, str] = field(default_factory=dict)
    _covered: dict[tuple[str, str, str, str], Coverage] = field(default_factory=dict)
    _places: dict[_Place, PartEntry] = field(default_factory=dict)
    _newest: dict[tuple[str, str, str, str], frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read what is there, and what a run before left unpublished."""
        self._base = manifest_or_empty(self.store)
        self._covered = {c.key: c for c in self._base.covered if c.cluster == self.cluster}
        for part in self._base.parts:
            self._know(part)
        journal = load_journal(self.store, self.journal_key)
        for part in journal.parts:
            self._know(part)
            self._fresh[_place(part)] = part
            self._built_on[_place(part)] = journal.built_on.get(part.key, "")
        self._covered |= {c.key: c for c in journal.covered}

    @property
    def resumes(self) -> bool:
        """Say whether a run before left something."""
        return bool(self._fresh)

    def asked(self, family: Family) -> dict[date, datetime]:
        """Return which days of a family have been asked for, and when."""
        found = self._covered.get((self.cluster, family.table, family.metric, family.scope))
        same = found and found.texts == family.texts and found.source == self.source
        return dict(found.days) if found and same else {}

    def turnover(self) -> tuple[int, int]:
        """Return how many series have appeared, and how many vanished, since the last run.

        Those of the last day that was read now are held to those of the last day published before.
        """
        before = {name for family in self._newest for name in self._published(family)}
        now = {name for names in self._newest.values() for name in names}
        return (len(now - before), len(before - now)) if before else (0, 0)

    def add_usage(
        self, block: Block, *, metric: str, scope: str, trusted_from: np.datetime64 | None = None
    ) -> None:
        """Write the days of a block.

        Args:
            block: Of one metric and scope, on any consecutive hours.
            metric: Its metric.
            scope: Its scope.
            trusted_from: As in `merged`.
        """
        written: list[Part] = []
        for cluster in sorted({labels[0] for labels in block.labels}):
            among = np.array([labels[0] == cluster for labels in block.labels])
            theirs = block.some(among)
            newest = theirs.living(last=24)
            self._newest["history", cluster, metric, scope] = frozenset(newest.series)
            among_days = self._partitions(("history", cluster, metric, scope), theirs.ds)
            for partition, hours in among_days:
                fresh = theirs.hours(hours.start, hours.stop)
                if fresh.present.any():
                    written += self._put_usage(partition, fresh, trusted_from)
        write_parts(self.store, written)

    def add_capacity(self, frame: pd.DataFrame, *, cluster: str, metric: str) -> None:
        """Write capacity rows; columns `CAPACITY_COLUMNS`."""
        written: list[Part] = []
        rows = typed(frame).sort_values("ds", kind="stable")
        ds = rows["ds"].dt.tz_localize(None).to_numpy().astype("datetime64[s]")
        for partition, some in self._partitions(("capacity", cluster, metric, ""), ds):
            old = self._places.get(_place(partition))
            known = None if old is None else _capacity_of(read_part(self.store, old))
            written += self._replace(old, _capacity_table(known, rows.iloc[some]), partition)
        write_parts(self.store, written)

    def cover(self, family: Family, days: Iterable[date], *, until: datetime) -> None:
        """Say that these days have been asked for, up to an instant."""
        known = self.asked(family)
        entry = Coverage(
            cluster=self.cluster,
            source=self.source,
            table=family.table,
            metric=family.metric,
            scope=family.scope,
            texts=family.texts,
            days=dict(sorted((known | dict.fromkeys(days, until)).items())),
        )
        self._covered[entry.key] = entry

    def checkpoint(self) -> None:
        """Write the journal: a run that is killed later goes on from here."""
        journal = Journal(parts=tuple(self._fresh.values()), covered=tuple(self._covered.values()))
        self.store.put(self.journal_key, journal.model_dump_json(indent=1).encode())

    @property
    def journal_key(self) -> str:
        """Where the journal lies."""
        name = hashlib.sha256(f"{self.cluster}\n{self.source}".encode()).hexdigest()[:16]
        return f"{JOURNALS}{name}.json"

    @property
    def fresh(self) -> tuple[PartEntry, ...]:
        """What is to be published."""
        return tuple(self._fresh.values())

    def changes(self) -> Iterator[tuple[PartEntry, str]]:
        """Yield what is to be published, each with the sha256 of what it takes up, or nothing."""
        for place, part in self._fresh.items():
            yield part, self._built_on.get(place, "")

    @property
    def covered(self) -> tuple[Coverage, ...]:
        """What is to be published with it."""
        return tuple(self._covered.values())

    def _published(self, family: tuple[str, str, str, str]) -> frozenset[str]:
        """Return the series of the last 24 hours that are published."""
        parts = [part for part in self._base.parts if part.family == family]
        latest_two = sorted(parts, key=lambda part: part.end)[-2:]
        block = joined([from_table(read_part(self.store, part)) for part in latest_two])
        return frozenset(block.living(last=24).series) if block else frozenset()

    def _partitions(
        self, family: tuple[Table, str, str, str], ds: TimeArray
    ) -> Iterator[tuple[Partition, slice]]:
        """Yield the partitions that some hours belong to, each with which of the hours.

        Args:
            family: As `Partition.family`.
            ds: Ascending, shape `(H,)`.
        """
        table, cluster, metric, scope = family
        days = ds.astype("datetime64[D]")
        unique, starts = np.unique(days, return_index=True)
        first: Partition | None = None
        begin = 0
        for day, start in zip(unique.tolist(), starts.tolist(), strict=True):
            there = self._places.get((*family, day))
            own = (
                there.partition
                if there
                else Partition(table=table, cluster=cluster, metric=metric, scope=scope, day=day)
            )
            if first is not None and own != first:
                yield first, slice(begin, start)
                begin = start
            first = own
        if first is not None:
            yield first, slice(begin, len(ds))

    def _put_usage(
        self, partition: Partition, fresh: Block, trusted_from: np.datetime64 | None
    ) -> list[Part]:
        old = self._places.get(_place(partition))
        known = None if old is None else from_table(read_part(self.store, old))
        whole = merged(known, fresh, trusted_from=trusted_from)
        added, changed = counted(known, whole)
        self.added += added
        self.changed += changed
        return self._replace(old, to_table(whole), partition)

    def _replace(self, old: PartEntry | None, table: pa.Table, partition: Partition) -> list[Part]:
        part = encode_part(table, partition)
        if old is not None and part[0].sha256 == old.sha256:
            return []
        place = _place(part[0])
        if place not in self._fresh:
            self._built_on[place] = old.sha256 if old else ""
        self._know(part[0])
        self._fresh[place] = part[0]
        return [part]

    def _know(self, part: PartEntry) -> None:
        for i in range(part.days):
            self._places[(*part.family, part.day + timedelta(days=i))] = part


def publish(
    store: ObjectStore, stagers: Sequence[Stager], runs: Sequence[RunEntry]
) -> HistoryManifest:
    """Write the manifest with what these sources brought, and return it.

    A run that brings nothing new leaves the digest as it was. What others have published meanwhile
    stays: where it is the same day, the rows of both are joined.

    Args:
        store: Of the history.
        stagers: Of the sources that answered.
        runs: One a source, those that did not answer among them.

    Raises:
        ForesailError: Others went on writing; the journals stay, and the next run goes on.
    """
    now = max(run.staged_at for run in runs)
    for _ in range(_ATTEMPTS):
        manifest = _with(store, manifest_or_empty(store), stagers, runs)
        save_manifest(store, manifest, now=now)
        # an object store does not compare before it writes: another may have written over it
        there = load_manifest(store).runs
        if all(run in there for run in runs):
            break
    else:
        raise ForesailError(
            f"others keep writing {MANIFEST} in {store.uri}; stage again when they have finished"
        )
    for stager in stagers:
        try:
            store.delete(stager.journal_key)
        except AccessDenied as error:  # it is published; what is left only joins the same rows
            _log.warning("the journal cannot be removed", reason=str(error))
    for run in runs:
        _log.info(
            "the source was not staged" if run.failure else "history staged",
            source=run.source,
            cluster=run.cluster,
            history=store.uri,
            added=run.added,
            changed=run.changed,
            refused=len(run.refused),
            digest=manifest.digest[:12],
        )
    return manifest


def _with(
    store: ObjectStore,
    current: HistoryManifest,
    stagers: Sequence[Stager],
    runs: Sequence[RunEntry],
) -> HistoryManifest:
    """Return the manifest with what the stagers bring."""
    parts = {part.key: part for part in current.parts}
    day_of = {
        (*part.family, part.day + timedelta(days=i)): part
        for part in current.parts
        for i in range(part.days)
    }
    for stager in stagers:
        for fresh, built_on in stager.changes():
            days = [fresh.day + timedelta(days=i) for i in range(fresh.days)]
            olds = {
                old.key: old
                for day in days
                if (old := day_of.get((*fresh.family, day))) and old.sha256 != fresh.sha256
            }
            moved = [old for old in olds.values() if old.sha256 != built_on]
            new = _rejoined(store, [*moved, fresh]) if moved else fresh
            for old in olds.values():
                parts.pop(old.key, None)
            parts[new.key] = new
            for i in range(new.days):
                day_of[*new.family, new.day + timedelta(days=i)] = new
    covered = {c.key: c for c in current.covered}
    for stager in stagers:
        covered |= {c.key: c for c in stager.covered}
    listed = tuple(sorted(parts.values(), key=lambda part: part.key))
    again = {(run.cluster, run.source) for run in runs}
    before = tuple(
        run.without_troubles() if (run.cluster, run.source) in again else run
        for run in current.runs
    )
    return HistoryManifest(
        digest=digest_of(listed),
        parts=listed,
        covered=tuple(covered[key] for key in sorted(covered)),
        runs=(*before, *runs)[-RUNS_KEPT:],
    )


def _rejoined(store: ObjectStore, parts: Sequence[PartEntry]) -> PartEntry:
    """Write one part with the rows of several of one family; where they differ the last counts."""
    widest = max(parts, key=lambda part: part.days)
    tables = [read_part(store, part) for part in parts]
    part = encode_part(joined_table(tables, table=widest.table), widest.partition)
    write_parts(store, [part])
    return part[0]


def joined_table(tables: Sequence[pa.Table], *, table: Table) -> pa.Table:
    """Return the rows of several parts of one family as one; where they differ the last counts."""
    if table == "capacity":
        return _capacity_table(None, pd.concat([_capacity_of(one) for one in tables]))
    block = joined([from_table(one) for one in tables])
    if block is None:
        raise AssertionError("parts are joined of one or more")
    return to_table(block)


def _capacity_of(table: pa.Table) -> pd.DataFrame:
    return typed(table.to_pandas()[list(CAPACITY_COLUMNS)])


def _capacity_table(known: pd.DataFrame | None, rows: pd.DataFrame) -> pa.Table:
    whole = latest([rows] if known is None else [known, rows], CAPACITY_KEYS)
    return to_arrow(whole[list(CAPACITY_COLUMNS)])


def _place(partition: Partition) -> _Place:
    return (*partition.family, partition.day)
