"""The one-shot forecast: a history in, a row for every (series, hour) out."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foresail.errors import UsageError
from foresail.horizons import NEXT_DAY, NEXT_MONTH, NEXT_WEEK
from foresail.oneshot import check_target, forecast_frame, write_rows

NOW = datetime(2026, 6, 1, tzinfo=UTC)
AS_OF = datetime(2026, 1, 9, 23, tzinfo=UTC)


def history(*, days: int = 10, series: str = "web", metric: str = "cpu") -> pd.DataFrame:
    """Return a daily rhythm at one hour's step from New Year on."""
    ds = pd.date_range("2026-01-01", periods=24 * days, freq="h", tz="UTC")
    y = 5 + np.sin(np.arange(len(ds)) / 24 * 2 * np.pi)
    return pd.DataFrame({"series": series, "metric": metric, "ds": ds, "y": y})


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Return the next day of good, short and conflicting series, and of one that starts later."""
    short = history(days=1, series="young").assign(
        ds=lambda f: f["ds"] + pd.Timedelta(days=8),
    )
    conflict = pd.concat([history(series="torn"), history(series="torn").assign(y=9.0)])
    later = history(days=1, series="later").assign(ds=lambda f: f["ds"] + pd.Timedelta(days=30))
    frame = pd.concat([history(), history(metric="queue"), short, conflict, later])
    return forecast_frame(frame, horizon=NEXT_DAY, now=NOW, as_of=AS_OF).rows


def test_every_series_and_hour_has_a_row(rows: pd.DataFrame) -> None:
    """Five series of 24 hours, whether there is a forecast or not, in the documented columns."""
    assert list(rows.columns) == [
        *("series", "metric", "ds", "p10", "p50", "p90", "model", "code", "reason"),
        *("coverage", "vs_naive", "windows"),
    ]
    assert rows.groupby(["series", "metric"]).size().to_dict() == {
        ("later", "cpu"): 24,
        ("torn", "cpu"): 24,
        ("web", "cpu"): 24,
        ("web", "queue"): 24,
        ("young", "cpu"): 24,
    }


def test_the_forecast_starts_one_hour_after_as_of(rows: pd.DataFrame) -> None:
    """as-of is the last hour known."""
    assert rows["ds"].min() == pd.Timestamp("2026-01-10T00:00Z")
    assert rows["ds"].max() == pd.Timestamp("2026-01-10T23:00Z")


def test_where_there_is_no_forecast_code_and_reason_say_why(rows: pd.DataFrame) -> None:
    """Quantiles are empty there, and only there."""
    first = rows.groupby(["series", "metric"]).first()
    codes = first["code"].to_dict()
    assert codes["web", "cpu"] == 0
    assert codes["young", "cpu"] == 201
    assert codes["torn", "cpu"] == 301
    assert codes["later", "cpu"] == 205
    assert first.loc[("torn", "cpu"), "reason"].endswith("keep one of them")
    empty = rows["p50"].isna()
    assert (empty == (rows["code"] >= 200)).all()
    assert (empty == (rows["model"] == "")).all()


def test_every_row_carries_the_promise_of_its_series(rows: pd.DataFrame) -> None:
    """Ten days have windows enough for a day; where there is no forecast nothing is promised."""
    promised = rows.groupby(["series", "metric"])[["coverage", "vs_naive", "windows"]]
    assert (promised.nunique().max() <= 1).all()
    first = promised.first()
    assert first.loc[("web", "cpu"), "windows"] >= 3
    assert 0 <= first.loc[("web", "cpu"), "coverage"] <= 1
    assert first.loc[("web", "cpu"), "vs_naive"] > 0
    assert first.drop(index="web", level="series").isna().to_numpy().all()
    assert str(rows["windows"].dtype) == "Int64"


def test_an_unknown_metric_is_forecast_too(rows: pd.DataFrame) -> None:
    """Any metric name is accepted."""
    queue = rows[rows["metric"] == "queue"]
    assert queue["p50"].between(3.5, 6.5).all()


def test_bands_are_ordered_and_not_below_zero(rows: pd.DataFrame) -> None:
    """p10 <= p50 <= p90, and usage is never negative."""
    known = rows.dropna(subset="p50")
    assert (known["p10"] <= known["p50"]).all()
    assert (known["p50"] <= known["p90"]).all()
    assert (known["p10"] >= 0).all()


def test_what_comes_after_as_of_changes_nothing() -> None:
    """Another future gives the same forecast to the last digit."""
    frame = history(days=12)
    changed = frame.assign(y=frame["y"].where(frame["ds"] <= pd.Timestamp(AS_OF), 1e6))
    cut = frame[frame["ds"] <= pd.Timestamp(AS_OF)]
    forecasts = [
        forecast_frame(f, horizon=NEXT_DAY, now=NOW, as_of=AS_OF).rows
        for f in (frame, changed, cut)
    ]
    pd.testing.assert_frame_equal(forecasts[0], forecasts[1])
    pd.testing.assert_frame_equal(forecasts[0], forecasts[2])


def test_a_month_is_refused_under_fourteen_days() -> None:
    """720 empty rows with the code."""
    rows = forecast_frame(history(days=13), horizon=NEXT_MONTH, now=NOW).rows
    assert len(rows) == 720
    assert set(rows["code"]) == {202}


def test_maximum_and_mean_are_series_of_their_own() -> None:
    """A history with a stat column comes back with one."""
    frame = pd.concat([history().assign(stat="mean"), history().assign(stat="max", y=9.0)])
    rows = forecast_frame(frame, horizon=NEXT_DAY, now=NOW).rows
    assert list(rows.columns)[2] == "stat"
    assert rows.groupby("stat").size().to_dict() == {"max": 24, "mean": 24}
    assert (rows.loc[rows["stat"] == "max", "p50"] == 9.0).all()


def test_the_same_rows_are_written_as_parquet_csv_and_xlsx(
    rows: pd.DataFrame, tmp_path: Path
) -> None:
    """All three open with the same number of rows and the same stamps."""
    for suffix in (".parquet", ".csv", ".xlsx"):
        write_rows(rows, tmp_path / f"out{suffix}")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out.parquet"), rows)
    csv = pd.read_csv(tmp_path / "out.csv")
    assert csv["ds"].iloc[0] == "2026-01-10T00:00:00Z"
    assert len(csv) == len(rows)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.csv", "out.parquet", "out.xlsx"]


def test_a_formula_in_a_name_stays_text(tmp_path: Path) -> None:
    """A series called =1+1 opens as text in a spreadsheet."""
    rows = forecast_frame(history(series="=1+1"), horizon=NEXT_DAY, now=NOW).rows
    write_rows(rows, tmp_path / "out.csv")
    assert pd.read_csv(tmp_path / "out.csv")["series"].iloc[0] == "'=1+1"


def test_an_unknown_ending_is_refused() -> None:
    """The error lists the endings."""
    with pytest.raises(UsageError, match=r"ending in \.parquet, \.csv, \.xlsx, got 'out\.txt'"):
        check_target(Path("out.txt"))


def test_only_refused_series_still_get_their_rows() -> None:
    """24 empty rows with the code, after the last hour that was given."""
    rows = forecast_frame(history(days=3).assign(y=-1.0), horizon=NEXT_DAY, now=NOW).rows
    assert len(rows) == 24
    assert set(rows["code"]) == {303}
    assert rows["ds"].min() == pd.Timestamp("2026-01-04T00:00Z")


def test_a_history_after_as_of_gives_empty_rows() -> None:
    """Nothing is known yet of any series."""
    early = datetime(2025, 12, 1, tzinfo=UTC)
    rows = forecast_frame(history(days=3), horizon=NEXT_DAY, now=NOW, as_of=early).rows
    assert set(rows["code"]) == {205}
    assert rows["ds"].min() == pd.Timestamp("2025-12-01T01:00Z")


def test_a_folder_is_no_output(tmp_path: Path) -> None:
    """Told before anything is fitted."""
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(UsageError, match="is a folder; name a file"):
        check_target(tmp_path / "out.csv")


def test_a_workbook_that_would_not_fit_is_refused(tmp_path: Path) -> None:
    """And nothing is left behind."""
    rows = pd.DataFrame({"series": ["a"]}).loc[np.zeros(1_048_576, dtype=int)]
    with pytest.raises(UsageError, match="a workbook holds 1048575 rows, the forecast has 1048576"):
        write_rows(rows, tmp_path / "out.xlsx")
    assert list(tmp_path.iterdir()) == []


def test_no_contender_looks_beyond_as_of() -> None:
    """Ten series, so that those learn too that need a panel: a fivefold future changes no digit."""
    rng = np.random.default_rng(0)
    ds = pd.date_range("2026-10-01", periods=30 * 24, freq="h", tz="UTC")
    wave = 3 + np.sin(np.arange(len(ds)) / 24 * 2 * np.pi)
    frames = [
        pd.DataFrame(
            {"series": f"s{i}", "metric": "cpu", "ds": ds, "y": wave + rng.normal(0, 0.2, len(ds))}
        )
        for i in range(10)
    ]
    frame = pd.concat(frames, ignore_index=True)
    as_of = ds[26 * 24].to_pydatetime()
    other = frame.assign(y=frame["y"].where(frame["ds"] <= as_of, frame["y"] * 5))
    one, two = (
        forecast_frame(f, horizon=NEXT_WEEK, now=ds[-1].to_pydatetime(), as_of=as_of).rows
        for f in (frame, other)
    )
    pd.testing.assert_frame_equal(one, two)
    assert len(one) == 10 * 168
