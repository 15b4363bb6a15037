"""Folding a file's rows to hours, all statistics side by side."""

import numpy as np
import pandas as pd
import pytest

from foresail.history.file_hours import WIDE_COLUMNS, HourCounts, fold_wide
from foresail.history.naming import LABELS
from foresail.panel import SeriesKey

Row = tuple[str, str, str, str, float]


def frame(rows: list[Row]) -> pd.DataFrame:
    """Return a long frame of rows (series, metric, stat, hour and minute, y)."""
    made = pd.DataFrame(rows, columns=["series", "metric", "stat", "ds", "y"])
    made["ds"] = pd.to_datetime([f"2025-01-01T{stamp}Z" for stamp in made["ds"]], utc=True)
    made = made.astype({"series": "str", "metric": "str", "stat": "str", "y": "float64"})
    for name in LABELS:
        made[name] = (
            made["series"] if name == "workload" else pd.Series("", made.index, dtype="str")
        )
    return made


def quarters(series: str, hour: int, *values: float, stat: str = "mean") -> list[Row]:
    """Return rows of one hour, a quarter of an hour apart."""
    return [(series, "cpu", stat, f"{hour:02}:{15 * i:02}", y) for i, y in enumerate(values)]


def folded(rows: list[Row], *, both: bool) -> list[list[float | str]]:
    """Return series, hour, mean, max, p95, points of each hour; None for NaN."""
    hours = fold_wide(frame(rows), both=both).rows
    columns = hours.assign(ds=[f"{stamp:%H}" for stamp in hours["ds"]])[
        ["series", "ds", "mean", "max", "p95", "points"]
    ]
    return columns.astype(object).where(columns.notna(), None).to_numpy().tolist()


def test_finer_rows_give_mean_maximum_and_p95() -> None:
    """Of a file that names no statistic."""
    rows = quarters("a", 3, 1.0, 4.0, 2.0, 3.0)
    p95 = np.percentile([1.0, 4.0, 2.0, 3.0], 95)
    assert folded(rows, both=True) == [["a", "03", 2.5, 4.0, pytest.approx(p95), 4]]


def test_one_row_an_hour_is_the_mean_only() -> None:
    """Neither a maximum nor a p95 is made of a single row."""
    assert folded(quarters("a", 3, 1.0) + quarters("a", 4, 2.0), both=True) == [
        ["a", "03", 1.0, None, None, 1],
        ["a", "04", 2.0, None, None, 1],
    ]


def test_statistics_that_the_file_names_stand_side_by_side() -> None:
    """An hour that has only one of them lacks the other; points are those of the mean."""
    rows = [
        *quarters("a", 1, 1.0, 2.0),
        *quarters("a", 1, 5.0, 7.0, stat="max"),
        *quarters("a", 2, 3.0, 5.0),
        *quarters("b", 1, 9.0, stat="max"),
    ]
    assert folded(rows, both=False) == [
        ["a", "01", 1.5, 7.0, pytest.approx(1.95), 2],
        ["a", "02", 4.0, None, pytest.approx(4.9), 2],
        ["b", "01", None, 9.0, None, 1],
    ]


def test_an_hour_with_too_few_rows_is_left_out_and_counted() -> None:
    """Three quarters of the usual rows are enough, half of them is not."""
    rows = [row for hour in (0, 1, 4) for row in quarters("a", hour, 1, 1, 1, 1)]
    rows += quarters("a", 2, 1, 1, 1) + quarters("a", 3, 1, 1) + quarters("a", 5, 1)
    hours = fold_wide(frame(rows), both=True)
    assert [f"{stamp:%H}" for stamp in hours.rows["ds"]] == ["00", "01", "02", "04"]
    assert hours.rows["points"].tolist() == [4, 4, 3, 4]
    assert hours.counts == {("a", "cpu"): HourCounts(gaps=1, thin=2, repeats=0)}


def test_odd_hours_are_counted_by_series_and_metric() -> None:
    """Gaps between the first hour and the last; repeats of all statistics together."""
    rows = [
        *[("a", "cpu", "mean", f"{hour:02}:00", 1.0) for hour in (0, 1, 5)],
        *[
            ("b", "memory", stat, f"{hour:02}:00", 1.0)
            for hour in (3, 4)
            for stat in ("mean", "max")
        ],
        ("c", "cpu", "mean", "07:00", 1.0),
    ]
    repeats = {
        SeriesKey("b", "memory"): 2,
        SeriesKey("b", "memory", "max"): 3,
        SeriesKey("gone", "cpu"): 9,
    }
    assert fold_wide(frame(rows), both=False, repeats=repeats).counts == {
        ("a", "cpu"): HourCounts(gaps=3),
        ("b", "memory"): HourCounts(repeats=5),
        ("c", "cpu"): HourCounts(),
    }


def test_points_are_capped_at_what_a_byte_holds() -> None:
    """An hour of 5-second rows has 720."""
    stamps = [f"03:{i // 12:02}:{5 * (i % 12):02}" for i in range(720)]
    hours = fold_wide(frame([("a", "cpu", "mean", stamp, 1.0) for stamp in stamps]), both=True)
    assert hours.rows["points"].tolist() == [255]


def test_rows_are_sorted_and_typed_whatever_their_order() -> None:
    """By series, metric and hour; labels go with their series."""
    rows = [
        (series, metric, "mean", stamp, 1.0)
        for stamp in ("05:00", "01:00")
        for series in ("b", "a")
        for metric in ("memory", "cpu")
    ]
    found = fold_wide(frame(rows), both=False).rows
    assert list(found.columns) == list(WIDE_COLUMNS)
    assert found[["series", "metric"]].agg(" ".join, axis=1).tolist() == [
        name for name in ("a cpu", "a memory", "b cpu", "b memory") for _ in range(2)
    ]
    assert found["workload"].tolist() == found["series"].tolist()
    assert found["ds"].is_monotonic_increasing is False
    assert {name: str(dtype) for name, dtype in found.dtypes.items()} == {
        **dict.fromkeys(("series", "metric", *LABELS), "str"),
        **dict.fromkeys(("mean", "max", "p95"), "float64"),
        "ds": "datetime64[s, UTC]",
        "points": "uint8",
    }


@pytest.mark.parametrize("rows", [[], [("a", "cpu", "mean", "01:00", np.nan)]])
def test_nothing_gives_nothing(rows: list[Row]) -> None:
    """Gaps alone are no hours; the types stay."""
    hours = fold_wide(frame(rows), both=True)
    assert (len(hours.rows), dict(hours.counts)) == (0, {})
    assert str(hours.rows["ds"].dtype) == "datetime64[s, UTC]"


def test_many_series_fold_as_pandas_folds_them() -> None:
    """Mean, maximum and p95 against the plain group-by."""
    rng = np.random.default_rng(1)
    stamps = pd.date_range("2025-01-01", periods=600, freq="5min", tz="UTC")
    made = pd.DataFrame(
        {
            "series": pd.Series(np.repeat([f"s{i}" for i in range(20)], 600), dtype="str"),
            "metric": "cpu",
            "stat": "mean",
            "ds": np.tile(stamps, 20),
            "y": rng.random(12_000),
            **dict.fromkeys(LABELS, ""),
        }
    )
    found = fold_wide(made.sample(frac=1, random_state=1), both=True).rows
    groups = made.groupby(["series", made["ds"].dt.floor("h")])["y"]
    for name, expected in (
        ("mean", groups.mean()),
        ("max", groups.max()),
        ("p95", groups.quantile(0.95)),
    ):
        np.testing.assert_allclose(found[name], expected, rtol=1e-12)
