"""Reading one file as it is."""

from pathlib import Path

import pandas as pd
import pytest

from foresail.errors import BadInput, NotFound, UsageError
from foresail.history import read_table
from foresail.settings import Settings

SETTINGS = Settings()


def read(tmp_path: Path, text: str, *, timezone: str = "") -> pd.DataFrame:
    """Read a file of that text."""
    file = tmp_path / "h.csv"
    file.write_text(text)
    return read_table(str(file), settings=SETTINGS, timezone=timezone)


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


def test_stamps_without_a_zone_are_refused(tmp_path: Path) -> None:
    """They are never taken for UTC."""
    with pytest.raises(BadInput, match="1 stamps carry no zone, the first is 2025-01-01"):
        read(tmp_path, "timestamp,cpu\n2025-01-01 00:00:00,1\n")


def test_stamps_without_a_zone_are_read_in_the_zone_named(tmp_path: Path) -> None:
    """Also the hour that the clocks repeat, by its place among the rows."""
    rows = ["00:30", "01:30", "02:30", "02:30", "03:30"]
    text = "timestamp,cpu\n" + "".join(f"2025-10-26 {hour},1\n" for hour in rows)
    frame = read(tmp_path, text, timezone="Europe/Berlin")
    hours = [f"{stamp:%d %H:%M}" for stamp in frame["ds"]]
    assert hours == ["25 22:30", "25 23:30", "26 00:30", "26 01:30", "26 02:30"]


def test_an_hour_that_the_clocks_skip_is_refused(tmp_path: Path) -> None:
    """Such a stamp cannot have been."""
    with pytest.raises(BadInput, match="where the clocks of Europe/Berlin change"):
        read(tmp_path, "timestamp,cpu\n2025-03-30 02:30,1\n", timezone="Europe/Berlin")


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    """Bad stamps and bad numbers in one message, with the row and what stood there."""
    with pytest.raises(BadInput) as caught:
        read(tmp_path, "series,metric,ds,y\n,cpu,yesterday,much\na,cpu,2025-01-01T00:00Z,1\n")
    assert [problem.partition(": ")[2] for problem in caught.value.problems] == [
        "series is empty in 1 rows, first in row 1",
        "1 stamps are not like 2026-11-21T08:00:00Z, the first is 'yesterday'",
        "y is no number in 1 rows, first in row 1: 'much'",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("series,ds\na,2025-01-01T00:00Z\n", "lacks the columns metric, y"),
        ("", "is empty; expected a header"),
        ("series,metric,ds,y\n", "there is no row"),
        ("series,metric,ds,y\na,cpu,2025-01-01T00:00Z,1\na,cp", "is cut: its last row has 2 of 4"),
        ("timestamp\n2025-01-01T00:00Z\n", "expected one column a metric"),
        ("timestamp,cpu\n1735689600,1\n", "1 stamps are not like"),
        ("PAR1 nonsense", "is no readable CSV or Parquet"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """The message says what is missing or cut."""
    with pytest.raises(BadInput, match=message):
        read(tmp_path, text)


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
