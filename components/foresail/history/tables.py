"""Read one CSV or Parquet file, long or wide, into a long frame; judge only its structure."""

import csv
import io
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from foresail.errors import BadInput
from foresail.history.naming import LABELS, checked_cluster, series_id
from foresail.history.stamps import parse_stamps
from foresail.objects.uri import read_object
from foresail.settings import Settings

LONG = ("series", "metric", "ds", "y")
TIMESTAMP = "timestamp"
OPTIONAL = ("stat", "unit", *LABELS)

_MAGIC = b"PAR1"
_NO_VALUE = re.compile(r"\s*(?:nan|na|null|none)?\s*", re.IGNORECASE)
_SHOWN = 3


def read_table(
    path_or_uri: str, *, settings: Settings, cluster: str = "cluster", timezone: str = ""
) -> pd.DataFrame:
    """Return the rows of a file as they are: unsorted, not aggregated, duplicates and all.

    Args:
        path_or_uri: A path, or `s3://bucket/key`. Long: `series,metric,ds,y` and optionally `stat`,
            `unit` and label columns. Wide: `timestamp` and one column a metric.
        settings: For the object store.
        cluster: Names the one series of a wide file, `CLUSTER/cluster`.
        timezone: Zone of stamps that carry none, such as `Europe/Berlin`.

    Returns:
        Columns series, metric, ds (UTC), y (float64; NaN where the file has none), and those of
        the optional ones that the file has.

    Raises:
        BadInput: The structure is wrong; says everything that is.
        NotFound: There is no such file; AccessDenied and Unreachable as the store says.
    """
    raw = _load(read_object(path_or_uri, settings), name=path_or_uri)
    wide = TIMESTAMP in raw.columns and "ds" not in raw.columns
    long = _melted(raw, cluster=checked_cluster(cluster)) if wide else raw
    missing = [name for name in LONG if name not in long.columns]
    if missing:
        came = ", ".join(map(str, raw.columns)) or "none"
        raise BadInput(
            f"{path_or_uri} lacks the columns {', '.join(missing)}: expected series,metric,ds,y "
            f"or timestamp and one column a metric, got {came}"
        )
    frame = long[[name for name in (*LONG, *OPTIONAL) if name in long.columns]]
    problems: list[str] = []
    texts = {
        name: _texts(frame, name, problems) for name in frame.columns if name not in {"ds", "y"}
    }
    if not len(frame):
        problems.append("there is no row; expected at least one value")
    stamps = parse_stamps(frame["ds"], timezone=timezone, within=frame, problems=problems)
    values = _numbers(frame, problems)
    if problems:
        raise BadInput([f"{path_or_uri}: {problem}" for problem in problems])
    return pd.DataFrame({**texts, "ds": stamps, "y": values})[list(frame.columns)]


def _load(data: bytes, *, name: str) -> pd.DataFrame:
    try:
        if data.startswith(_MAGIC):
            table = pq.read_table(io.BytesIO(data), page_checksum_verification=True)
            stored: pd.DataFrame = table.to_pandas()
            return stored.reset_index() if stored.index.name else stored
        frame = pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False)
    except pd.errors.EmptyDataError as error:
        raise BadInput(f"{name} is empty; expected a header and rows") from error
    except (OSError, ValueError, pa.ArrowException) as error:  # ParserError is a ValueError
        raise BadInput(f"{name} is no readable CSV or Parquet file; write it anew") from error
    _, _, last = data.rstrip(b"\r\n").rpartition(b"\n")
    fields = next(csv.reader([last.decode("utf-8", "replace")]), [])
    if len(frame) and len(fields) < len(frame.columns):  # pandas takes what is not there for empty
        raise BadInput(
            f"{name} is cut: its last row has {len(fields)} of {len(frame.columns)} fields; "
            "write it anew"
        )
    return frame


def _melted(raw: pd.DataFrame, *, cluster: str) -> pd.DataFrame:
    """Turn one column a metric into rows of the cluster's series."""
    metrics = [str(name) for name in raw.columns if name != TIMESTAMP]
    if not metrics:
        raise BadInput("expected one column a metric beside timestamp, got none")
    long = raw.rename(columns=str).melt(
        id_vars=[TIMESTAMP], value_vars=metrics, var_name="metric", value_name="y"
    )
    return long.rename(columns={TIMESTAMP: "ds"}).assign(
        series=series_id("cluster", {}, cluster=cluster)
    )


def _texts(frame: pd.DataFrame, name: str, problems: list[str]) -> pd.Series:
    column = frame[name].astype(object)
    empty = column.isna() | (column == "")
    if name in {"series", "metric", "stat"} and empty.any():
        problems.append(f"{name} is empty in {int(empty.sum())} rows, first in {_first(empty)}")
    return column.where(~empty, "").astype(str).astype("str")


def _numbers(frame: pd.DataFrame, problems: list[str]) -> pd.Series:
    column = frame["y"]
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.astype("float64")
    values = pd.to_numeric(column, errors="coerce").astype("float64")
    no_value = column.isna() | column.astype(str).str.fullmatch(_NO_VALUE)
    wrong = np.isnan(values.to_numpy()) & ~no_value.to_numpy()
    if wrong.any():
        problems.append(
            f"y is no number in {int(wrong.sum())} rows, first in {_first(wrong)}: "
            f"{_examples(column[wrong])}"
        )
    return values


def _first(mask: "pd.Series | np.ndarray[tuple[int], np.dtype[np.bool_]]") -> str:
    return f"row {int(np.flatnonzero(np.asarray(mask))[0]) + 1}"


def _examples(column: pd.Series) -> str:
    shown = list(dict.fromkeys(column.head(50)))[:_SHOWN]
    return ", ".join(repr(value)[:40] for value in shown)
