"""Examples of the pages that are no forecasts, by path; a test holds them to their types."""

from collections.abc import Mapping
from typing import Any

_MODEL: dict[str, Any] = {
    "name": "foresail-cpu",
    "version": "7",
    "metric": "cpu",
    "status": "fresh",
    "trained_until": "2026-11-21T06:00:00Z",
    "covers_until": "2026-12-28T06:00:00Z",
    "series": 412,
    "carried_over": 0,
    "horizons": {"next_day": 24, "next_week": 168, "next_month": 720},
    "quantiles": [0.1, 0.5, 0.9],
    "history_digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "versions": {"foresail": "0.1.0", "numpy": "2.4.0"},
}
_ABSTAINED = {
    "winner": None,
    "code": 202,
    "code_name": "horizon-too-long",
    "reason": "needs 14 days, has 3",
    "quality": {"status": "unmeasured", "reason": "there is no forecast to measure"},
}
_SERIES = {
    "series": "prod/workload/shop/deployment/young",
    "metric": "cpu",
    "stat": "mean",
    "unit": "cores",
    "labels": {
        "cluster": "prod",
        "kind": "deployment",
        "namespace": "shop",
        "scope": "workload",
        "workload": "young",
    },
    "capacity": {"limit": 8.0, "request": 4.0},
    "model": {"name": "foresail-cpu", "version": "7"},
    "trained_until": "2026-11-21T06:00:00Z",
    "covers_until": "2026-12-05T06:00:00Z",
    "horizons": {"next_month": _ABSTAINED},
}
_HEALTH = {
    "status": "ok",
    "reasons": [],
    "version": "0.1.0",
    "models": [_MODEL],
    "missing": [],
    "refused": [],
    "sync": {
        "last_attempt": "2026-11-21T09:00:12Z",
        "last_success": "2026-11-21T09:00:12Z",
        "messages": {},
    },
}
_NOTHING = {
    "status": "no-forecast",
    "reasons": ["foresail-cpu has not arrived yet"],
    "models": [],
    "missing": ["foresail-cpu"],
}
_METRICS = """# TYPE foresail_bundle_age_seconds gauge
foresail_bundle_age_seconds{model="foresail-cpu"} 10812
"""
_LABELS = {"__name__": "foresail_forecast", "series": "prod/cluster", "quantile": "0.9"}
_QUERY = "/prometheus/api/v1"
_PROMETHEUS: Mapping[str, Any] = {
    "query": {
        "resultType": "vector",
        "result": [{"metric": _LABELS, "value": [1795255200, "31.4"]}],
    },
    "query_range": {
        "resultType": "matrix",
        "result": [{"metric": _LABELS, "values": [[1795255200, "31.4"], [1795258800, "32.1"]]}],
    },
    "labels": ["__name__", "cluster", "metric", "quantile", "scope", "series"],
    "label/{name}/values": ["prod"],
    "series": [_LABELS],
    "metadata": {
        "foresail_forecast": [{"type": "gauge", "help": "Forecast of each hour", "unit": ""}]
    },
    "status/buildinfo": {"version": "2.42.0", "revision": "0.1.0"},
}

PAGE_EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "/livez": {"200": {"status": "alive"}},
    "/readyz": {"200": {"status": "ready"}},
    "/health": {"200": _HEALTH, "503": {**_HEALTH, **_NOTHING}},
    "/metrics": {"200": _METRICS},
    "/v1/models": {"200": {"models": [_MODEL]}},
    "/v1/series": {
        "200": {
            "total": 412,
            "limit": 1,
            "offset": 0,
            "next_offset": 1,
            "series": [_SERIES],
        }
    },
    **{
        f"{_QUERY}/{page}": {"200": {"status": "success", "data": data}}
        for page, data in _PROMETHEUS.items()
    },
}
"""Path -> status -> body."""

PROMETHEUS_ERRORS: Mapping[str, Mapping[str, str]] = {
    "400": {
        "status": "error",
        "errorType": "bad_data",
        "error": "the sum of 90 % quantiles is not the 90 % quantile of the sum; use max by (...)",
    },
    "422": {
        "status": "error",
        "errorType": "execution",
        "error": "expected 1,000,000 samples at most; ask for fewer series or a longer step",
    },
    "503": {"status": "error", "errorType": "unavailable", "error": "there is no forecast yet"},
}
"""Status -> body of the query API's own errors."""
