"""Backtest and forecast one shard of a panel, with what was learnt from all of it."""

from pathlib import Path

import numpy as np
import structlog

from foresail.bundle.merge import write_block
from foresail.evaluation.contest import contests_of
from foresail.evaluation.course_files import read_course
from foresail.steps import AnyPath
from foresail.steps.shard_learn import Task
from foresail.steps.shard_panel import StoredPanel

log = structlog.get_logger()


def run(*, panel: AnyPath, learnt: AnyPath, shard: int, part: AnyPath) -> dict[str, float]:
    """Forecast the series of one shard.

    Args:
        panel: Folder that `featurize` wrote.
        learnt: Folder that `shard_learn` wrote.
        shard: Its number.
        part: Folder to create: the outcome of each block of the shard; of a panel that has no
            other block than the first one it stays empty.

    Returns:
        `series`: how many the shard has; `blocks`: in how many blocks.

    Raises:
        BadInput: The folders do not belong together.
        UsageError: There is no such shard.
    """
    source, target = Path(learnt), Path(part)
    task = Task.read(source)
    course, layout = read_course(source, task.contenders)
    # a list's numbers arrive as decimals
    blocks = list(layout.shard(int(shard), of=task.shards))
    rows = np.concatenate([*blocks, np.arange(0)])
    stored = StoredPanel.open(Path(panel), rows)
    target.mkdir(parents=True)
    for some, contest in contests_of(course, stored.select, blocks):
        write_block(target, some, contest)
        log.info("trained", shard=int(shard), series=len(some), first=contest.index[0].series)
    return {"series": float(len(rows)), "blocks": float(len(blocks))}
