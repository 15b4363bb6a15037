"""A bundle's forecast as rows, for people and their notebooks."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from foresail.bundle.schema import PARQUET, SeriesEntry
from foresail.times import to_numpy

_GROUP = 1024
"""Series of a row group: as a table they take six times the place that they have in the bundle."""


def write_parquet(
    folder: Path,
    trained_until: datetime,
    index: Sequence[SeriesEntry],
    forecast: NDArray[np.floating[Any]],
) -> None:
    """Write `forecast.parquet`, served hours only.

    Its columns are series, metric, stat, ds, p10, p50, p90, model, trained_until: the first hour of
    the series' own forecast, which is earlier than the bundle's where it was carried over.

    Args:
        folder: The bundle.
        trained_until: The first hour.
        index: One entry a series.
        forecast: Shape `(series, steps, 3)`.
    """
    schema = _table(trained_until, (), forecast[:0]).schema
    with pq.ParquetWriter(folder / PARQUET, schema, write_page_checksum=True) as writer:
        for start in range(0, len(index), _GROUP):
            some = slice(start, start + _GROUP)
            writer.write_table(_table(trained_until, index[some], forecast[some]))


def _table(
    trained_until: datetime, index: Sequence[SeriesEntry], forecast: NDArray[np.floating[Any]]
) -> pa.Table:
    hours = np.array([entry.hours for entry in index], dtype=np.int64)
    rows = np.repeat(np.arange(len(index)), hours)
    leads = np.concatenate([np.arange(h) for h in hours]) if len(index) else rows
    models = [m for entry in index for m in _models(entry)]
    start = to_numpy(trained_until)
    columns: dict[str, Any] = {
        name: pa.array([getattr(entry, name) for entry in index], pa.string())
        .dictionary_encode()
        .take(pa.array(rows))
        for name in ("series", "metric", "stat")
    }
    stamp = pa.timestamp("ms", tz="UTC")
    ds = pa.array(start + leads.astype("timedelta64[h]"), pa.timestamp("s"))
    columns["ds"] = ds.cast(stamp)
    for q, name in enumerate(("p10", "p50", "p90")):
        columns[name] = pa.array(forecast[rows, leads, q].astype(np.float32))
    columns["model"] = pa.array(models, pa.string()).dictionary_encode()
    columns["trained_until"] = pa.array(
        [entry.trained_until(trained_until) for entry in index], stamp
    ).take(pa.array(rows))
    return pa.table(columns)


def _models(entry: SeriesEntry) -> list[str]:
    names: list[str] = []
    for segment in entry.segments:
        names += [segment.model] * (min(segment.until_hours, entry.hours) - len(names))
    return names
