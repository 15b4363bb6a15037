"""A panel of a simulated cluster in small blocks, forecast whole and by shards."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from foresail.features import hourly_panel
from foresail.history.simulate import simulate
from foresail.panel import Panel, SeriesInfo
from foresail.steps import shard_learn, shard_merge, shard_train
from foresail.steps.artifacts import HistoryFacts
from foresail.times import from_numpy

DAYS = 24
RISING = slice(2, None, 9)
"""Every ninth series rises on a daily rhythm, which only Prophet follows: its fits are kept."""


def simulated_panel() -> Panel:
    """Return 56 series of a simulated cluster, four of which are hard to forecast.

    One has no value at all, one has ended, one is constant, one is two days old.
    """
    usage = simulate(until=datetime(2026, 11, 1, tzinfo=UTC), days=DAYS, seed=1).usage
    panel = hourly_panel(usage)
    random = np.random.default_rng(0)
    panel = panel.select(np.sort(random.choice(len(panel), 56, replace=False)).tolist())
    values, hours = panel.values.copy(), np.arange(len(panel.ds))
    noise = random.normal(0, 0.2, values[RISING].shape)
    values[RISING] = 3 + 0.02 * hours + np.sin(hours / 24 * 2 * np.pi) + noise
    values[5], values[12, -200:], values[17] = np.nan, np.nan, 0.25
    values[23, :-50] = np.nan
    index = tuple(
        SeriesInfo(i.series, i.metric, i.stat, i.unit, {"scope": "workload"}) for i in panel.index
    )
    return Panel(panel.ds, values, index)


def write_panel(folder: Path, panel: Panel) -> Path:
    """Write a panel as featurize does, and return its folder."""
    panel.save(folder)
    HistoryFacts(history_digest="0" * 64, as_of=from_numpy(panel.as_of)).write(folder)
    return folder


def forecast_sharded(panel: Path, folder: Path, *, shards: int, **training: Any) -> list[int]:
    """Run the steps of `foresail-forecast-sharded` that stand for train, the last shard first.

    Returns:
        The shards' numbers; `folder` has `model` and `summary.md`.
    """
    learnt, first = folder / "learnt", folder / "first"
    numbers = shard_learn.run(panel=panel, learnt=learnt, part=first, shards=shards, **training)
    parts = [folder / "parts" / str(number) for number in reversed(numbers)]
    for part in parts:
        shard_train.run(panel=panel, learnt=learnt, shard=int(part.name), part=part)
    shard_merge.run(
        panel=panel,
        learnt=learnt,
        first=first,
        parts=parts,
        model=folder / "model",
        summary=folder / "summary.md",
    )
    return numbers


def files_below(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder by its path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
