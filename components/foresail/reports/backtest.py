"""The report of `foresail backtest`."""

from collections.abc import Sequence

import numpy as np

from foresail.evaluation.rolling import Rolling
from foresail.evaluation.rolling_summary import Line, Served, by_origin, ranking, summary
from foresail.panel import HOUR, Panel
from foresail.quality import Refusal
from foresail.reports.charts import coverage_chart, ratio_chart, windows_chart
from foresail.reports.page import render
from foresail.times import isoformat

PICTURES = 6
MOST_ROWS = 200
SHOWN_BACK = 14 * 24
SHOWN_WINDOWS = 3


def backtest_report(result: Rolling, *, panel: Panel, refusals: Sequence[Refusal]) -> str:
    """Return the HTML with the table, the charts, pictures of some series and every series' line.

    Args:
        result: What was measured.
        panel: The history it was measured on; its last hour is the end of the last window.
        refusals: The series that were refused before anything was measured.
    """
    lines, ranked = summary(result), ranking(result)
    origins = zip(result.origins, by_origin(result), strict=True)
    apart = result.constant
    return render(
        "backtest.html",
        horizon=result.horizon.name,
        days=result.horizon.hours // 24,
        first=isoformat(result.origins[0]),
        last=isoformat(result.origins[-1]),
        count=len(result.origins),
        notes=result.plan.notes,
        lines=lines,
        charts=_charts(lines),
        pictures=[_picture(result, panel, one) for one in _spread_out(ranked)],
        origins=[(isoformat(stamp), served[0]) for stamp, served in origins],
        ranked=ranked[::-1],
        most=MOST_ROWS,
        constant=int((apart.hours[0] > 0).any(axis=0).sum()),
        constant_coverage=float(apart.total(1).total(1).coverage[0]),
        refusals=refusals,
    )


def _charts(lines: Sequence[Line]) -> list[str]:
    known = [
        (line.name, line.relative_sql, line.coverage, line.low_coverage)
        for line in lines
        if line.relative_sql is not None
        and line.coverage is not None
        and line.low_coverage is not None
    ]
    if not known:
        return []
    names, ratios, shares, lows = (list(column) for column in zip(*known, strict=True))
    return [
        ratio_chart(title="Error", names=names, ratios=ratios),
        coverage_chart(title="Coverage of the 80 % band", names=names, shares=shares, lows=lows),
    ]


def _spread_out(ranked: Sequence[Served]) -> list[Served]:
    """Return some series at even steps from the best to the worst."""
    places = np.linspace(0, len(ranked) - 1, min(PICTURES, len(ranked))).round()
    return [ranked[int(place)] for place in places]


def _picture(result: Rolling, panel: Panel, one: Served) -> str:
    """Return the last windows of one series that do not overlap, and what lies before them."""
    hours = result.horizon.hours
    shown: list[int] = []
    for k in range(len(result.origins) - 1, -1, -1):
        apart = not shown or result.origins[shown[-1]] - result.origins[k] >= hours * HOUR
        if apart and len(shown) < SHOWN_WINDOWS:
            shown.append(k)
    starts = result.origins[shown[::-1]] + HOUR
    place = (panel.ds >= starts[0] - SHOWN_BACK * HOUR) & (panel.ds < starts[-1] + hours * HOUR)
    return windows_chart(
        title=f"{one.info.series}  {one.info.metric}",
        unit=one.info.unit,
        ds=panel.ds[place],
        values=panel.values[one.row, place],
        starts=starts,
        forecasts=result.served[shown[::-1], one.row].astype(np.float64),
    )
