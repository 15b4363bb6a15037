"""The examples of the OpenAPI document; a test holds them to the types they illustrate."""

from datetime import UTC, datetime, timedelta
from typing import Any

from foresail.horizons import Horizon
from foresail.times import isoformat

_START = datetime(2026, 11, 21, 9, tzinfo=UTC)

FORECAST_CSV = (
    "ds,p10,p50,p90,planning_low,planning_high,unit,series,metric,stat,model,status,code,reason,"
    "coverage,vs_naive,windows,lead_hour\r\n"
    "2026-11-21 09:00:00,3.1,3.4,3.9,2.72,4.08,cores,prod/namespace/shop,cpu,mean,prophet,ok,0,,"
    "0.81,0.641791,3,4\r\n"
)


def forecast_example(horizon: Horizon) -> dict[str, Any]:
    """Return an answer with the first two hours of its columns."""
    return {
        "series": "prod/namespace/shop",
        "labels": {"cluster": "prod", "scope": "namespace", "namespace": "shop"},
        "metric": "cpu",
        "stat": "mean",
        "unit": "cores",
        "horizon": horizon.name,
        "step": "1h",
        "agg": None,
        "tz": "UTC",
        "alias": "champion",
        "start": isoformat(_START),
        "end": isoformat(_START + timedelta(hours=horizon.hours)),
        "complete": True,
        "status": "ok",
        "code": 0,
        "code_name": "ok",
        "reason": "",
        "model": {"name": "foresail-cpu", "version": "7"},
        "winner": "prophet",
        "segments": [],
        "trained_until": "2026-11-21T06:00:00Z",
        "covers_until": "2026-12-28T06:00:00Z",
        "lead_hours": [4, 3 + horizon.hours],
        "quality": {
            "status": "measured",
            "windows": 3,
            "lead_hours": [4, 3 + horizon.hours],
            "coverage": 0.81,
            "vs_naive": 0.641791,
            "sql": 0.42,
            "mase": 0.61,
            "naive_sql": 0.66,
            "naive_mase": 0.9,
        },
        "quantiles_of": "hours",
        "summary": {
            "mean": 3.35,
            "peak": 3.4,
            "peak_at": "2026-11-21T09:00:00Z",
            "peak_p90": 3.9,
            "peak_p90_at": "2026-11-21T09:00:00Z",
        },
        "capacity": {
            "ceiling": "limit",
            "code": "",
            "reason": "",
            "allocatable": None,
            "request": 4.0,
            "limit": 8.0,
            "threshold": 0.85,
            "headroom": {"p50": 4.6, "p90": 4.1},
            "full_on": {"p50": None, "p90": None},
            "full_on_code": {"p50": "not-within-horizon", "p90": "not-within-horizon"},
        },
        "planning_range": {"low": 0.8, "high": 1.2, "of": "p50"},
        "ds": ["2026-11-21T09:00:00Z", "2026-11-21T10:00:00Z"],
        "p10": [3.1, 3.0],
        "p50": [3.4, 3.3],
        "p90": [3.9, 3.8],
    }
