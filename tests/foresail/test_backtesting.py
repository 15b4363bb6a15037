"""The backtest of a history file: the same reading and judging as a forecast, measured."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foresail.backtesting import Backtest, as_json, backtest_frame, check_report, write_report
from foresail.errors import BadInput, UsageError
from foresail.horizons import NEXT_DAY
from foresail.oneshot import forecast_frame

NOW = datetime(2026, 6, 1, tzinfo=UTC)
START = pd.Timestamp("2026-01-01", tz="UTC")


def history(series: str = "web", *, days: int = 20) -> pd.DataFrame:
    """Return a daily rhythm with noise from New Year on."""
    hours = np.arange(24 * days)
    rng = np.random.default_rng(len(series))
    y = 5 + np.sin(hours / 24 * 2 * np.pi) + rng.normal(0, 0.3, len(hours))
    return pd.DataFrame(
        {"series": series, "metric": "cpu", "ds": START + pd.to_timedelta(hours, "h"), "y": y}
    )


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Return two good series, a constant one and a negative one."""
    flat, below = history("flat").assign(y=2.0), history("below").assign(y=-1.0)
    return pd.concat([history(), history("shop"), flat, below])


@pytest.fixture(scope="module")
def result(frame: pd.DataFrame) -> Backtest:
    """Return three days' backtest of them."""
    return backtest_frame(frame, horizon=NEXT_DAY, origins=3, now=NOW)


def test_what_is_served_is_what_a_forecast_at_the_origin_writes(
    frame: pd.DataFrame, result: Backtest
) -> None:
    """To the last digit that a float32 holds."""
    as_of = datetime(2026, 1, 18, 23, tzinfo=UTC)
    assert result.rolling.origins[1] == np.datetime64("2026-01-18T23:00:00")
    rows = forecast_frame(frame, horizon=NEXT_DAY, now=NOW, as_of=as_of).rows
    for place, info in enumerate(result.panel.index):
        mine = rows[rows["series"] == info.series]
        expected = mine[["p10", "p50", "p90"]].to_numpy(dtype=np.float32)
        np.testing.assert_array_equal(result.rolling.served[1, place], expected)
        assert {result.rolling.winners[1][place]} == set(mine["model"])


def test_refused_series_are_told_and_left_out(result: Backtest) -> None:
    """The same judging as a forecast's."""
    assert [str(one.key) for one in result.refusals] == ["below cpu mean"]
    assert [info.series for info in result.panel.index] == ["flat", "shop", "web"]


def test_only_refused_series_are_no_backtest(frame: pd.DataFrame) -> None:
    """The first reason is told."""
    with pytest.raises(BadInput, match="all 1 series are refused; the first is below cpu"):
        backtest_frame(frame[frame["series"] == "below"], horizon=NEXT_DAY, origins=3, now=NOW)


def test_parquet_has_a_row_for_each_series_origin_and_contender(
    result: Backtest, tmp_path: Path
) -> None:
    """And says who was served."""
    write_report(result, tmp_path / "out.parquet")
    rows = pd.read_parquet(tmp_path / "out.parquet")
    assert len(rows) == 3 * 3 * len(result.rolling.lines)
    assert list(rows.columns) == [
        *("series", "metric", "stat", "unit", "as_of", "contender", "model", "code", "scale"),
        *("hours", "filled", "sql", "naive_sql", "relative_sql", "mase", "coverage"),
        *("pinball_p10", "pinball_p50", "pinball_p90", "bias", "peak_error"),
    ]
    naive = rows[rows["contender"] == "seasonal_naive_24h"]
    assert set(naive["relative_sql"].dropna()) == {1.0}
    served = rows[(rows["contender"] == "served") & (rows["series"] == "web")]
    assert served["as_of"].iloc[-1] == pd.Timestamp("2026-01-19T23:00Z")
    assert served["model"].tolist() == [winners[2] for winners in result.rolling.winners]
    pinball = served[["pinball_p10", "pinball_p50", "pinball_p90"]].mean(axis=1)
    np.testing.assert_allclose(2 * pinball, served["sql"], rtol=1e-12)


def test_json_holds_everything_and_null_for_what_was_not_measured(result: Backtest) -> None:
    """Summary, origins, series, windows, constants and refusals."""
    found = json.loads(as_json(result))
    lines = len(result.rolling.lines)
    assert found["horizon"] == "next_day"
    assert found["origins"] == [f"2026-01-{day}T23:00:00Z" for day in (17, 18, 19)]
    assert found["summary"][0]["name"] == "served"
    assert found["summary"][0]["series"] == 2
    assert [one["as_of"] for one in found["by_origin"]] == found["origins"]
    assert (len(found["series"]), len(found["windows"])) == (3 * lines, 9 * lines)
    flat = next(one for one in found["series"] if one["series"] == "flat")
    assert (flat["sql"], flat["windows"]) == (None, 0)
    assert found["constant"] == {"series": 1, "windows": 3, "hours": 72.0, "coverage": 1.0}
    assert found["refused"][0]["code"] == 303


def test_an_unknown_ending_is_refused() -> None:
    """The error lists the endings."""
    with pytest.raises(UsageError, match=r"ending in \.html, \.json, \.parquet, got 'out\.csv'"):
        check_report(Path("out.csv"))


def test_a_folder_and_a_missing_folder_are_no_output(tmp_path: Path) -> None:
    """Told before anything is fitted."""
    (tmp_path / "out.html").mkdir()
    with pytest.raises(UsageError, match="is a folder; name a file"):
        check_report(tmp_path / "out.html")
    with pytest.raises(UsageError, match="nowhere does not exist; create it first"):
        check_report(tmp_path / "nowhere" / "out.html")
