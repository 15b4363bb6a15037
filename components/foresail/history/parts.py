"""Parts as bytes: Parquet with checksums on every page, and the sha256 of the whole."""

import hashlib
import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Literal, TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from foresail.errors import BadInput, NotFound
from foresail.history.frames import (
    CAPACITY_COLUMNS,
    CAPACITY_KEYS,
    USAGE_COLUMNS,
    USAGE_KEYS,
    to_arrow,
)
from foresail.history.manifest import PartEntry, part_key
from foresail.objects import ObjectStore

THREADS = 16
"""A history is many small objects; one after the other, an object store's latency adds up."""

Table = Literal["history", "capacity"]
KEYS: dict[Table, tuple[str, ...]] = {"history": USAGE_KEYS, "capacity": CAPACITY_KEYS}
COLUMNS: dict[Table, tuple[str, ...]] = {"history": USAGE_COLUMNS, "capacity": CAPACITY_COLUMNS}

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def encode_part(
    frame: pd.DataFrame, *, table: Table, metric: str, scope: str, day: date
) -> tuple[PartEntry, bytes]:
    """Return a part's manifest entry and bytes; the same rows give the same bytes."""
    rows = frame.loc[:, list(COLUMNS[table])].sort_values(list(KEYS[table]), kind="stable")
    sink = io.BytesIO()
    pq.write_table(
        to_arrow(rows),
        sink,
        compression="zstd",
        write_page_checksum=True,
    )
    data = sink.getvalue()
    sha256 = hashlib.sha256(data).hexdigest()
    entry = PartEntry(
        key=part_key(table, metric=metric, scope=scope, day=day, sha256=sha256),
        sha256=sha256,
        size=len(data),
        table=table,
        metric=metric,
        scope=scope,
        day=day,
        rows=len(rows),
    )
    return entry, data


def read_parts(
    store: ObjectStore, parts: Sequence[PartEntry], *, columns: Sequence[str]
) -> pd.DataFrame | None:
    """Return the rows of all parts in order, or None where there is no part.

    Raises:
        BadInput: A part is missing, or its sha256 is not the manifest's; names the file.
    """
    if not parts:
        return None
    tables = in_threads(lambda part: _read_part(store, part, columns=columns), parts)
    joined: pd.DataFrame = pa.concat_tables(tables).to_pandas()
    return joined


def write_parts(store: ObjectStore, parts: Sequence[tuple[PartEntry, bytes]]) -> None:
    """Write all parts, several at a time."""
    in_threads(lambda part: store.put(part[0].key, part[1]), parts)


def in_threads(call: Callable[[_In], _Out], items: Sequence[_In]) -> list[_Out]:
    """Return the results in order; the first error ends it, and nothing new is begun."""
    with ThreadPoolExecutor(THREADS) as pool:
        futures = [pool.submit(call, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _read_part(store: ObjectStore, part: PartEntry, *, columns: Sequence[str]) -> pa.Table:
    try:
        data = store.get(part.key)
    except NotFound as error:
        raise BadInput(
            f"the history in {store.uri} lacks {part.key}, which its manifest names; restore it"
        ) from error
    if hashlib.sha256(data).hexdigest() != part.sha256:
        raise BadInput(
            f"{part.key} in {store.uri} is not what was staged (its sha256 differs); restore it"
        )
    try:
        return pq.read_table(
            io.BytesIO(data), columns=list(columns), page_checksum_verification=True
        )
    except (OSError, pa.ArrowException) as error:
        raise BadInput(f"{part.key} in {store.uri} is no readable Parquet; restore it") from error
