"""The report of `validate_model`."""

from collections.abc import Sequence

import numpy as np

from foresail.bundle import Bundle, SeriesEntry
from foresail.capacity import Ceiling, ceiling_of
from foresail.evaluation.gate import Standing
from foresail.panel import HOUR
from foresail.registry.records import Verdict
from foresail.reports.charts import forecast_chart, rows_to_chart
from foresail.reports.page import render
from foresail.times import to_numpy

CHARTS = 8
MOST_ROWS = 200
SHOWN_BACK, SHOWN_AHEAD = 14 * 24, 7 * 24


def model_report(
    bundles: Sequence[Bundle], *, standings: Sequence[Standing], verdicts: Sequence[Verdict]
) -> str:
    """Return the HTML with the decision, the standings, pictures and every series' promise."""
    entries: list[SeriesEntry] = [entry for bundle in bundles for entry in bundle.index]
    return render(
        "model.html",
        verdicts=verdicts,
        standings=standings,
        charts=[chart for bundle in bundles for chart in bundle_charts(bundle, most=CHARTS // 2)],
        entries=entries,
        most=MOST_ROWS,
    )


def bundle_charts(bundle: Bundle, *, most: int) -> list[str]:
    """Return pictures of a bundle's first series: clusters, then nodes, then namespaces; means."""
    rows = [
        i
        for i, entry in enumerate(bundle.index)
        if entry.stat == "mean" and entry.hours >= SHOWN_AHEAD
    ]
    scopes = [bundle.index[i].labels.get("scope", "") for i in rows]
    return [series_chart(bundle, rows[i]) for i in rows_to_chart(scopes, most=most)]


def series_chart(bundle: Bundle, row: int, *, size: tuple[float, float] = (7.6, 2.6)) -> str:
    """Return the picture of one series: 14 days back, 7 ahead."""
    entry = bundle.index[row]
    start = to_numpy(bundle.manifest.trained_until)
    ahead = min(SHOWN_AHEAD, entry.hours)
    ceiling = ceiling_of(entry.capacity, scope=entry.labels.get("scope", ""))
    return forecast_chart(
        title=f"{entry.series}  {entry.metric}",
        unit=entry.unit,
        history_ds=start - HOUR * np.arange(SHOWN_BACK, 0, -1),
        history=bundle.history[row, -SHOWN_BACK:].astype(np.float64),
        ds=start + HOUR * np.arange(ahead),
        quantiles=bundle.forecast[row, :ahead].astype(np.float64),
        ceiling=ceiling.value if isinstance(ceiling, Ceiling) else None,
        size=size,
    )
