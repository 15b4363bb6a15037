"""The gate as a step: files in, MLflow asked, verdicts and a report out."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from foresail.errors import UsageError
from foresail.panel import Panel, SeriesInfo
from foresail.registry import Decision, Registry
from foresail.steps import promote, register, train, validate_model
from foresail.steps.artifacts import HistoryFacts
from foresail.times import from_numpy

HOURS = 35 * 24
SERIES = 7
"""Too few for the booster, which would see any trend, whatever Prophet's settings."""


INTERVAL = r"\d\.\d\d \(\d\.\d\d-\d\.\d\d\)"


@dataclass(frozen=True)
class Kitchen:
    """A folder, a registry of its own, and the steps that write there."""

    folder: Path

    @property
    def tracking_uri(self) -> str:
        """Return a sqlite MLflow."""
        return f"sqlite:///{self.folder / 'mlflow.db'}"

    def forecast(self, name: str, *, hours: int, changepoint_prior_scale: float = 0.05) -> None:
        """Train on the first hours and register what came of it."""
        home = self.folder / name
        panel = _panel(hours)
        panel.save(home / "panel")
        facts = HistoryFacts(history_digest="d" * 64, as_of=from_numpy(panel.as_of))
        facts.write(home / "panel")
        train.run(
            panel=home / "panel",
            model=home / "model",
            summary=home / "train.md",
            horizons="next_day",
            changepoint_prior_scale=changepoint_prior_scale,
        )
        register.run(
            model=home / "model", registered=home / "reg.json", tracking_uri=self.tracking_uri
        )

    def judge(self, name: str, *, promotion: str = "auto") -> Decision:
        """Run the gate and the promotion."""
        home = self.folder / name
        figures = validate_model.run(
            panel=home / "panel",
            model=home / "model",
            registered=home / "reg.json",
            decision=home / "decision.json",
            report=home / "report.html",
            promotion=promotion,
        )
        (home / "figures.json").write_text(json.dumps(figures))
        promote.run(
            decision=home / "decision.json", summary=home / "promote.md", promotion=promotion
        )
        return Decision.read(home / "decision.json")


def _panel(hours: int) -> Panel:
    ds = np.datetime64("2026-01-01", "s") + np.arange(hours) * np.timedelta64(1, "h")
    noise = np.random.default_rng(3).normal(0, 0.3, (SERIES, HOURS))[:, :hours]
    # on a rising trend only Prophet wins, so that its settings decide
    y = 5 + 0.1 * np.arange(hours) + np.sin(np.arange(hours) / 24 * 2 * np.pi) + noise
    labels = {"cluster": "prod", "scope": "node"}
    infos = [
        SeriesInfo(f"prod/node/n{i}", "cpu", unit="cores", labels={**labels, "node": f"n{i}"})
        for i in range(SERIES)
    ]
    return Panel(ds, y, tuple(infos))


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory: pytest.TempPathFactory) -> Kitchen:
    """Register a first champion, then a day later a challenger of other settings."""
    made = Kitchen(tmp_path_factory.mktemp("gate"))
    made.forecast("first", hours=HOURS - 24)
    made.judge("first")
    made.forecast("second", hours=HOURS, changepoint_prior_scale=0.04)
    return made


def test_the_first_forecast_becomes_champion(kitchen: Kitchen) -> None:
    """There is nobody to compare it with but the naive."""
    (verdict,) = Decision.read(kitchen.folder / "first" / "decision.json").verdicts
    assert verdict.promote
    assert verdict.champion is None
    assert re.fullmatch(
        rf"the first champion; next_day {INTERVAL} of the seasonal naive's error", verdict.reason
    )


def test_a_champion_of_other_settings_is_refitted_at_the_same_origins(kitchen: Kitchen) -> None:
    """The newer hours decide between equals; reason, report and dashboard tell the same figures."""
    (verdict,) = kitchen.judge("second").verdicts
    assert verdict.champion == "1"
    assert verdict.promote
    told = re.fullmatch(
        rf"next_day ({INTERVAL}) of the champion's error: not worse, and it knows newer hours",
        verdict.reason,
    )
    assert told
    report = (kitchen.folder / "second" / "report.html").read_text()
    assert verdict.reason.replace("'", "&#39;") in report
    assert f'<span style="white-space: nowrap">{told.group(1)}</span>' in report
    figures = json.loads((kitchen.folder / "second" / "figures.json").read_text())
    ends = [figures[f"cpu_next_day_vs_champion{end}"] for end in ("", "_low", "_high")]
    assert told.group(1) == "{:.2f} ({:.2f}-{:.2f})".format(*ends)
    assert figures["cpu_next_day_vs_naive_high"] < 1.0
    assert Registry(kitchen.tracking_uri).version_of("foresail-cpu", "champion") == "2"


def test_a_worse_challenger_leaves_the_champion(kitchen: Kitchen) -> None:
    """A trend that bends at every noise loses on the held-out windows, and stays a challenger."""
    kitchen.forecast("third", hours=HOURS, changepoint_prior_scale=10.0)
    (verdict,) = kitchen.judge("third").verdicts
    assert not verdict.promote
    assert re.fullmatch(
        rf"next_day: {INTERVAL} of the champion's error: worse; the champion stays", verdict.reason
    )
    assert Registry(kitchen.tracking_uri).version_of("foresail-cpu", "champion") == "2"


def test_a_forecast_only_run_changes_no_champion(kitchen: Kitchen) -> None:
    """It is trained, registered and judged, has the alias shadow, and says what would have been."""
    kitchen.forecast("fourth", hours=HOURS, changepoint_prior_scale=0.03)
    (verdict,) = kitchen.judge("fourth", promotion="forecast-only").verdicts
    assert not verdict.promote
    assert verdict.reason.startswith("forecast-only: would be promoted, next_day ")
    registry = Registry(kitchen.tracking_uri)
    assert registry.version_of("foresail-cpu", "champion") == "2"
    assert registry.version_of("foresail-cpu", "shadow") == "4"
    summary = (kitchen.folder / "fourth" / "promote.md").read_text()
    assert f"| foresail-cpu | 4 | shadow | 2 | {verdict.reason} |" in summary


def test_an_unknown_promotion_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    """A slip of the pen must not promote."""
    nowhere = tmp_path / "nowhere"
    with pytest.raises(UsageError, match="must be auto or forecast-only, got 'none'"):
        validate_model.run(
            panel=nowhere,
            model=nowhere,
            registered=nowhere,
            decision=nowhere,
            report=nowhere,
            promotion="none",
        )


def test_what_was_rolled_back_by_hand_is_not_promoted_again(kitchen: Kitchen) -> None:
    """The same pipeline run once more leaves the human's decision alone."""
    registry = Registry(kitchen.tracking_uri)
    registry.rollback("foresail-cpu")
    (verdict,) = kitchen.judge("second").verdicts
    assert not verdict.promote
    assert "was rolled back by hand" in verdict.reason
    assert registry.version_of("foresail-cpu", "champion") == "1"
