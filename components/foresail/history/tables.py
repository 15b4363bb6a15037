"""Read one CSV or Parquet file, long or wide, into a long frame; judge only its structure."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from foresail.errors import BadInput
from foresail.history.csv_text import parse_csv
from foresail.history.escapes import unprotected
from foresail.history.naming import checked_cluster, series_id
from foresail.history.numerals import parse_numbers
from foresail.history.sheet import LONG, OPTIONAL, TIMESTAMP, Sheet, first_place, named
from foresail.history.sidecar import read_with_sidecar
from foresail.history.stamps import parse_stamps
from foresail.settings import Settings

_MAGIC = b"PAR1"
_NEEDED = ("series", "metric", "stat")
_LONGEST_NAME = 1024
"""Names of Kubernetes have at most 253 characters; an id joins four of them."""


def read_table(
    path_or_uri: str, *, settings: Settings, cluster: str = "cluster", timezone: str = ""
) -> pd.DataFrame:
    """Return the rows of a file as they are: unsorted, not aggregated, duplicates and all.

    Args:
        path_or_uri: A path, or `s3://bucket/key`. Long: `series,metric,ds,y` and optionally `stat`,
            `unit` and label columns. Wide: `timestamp` and one column a metric. Where a sidecar
            (`FILE.sha256.json`) stands beside it, the file is held to it.
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
    checked_cluster(cluster)
    data, sidecar = read_with_sidecar(path_or_uri, settings)
    sheet = _load(data, name=path_or_uri)
    if sidecar is not None:
        sidecar.check_rows(len(sheet.frame), name=path_or_uri)
    columns = set(sheet.frame.columns)
    if TIMESTAMP in columns and "ds" not in columns:
        return _wide(sheet, name=path_or_uri, cluster=cluster, timezone=timezone)
    missing = [name for name in LONG if name not in columns]
    if missing:
        came = ", ".join(sheet.frame.columns) or "none"
        raise BadInput(
            f"{path_or_uri} lacks the columns {', '.join(missing)}: expected series,metric,ds,y "
            f"or timestamp and one column a metric, got {came}"
        )
    return _long(sheet, name=path_or_uri, timezone=timezone)


def _load(data: bytes, *, name: str) -> Sheet:
    if not data.startswith(_MAGIC):
        return parse_csv(data, name=name)
    try:
        table = pq.read_table(io.BytesIO(data), page_checksum_verification=True)
        stored = table.to_pandas()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise BadInput(
            f"{name} is no readable Parquet file: it is cut or damaged; write it anew"
        ) from error
    frame = stored.reset_index() if stored.index.name else stored
    clean = named(frame.reset_index(drop=True), list(frame.columns), name=name)
    return Sheet(clean, separator="", place=lambda row: f"row {row + 1}")


def _wide(sheet: Sheet, *, name: str, cluster: str, timezone: str) -> pd.DataFrame:
    """Turn one column a metric into rows of the cluster's series."""
    frame = sheet.frame
    metrics = [str(column) for column in frame.columns if column != TIMESTAMP]
    if not metrics:
        raise BadInput(f"{name}: expected one column a metric beside timestamp, got none")
    problems = _problems_of_size(frame)
    with _collected(problems):
        stamps = parse_stamps(
            frame[TIMESTAMP], timezone=timezone, within=frame[[TIMESTAMP]], place=sheet.place
        )
    with _collected(problems):
        numbers = parse_numbers(
            {metric: frame[metric] for metric in metrics},
            separator=sheet.separator,
            name=name,
            place=sheet.place,
        )
    _check_none(problems, name=name)
    series = series_id("cluster", {}, cluster=cluster)
    columns = {
        "series": pd.Series([series] * (len(frame) * len(metrics)), dtype="str"),
        "metric": pd.Series(np.repeat(metrics, len(frame)), dtype="str"),
        "ds": pd.concat([stamps] * len(metrics), ignore_index=True),
        "y": np.concatenate([numbers[metric] for metric in metrics]),
    }
    return pd.DataFrame(columns)


def _long(sheet: Sheet, *, name: str, timezone: str) -> pd.DataFrame:
    frame = sheet.frame[[n for n in (*LONG, *OPTIONAL) if n in sheet.frame.columns]]
    problems = _problems_of_size(frame)
    columns: dict[str, object] = {}
    for column in frame.columns.difference(["ds", "y"], sort=False):
        with _collected(problems):
            columns[column] = _texts(frame[column], sheet)
    with _collected(problems):
        columns["ds"] = parse_stamps(
            frame["ds"], timezone=timezone, within=frame, place=sheet.place
        )
    with _collected(problems):
        columns |= parse_numbers(
            {"y": frame["y"]}, separator=sheet.separator, name=name, place=sheet.place
        )
    _check_none(problems, name=name)
    return pd.DataFrame(columns)[list(frame.columns)].reset_index(drop=True)


def _texts(column: pd.Series, sheet: Sheet) -> pd.Series:
    """Return names as plain strings; empty where there is none."""
    cells = column.astype("category").cat  # few names stand in many rows
    names = pd.Series(cells.categories.astype("str"), dtype="str")
    codes = np.asarray(cells.codes, dtype=np.int64)
    texts = pd.Series(names.array.take(codes, allow_fill=True), column.index).fillna("")
    if column.name in _NEEDED and (empty := texts.str.strip() == "").any():
        raise BadInput(
            f"{column.name} is empty in {int(empty.sum())} rows, first in "
            f"{first_place(empty, sheet.place)}"
        )
    if (names.str.len() > _LONGEST_NAME).any():
        long = texts.str.len() > _LONGEST_NAME
        raise BadInput(
            f"{column.name} has {len(texts[long].iloc[0])} characters in "
            f"{first_place(long, sheet.place)}; expected a name of at most {_LONGEST_NAME}"
        )
    return unprotected(texts) if sheet.separator else texts


def _problems_of_size(frame: pd.DataFrame) -> list[str]:
    return [] if len(frame) else ["there is no row; expected at least one value"]


@contextmanager
def _collected(problems: list[str]) -> Iterator[None]:
    """Add what a block finds wrong to the problems, so that all are told at once."""
    try:
        yield
    except BadInput as error:
        problems.extend(error.problems)


def _check_none(problems: list[str], *, name: str) -> None:
    if problems:
        raise BadInput([f"{name}: {problem}" for problem in problems])
