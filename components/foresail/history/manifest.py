"""`manifest.json` of a staged history: which parts it consists of, and how they came to be."""

import hashlib
from collections.abc import Iterable
from datetime import date
from typing import Literal
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from foresail.errors import BadInput, NotFound
from foresail.objects import ObjectStore
from foresail.objects.protocol import NoBucket

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
RUNS_KEPT = 30
"""Older runs leave the manifest; their parts stay."""


class NoHistory(NotFound):
    """The store is there, but nothing has been staged in it."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class PartEntry(_Frozen):
    """One immutable Parquet file.

    Attributes:
        key: Below the history's address.
        sha256: Of the file.
        size: In bytes.
        table: `history` (usage) or `capacity`.
        metric: The one metric in it.
        scope: The one scope in it; empty for capacity.
        day: The one UTC day in it.
        rows: How many.
    """

    key: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)
    table: Literal["history", "capacity"]
    metric: str
    scope: str = ""
    day: date
    rows: int = Field(ge=0)


class QueryEntry(_Frozen):
    """What one preset brought.

    Attributes:
        preset: Its name.
        text: Its PromQL, with `$window` as the placeholder; the file's name for a file.
        windows: What stood in for `$window`: of the mean, then of the maximum.
        steps: Seconds between the evaluations, alike.
        series: How many series answered.
        rows: Hourly rows that came of them, mean and maximum together.
        gaps: Hours between a series' first and last value that have none.
        outages: Hours in which the source as a whole answered too little to be used.
        infinities: Infinite values among the rows.
        resets: Counter resets in the time asked for; None where nobody counted.
        duplicates: Identical duplicates that were dropped (files only).
        warnings: What the source said of partial answers.
    """

    preset: str
    text: str
    windows: tuple[str, ...] = ()
    steps: tuple[int, ...] = ()
    series: int = 0
    rows: int = 0
    gaps: int = 0
    outages: int = 0
    infinities: int = 0
    resets: int | None = None
    duplicates: int = 0
    warnings: tuple[str, ...] = ()


class Refusal(_Frozen):
    """One series that was not staged, and why; `code` is a `foresail.codes.Code`."""

    series: str
    metric: str
    stat: str
    code: int
    reason: str


class RunEntry(_Frozen):
    """One staging run.

    Attributes:
        staged_at: When.
        source: The Prometheus or the file, without credentials.
        cluster: As named for its series.
        since: First hour asked for; None for a file.
        until: End of the last hour asked for.
        added: Rows that were new.
        changed: Rows that replace older ones.
        queries: One entry a preset.
        refused: Series that were left out.
    """

    staged_at: AwareDatetime
    source: str
    cluster: str
    since: AwareDatetime | None
    until: AwareDatetime
    added: int
    changed: int
    queries: tuple[QueryEntry, ...]
    refused: tuple[Refusal, ...] = ()


class HistoryManifest(_Frozen):
    """The whole file.

    Attributes:
        schema_version: Of the layout; a newer one is refused by name.
        digest: Of all parts in their order: it changes exactly when the data do.
        parts: In the order of writing; where two hold the same row, the later one counts.
        runs: The latest runs, oldest first.
    """

    schema_version: int = SCHEMA_VERSION
    digest: str
    parts: tuple[PartEntry, ...] = ()
    runs: tuple[RunEntry, ...] = ()


def digest_of(parts: Iterable[PartEntry]) -> str:
    """Return the sha256 over the keys and checksums of all parts, in order."""
    lines = "".join(f"{part.sha256} {part.key}\n" for part in parts)
    return hashlib.sha256(lines.encode()).hexdigest()


def part_key(table: str, *, metric: str, scope: str, day: date, sha256: str) -> str:
    """Return where a part lies; names from outside are quoted, so none is a way elsewhere."""
    place = f"{table}/metric={quote(metric, safe='')}"
    if scope:
        place += f"/scope={quote(scope, safe='')}"
    return f"{place}/day={day.isoformat()}/part-{sha256}.parquet"


def load_manifest(store: ObjectStore) -> HistoryManifest:
    """Read the manifest.

    Raises:
        NoHistory: Nothing has been staged there.
        BadInput: It is damaged, or of a newer Foresail.
    """
    try:
        data = store.get(MANIFEST)
    except NoBucket:
        raise
    except NotFound as error:
        raise NoHistory(
            f"no history in {store.uri}: expected {MANIFEST} there; stage one first"
        ) from error
    try:
        manifest = HistoryManifest.model_validate_json(data)
    except ValidationError as error:
        raise BadInput(
            f"{MANIFEST} in {store.uri} is damaged ({error.error_count()} faults); restore it"
        ) from error
    if manifest.schema_version > SCHEMA_VERSION:
        raise BadInput(
            f"the history in {store.uri} has schema {manifest.schema_version}, this Foresail reads "
            f"up to {SCHEMA_VERSION}; upgrade it"
        )
    if manifest.digest != digest_of(manifest.parts):
        raise BadInput(f"{MANIFEST} in {store.uri} does not match its own digest; restore it")
    return manifest


def empty_manifest() -> HistoryManifest:
    """Return the manifest of a history without parts."""
    return HistoryManifest(digest=digest_of(()))


def save_manifest(store: ObjectStore, manifest: HistoryManifest) -> None:
    """Write the manifest: from now on readers see its parts."""
    store.put(MANIFEST, manifest.model_dump_json(indent=1).encode())
