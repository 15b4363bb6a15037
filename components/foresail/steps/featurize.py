"""Hold the accepted series to one last hour, with what their capacity is then."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import structlog

from foresail.features import ending_at
from foresail.panel import Panel, SeriesInfo
from foresail.steps import AnyPath
from foresail.steps.artifacts import CAPACITY, HistoryFacts, read_parquet
from foresail.times import parse_hour

CAPACITY_HOLDS = timedelta(hours=25)
CAPACITY_KINDS = ("allocatable", "request", "limit")
"""What the room beside a forecast is reckoned from."""

log = structlog.get_logger()


def run(*, accepted: AnyPath, panel: AnyPath, as_of: str = "") -> dict[str, float]:
    """Cut the accepted series off at the last hour known, and put their capacity beside them.

    Args:
        accepted: Folder that `validate` wrote.
        panel: Folder to create.
        as_of: The grid's last hour; empty for the one that `validate` found.

    Returns:
        Counts for the dashboard: series, hours, share of gaps.
    """
    source = Path(accepted)
    facts = HistoryFacts.read(source)
    until = parse_hour(as_of) if as_of else facts.as_of
    known = ending_at(Panel.load(source), until)
    capacity = read_parquet(source / CAPACITY)
    # while a figure holds it is staged once a day: an older one holds no longer
    capacity = capacity[capacity["ds"].between(until - CAPACITY_HOLDS, until)]
    folded = Panel(known.ds, known.values, _with_capacity(known.index, capacity))
    target = Path(panel)
    folded.save(target)
    facts.model_copy(update={"as_of": until}).write(target)
    gaps = float(np.isnan(folded.values).mean())
    log.info("featurized", series=len(folded), hours=len(folded.ds), gaps=round(gaps, 4))
    return {"series": float(len(folded)), "hours": float(len(folded.ds)), "gap_share": gaps}


def _with_capacity(index: tuple[SeriesInfo, ...], capacity: pd.DataFrame) -> tuple[SeriesInfo, ...]:
    latest: dict[tuple[str, str], dict[str, float]] = {}
    rows = capacity.sort_values("ds")[["series", "metric", "kind", "value"]]
    for series, metric, kind, value in rows.itertuples(index=False):
        if kind in CAPACITY_KINDS:
            latest.setdefault((str(series), str(metric)), {})[str(kind)] = float(value)
    return tuple(
        replace(info, capacity=_ordered(latest.get((info.series, info.metric), {})))
        for info in index
    )


def _ordered(known: dict[str, float]) -> dict[str, float]:
    return {kind: known[kind] for kind in CAPACITY_KINDS if kind in known}
