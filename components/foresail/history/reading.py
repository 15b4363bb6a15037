"""Read a staged history back."""

from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd

from foresail.errors import BadInput
from foresail.history.frames import (
    CAPACITY_COLUMNS,
    CAPACITY_KEYS,
    USAGE_COLUMNS,
    USAGE_KEYS,
    empty_capacity,
    empty_usage,
    latest,
    typed,
)
from foresail.history.manifest import HistoryManifest, load_manifest
from foresail.history.parts import read_parts
from foresail.objects import open_store
from foresail.settings import Settings


@dataclass(frozen=True, slots=True)
class History:
    """A staged history.

    Attributes:
        frame: Columns series, metric, stat, ds, y and the six labels; each key once, sorted.
        capacity: Columns series, metric, kind, ds, value. A value holds until the next row; there
            is one at least a day while it is known.
        manifest: As stored.
    """

    frame: pd.DataFrame
    capacity: pd.DataFrame
    manifest: HistoryManifest


def read_history(
    uri: str,
    *,
    settings: Settings,
    digest: str = "",
    metrics: Collection[str] | None = None,
    scopes: Collection[str] | None = None,
) -> History:
    """Read a history whole, or only some metrics and scopes of it.

    Args:
        uri: Where it was staged.
        settings: For the object store.
        digest: As `stage_history` returned it; empty takes what is there.
        metrics: None reads all.
        scopes: None reads all.

    Raises:
        NotFound: Nothing has been staged there.
        BadInput: The digest is another, or a part is not what was staged.
        Unreachable: The object store does not answer; AccessDenied likewise.
    """
    store = open_store(uri, settings)
    manifest = load_manifest(store)
    if digest and manifest.digest != digest:
        raise BadInput(
            f"expected the history {digest[:12]} in {uri}, found {manifest.digest[:12]} in "
            "manifest.json: it was staged again meanwhile; take the newer digest"
        )
    wanted = [part for part in manifest.parts if metrics is None or part.metric in metrics]
    usage = read_parts(
        store,
        [p for p in wanted if p.table == "history" and (scopes is None or p.scope in scopes)],
        columns=USAGE_COLUMNS,
    )
    capacity = read_parts(
        store, [p for p in wanted if p.table == "capacity"], columns=CAPACITY_COLUMNS
    )
    return History(
        frame=empty_usage() if usage is None else latest([typed(usage)], USAGE_KEYS),
        capacity=(
            empty_capacity() if capacity is None else latest([typed(capacity)], CAPACITY_KEYS)
        ),
        manifest=manifest,
    )
