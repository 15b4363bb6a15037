"""Merge what the shards of a panel forecast into one bundle a metric."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from foresail.bundle.merge import among, check_parts, read_blocks
from foresail.bundle.publish import rows_by_metric
from foresail.bundle.schema import HISTORY_HOURS
from foresail.evaluation.course_files import series_of
from foresail.evaluation.outcome import Contest
from foresail.steps import AnyPath
from foresail.steps.artifacts import HistoryFacts
from foresail.steps.shard_learn import Task
from foresail.steps.shard_panel import StoredPanel
from foresail.steps.train import publish_contests


def run(
    *,
    panel: AnyPath,
    learnt: AnyPath,
    first: AnyPath,
    parts: Sequence[AnyPath],
    model: AnyPath,
    summary: AnyPath,
) -> dict[str, float]:
    """Write the bundles that `train` would have written.

    Args:
        panel: Folder that `featurize` wrote.
        learnt: Folder that `shard_learn` wrote.
        first: Folder that it wrote about the first block.
        parts: Folders that `shard_train` wrote, in any order.
        model: Folder to create: `<metric>/bundle/` and `<metric>/scores.npz`.
        summary: Markdown file to write.

    Returns:
        The headline figures for the dashboard, as `train` returns them.

    Raises:
        BadInput: A part is missing, or there twice, or not whole.
    """
    source = Path(learnt)
    task = Task.read(source)
    stored = StoredPanel.open(Path(panel), np.arange(series_of(source)))
    known = stored.last(HISTORY_HOURS)
    folders = [Path(first), *map(Path, parts)]
    check_parts(folders, len(known))

    def contests() -> Iterator[tuple[str, Contest]]:
        """Read the parts once for each metric: one metric's forecasts are held at a time."""
        for metric, rows in rows_by_metric(known.index).items():
            blocks = read_blocks(folders, task.contenders)
            keys = [known.index[row].key for row in rows]
            yield metric, Contest.joined(among(blocks, rows), keys)

    return publish_contests(
        contests(),
        known,
        facts=HistoryFacts.read(Path(panel)),
        recipe=task.recipe,
        model=Path(model),
        summary=Path(summary),
    )
