"""The accuracy benchmark's own helpers: who counts where, how scores join, what the page says."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foresail.evaluation.rolling_summary import summary
from foresail.horizons import NEXT_DAY, NEXT_MONTH
from foresail.panel import HOUR, Panel, SeriesInfo

ROOT = Path(__file__).parents[2]
START = np.datetime64("2026-01-05T00", "s")
DAY = 24


@pytest.fixture(scope="module")
def modules() -> Iterator[dict[str, ModuleType]]:
    """Give the benchmark's modules by name; their folder is on the path as when they run."""
    parts = ("bars", "cells", "forecasts", "losses", "page", "scores", "yardstick")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "scripts"))
        found = {name: importlib.import_module(f"benchmarks.accuracy_{name}") for name in parts}
        yield {**found, "accuracy": importlib.import_module("benchmarks.accuracy")}


def panel_of(values: np.ndarray[Any, Any], *names: str) -> Panel:
    """Return a panel of rows of hourly values."""
    ds = START + np.arange(values.shape[1]) * HOUR
    index = tuple(SeriesInfo(name, "cpu_pct") for name in names)
    return Panel(ds, values.astype(np.float64), index)


def dataset_of(modules: dict[str, ModuleType], *, group: str = "VMs", days: int = 10) -> Any:
    """Return a dataset with one origin for the next day."""
    stamp = str((START + (DAY * days - 1) * HOUR).astype("datetime64[h]"))
    return modules["cells"].Dataset("few", group, "a few series", {"next_day": (stamp,)})


def noisy(rows: int, *, days: int = 11, seed: int = 0) -> np.ndarray[Any, Any]:
    """Return values that differ from one day to the next."""
    return np.random.default_rng(seed).uniform(5, 15, (rows, DAY * days))


def cell_of(modules: dict[str, ModuleType], values: np.ndarray[Any, Any], *names: str) -> Any:
    """Return the cell whose window is the last day of the values."""
    dataset = dataset_of(modules, days=values.shape[1] // DAY - 1)
    (cell,) = modules["cells"].cells_of(dataset, panel_of(values, *names))
    return cell


def scored_of(
    modules: dict[str, ModuleType], cell: Any, *, error: float, seconds: float = 1.0
) -> Any:
    """Return a cell where a constant error was served, and `good` made none."""
    y = np.repeat(cell.y[:, :, None], 3, axis=2)
    count = len(cell.rows)
    served = modules["forecasts"].Served(
        y + error, ("good",) * count, np.zeros(count, dtype=np.int64), seconds
    )
    others = {"good": y, "stock Prophet": y + 2 * error}
    naive = modules["forecasts"].reference(cell)
    return modules["scores"].score(cell, served, others, naive=naive)


def test_every_origin_names_a_horizon_and_an_hour(modules: dict[str, ModuleType]) -> None:
    """They ascend, so that the page reads in order; every group and horizon has a bar."""
    cells, bars = modules["cells"], modules["bars"]
    found = set()
    for dataset in cells.DATASETS:
        for name, stamps in dataset.origins.items():
            found.add((dataset.group, name))
            assert list(stamps) == sorted(set(stamps))
            assert all(len(cells.hour(np.datetime64(stamp, "s"))) == 14 for stamp in stamps)
    assert found == set(bars.BARS)


def test_missing_series_are_named(
    modules: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The benchmark says which files it lacks and how to name their folder, and ends."""
    monkeypatch.setenv("FORESAIL_DATA", str(tmp_path))
    (tmp_path / "bitbrains_fast_1h.parquet").touch()
    with pytest.raises(SystemExit, match=r"lacks bitbrains_rnd_1h.parquet, pools_1h.parquet; set"):
        modules["cells"].folder()


def test_a_series_counts_that_is_fresh_long_enough_and_was_seen_after(
    modules: dict[str, ModuleType],
) -> None:
    """Those that are silent for a week, began lately, or were hardly observed are left out."""
    values = noisy(5)
    values[1, DAY * 2 : DAY * 10] = np.nan  # silent
    values[2, : DAY * 10 - 47] = np.nan  # 47 hours of history
    values[3, DAY * 10 : DAY * 10 + 13] = np.nan  # 11 of 24 hours
    values[4, : DAY * 10 - 48] = np.nan  # 48 hours
    cell = cell_of(modules, values, "whole", "silent", "short", "unseen", "enough")
    assert [info.series for info in cell.index] == ["whole", "enough"]
    np.testing.assert_array_equal(cell.y, values[[0, 4], DAY * 10 :])
    np.testing.assert_array_equal(cell.counted.values, values[[0, 4], : DAY * 10])


def test_contenders_know_series_that_do_not_count(modules: dict[str, ModuleType]) -> None:
    """Whether hours will be observed is not known at the origin."""
    values = noisy(2)
    values[1, DAY * 10 :] = np.nan
    cell = cell_of(modules, values, "whole", "unseen")
    assert [info.series for info in cell.known.index] == ["whole", "unseen"]
    assert cell.known.as_of == cell.as_of


def test_an_origin_outside_the_file_ends_the_run(modules: dict[str, ModuleType]) -> None:
    """The fixed origins belong to one edition of the series."""
    cells, panel = modules["cells"], panel_of(noisy(1), "a")
    late = np.datetime64("2027-01-01T00", "s")
    with pytest.raises(SystemExit, match="few holds no 2027-01-01T00Z; is it another edition"):
        cells.cell_at(dataset_of(modules), panel, NEXT_DAY, late)


def test_hours_after_the_file_are_not_observed(modules: dict[str, ModuleType]) -> None:
    """A window that the file does not fill counts if half of it was."""
    cell = modules["cells"].cell_at(
        dataset_of(modules), panel_of(noisy(1, days=40), "a"), NEXT_MONTH, START + 479 * HOUR
    )
    assert len(cell.rows) == 1
    assert np.isfinite(cell.y).sum() == 480


def test_the_answer_is_read_in_the_order_of_the_cell(modules: dict[str, ModuleType]) -> None:
    """Series that do not count are left out, and an hour without a forecast stays NaN."""
    cell = cell_of(modules, noisy(2), "b", "a")
    ds = pd.date_range("2026-01-15", periods=DAY, freq="h", tz="UTC")
    rows = pd.concat(
        [
            pd.DataFrame({"series": s, "metric": "cpu_pct", "ds": ds, "p10": v, "p50": v, "p90": v})
            for s, v in (("a", 1.0), ("b", np.nan), ("c", 3.0))
        ]
    ).assign(model=["naive"] * DAY + [""] * DAY + ["other"] * DAY, code=[0] * DAY + [203] * 2 * DAY)
    served = modules["forecasts"].picked(rows, cell, seconds=2.0)
    assert served.models == ("", "naive")
    assert served.codes.tolist() == [203, 0]
    assert np.isnan(served.quantiles[0]).all()
    np.testing.assert_array_equal(served.quantiles[1], np.ones((DAY, 3)))
    with pytest.raises(SystemExit, match="does not hold each hour once"):
        modules["forecasts"].picked(rows.iloc[1:], cell, seconds=2.0)


def test_the_score_is_the_one_of_the_design(modules: dict[str, ModuleType]) -> None:
    """Twice the pinball loss over the mean daily change, softened, relative to the naive's."""
    values = noisy(1)
    cell = cell_of(modules, values, "a")
    part = modules["scores"].joined([scored_of(modules, cell, error=1.0)])
    history, y = values[0, : DAY * 10], values[0, DAY * 10 :]
    change = history[DAY:] - history[:-DAY]
    scale = np.abs(change).mean()
    last = history[-DAY:]
    naive = np.stack([last + np.quantile(change, q) for q in (0.1, 0.5, 0.9)], axis=1)
    naive[:, 1] = last
    miss = y[:, None] - naive
    levels = np.array([0.1, 0.5, 0.9])
    naive_sql = 2 * np.maximum(levels * miss, (levels - 1) * miss).mean() / scale
    sql = 2 * (0.9 + 0.5 + 0.1) / 3 / scale  # p50 + 1 each: what lies above costs 1 - q
    assert summary(part.rolling)[0].relative_sql == pytest.approx((sql + 0.01) / (naive_sql + 0.01))


def test_a_missing_forecast_scores_as_the_naive(modules: dict[str, ModuleType]) -> None:
    """Its ratio is 1, and the share of missing hours is told."""
    cell = cell_of(modules, noisy(1), "a")
    nothing = np.full((1, DAY, 3), np.nan)
    served = modules["forecasts"].Served(nothing, ("",), np.array([203]), 1.0)
    naive = modules["forecasts"].reference(cell)
    part = modules["scores"].joined([modules["scores"].score(cell, served, {}, naive=naive)])
    line = summary(part.rolling)[0]
    assert (line.relative_sql, line.filled) == (1.0, 1.0)
    assert modules["scores"].shares(part.rolling) == {"nobody": 1.0}


def test_a_constant_series_is_told_apart(modules: dict[str, ModuleType]) -> None:
    """It is in no mean."""
    values = np.concatenate([noisy(1), np.full((1, DAY * 11), 3.0)])
    scored = scored_of(modules, cell_of(modules, values, "a", "flat"), error=1.0)
    part = modules["scores"].joined([scored])
    assert summary(part.rolling)[0].series == 1
    assert int((part.rolling.constant.hours[0] > 0).sum()) == 1


def test_cells_of_different_series_join_by_name(modules: dict[str, ModuleType]) -> None:
    """A series that does not count at an origin weighs nothing there."""
    first = scored_of(modules, cell_of(modules, noisy(2), "a", "b"), error=1.0)
    second = scored_of(modules, cell_of(modules, noisy(1, days=12, seed=1), "b"), error=3.0)
    part = modules["scores"].joined([first, second])
    assert [info.series for info in part.rolling.index] == ["a", "b"]
    np.testing.assert_array_equal(part.rolling.sums.hours[0], [[DAY, DAY], [0, DAY]])
    assert part.rolling.winners == (("good", "good"), ("", "good"))
    expected = [first.sums.sql[0, 1], second.sums.sql[0, 0]]
    np.testing.assert_allclose(part.rolling.sums.sql[0, :, 1], expected)


def test_a_machine_is_in_one_half_with_all_its_metrics(modules: dict[str, ModuleType]) -> None:
    """The halves are about equal and do not depend on the run."""
    half = modules["scores"].half
    names = [half(f"vm_{i}") for i in range(200)]
    assert 70 < names.count("A") < 130
    assert half("vm_0") == names[0]


def test_series_that_explode_are_told_apart(modules: dict[str, ModuleType]) -> None:
    """One of them would decide the mean of all."""
    values = noisy(2)
    cell = cell_of(modules, values, "a", "b")
    y = np.repeat(cell.y[:, :, None], 3, axis=2)
    wild = y + np.array([0.0, 1e9])[:, None, None]
    served = modules["forecasts"].Served(y, ("good",) * 2, np.zeros(2, dtype=np.int64), 1.0)
    naive = modules["forecasts"].reference(cell)
    scored = modules["scores"].score(cell, served, {"wild": wild}, naive=naive)
    rolling = modules["scores"].joined([scored]).rolling
    series, rest = modules["scores"].beyond(rolling, "wild", times=100)
    naive_sql = float(scored.sums.sql[1, 0])
    assert series == 1
    assert rest == pytest.approx(0.01 / (naive_sql + 0.01))


def test_a_half_that_misses_a_bar_which_all_meet_is_named(modules: dict[str, ModuleType]) -> None:
    """The mean of all must not hide it."""
    scores = modules["scores"]
    names = sorted((f"vm_{i}" for i in range(4)), key=scores.half)
    cell = cell_of(modules, noisy(4), *names)
    y = np.repeat(cell.y[:, :, None], 3, axis=2)
    error = np.array([4.0 * (scores.half(info.series) == "B") for info in cell.index])
    assert set(error.tolist()) == {0.0, 4.0}
    model, code = ("good",) * 4, np.zeros(4, dtype=np.int64)
    served = modules["forecasts"].Served(y + error[:, None, None], model, code, 1.0)
    others = {"stock Prophet": y}
    naive = modules["forecasts"].reference(cell)
    part = scores.joined([scores.score(cell, served, others, naive=naive)])
    found = modules["losses"].losses([part], [], [])
    (named,) = [sentence for sentence in found if "miss the bar of" in sentence]
    assert named.startswith("VMs, next_day: machines of half B alone miss the bar of 0.72 with ")


def test_a_value_on_the_bar_meets_it(modules: dict[str, ModuleType]) -> None:
    """The bars include their ends."""
    bars = modules["bars"]
    held = bars._held  # noqa: SLF001  # the rule is its own
    assert [held("", v, "", 77, 83).ok for v in (76.9, 77, 83, 83.1)] == [False, True, True, False]
    assert [held("", v, "", most=0.72).ok for v in (0.72, 0.7201)] == [True, False]
    assert held("", None, "", 55).ok is None
    assert held("", 1.0, "", 77, 83).bar == "77 to 83"


def test_gaps_are_bridged_for_models_that_know_none(modules: dict[str, ModuleType]) -> None:
    """Straight lines between values, the last value at the end, nothing before the first."""
    y = np.array([np.nan, 1.0, np.nan, 3.0, np.nan])
    np.testing.assert_array_equal(modules["yardstick"].filled(y), [1.0, 2.0, 3.0, 3.0])


def test_a_history_is_given_away_once(modules: dict[str, ModuleType]) -> None:
    """The last 28 days, for the longest of the horizons that share their origin."""
    cells, yardstick = modules["cells"], modules["yardstick"]
    panel, dataset = panel_of(noisy(1, days=60), "a"), dataset_of(modules)
    origin = START + (DAY * 29 - 1) * HOUR
    some = [cells.cell_at(dataset, panel, horizon, origin) for horizon in (NEXT_DAY, NEXT_MONTH)]
    ((hours, y),) = yardstick.jobs_of(some, yardstick.choose(some)).values()
    assert hours == 720
    np.testing.assert_array_equal(y, panel.values[0, DAY : DAY * 29])


def test_a_series_that_was_not_given_away_has_no_yardstick(modules: dict[str, ModuleType]) -> None:
    """Its hours are NaN; without an environment there is no line at all."""
    yardstick = modules["yardstick"]
    cell = cell_of(modules, noisy(2), "a", "b")
    made = {("MSTL", ("few", cell.as_of, cell.index[1].key)): np.ones((720, 3))}
    found = yardstick.Yardstick(forecasts=made).of(cell)
    assert np.isnan(found["MSTL"][0]).all()
    np.testing.assert_array_equal(found["MSTL"][1], np.ones((DAY, 3)))
    assert yardstick.Yardstick(why="no uv").of(cell) == {}


def test_an_environment_that_cannot_be_made_is_none(
    modules: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The benchmark goes on without the yardstick."""
    yardstick = modules["yardstick"]
    for name in ("ROOT", "HOME"):
        monkeypatch.setattr(yardstick, name, tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert yardstick.environment() is None
    cell = cell_of(modules, noisy(1), "a")
    assert yardstick.measure([cell]).why == "not installed, and cannot be fetched"


def page_of(modules: dict[str, ModuleType], *, error: float) -> str:
    """Return the page of one group without a yardstick."""
    scored = scored_of(modules, cell_of(modules, noisy(3), "a", "b", "c"), error=error, seconds=7.0)
    run = modules["page"].Run("2026-01-31", "a processor, 2 cores", "foresail 1.2.3", 4.2)
    missing = modules["yardstick"].Yardstick(why="no uv")
    return str(modules["page"].page(run, modules["accuracy"].parts_of([scored]), missing))


def test_the_page_tells_what_is_lost(modules: dict[str, ModuleType]) -> None:
    """The bar that is missed, the contender that is better, and the series that suffer."""
    text = page_of(modules, error=30.0)
    lines = text.splitlines()
    for rule in (
        r"\| VMs, next_day: error .* \| <= 0.72 \| \*\*no\*\* \| good ",
        r"- \d of 5 bars are missed: VMs, next_day: error ",
        r"- VMs, next_day: good \(0\.\d+\), .* less error than what is served",
    ):
        assert any(re.match(rule, line) for line in lines), rule
    assert "would have served 100 % of the series better; the worst: " in text
    assert "Not measured: no uv." in text


def test_a_page_without_losses_says_so(modules: dict[str, ModuleType]) -> None:
    """Nobody alone is better than a perfect forecast."""
    text = page_of(modules, error=0.0)
    assert "- VMs, next_day: no contender alone has less error than what is served." in text
    assert "would have served 0 % of the series better." in text
    assert text.startswith("# Accuracy\n\n")
    assert "on 2026-01-31, in 4 minutes on a processor, 2 cores.\n\nforesail 1.2.3." in text


def test_tables_are_whole(modules: dict[str, ModuleType]) -> None:
    """Each row of a table has as many cells as its head."""
    tables = re.findall(r"(?:^\|.*\|\n)+", page_of(modules, error=1.0), re.MULTILINE)
    assert len(tables) == 4
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1, table
