"""Put the accepted series on one hourly grid, with their labels and capacity."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import structlog

from foresail.features import hourly_panel
from foresail.longframe import KEY
from foresail.panel import SeriesInfo, SeriesKey, unit_of
from foresail.steps import AnyPath
from foresail.steps.artifacts import HistoryFacts, read_parquet
from foresail.times import parse_hour

CAPACITY_HOLDS = timedelta(hours=25)
LABELS = ("cluster", "scope", "node", "namespace", "kind", "workload")

log = structlog.get_logger()


def run(*, accepted: AnyPath, panel: AnyPath, as_of: str = "") -> dict[str, float]:
    """Fold the accepted history into a panel.

    Args:
        accepted: Folder that `validate` wrote.
        panel: Folder to create.
        as_of: The grid's last hour; empty for the one that `validate` found.

    Returns:
        Counts for the dashboard: series, hours, share of gaps.
    """
    source = Path(accepted)
    facts = HistoryFacts.read(source)
    frame = read_parquet(source / "history.parquet")
    until = parse_hour(as_of) if as_of else facts.as_of
    capacity = read_parquet(source / "capacity.parquet")
    # while a figure holds it is staged once a day: an older one holds no longer
    capacity = capacity[capacity["ds"].between(until - CAPACITY_HOLDS, until)]
    folded = hourly_panel(frame, as_of=until, index=_index(frame, capacity))
    target = Path(panel)
    folded.save(target)
    facts.model_copy(update={"as_of": until}).write(target)
    gaps = float(np.isnan(folded.values).mean())
    log.info("featurized", series=len(folded), hours=len(folded.ds), gaps=round(gaps, 4))
    return {"series": float(len(folded)), "hours": float(len(folded.ds)), "gap_share": gaps}


def _index(frame: pd.DataFrame, capacity: pd.DataFrame) -> dict[SeriesKey, SeriesInfo]:
    labels = [name for name in LABELS if name in frame]
    latest = {
        (str(series), str(metric), str(kind)): float(value)
        for series, metric, kind, value in capacity.sort_values("ds")[
            ["series", "metric", "kind", "value"]
        ].itertuples(index=False)
    }
    found = {}
    for row in frame[[*KEY, *labels]].drop_duplicates(KEY, keep="last").to_dict("records"):
        key = SeriesKey(*(str(row[name]) for name in KEY))
        found[key] = SeriesInfo(
            *key,
            unit=unit_of(key.metric),
            labels={n: str(row[n]) for n in labels if row[n] and not pd.isna(row[n])},
            capacity={
                kind: latest[key.series, key.metric, kind]
                for kind in ("allocatable", "request", "limit")
                if (key.series, key.metric, kind) in latest
            },
        )
    return found
