"""The gate as a step, where series are missing: carried over, ended, or lost."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from factories.mlflow_files import fresh_mlflow

from foresail.bundle import Bundle
from foresail.history.manifest import Refusal
from foresail.panel import Panel, SeriesInfo
from foresail.registry import Registered, Registry, Verdict
from foresail.registry.registry import checked
from foresail.steps import promote, register, train, validate_model
from foresail.steps.artifacts import HistoryFacts
from foresail.times import from_numpy

HOURS = 12 * 24
PROD = tuple(f"prod/node/n{i}" for i in range(4))
DEV = ("dev/node/n0", "dev/node/n1")


@dataclass
class Kitchen:
    """A folder, a registry of its own, and the steps that write there, a day apart."""

    folder: Path
    runs: int = field(default=0)

    @property
    def registry(self) -> Registry:
        """Return its registry."""
        return Registry(f"sqlite:///{self.folder / 'mlflow.db'}")

    def run(
        self, *series: str, silent: tuple[str, ...] = (), ended: tuple[str, ...] = ()
    ) -> Verdict:
        """Train, register, judge and promote what these series say; return the verdict."""
        self.runs += 1
        home = self.folder / str(self.runs)
        panel = _panel(series, hours=HOURS + 24 * self.runs)
        facts = HistoryFacts(
            history_digest="d" * 64,
            as_of=from_numpy(panel.as_of),
            refusals=tuple(
                Refusal(series=name, metric="cpu", stat="mean", code=203, reason="ended")
                for name in ended
            ),
            silent=silent,
        )
        panel.save(home / "panel")
        facts.write(home / "panel")
        train.run(
            panel=home / "panel",
            model=home / "model",
            summary=home / "train.md",
            horizons="next_day",
        )
        facts.write(home / "model")
        register.run(
            model=home / "model",
            registered=home / "registered.json",
            tracking_uri=self.registry.tracking_uri,
        )
        validate_model.run(
            panel=home / "panel",
            model=home / "model",
            registered=home / "registered.json",
            decision=home / "decision.json",
            report=home / "report.html",
        )
        promote.run(decision=home / "decision.json", summary=home / "promote.md")
        (verdict,) = validate_model.Decision.read(home / "decision.json").verdicts
        return verdict

    def champion(self, folder: Path) -> Bundle:
        """Return what is served."""
        version = self.registry.version_of("foresail-cpu", "champion")
        assert version
        return Bundle.open(self.registry.fetch("foresail-cpu", version, folder))


def _panel(series: tuple[str, ...], *, hours: int) -> Panel:
    ds = np.datetime64("2026-01-01", "s") + np.arange(hours) * np.timedelta64(1, "h")
    wave = np.sin(np.arange(hours) / 24 * 2 * np.pi)
    noise = np.random.default_rng(3).normal(0, 0.3, (len(series), 2 * HOURS))[:, :hours]
    infos = [
        SeriesInfo(
            name,
            "cpu",
            unit="cores",
            labels={"cluster": name.split("/")[0], "scope": "node", "node": name.split("/")[2]},
        )
        for name in series
    ]
    return Panel(ds, 5 + wave + noise, tuple(infos))


@pytest.fixture
def kitchen(tmp_path: Path) -> Kitchen:
    """Make a champion of two clusters."""
    fresh_mlflow(tmp_path)
    made = Kitchen(tmp_path)
    assert made.run(*PROD, *DEV).promote
    return made


def test_what_a_silent_cluster_had_is_not_lost(kitchen: Kitchen, tmp_path: Path) -> None:
    """Two runs on it is still served as of the first; then it answers, and has a forecast anew."""
    for _ in range(2):
        verdict = kitchen.run(*PROD, silent=("dev",))
        assert verdict.promote, verdict.reason
        assert verdict.reason.endswith(
            "cluster dev did not answer: 2 series go on with their forecast as of "
            "2026-01-13T23:00:00Z"
        )
    served = kitchen.champion(tmp_path / "silent")
    assert [entry.series for entry in served.index if entry.is_carried_over] == list(DEV)
    report = (tmp_path / "3" / "report.html").read_text()
    assert "cluster dev did not answer" in report
    verdict = kitchen.run(*PROD, *DEV)
    assert verdict.promote, verdict.reason
    assert not any(e.is_carried_over for e in kitchen.champion(tmp_path / "back").index)


def test_a_bundle_that_lost_series_stays_a_challenger(kitchen: Kitchen, tmp_path: Path) -> None:
    """Nobody says that dev was silent: its series vanished. A person may insist."""
    verdict = kitchen.run(*PROD)
    assert not verdict.promote
    assert verdict.reason == (
        "2 of the 6 series that the champion serves are missing (5 % may be): "
        "dev/node/n0 cpu mean, dev/node/n1 cpu mean; the champion stays; "
        "`foresail registry promote foresail-cpu 2` to insist"
    )
    assert kitchen.champion(tmp_path / "before").manifest.series == 6
    checked(kitchen.registry.promote("foresail-cpu", "2", insist=True))
    assert kitchen.champion(tmp_path / "after").manifest.series == 4
    assert kitchen.run(*PROD).promote


def test_series_that_ended_are_not_lost(kitchen: Kitchen) -> None:
    """They were left out because they had no value for a week, and the facts name them."""
    assert kitchen.run(*PROD, ended=DEV).promote


def test_a_cluster_whose_forecast_cannot_be_carried_over_is_lost(
    kitchen: Kitchen, tmp_path: Path
) -> None:
    """The bundle without it is registered and stays a challenger; the reason tells both."""
    (file,) = (tmp_path / "mlflow-artifacts").rglob("bundle/forecast.npy")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    verdict = kitchen.run(*PROD, silent=("dev",))
    assert not verdict.promote
    assert "2 of the 6 series that the champion serves are missing" in verdict.reason
    assert "none of its series can be carried over" in verdict.reason
    (model,) = Registered.read(tmp_path / "2" / "registered.json").models
    assert (model.version, model.carried) == ("2", 0)
