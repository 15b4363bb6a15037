"""The pipeline `foresail-forecast-sharded`, run as a cluster gets it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from factories.mlflow_files import fresh_mlflow
from factories.sharded import files_below

from foresail.bundle import Bundle
from foresail.errors import UsageError
from foresail.evaluation import layout
from foresail.registry import Registry
from foresail.steps import train
from foresail_pipelines import spec as specs
from foresail_pipelines.compiler import FORECAST, FORECAST_SHARDED
from foresail_pipelines.local import run
from foresail_pipelines.runs import LocalRun

pytestmark = pytest.mark.heavy

SERIES, DAYS = 1100, 15
TRAINING: Mapping[str, Any] = {"horizons": "next_day", "windows": 2}


def small_history(file: Path) -> None:
    """Write fifteen days of rhythms: more series than two blocks hold, one without a value."""
    random = np.random.default_rng(0)
    hours = np.arange(DAYS * 24)
    level = random.uniform(1, 9, (SERIES, 1))
    y = level * (2 + np.sin(2 * np.pi * hours / 24) + random.normal(0, 0.1, (SERIES, hours.size)))
    y[700] = np.nan
    ds = pd.date_range("2026-10-01", periods=hours.size, freq="h", tz="UTC")
    frame = pd.DataFrame(
        {
            "series": np.repeat([f"s{i:04d}" for i in range(SERIES)], hours.size),
            "metric": "cpu",
            "ds": np.tile(ds, SERIES),
            "y": y.ravel(),
        }
    )
    frame[frame["y"].notna()].to_parquet(file, index=False)


@dataclass(frozen=True)
class Done:
    """A run, and where its registry is."""

    run: LocalRun
    registry: Registry


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Run the compiled pipeline over two shards."""
    folder = tmp_path_factory.mktemp("sharded")
    small_history(folder / "history.parquet")
    registry = Registry(fresh_mlflow(folder))
    arguments = {
        "source": str(folder / "history.parquet"),
        "history_uri": str(folder / "history"),
        "tracking_uri": registry.tracking_uri,
        "shards": 2,
        **TRAINING,
    }
    return Done(run(FORECAST_SHARDED, arguments, root=folder / "runs"), registry)


def test_each_shard_is_a_task_between_learning_and_merging(done: Done) -> None:
    """Two of them, each with whole blocks: the series that were not learnt from."""
    names = [task.name for task in done.run.tasks]
    assert names[:3] == ["stage-history", "validate", "featurize"]
    assert names[3:7] == ["shard-learn", "shard-train", "shard-train", "shard-merge"]
    assert names[7:] == ["register", "validate-model", "promote"]
    shards = [task for task in done.run.tasks if task.name == "shard-train"]
    assert [task.metrics["series"] for task in shards] == [294.0, 293.0]
    assert sum(task.metrics["series"] for task in shards) == SERIES - 1 - layout.FIRST


def test_the_merged_bundle_is_the_one_that_train_writes(done: Done, tmp_path: Path) -> None:
    """To the last byte of every file, from the same panel in another process."""
    panel = done.run.task("featurize").artifacts["panel"]
    train.run(panel=panel, model=tmp_path / "model", summary=tmp_path / "summary.md", **TRAINING)
    whole, merged = (
        files_below(tmp_path / "model"),
        files_below(done.run.task("shard-merge").artifacts["model"]),
    )
    assert [name for name in merged if merged[name] != whole.get(name)] == []
    assert merged.keys() == whole.keys()
    text = done.run.task("shard-merge").artifacts["summary"].read_text()
    assert text == (tmp_path / "summary.md").read_text()


def test_what_the_shards_forecast_is_promoted(done: Done) -> None:
    """All series but the one without a value, as one version of one model."""
    model = done.run.task("shard-merge").artifacts["model"]
    bundle = Bundle.open(model / "cpu" / "bundle")
    assert len(bundle.index) == SERIES - 1
    assert all(entry.hours for entry in bundle.index)
    assert done.registry.version_of("foresail-cpu", "champion") == "1"
    assert done.run.task("shard-merge").metrics["cpu_next_day_vs_naive"] < 1.0


def test_it_takes_what_the_forecast_takes_and_how_many_shards() -> None:
    """The same names, types and defaults."""
    plain, sharded = (
        dict(specs.parameters(specs.load(file))) for file in (FORECAST, FORECAST_SHARDED)
    )
    assert sharded.pop("shards")["defaultValue"] == 4.0
    assert sharded == plain


def test_no_shard_at_all_is_refused_before_anything_runs(tmp_path: Path) -> None:
    """Not an hour later, by shard-learn."""
    with pytest.raises(UsageError, match="shards must be 1 or more, got 0"):
        run(FORECAST_SHARDED, {"source": "x", "shards": 0}, root=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
