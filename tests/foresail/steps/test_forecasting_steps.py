"""The steps between the staged history and the registry, on files."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foresail.bundle import Bundle
from foresail.errors import BadInput
from foresail.panel import Panel
from foresail.panel_prophet import PanelProphet
from foresail.steps import featurize, stage_history, train, validate

DS = pd.date_range("2026-01-01", periods=24 * 30, freq="h", tz="UTC")


def series(name: str, metric: str, *, level: float) -> pd.DataFrame:
    """Return thirty days of a daily rhythm on a rising trend, which only Prophet follows."""
    hours = np.arange(len(DS))
    noise = np.random.default_rng(len(name)).normal(0, 0.2, len(DS))
    y = level * (3 + 0.02 * hours + np.sin(hours / 24 * 2 * np.pi) + noise)
    return pd.DataFrame({"series": name, "metric": metric, "ds": DS, "y": y})


@dataclass(frozen=True)
class Made:
    """Where each step wrote, and what it returned."""

    folder: Path
    validated: dict[str, float]
    trained: dict[str, float]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Stage, validate, featurize and train two good series and one that is negative."""
    folder = tmp_path_factory.mktemp("steps")
    frames = [
        series("web", "cpu", level=1.0),
        series("web", "memory", level=2.0**30),
        series("broken", "cpu", level=-1.0),
    ]
    pd.concat(frames).to_csv(folder / "history.csv", index=False)
    staged = stage_history.run(
        source=str(folder / "history.csv"),
        history_uri=str(folder / "history"),
        summary=folder / "staged.md",
    )
    validated = validate.run(
        history_uri=staged.history_uri,
        history_digest=staged.digest,
        accepted=folder / "accepted",
        report=folder / "quality.html",
    )
    featurize.run(accepted=folder / "accepted", panel=folder / "panel")
    trained = train.run(
        panel=folder / "panel",
        model=folder / "model",
        summary=folder / "trained.md",
        horizons="next_day,next_week",
    )
    return Made(folder, validated, trained)


def test_a_refused_series_does_not_stop_the_others(made: Made) -> None:
    """The negative series is refused with its code; the report and the figures say so."""
    assert made.validated["series_accepted"] == 2
    assert made.validated["series_refused"] == 1
    facts = json.loads((made.folder / "accepted" / "facts.json").read_text())
    assert [(r["series"], r["code"]) for r in facts["refusals"]] == [("broken", 303)]
    report = (made.folder / "quality.html").read_text()
    assert "usage cannot be negative" in report


def test_a_report_stands_alone(made: Made) -> None:
    """No script and no outside file: Kubeflow shows it in a sandboxed frame."""
    report = (made.folder / "quality.html").read_text()
    assert "<svg" in report
    assert "<script" not in report
    assert not re.search(r"(src|href)=['\"]?(http|//|data:)", report)


def test_the_panel_ends_at_the_last_staged_hour(made: Made) -> None:
    """One hourly grid for all series."""
    panel = Panel.load(made.folder / "panel")
    assert panel.values.shape == (2, 720)
    assert panel.as_of == np.datetime64("2026-01-30T23:00:00")


def test_train_writes_one_bundle_a_metric(made: Made) -> None:
    """Each holds its own series and starts one hour after the last one known."""
    for metric in ("cpu", "memory"):
        bundle = Bundle.open(made.folder / "model" / metric / "bundle")
        assert [e.series for e in bundle.index] == ["web"]
        assert bundle.manifest.metric == metric
        assert bundle.manifest.steps == 336
        assert bundle.manifest.trained_until.isoformat() == "2026-01-31T00:00:00+00:00"


@pytest.mark.parametrize("metric", ["cpu", "memory"])
def test_a_bundle_holds_the_model_of_its_own_series(made: Made, metric: str) -> None:
    """What Prophet fitted lies beside its forecast, with the same p50 but for what limits hold."""
    folder = made.folder / "model" / metric / "bundle"
    assert {path.relative_to(folder).as_posix() for path in folder.glob("models/**/*.*")} == {
        *("models/prophet/model.json", "models/prophet/parameters.npz"),
        *("models/prophet/panel/values.npy", "models/prophet/panel/ds.npy"),
        "models/prophet/panel/index.json",
    }
    model = PanelProphet.load(folder / "models" / "prophet")
    assert [one.series for one in model.report] == [("web", metric, "mean")]
    bundle = Bundle.open(folder)
    assert [s.model for s in bundle.index[0].segments] == ["prophet", "prophet"]
    same = np.isclose(bundle.forecast[..., 1], model.predict(336)[..., 1], rtol=1e-6, atol=0)
    assert same[:, :24].all()
    assert same.mean() > 0.6


def test_a_bundle_says_which_libraries_made_it(made: Made) -> None:
    """Real Prophet made nothing of it."""
    bundle = Bundle.open(made.folder / "model" / "cpu" / "bundle")
    assert sorted(bundle.manifest.versions) == ["foresail", "lightgbm", "numpy", "python", "scipy"]


def test_trained_again_the_bundle_is_the_same(made: Made, tmp_path: Path) -> None:
    """To the last byte of every file: the registry registers the same bundle once."""
    train.run(
        panel=made.folder / "panel",
        model=tmp_path / "model",
        summary=tmp_path / "trained.md",
        horizons="next_day,next_week",
    )
    first, second = (
        (folder / "model" / "cpu" / "bundle" / "manifest.json").read_text()
        for folder in (made.folder, tmp_path)
    )
    assert first == second


def test_train_says_how_good_it_is(made: Made) -> None:
    """The error against the naive and the coverage of each metric and horizon."""
    assert made.trained["cpu_next_week_vs_naive"] <= 1.0
    assert 0.5 < made.trained["memory_next_day_coverage"] <= 1.0
    assert "| cpu | next_week | 1 | 1 | 4 |" in (made.folder / "trained.md").read_text()


def test_another_digest_is_refused(made: Made, tmp_path: Path) -> None:
    """A history that changed after it was staged is not read as the one that was."""
    with pytest.raises(BadInput, match=r"the state 000000000000 of the history in .* is not kept"):
        validate.run(
            history_uri=str(made.folder / "history"),
            history_digest="0" * 64,
            accepted=tmp_path / "accepted",
            report=tmp_path / "report.html",
        )
    assert not (tmp_path / "accepted").exists()


def test_a_forecast_is_made_again_from_the_digest_of_its_history(
    made: Made, tmp_path: Path
) -> None:
    """What was staged since changes nothing: to within 1e-6 of the series' scale it is the same."""
    bundle = Bundle.open(made.folder / "model" / "cpu" / "bundle")
    shutil.copytree(made.folder / "history", tmp_path / "history")
    late = series("web", "cpu", level=9.0)
    later = late.assign(ds=late["ds"] + pd.Timedelta(days=20))
    later.to_csv(tmp_path / "later.csv", index=False)
    staged = stage_history.run(
        source=str(tmp_path / "later.csv"),
        history_uri=str(tmp_path / "history"),
        summary=tmp_path / "staged.md",
    )
    assert staged.digest != bundle.manifest.history_digest
    validate.run(
        history_uri=staged.history_uri,
        history_digest=bundle.manifest.history_digest,
        accepted=tmp_path / "accepted",
        report=tmp_path / "quality.html",
    )
    featurize.run(accepted=tmp_path / "accepted", panel=tmp_path / "panel")
    train.run(
        panel=tmp_path / "panel",
        model=tmp_path / "model",
        summary=tmp_path / "trained.md",
        horizons="next_day,next_week",
    )
    again = Bundle.open(tmp_path / "model" / "cpu" / "bundle")
    assert again.manifest.history_digest == bundle.manifest.history_digest
    scale = bundle.index[0].scale
    assert scale is not None
    np.testing.assert_allclose(again.forecast, bundle.forecast, rtol=0, atol=1e-6 * scale)


def test_as_of_cuts_the_history(made: Made, tmp_path: Path) -> None:
    """Nothing after it is accepted, and the panel ends with it."""
    validate.run(
        history_uri=str(made.folder / "history"),
        history_digest="",
        accepted=tmp_path / "accepted",
        report=tmp_path / "report.html",
        as_of="2026-01-10T05:00:00Z",
    )
    featurize.run(accepted=tmp_path / "accepted", panel=tmp_path / "panel")
    assert Panel.load(tmp_path / "panel").as_of == np.datetime64("2026-01-10T05:00:00")


def test_the_wrong_folder_is_named(tmp_path: Path) -> None:
    """A step that gets something else than the step before wrote says so."""
    with pytest.raises(BadInput, match=r"holds no facts\.json; it is not an output of the step"):
        featurize.run(accepted=tmp_path, panel=tmp_path / "panel")
