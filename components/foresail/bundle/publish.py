"""From a contest to bundles: one a metric."""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from foresail.bundle.schema import HISTORY_HOURS, Manifest
from foresail.bundle.writer import Publication, write_bundle
from foresail.evaluation.outcome import Contest
from foresail.horizons import QUANTILES
from foresail.panel import HOUR, Panel, SeriesInfo
from foresail.times import from_numpy

BUNDLE = "bundle"
SCORES = "scores.npz"
_LIBRARIES = ("foresail", "lightgbm", "numpy", "scipy")


def rows_by_metric(index: Sequence[SeriesInfo]) -> dict[str, list[int]]:
    """Return the rows of each metric, ascending; the metrics in alphabetical order."""
    found: dict[str, list[int]] = {metric: [] for metric in sorted({i.metric for i in index})}
    for row, info in enumerate(index):
        found[info.metric].append(row)
    return found


def publish(
    folder: Path,
    *,
    metric: str,
    panel: Panel,
    rows: Sequence[int],
    contest: Contest,
    history_digest: str,
    recipe: Mapping[str, Any],
) -> Manifest:
    """Write `<metric>/bundle/` and `<metric>/scores.npz` of one metric.

    Args:
        folder: Of the model artifact; the metric's folder must not exist yet.
        metric: The metric.
        panel: At least the last 28 days that the contest knew.
        rows: Of the panel that are series of this metric, ascending.
        contest: Their outcome, in this order.
        history_digest: Of the history behind the panel.
        recipe: Settings that refit the same forecast at other origins.
    """
    publication = Publication(
        metric=metric,
        trained_until=from_numpy(panel.as_of + HOUR),
        quantiles=QUANTILES,
        horizons={h.name: h.hours for h in contest.board.horizons},
        index=contest.index,
        forecast=contest.forecast,
        history=panel.values[list(rows), -HISTORY_HOURS:],
        history_digest=history_digest,
        recipe=recipe,
        models={name: served.model for name, served in contest.models.items()},
        versions={name: version(name) for name in _LIBRARIES}
        | {"python": platform.python_version()},
    )
    home = folder / _folder_name(metric)
    manifest = write_bundle(home / BUNDLE, publication)
    contest.board.save(home / SCORES)
    return manifest


def _folder_name(metric: str) -> str:
    # a metric's name comes from outside and is never a path
    return "".join(c if c.isalnum() else "-" for c in metric) or "metric"
