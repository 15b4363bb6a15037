"""From a contest to bundles: one a metric."""

import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from foresail.bundle.schema import Manifest
from foresail.bundle.writer import Publication, write_bundle
from foresail.evaluation.contest import Contest
from foresail.horizons import QUANTILES
from foresail.panel import HOUR, Panel
from foresail.times import from_numpy

BUNDLE = "bundle"
SCORES = "scores.npz"
_LIBRARIES = ("foresail", "lightgbm", "numpy", "scipy")


def publish(
    folder: Path,
    *,
    panel: Panel,
    contest: Contest,
    history_digest: str,
    recipe: Mapping[str, Any],
) -> dict[str, Manifest]:
    """Write `<metric>/bundle/` and `<metric>/scores.npz` for every metric of the panel.

    Args:
        folder: Of the model artifact; each metric's folder must not exist yet.
        panel: What the contest was run on.
        contest: Its outcome.
        history_digest: Of the history behind the panel.
        recipe: Settings that refit the same forecast at other origins.

    Returns:
        Metric -> manifest.
    """
    written = {}
    for metric in sorted({info.metric for info in panel.index}):
        rows = [i for i, info in enumerate(panel.index) if info.metric == metric]
        publication = Publication(
            metric=metric,
            trained_until=from_numpy(panel.as_of + HOUR),
            quantiles=QUANTILES,
            horizons={h.name: h.hours for h in contest.board.horizons},
            index=[contest.index[i] for i in rows],
            forecast=contest.forecast[rows],
            history=panel.values[rows],
            history_digest=history_digest,
            recipe=recipe,
            models={
                name: model
                for name, served in contest.models.items()
                if (model := served.among(rows)) is not None
            },
            versions={name: version(name) for name in _LIBRARIES}
            | {"python": platform.python_version()},
        )
        home = folder / _folder_name(metric)
        written[metric] = write_bundle(home / BUNDLE, publication)
        contest.board.rows(rows).save(home / SCORES)
    return written


def _folder_name(metric: str) -> str:
    # a metric's name comes from outside and is never a path
    return "".join(c if c.isalnum() else "-" for c in metric) or "metric"
