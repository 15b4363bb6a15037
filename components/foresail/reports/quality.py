"""The report of `validate`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foresail.history.manifest import Refusal
from foresail.panel import FloatArray, IntArray, Panel, SeriesKey
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


def quality_report(panel: Panel, *, refusals: Sequence[Refusal], silent: Sequence[str]) -> str:
    """Return the HTML of what came, what was refused and where the gaps are.

    Args:
        panel: The series that go on.
        refusals: All series that do not, those that staging left out among them.
        silent: Clusters that did not answer.
    """
    known = np.isfinite(panel.values)
    first = known.argmax(axis=1)
    hours = len(panel.ds) - first
    gaps = 1 - known.sum(axis=1) / hours
    seen = known.mean(axis=0)
    days = panel.ds.astype("datetime64[D]")
    unique = np.unique(days)
    worst = np.argsort(-gaps, kind="stable")[:WORST].tolist()
    return render(
        "quality.html",
        accepted=len(panel),
        refusals=refusals,
        silent=silent,
        rows=int(known.sum()),
        first=isoformat(panel.ds[0]),
        last=isoformat(panel.ds[-1]),
        gaps=float(gaps.mean()),
        chart=share_chart(
            title="Series with a value, per day",
            ds=unique,
            share=np.array([seen[days == day].mean() for day in unique]),
        ),
        scopes=_scopes(panel, known.sum(axis=1), gaps),
        worst=[
            _Gaps(
                panel.index[row].key,
                isoformat(panel.ds[first[row]]),
                float(hours[row]) / 24,
                float(gaps[row]),
            )
            for row in worst
        ],
    )


def _scopes(panel: Panel, values: IntArray, gaps: FloatArray) -> list[_Scope]:
    groups: dict[tuple[str, str], list[int]] = {}
    for row, info in enumerate(panel.index):
        groups.setdefault((info.labels.get("scope", ""), info.metric), []).append(row)
    return [
        _Scope(scope, metric, len(rows), int(values[rows].sum()), float(gaps[rows].mean()))
        for (scope, metric), rows in sorted(groups.items())
    ]
