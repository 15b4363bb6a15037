"""The report of `validate`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from foresail.features import hourly_panel
from foresail.history.manifest import Refusal
from foresail.panel import Panel, SeriesKey
from foresail.quality import Judgement
from foresail.reports.charts import share_chart
from foresail.reports.page import render
from foresail.times import isoformat

WORST = 20


@dataclass(frozen=True, slots=True)
class _Gaps:
    key: SeriesKey
    first: str
    days: float
    gaps: float


@dataclass(frozen=True, slots=True)
class _Scope:
    scope: str
    metric: str
    series: int
    rows: int
    gaps: float


def quality_report(judgement: Judgement, *, refusals: Sequence[Refusal]) -> str:
    """Return the HTML of what came, what was refused and where the gaps are.

    Args:
        judgement: Of the staged history.
        refusals: All series that do not go on, those that staging left out among them.
    """
    frame = judgement.frame
    panel = hourly_panel(frame)
    per_series = [_gaps_of(panel, i) for i in range(len(panel))]
    by_key = {row.key: row.gaps for row in per_series}
    seen = np.isfinite(panel.values).mean(axis=0)
    days = panel.ds.astype("datetime64[D]")
    unique = np.unique(days)
    return render(
        "quality.html",
        accepted=len(panel),
        refusals=refusals,
        rows=len(frame),
        first=isoformat(panel.ds[0]),
        last=isoformat(panel.ds[-1]),
        repeats=judgement.repeats_dropped,
        gaps=float(np.mean([row.gaps for row in per_series])),
        chart=share_chart(
            title="Series with a value, per day",
            ds=unique,
            share=np.array([seen[days == day].mean() for day in unique]),
        ),
        scopes=_scopes(frame, by_key),
        worst=sorted(per_series, key=lambda row: -row.gaps)[:WORST],
    )


def _gaps_of(panel: Panel, row: int) -> _Gaps:
    known = np.isfinite(panel.values[row])
    first = int(known.argmax())
    return _Gaps(
        panel.index[row].key,
        isoformat(panel.ds[first]),
        float(len(known) - first) / 24,
        float(1 - known[first:].mean()),
    )


def _scopes(frame: pd.DataFrame, gaps: dict[SeriesKey, float]) -> list[_Scope]:
    labelled = frame if "scope" in frame else frame.assign(scope="")
    found = []
    for (scope, metric), rows in labelled.groupby(["scope", "metric"], sort=True, observed=True):
        keys = rows[["series", "metric", "stat"]].drop_duplicates()
        share = [gaps[SeriesKey(*map(str, key))] for key in keys.itertuples(index=False)]
        found.append(_Scope(str(scope), str(metric), len(keys), len(rows), float(np.mean(share))))
    return found
