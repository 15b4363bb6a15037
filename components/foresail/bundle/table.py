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


def write_parquet(
    folder: Path,
    trained_until: datetime,
    index: Sequence[SeriesEntry],
    forecast: NDArray[np.floating[Any]],
) -> None:
    """Write `forecast.parquet`: series, metric, stat, ds, p10, p50, p90, model; served hours only.

    Args:
        folder: The bundle.
        trained_until: The first hour.
        index: One entry a series.
        forecast: Shape `(series, steps, 3)`.
    """
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
    columns["ds"] = pa.array(start + leads.astype("timedelta64[h]"), pa.timestamp("s")).cast(
        pa.timestamp("ms", tz="UTC")
    )
    for q, name in enumerate(("p10", "p50", "p90")):
        columns[name] = pa.array(forecast[rows, leads, q].astype(np.float32))
    columns["model"] = pa.array(models, pa.string()).dictionary_encode()
    pq.write_table(pa.table(columns), folder / PARQUET, write_page_checksum=True)


def _models(entry: SeriesEntry) -> list[str]:
    names: list[str] = []
    for segment in entry.segments:
        names += [segment.model] * (min(segment.until_hours, entry.hours) - len(names))
    return names
