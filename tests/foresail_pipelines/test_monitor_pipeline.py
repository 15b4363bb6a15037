"""The pipeline `foresail-monitor`, run as a cluster gets it."""

from datetime import timedelta
from pathlib import Path

import pytest
from factories.live_bundles import TRAINED_UNTIL, history_csv, write_live_bundle
from factories.mlflow_files import fresh_mlflow

from foresail.registry import Registry
from foresail_pipelines.compiler import MONITOR
from foresail_pipelines.local import run

pytestmark = pytest.mark.heavy


def test_it_stages_what_came_and_moves_the_alias_back(tmp_path: Path) -> None:
    """No other pipeline has staged the hours since the champion was trained: they doubled."""
    registry = Registry(fresh_mlflow(tmp_path))
    for day in (-1, 0):
        folder = tmp_path / f"b{day}"
        write_live_bundle(folder, trained_until=TRAINED_UNTIL + timedelta(days=day))
        made = registry.register(folder, experiment="foresail")
        registry.promote(made.name, made.version)
    arguments = {
        "source": str(history_csv(tmp_path / "now.csv", {"cpu": 20.0}, hours=30)),
        "history_uri": str(tmp_path / "history"),
        "tracking_uri": registry.tracking_uri,
        "rollback": True,
    }
    done = run(MONITOR, arguments, root=tmp_path / "runs")
    assert [task.name for task in done.tasks] == ["stage-history", "monitor"]
    task = done.task("monitor")
    assert (task.metrics["cpu_worse"], task.metrics["cpu_rolled_back"]) == (1.0, 1.0)
    assert "**cpu: worse.**" in task.artifacts["summary"].read_text()
    assert "foresail_live_verdict" in task.artifacts["metrics_file"].read_text()
    assert '"rolled_back": true' in task.artifacts["report"].read_text()
    assert registry.version_of("foresail-cpu", "champion") == "1"
