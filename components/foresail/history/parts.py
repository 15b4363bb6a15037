"""Parts as bytes: Parquet with checksums on every page, and the sha256 of the whole."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from foresail.errors import BadInput, NotFound
from foresail.history.block import STATS, TEXTS
from foresail.history.manifest import PartEntry, Partition, part_key
from foresail.objects import ObjectStore

THREADS = 16
"""A history is many small objects; one after the other, an object store's latency adds up."""
ROWS_AHEAD = 750_000
"""Some 50 MB of them, as bytes and as columns."""

_TEXTS = {"history": TEXTS, "capacity": ("series", "metric", "kind")}
_In = TypeVar("_In")
_Out = TypeVar("_Out")

Part = tuple[PartEntry, bytes]


def encode_part(table: pa.Table, partition: Partition) -> Part:
    """Return a part's manifest entry and bytes; the same rows give the same bytes."""
    sink = pa.BufferOutputStream()
    texts = [name for name in table.column_names if name not in {*STATS, "value"}]
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=texts,
        column_encoding={n: "BYTE_STREAM_SPLIT" for n in STATS if n in table.column_names} or None,
        write_page_checksum=True,
        store_schema=False,
    )
    data = sink.getvalue().to_pybytes()
    sha256 = hashlib.sha256(data).hexdigest()
    entry = PartEntry(
        **partition.model_dump(),
        key=part_key(partition, sha256=sha256),
        sha256=sha256,
        size=len(data),
        rows=table.num_rows,
    )
    return entry, data


def read_part(
    store: ObjectStore, part: PartEntry, columns: Sequence[str] | None = None
) -> pa.Table:
    """Return the rows of a part; texts are dictionaries.

    Raises:
        BadInput: It is missing, or its sha256 is not the manifest's; names the file.
    """
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
        found = pq.ParquetFile(
            pa.BufferReader(data),
            read_dictionary=_TEXTS[part.table],
            page_checksum_verification=True,
        ).read(columns=None if columns is None else list(columns), use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise BadInput(f"{part.key} in {store.uri} is no readable Parquet; restore it") from error
    if found.num_rows != part.rows:
        raise BadInput(
            f"{part.key} in {store.uri} holds {found.num_rows} rows, its manifest says {part.rows}"
        )
    return found


def read_parts(
    store: ObjectStore, parts: Sequence[PartEntry], columns: Sequence[str] | None = None
) -> Iterator[tuple[PartEntry, pa.Table]]:
    """Yield the rows of each part in order, reading a few ahead.

    Raises:
        BadInput: As `read_part`.
    """
    tables = ahead(lambda part: read_part(store, part, columns), parts, weight=lambda p: p.rows)
    yield from zip(parts, tables, strict=True)


def write_parts(store: ObjectStore, parts: Sequence[Part]) -> None:
    """Write all parts, several at a time."""
    for _ in ahead(lambda part: store.put(part[0].key, part[1]), parts, weight=lambda p: p[0].rows):
        pass


def ahead(
    call: Callable[[_In], _Out], items: Iterable[_In], *, weight: Callable[[_In], int]
) -> Iterator[_Out]:
    """Yield the results in order, calling ahead of their use.

    The first error ends it, and nothing new is begun.

    Args:
        call: Made in threads.
        items: What to call it with.
        weight: Rows that an item stands for: at most `ROWS_AHEAD` are under way.
    """
    waiting: deque[tuple[int, Future[_Out]]] = deque()
    rows = 0
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            for item in items:
                while waiting and (len(waiting) >= THREADS or rows + weight(item) > ROWS_AHEAD):
                    done, future = waiting.popleft()
                    rows -= done
                    yield future.result()
                waiting.append((weight(item), pool.submit(call, item)))
                rows += weight(item)
            while waiting:
                yield waiting.popleft()[1].result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
