"""Reading one file as it is."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from foresail.errors import BadInput, NotFound, UsageError
from foresail.history import read_table
from foresail.settings import Settings

SETTINGS = Settings()


def read(tmp_path: Path, text: str | bytes, *, timezone: str = "") -> pd.DataFrame:
    """Read a file of that text."""
    file = tmp_path / "h.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table(str(file), settings=SETTINGS, timezone=timezone)


def outcome(file: Path) -> pd.DataFrame | str:
    """Return what is read from a file, or why it is refused."""
    try:
        return read_table(str(file), settings=SETTINGS)
    except BadInput as error:
        return str(error)


def test_long_rows_come_back_as_they_are(tmp_path: Path) -> None:
    """Unsorted, doubled, empty: nothing is judged here. Names like NA are names."""
    frame = read(
        tmp_path,
        "series,metric,ds,y\nNA,cpu,2025-01-01T01:00:00Z,1\n"
        "NA,cpu,2025-01-01T02:00:00+02:00,\nNA,cpu,2025-01-01T01:00:00Z,inf\n",
    )
    assert list(frame.columns) == ["series", "metric", "ds", "y"]
    assert list(frame["series"]) == ["NA", "NA", "NA"]
    assert [f"{stamp:%d %H}" for stamp in frame["ds"]] == ["01 01", "01 00", "01 01"]
    assert str(frame["ds"].dt.tz) == "UTC"
    assert frame["y"].tolist()[0::2] == [1.0, float("inf")]
    assert frame["y"].isna().tolist() == [False, True, False]


def test_a_wide_file_is_the_cluster(tmp_path: Path) -> None:
    """One column a metric becomes rows of CLUSTER/cluster."""
    frame = read(tmp_path, "timestamp,cpu,memory\n2025-01-01T00:00:00Z,1,2e9\n")
    assert frame[["series", "metric", "y"]].to_numpy().tolist() == [
        ["cluster/cluster", "cpu", 1.0],
        ["cluster/cluster", "memory", 2e9],
    ]


def test_a_wide_file_keeps_its_stamps_with_each_metric(tmp_path: Path) -> None:
    """All rows of the first metric, then all of the second."""
    frame = read(
        tmp_path,
        "timestamp,cpu,memory\n2025-01-01T00:00:00Z,1,2\n2025-01-01T01:00:00Z,3,\n",
    )
    assert [f"{stamp:%H}" for stamp in frame["ds"]] == ["00", "01", "00", "01"]
    np.testing.assert_array_equal(frame["y"], [1.0, 3.0, 2.0, np.nan])


def test_text_columns_of_a_wide_file_are_refused_by_name(tmp_path: Path) -> None:
    """A column that holds no number is no metric, and is never dropped in silence."""
    with pytest.raises(BadInput, match=r"the column host holds text, 'n1' in line 2: beside"):
        read(tmp_path, "timestamp,cpu,host\n2025-01-01T00:00Z,1,n1\n")


def test_columns_that_a_long_file_does_not_need_are_left_out(tmp_path: Path) -> None:
    """Only known ones are read."""
    frame = read(tmp_path, "series,metric,ds,y,note\na,cpu,2025-01-01T00:00Z,1,hot\n")
    assert list(frame.columns) == ["series", "metric", "ds", "y"]


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    """Bad stamps and bad numbers in one message, with the line and what stood there."""
    with pytest.raises(BadInput) as caught:
        read(tmp_path, "series,metric,ds,y\n,cpu,yesterday,much\na,cpu,2025-01-01T00:00Z,1\n")
    assert [problem.partition(": ")[2] for problem in caught.value.problems] == [
        "series is empty in 1 rows, first in line 2",
        "1 stamps are not like 2026-11-21T08:00:00Z, the first in line 2 is 'yesterday'",
        "y is no number in 1 rows, first in line 2: 'much'",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("series,ds\na,2025-01-01T00:00Z\n", "lacks the columns metric, y"),
        ("series,metric,ds,y\n", "there is no row"),
        ("timestamp,cpu\n", "there is no row"),
        ("timestamp\n2025-01-01T00:00Z\n", "expected one column a metric"),
        ("Time,cpu\n2025-01-01T00:00Z,1\n", "lacks the columns series, metric, ds, y"),
        ("series,metric,stat,ds,y\na,cpu,,2025-01-01T00:00Z,1\n", "stat is empty in 1 rows"),
        ("PAR1 nonsense", r"h\.csv is no readable Parquet file: it is cut or damaged"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """The message says what is missing."""
    with pytest.raises(BadInput, match=message):
        read(tmp_path, text)


def test_names_beyond_measure_are_refused(tmp_path: Path) -> None:
    """A name of two thousand characters is no name."""
    with pytest.raises(BadInput, match="series has 2000 characters in line 2; expected a name"):
        read(tmp_path, f"series,metric,ds,y\n{'x' * 2000},cpu,2025-01-01T00:00Z,1\n")


def test_parquet_is_known_by_its_content(tmp_path: Path) -> None:
    """Categories become plain strings, stamps UTC."""
    frame = pd.DataFrame(
        {
            "series": pd.Categorical(["a"]),
            "metric": ["cpu"],
            "stat": ["max"],
            "ds": [pd.Timestamp("2025-01-01T01", tz="Europe/Berlin").isoformat()],
            "y": [1],
        }
    )
    frame.to_parquet(tmp_path / "x.dat")
    read_back = read_table(str(tmp_path / "x.dat"), settings=SETTINGS)
    assert read_back.iloc[0].to_dict() == {
        "series": "a",
        "metric": "cpu",
        "stat": "max",
        "ds": pd.Timestamp("2025-01-01T00", tz="UTC"),
        "y": 1.0,
    }
    assert read_back["series"].dtype == "str"


def test_a_parquet_file_may_be_wide_and_lack_values(tmp_path: Path) -> None:
    """Numbers of any type, and what is missing is a gap."""
    frame = pd.DataFrame(
        {
            "Timestamp": pd.to_datetime(["2025-01-01T00:00Z", "2025-01-01T01:00Z"]),
            "cpu": pd.array([1, None], dtype="Int64"),
            "memory": np.array([1.5, 2.5], dtype="float32"),
        }
    )
    frame.to_parquet(tmp_path / "x.parquet")
    read_back = read_table(str(tmp_path / "x.parquet"), settings=SETTINGS)
    np.testing.assert_array_equal(read_back["y"], [1.0, np.nan, 1.5, 2.5])


def test_a_flipped_bit_of_a_parquet_file_is_refused(tmp_path: Path) -> None:
    """In any byte of its pages: the checksums are verified, or the reader fails."""
    file = tmp_path / "x.parquet"
    rows = 500
    table = pa.table(
        {
            "series": [f"s{i % 7}" for i in range(rows)],
            "metric": ["cpu"] * rows,
            "ds": pa.array(np.arange(rows) * 3600, pa.timestamp("s", tz="UTC")),
            "y": np.random.default_rng(0).random(rows),
        }
    )
    pq.write_table(table, file, write_page_checksum=True)
    whole = file.read_bytes()
    pages = len(whole) - int.from_bytes(whole[-8:-4], "little") - 8
    expected = read_table(str(file), settings=SETTINGS)
    refused = 0
    for place in range(4, pages, 97):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        found = outcome(file)
        refused += isinstance(found, str)
        if not isinstance(found, str):  # a bit of a page's header that nothing depends on
            pd.testing.assert_frame_equal(found, expected)
    assert refused > 0.9 * len(range(4, pages, 97))


def test_a_missing_file_and_an_unknown_zone_are_named(tmp_path: Path) -> None:
    """Each with what to do."""
    with pytest.raises(NotFound, match=r"there is no file none\.csv"):
        read_table(str(tmp_path / "none.csv"), settings=SETTINGS)
    with pytest.raises(UsageError, match="unknown time zone 'Mars/Base'"):
        read(tmp_path, "timestamp,cpu\n2025-01-01 00:00,1\n", timezone="Mars/Base")


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_empty_stamps_of_a_parquet_file_are_counted(tmp_path: Path, zone: str | None) -> None:
    """With a zone or without: a row without a time is reported, never dropped in silence."""
    stamps = pd.to_datetime(["2025-01-01T00:00", None, None]).tz_localize(zone)
    frame = pd.DataFrame({"series": "a", "metric": "cpu", "ds": stamps, "y": [1.0, 2.0, 3.0]})
    frame.to_parquet(tmp_path / "x.parquet")
    with pytest.raises(BadInput, match=r"2 stamps are empty, first in row 2; give each row its"):
        read_table(str(tmp_path / "x.parquet"), settings=SETTINGS, timezone="Europe/Berlin")
