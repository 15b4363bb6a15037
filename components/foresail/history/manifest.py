"""`manifest.json` of a staged history: which parts it consists of, and how they came to be."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Literal
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from foresail.errors import BadInput, NotFound, UsageError
from foresail.objects import ObjectStore
from foresail.objects.protocol import NoBucket

SCHEMA_VERSION = 2
MANIFEST = "manifest.json"
SNAPSHOTS = "manifests/"
"""Every state that was published stays here under its digest, until `compact` lets go of it."""
RUNS_KEPT = 60
"""Older runs leave the manifest; their parts stay."""

Table = Literal["history", "capacity"]

_DIGEST = re.compile(r"[0-9a-f]{64}")


class NoHistory(NotFound):
    """The store is there, but nothing has been staged in it."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Partition(_Frozen):
    """What tells one part from the others; there is one part a partition.

    Attributes:
        table: `history` (usage) or `capacity`.
        cluster: The one cluster in it.
        metric: The one metric in it.
        scope: The one scope in it; empty for capacity.
        day: Its first UTC day.
        days: How many; 1 unless `compact` joined the days of a month.
    """

    table: Table
    cluster: str
    metric: str
    scope: str = ""
    day: date
    days: int = Field(default=1, ge=1)

    @property
    def end(self) -> date:
        """The day after its last."""
        return self.day + timedelta(days=self.days)

    @property
    def place(self) -> str:
        """Its folder; names from outside are quoted, so none is a way elsewhere."""
        names = {"cluster": self.cluster, "metric": self.metric, "scope": self.scope}
        folders = [f"{key}={quote(name, safe='')}" for key, name in names.items() if name]
        span = self.day.isoformat() if self.days == 1 else f"{self.day:%Y-%m}"
        return "/".join([self.table, *folders, f"{'day' if self.days == 1 else 'month'}={span}"])

    @property
    def family(self) -> tuple[str, str, str, str]:
        """What it shares with the other days of the same data."""
        return (self.table, self.cluster, self.metric, self.scope)


class PartEntry(Partition):
    """One immutable Parquet file.

    Attributes:
        key: Below the history's address.
        sha256: Of the file.
        size: In bytes.
        rows: How many.
    """

    key: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)
    rows: int = Field(ge=0)

    @property
    def partition(self) -> Partition:
        """Return where it belongs."""
        return Partition(**{name: getattr(self, name) for name in Partition.model_fields})


class Coverage(_Frozen):
    """Which days one group of queries has been asked for.

    Attributes:
        cluster: As the source was called.
        source: Its address: another one may remember more.
        table: As in `Partition`.
        metric: As in `Partition`.
        scope: As in `Partition`.
        texts: Digest of the queries: another text is another measurement.
        days: Day -> the end of the window in which it was last asked for.
    """

    cluster: str
    source: str = ""
    table: Table
    metric: str
    scope: str = ""
    texts: str
    days: Mapping[date, AwareDatetime]

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Return what it speaks of."""
        return (self.cluster, self.table, self.metric, self.scope)


class Troubles(_Frozen):
    """What was odd about one series in the hours that one run asked for.

    Attributes:
        gaps: Hours between its first and last value that have none.
        stale: 5-minute steps without a sample in hours that have a value, while the source answered
            others.
        resets: Counter resets.
        duplicates: Samples that came twice with the same value.
    """

    gaps: int = 0
    stale: int = 0
    resets: int = 0
    duplicates: int = 0


class QueryEntry(_Frozen):
    """What one preset brought.

    Attributes:
        preset: Its name.
        text: Its PromQL, with `$window` as the placeholder; the file's name for a file.
        windows: What stood in for `$window`: of the mean, then of the maximum.
        steps: Seconds between the evaluations, alike.
        days: How many days were asked for; those known already were not.
        series: How many series answered.
        rows: Hourly rows that came of them.
        gaps: Hours between a series' first and last value that have none.
        stale: 5-minute steps that single series missed while the source answered others.
        outages: Hours in which the source as a whole answered too little to be used.
        infinities: Infinite values among the rows.
        resets: Counter resets in the time asked for; None where nobody counted.
        duplicates: Identical duplicates that were dropped.
        warnings: What the source said of partial answers.
        troubled: Of the above, per series, those with most; the parts tell of all of them.
    """

    preset: str
    text: str
    windows: tuple[str, ...] = ()
    steps: tuple[int, ...] = ()
    days: int = 0
    series: int = 0
    rows: int = 0
    gaps: int = 0
    stale: int = 0
    outages: int = 0
    infinities: int = 0
    resets: int | None = None
    duplicates: int = 0
    warnings: tuple[str, ...] = ()
    troubled: Mapping[str, Troubles] = Field(default_factory=dict)


class Refusal(_Frozen):
    """One series that was not staged, and why; `code` is a `foresail.codes.Code`."""

    series: str
    metric: str
    stat: str
    code: int
    reason: str


class Effort(_Frozen):
    """What a run asked of its source.

    Attributes:
        requests: How many.
        retries: Of them, how often one was asked again.
        points: Numbers that were read.
        concurrency: The most requests at a time.
        server_seconds: How long the answers took, in all.
    """

    requests: int = 0
    retries: int = 0
    points: int = 0
    concurrency: int = 0
    server_seconds: float = 0.0


class RunEntry(_Frozen):
    """One source in one staging run.

    Attributes:
        staged_at: When.
        source: The Prometheus or the file, without credentials.
        cluster: As the source is called.
        since: First hour asked for; None for a file.
        until: End of the last hour asked for.
        added: Rows that were new.
        changed: Rows that replace older ones.
        queries: One entry a preset.
        refused: Series that were left out.
        effort: What it took.
        failure: Why nothing came, where nothing did; what was there stays.
        appeared: Workloads, nodes and namespaces that were not there before.
        vanished: Those that were there in the last day staged before and are no more.
    """

    staged_at: AwareDatetime
    source: str
    cluster: str
    since: AwareDatetime | None
    until: AwareDatetime
    added: int = 0
    changed: int = 0
    queries: tuple[QueryEntry, ...] = ()
    refused: tuple[Refusal, ...] = ()
    effort: Effort = Effort()
    failure: str = ""
    appeared: int = 0
    vanished: int = 0

    def without_troubles(self) -> "RunEntry":
        """Return it without the counts of single series: only the latest run tells these."""
        queries = tuple(query.model_copy(update={"troubled": {}}) for query in self.queries)
        return self.model_copy(update={"queries": queries})


class HistoryManifest(_Frozen):
    """The whole file.

    Attributes:
        schema_version: Of the layout; a newer or older one is refused by name.
        digest: Of all parts: it changes exactly when the data do.
        parts: Sorted by key; no two hold the same row.
        covered: Which days have been asked for.
        runs: The latest runs, oldest first; a kept state has one of each source, without queries.
        published_at: When this state was written first.
    """

    schema_version: int = SCHEMA_VERSION
    digest: str
    published_at: AwareDatetime | None = None
    parts: tuple[PartEntry, ...] = ()
    covered: tuple[Coverage, ...] = ()
    runs: tuple[RunEntry, ...] = ()

    @property
    def silent(self) -> tuple[str, ...]:
        """Return the clusters whose source did not answer when it was last asked."""
        latest = {run.cluster: run.failure for run in self.runs}
        return tuple(sorted(name for name, failure in latest.items() if failure))


def digest_of(parts: Iterable[PartEntry]) -> str:
    """Return the sha256 over the keys and checksums of all parts, in the order of their keys."""
    lines = sorted(f"{part.key} {part.sha256}\n" for part in parts)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def part_key(partition: Partition, *, sha256: str) -> str:
    """Return where a part lies."""
    return f"{partition.place}/part-{sha256}.parquet"


def load_manifest(store: ObjectStore, *, digest: str = "") -> HistoryManifest:
    """Read the manifest, or that of an older state.

    Args:
        store: Of the history.
        digest: Names the state; empty for the latest.

    Raises:
        NoHistory: Nothing has been staged there.
        UsageError: It is no digest.
        BadInput: It is damaged, of another Foresail, or the state is no longer kept.
    """
    latest = _load(store, MANIFEST)
    if not digest or latest.digest == digest:
        return latest
    try:
        return load_snapshot(store, digest)
    except NoHistory as error:
        raise BadInput(
            f"the state {digest[:12]} of the history in {store.uri} is not kept (any more); the "
            f"latest is {latest.digest[:12]}"
        ) from error


def load_snapshot(store: ObjectStore, digest: str) -> HistoryManifest:
    """Read a state that was published once; the errors are those of `load_manifest`."""
    key = snapshot_key(digest)
    kept = _load(store, key)
    if kept.digest != digest:
        raise BadInput(f"{key} in {store.uri} is of another state; remove it")
    return kept


def snapshot_key(digest: str) -> str:
    """Return where a state is kept.

    Raises:
        UsageError: It is no digest.
    """
    if not _DIGEST.fullmatch(digest):
        raise UsageError(f"expected a digest of 64 hexadecimal digits, got {digest[:80]!r}")
    return f"{SNAPSHOTS}{digest}.json"


def _load(store: ObjectStore, key: str) -> HistoryManifest:
    try:
        data = store.get(key)
    except NoBucket:
        raise
    except NotFound as error:
        raise NoHistory(
            f"no history in {store.uri}: expected {key} there; stage one first"
        ) from error
    try:
        manifest = HistoryManifest.model_validate_json(data)
    except ValidationError as error:
        version = re.search(rb'"schema_version"\s*:\s*(\d+)', data)
        if version and int(version[1]) != SCHEMA_VERSION:
            raise _other_version(store, int(version[1])) from error
        raise BadInput(
            f"{key} in {store.uri} is damaged ({error.error_count()} faults); restore it"
        ) from error
    if manifest.schema_version != SCHEMA_VERSION:
        raise _other_version(store, manifest.schema_version)
    if manifest.digest != digest_of(manifest.parts):
        raise BadInput(f"{key} in {store.uri} does not match its own digest; restore it")
    return manifest


def _other_version(store: ObjectStore, version: int) -> BadInput:
    wanted = "upgrade it" if version > SCHEMA_VERSION else "stage into another place"
    return BadInput(
        f"the history in {store.uri} has schema {version}, this Foresail reads {SCHEMA_VERSION}; "
        f"{wanted}"
    )


def empty_manifest() -> HistoryManifest:
    """Return the manifest of a history without parts."""
    return HistoryManifest(digest=digest_of(()))


def manifest_or_empty(store: ObjectStore) -> HistoryManifest:
    """Return the latest manifest, or the empty one where nothing has been staged."""
    try:
        return load_manifest(store)
    except NoHistory:
        return empty_manifest()


def save_manifest(store: ObjectStore, manifest: HistoryManifest, *, now: datetime) -> None:
    """Write the manifest: from now on readers see its parts, and can come back to them."""
    key = snapshot_key(manifest.digest)
    if not store.exists(key):
        latest = {(run.cluster, run.source): run for run in manifest.runs}
        runs = tuple(run.model_copy(update={"queries": ()}) for run in latest.values())
        kept = manifest.model_copy(update={"runs": runs, "published_at": now})
        store.put(key, kept.model_dump_json(indent=1).encode())
    store.put(MANIFEST, manifest.model_dump_json(indent=1).encode())
