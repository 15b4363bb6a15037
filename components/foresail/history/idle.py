"""Batch workloads at rest: zero, where nothing ran although the source was there."""

import numpy as np

from foresail.panel import Panel

REST_HOURS = 7 * 24
"""A CronJob that has not run for longer counts as gone, not as resting."""
BATCH = "CronJob"

_ROWS = 256


def rest(panel: Panel) -> None:
    """Write zeros into the hours in which a CronJob did not run.

    From its first run to a week after its last one; hours in which no other series of the same
    cluster, metric, scope and statistic has a value stay gaps: the source was away.

    Args:
        panel: Its values are changed.
    """
    batch = np.array([info.labels.get("kind") == BATCH for info in panel.index], dtype=bool)
    if not batch.any():
        return
    groups: dict[tuple[str, str, str, str], list[int]] = {}
    for row, info in enumerate(panel.index):
        place = (info.labels.get("cluster", ""), info.labels.get("scope", ""))
        groups.setdefault((info.metric, info.stat, *place), []).append(row)
    for members in groups.values():
        resting = [row for row in members if batch[row]]
        if not resting:
            continue
        alive = np.zeros(len(panel.ds), dtype=bool)
        for start in range(0, len(members), _ROWS):  # a mask of all would be as large as they are
            alive |= ~np.isnan(panel.values[members[start : start + _ROWS]]).all(axis=0)
        for row in resting:
            present = ~np.isnan(panel.values[row])
            runs = np.flatnonzero(present)
            if len(runs):
                idle = alive & ~present
                idle[: runs[0]] = False
                idle[runs[-1] + REST_HOURS + 1 :] = False
                panel.values[row, idle] = 0.0
