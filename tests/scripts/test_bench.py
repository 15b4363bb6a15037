"""The benchmarks' own helpers: their series, their figures, and one measurement in the small."""

import importlib
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from rich.console import Console

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def modules() -> Iterator[dict[str, ModuleType]]:
    """Give the benchmarks' modules by name; their folders are on the path as when they run."""
    names = ("bench", "benchmarks.engine", "benchmarks.figure", "engine_panels", "engine_runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "scripts"))
        patch.syspath_prepend(str(ROOT / "scripts" / "benchmarks"))
        yield {name.removeprefix("benchmarks."): importlib.import_module(name) for name in names}


def test_series_are_the_same_at_every_call(modules: dict[str, ModuleType]) -> None:
    """They are complete, none is constant, and none is negative."""
    panels = modules["engine_panels"]
    values = panels.complete_series(28, 14)
    np.testing.assert_array_equal(values, panels.complete_series(28, 14))
    assert values.shape == (28, 336)
    assert np.isfinite(values).all()
    assert (np.ptp(values, axis=1) > 0).all()
    assert (values >= 0).all()


def test_a_third_of_the_series_has_gaps_of_its_own(modules: dict[str, ModuleType]) -> None:
    """No two of them miss the same hours, and the others miss none."""
    panels = modules["engine_panels"]
    which = panels.a_third(42)
    missing = np.isnan(panels.with_gaps(panels.complete_series(42, 30), which))
    np.testing.assert_array_equal(missing.any(axis=1), which)
    np.testing.assert_array_equal(which.reshape(3, 14).sum(axis=0), np.ones(14))
    assert len({row.tobytes() for row in missing[which]}) == 14


def test_a_profile_knows_the_modules_of_the_engine(modules: dict[str, ModuleType]) -> None:
    """What it names parts by still exists."""
    for name in modules["engine_runs"].PARTS:
        module, _, function = name.partition(".")
        found = importlib.import_module(f"foresail.panel_prophet.{module}")
        assert not function or hasattr(found, function), name


def test_a_measurement_runs_in_a_process_of_its_own(
    modules: dict[str, ModuleType], tmp_path: Path
) -> None:
    """It gives the seconds of both clocks for fit and predict, for each repeat."""
    panels, bench = modules["engine_panels"], modules["engine"].Bench.at(str(tmp_path))
    file = bench.put("few", panels.complete_series(14, 14))
    runs = bench.run("engine", file=file, series=[3], keywords={}, repeats=2)
    assert [run["series"] for run in runs] == [3, 3]
    assert all(run[work][c] > 0 for run in runs for work in ("fit", "predict") for c in run[work])


def test_a_failed_measurement_says_why(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    """Its last words are shown."""
    bench = modules["engine"].Bench.at(str(tmp_path))
    with pytest.raises(SystemExit, match=r"limits failed:(.|\n)*No such file"):
        bench.run("limits", file=str(tmp_path / "none.npy"))


def test_prophet_batch_that_cannot_be_fetched_is_not_measured(
    modules: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row says so, and holds nobody up."""
    engine = modules["engine"]
    monkeypatch.setitem(sys.modules, "prophet_batch", None)  # as if it were not installed
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(engine, "ROOT", tmp_path)
    rival = engine._rival(engine.Bench.at(str(tmp_path)))  # noqa: SLF001  # the rule is its own
    assert rival.why == "not measured: not installed, and no uv to fetch it"


def test_tables_fit_eighty_columns(modules: dict[str, ModuleType]) -> None:
    """A figure without a bar leaves its place empty; one without a value has a dash and a note."""
    figure = modules["figure"]
    out = io.StringIO()
    some = [
        figure.at_least("engine / Prophet, a third with gaps", 1437.2, "times", least=150),
        figure.Figure("predict, 10,000 series of 60 days", 131610.4, "series/s"),
        figure.Figure("rival", None, "times", ">= 40", note="not measured: not installed"),
    ]
    figure.show(some, Console(file=out, width=80))
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert lines[1] == "engine / Prophet, a third with gaps    1,437  times     >= 150  yes"
    assert lines[2] == "predict, 10,000 series of 60 days    131,610  series/s"
    assert lines[4] == "  rival: not measured: not installed"


@pytest.mark.parametrize(("value", "code"), [(99.0, 1), (101.0, 0)])
def test_a_missed_bar_fails_the_run(
    modules: dict[str, ModuleType],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    value: float,
    code: int,
) -> None:
    """A figure that only informs does not, and the file holds both."""
    bench, figure = modules["bench"], modules["figure"]
    held = figure.at_least("ratio", value, "times", least=100)
    figures = [held, figure.Figure("rate", 1.0, "series/s")]
    monkeypatch.setitem(bench.SMALL, "engine", lambda: figures)
    assert bench.main(["engine", "--small", "--json", str(tmp_path / "f.json")]) == code
    written = json.loads((tmp_path / "f.json").read_text(encoding="utf-8"))
    assert [(row["bar"], row["ok"]) for row in written] == [(">= 100", code == 0), (None, None)]


def test_only_some_benchmarks_have_a_small_form(
    modules: dict[str, ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    """The others say so and measure nothing."""
    with pytest.raises(SystemExit):
        modules["bench"].main(["demo", "--small"])
    said = "demo has no small form; only contest, engine, faults, history, serve, soak"
    assert said in capsys.readouterr().err
