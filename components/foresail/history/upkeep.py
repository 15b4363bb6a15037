"""Keep a history in order: verify it, join its days, let go of what nobody needs."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

import structlog

from foresail.errors import BadInput, NotFound, UsageError
from foresail.history.manifest import (
    SNAPSHOTS,
    Coverage,
    HistoryManifest,
    PartEntry,
    Partition,
    digest_of,
    load_manifest,
    load_snapshot,
    save_manifest,
    snapshot_key,
)
from foresail.history.parts import encode_part, read_part, read_parts, write_parts
from foresail.history.staging import JOURNALS, joined_table, load_journal
from foresail.objects import ObjectStore

KEEP_DAYS = 30
"""How long older states stay readable."""
MAX_ROWS = 750_000
"""Of a month that is joined: a part is read whole, and larger ones gain nothing."""
SETTLED_DAYS = 3
"""Days that may still be asked for again are not joined."""
_FOLDERS = ("history/", "capacity/")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Verified:
    """What `verify` read.

    Attributes:
        parts: How many.
        rows: In them.
        size: Theirs, in bytes.
        orphans: Objects that no kept state names; `compact` removes them.
        damaged: What is wrong, one sentence a part.
    """

    parts: int
    rows: int
    size: int
    orphans: tuple[str, ...]
    damaged: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compacted:
    """What `compact` did.

    Attributes:
        joined: Day parts that became month parts.
        months: How many month parts they became.
        removed: Objects that were removed.
        digest: Of the history, as it is now.
    """

    joined: int
    months: int
    removed: int
    digest: str


def verify(
    store: ObjectStore, *, digest: str = "", progress: Callable[[int], None] = lambda _: None
) -> Verified:
    """Read every part of a state whole: checksums, page checksums, rows.

    Args:
        store: Of the history.
        digest: Of the state; empty for the latest.
        progress: Called with the bytes read since the last call.

    Raises:
        NotFound: Nothing has been staged there.
    """
    manifest = load_manifest(store, digest=digest)
    damaged = []
    for part in manifest.parts:
        try:
            read_part(store, part)
        except BadInput as error:
            damaged.append(str(error))
        progress(part.size)
    named = _named(store, manifest)
    return Verified(
        parts=len(manifest.parts),
        rows=sum(part.rows for part in manifest.parts),
        size=sum(part.size for part in manifest.parts),
        orphans=tuple(key for folder in _FOLDERS for key in store.keys(folder) if key not in named),
        damaged=tuple(damaged),
    )


def compact(store: ObjectStore, *, now: datetime, keep_days: int = KEEP_DAYS) -> Compacted:
    """Join the days of past months, and remove what no state of the last days names.

    The rows stay as they are; the digest changes where days were joined. Nobody may stage
    meanwhile.

    Args:
        store: Of the history.
        now: The present.
        keep_days: How long older states stay readable.

    Raises:
        NotFound: Nothing has been staged there.
        BadInput: A part is damaged; nothing was changed.
    """
    if keep_days < 0:
        raise UsageError(f"expected to keep states for 0 days or more, got {keep_days}")
    manifest = load_manifest(store)
    settled = (now - timedelta(days=SETTLED_DAYS)).date().replace(day=1)
    # a run that was stopped goes on from its days
    waiting = {_by_month(part) for key in _keys(store, JOURNALS) for part in _journal(store, key)}
    listed: list[PartEntry] = []
    days, months = 0, 0
    for month, parts in groupby(sorted(manifest.parts, key=_by_month), key=_by_month):
        some = list(parts)
        small = sum(part.rows for part in some) <= MAX_ROWS
        if len(some) > 1 and some[0].day < settled and small and month not in waiting:
            listed.append(_month(store, some))
            days, months = days + len(some), months + 1
        else:
            listed += some
    if months:
        manifest = _with_parts(manifest, listed)
        save_manifest(store, manifest, now=now)
    removed = _remove_old(store, manifest, now=now, keep_days=keep_days)
    return Compacted(days, months, removed, manifest.digest)


def drop(
    store: ObjectStore,
    *,
    now: datetime,
    before: date | None = None,
    clusters: Collection[str] = (),
    metrics: Collection[str] = (),
    scopes: Collection[str] = (),
) -> tuple[HistoryManifest, int]:
    """Take parts out of the history; `compact` removes their objects when no kept state names them.

    Args:
        store: Of the history.
        now: The present.
        before: Only parts that end before this day or on it; None for any day.
        clusters: Only these; empty for any.
        metrics: Only these; empty for any.
        scopes: Only these; empty for any. Capacity has none and stays.

    Returns:
        The manifest, and how many parts were taken out.

    Raises:
        UsageError: Nothing says what to drop.
        NotFound: Nothing has been staged there, or nothing is of that kind.
    """
    if before is None and not clusters and not metrics and not scopes:
        raise UsageError("say what to drop: --before, --cluster, --metric or --scope")

    def goes(part: PartEntry) -> bool:
        return (
            (before is None or part.end <= before)
            and (not clusters or part.cluster in clusters)
            and (not metrics or part.metric in metrics)
            and (not scopes or part.scope in scopes)
        )

    manifest = load_manifest(store)
    known = manifest.parts
    kept = [part for part in known if not goes(part)]
    gone = len(known) - len(kept)
    if not gone:
        raise NotFound(f"nothing in {store.uri} is of that kind; nothing was dropped")
    manifest = _with_parts(manifest, kept)
    if before is None:  # what was dropped by its age shall not be asked for again
        anew = {part.family for part in known if goes(part)} - {part.family for part in kept}
        asked = tuple(entry for entry in manifest.covered if not _speaks_of(entry, anew, manifest))
        manifest = manifest.model_copy(update={"covered": asked})
    save_manifest(store, manifest, now=now)
    return manifest, gone


def _speaks_of(
    entry: Coverage, families: Collection[tuple[str, str, str, str]], manifest: HistoryManifest
) -> bool:
    """Say whether days were asked for that belong to some families.

    A source of several clusters has no parts of its own name: it speaks of them all.
    """
    clusters = {part.cluster for part in manifest.parts} | {family[1] for family in families}
    own = {entry.cluster} if entry.cluster in clusters else clusters
    return any((entry.table, name, entry.metric, entry.scope) in families for name in own)


def _by_month(part: PartEntry) -> tuple[str, str, str, str, int, int]:
    return (*part.family, part.day.year, part.day.month)


def _month(store: ObjectStore, parts: list[PartEntry]) -> PartEntry:
    first = parts[0].day.replace(day=1)
    next_month = (first + timedelta(days=32)).replace(day=1)
    partition = Partition(
        **(parts[0].partition.model_dump() | {"day": first, "days": (next_month - first).days})
    )
    tables = [table for _, table in read_parts(store, parts)]
    part = encode_part(joined_table(tables, table=partition.table), partition)
    write_parts(store, [part])
    return part[0]


def _with_parts(manifest: HistoryManifest, parts: list[PartEntry]) -> HistoryManifest:
    listed = tuple(sorted(parts, key=lambda part: part.key))
    return manifest.model_copy(update={"parts": listed, "digest": digest_of(listed)})


def _remove_old(
    store: ObjectStore, manifest: HistoryManifest, *, now: datetime, keep_days: int
) -> int:
    removed = 0
    states = sorted(_states(store), key=lambda state: state[1])
    # a state was the latest until the next one came
    replaced_at = [at for _, at in states[1:]]
    for (key, _), until in zip(states, replaced_at, strict=False):
        if key != snapshot_key(manifest.digest) and until < now - timedelta(days=keep_days):
            store.delete(key)
            removed += 1
    named = _named(store, manifest)
    for folder in _FOLDERS:
        for key in _keys(store, folder):
            if key not in named:
                store.delete(key)
                removed += 1
    return removed


def _states(store: ObjectStore) -> Iterator[tuple[str, datetime]]:
    """Yield the older states that can be read, each with when it was published."""
    for key in _keys(store, SNAPSHOTS):
        state = _snapshot(store, key)
        if state is not None and state.published_at is not None:
            yield key, state.published_at


def _named(store: ObjectStore, manifest: HistoryManifest) -> set[str]:
    """Return the parts that the latest state, an older one or a journal names."""
    named = {part.key for part in (*manifest.parts, *load_manifest(store).parts)}
    for key in _keys(store, SNAPSHOTS):
        state = _snapshot(store, key)
        named |= {part.key for part in state.parts} if state else set()
    for key in _keys(store, JOURNALS):
        named |= {part.key for part in _journal(store, key)}
    return named


def _snapshot(store: ObjectStore, key: str) -> HistoryManifest | None:
    """Return an older state; None for one that is torn: nobody can read it any more."""
    try:
        return load_snapshot(store, key.removeprefix(SNAPSHOTS).removesuffix(".json"))
    except (BadInput, NotFound, UsageError) as error:
        _log.warning("an older state cannot be read", reason=str(error))
        return None


def _journal(store: ObjectStore, key: str) -> tuple[PartEntry, ...]:
    return load_journal(store, key).parts


def _keys(store: ObjectStore, folder: str) -> list[str]:
    return list(store.keys(folder))
