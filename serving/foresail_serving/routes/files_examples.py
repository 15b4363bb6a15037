"""The examples of the OpenAPI document for files of many series; a test holds them to the code."""

from typing import Any

FORECASTS_CSV = (
    "series,cluster,scope,namespace,workload,kind,node,metric,stat,unit,ds,hours,agg,quantiles_of,"
    "p10,p50,p90,planning_low,planning_high,ceiling,ceiling_kind,headroom_p90,full_on_p50,"
    "full_on_p90,model,status,code,reason,coverage,vs_naive,windows,lead_hour,trained_until\r\n"
    "prod/namespace/shop,prod,namespace,shop,,,,cpu,mean,cores,2026-11-22 00:00:00,24,mean,periods,"
    "3.1,3.4,3.9,2.38,5.1,8.0,limit,3.6,,,prophet,ok,0,,0.81,0.641791,3,19,2026-11-21 06:00:00\r\n"
)
_TEXT = frozenset(
    {"series", "cluster", "scope", "namespace", "workload", "kind", "node", "metric", "stat"}
    | {"unit", "agg", "quantiles_of", "ceiling_kind", "model", "status", "reason"}
)
_TIMES = frozenset({"ds", "full_on_p50", "full_on_p90", "trained_until"})


def forecasts_example() -> dict[str, Any]:
    """Return the same row as JSON."""
    header, line = (text.split(",") for text in FORECASTS_CSV.splitlines())
    row: list[object] = []
    for name, cell in zip(header, line, strict=True):
        if name in _TEXT:
            row.append(cell)
        elif name in _TIMES:
            row.append(f"{cell.replace(' ', 'T')}Z" if cell else None)
        else:
            row.append(float(cell) if "." in cell else int(cell))
    return {
        "horizon": "next_month",
        "step": "1d",
        "agg": "mean",
        "tz": None,
        "start": "2026-11-22T00:00:00Z",
        "end": "2026-12-22T00:00:00Z",
        "alias": "champion",
        "models": [{"name": "foresail-cpu", "version": "7"}],
        "rows": 30,
        "columns": header,
        "data": [row],
    }
