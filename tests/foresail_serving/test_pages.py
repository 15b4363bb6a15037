"""What there is to ask for, how the server is, and its documentation."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from factories import bundles
from pydantic import TypeAdapter
from servers.foresail import Client, SetClock, serving

from foresail.bundle import HorizonEntry, Segment
from foresail.horizons import HORIZONS, Horizon
from foresail_serving.answers.schemas import ForecastAnswer, Health, ModelList, SeriesPage
from foresail_serving.cache import SYNC, SyncCount, SyncState, replace_json
from foresail_serving.routes.examples import FORECAST_CSV, forecast_example

NOON = bundles.TRAINED_UNTIL + timedelta(hours=12)


@pytest.fixture(scope="module")
def server(cache: Path) -> Iterator[Client]:
    """A server at noon on the day the forecast begins."""
    with serving(cache, SetClock(NOON)) as client:
        yield client


def listed(client: Client, question: str) -> list[tuple[str, str, str]]:
    """Return the series on one page, by what names them."""
    page = SeriesPage.model_validate_json(client.get(f"/v1/series?{question}").body)
    return [(s.series, s.metric, s.stat) for s in page.series]


def test_series_are_filtered(server: Client) -> None:
    """Every filter narrows; q is found anywhere in the id, in any case."""
    assert listed(server, "scope=node") == [
        ("prod/node/n1", "cpu", "mean"),
        ("prod/node/n1", "memory", "mean"),
    ]
    assert listed(server, "metric=cpu&q=DEPLOYMENT/a") == [
        ("prod/workload/shop/deployment/api", "cpu", "mean")
    ]
    assert listed(server, "metric=cpu&stat=max") == [("prod/cluster", "cpu", "max")]
    assert len(listed(server, "namespace=shop&metric=cpu")) == 5
    assert listed(server, "cluster=other") == []


def test_series_are_paged(server: Client) -> None:
    """Pages follow each other without gap or repetition, and the last one says so."""
    whole = listed(server, "limit=1000")
    pages: list[tuple[str, str, str]] = []
    offset: int | None = 0
    while offset is not None:
        pages += listed(server, f"limit=5&offset={offset}")
        offset = server.get(f"/v1/series?limit=5&offset={offset}").json()["next_offset"]
    assert pages == whole
    assert len(whole) == 16
    assert server.get("/v1/series?limit=0").problem == "bad-request"
    assert server.get("/v1/series?limit=1001").problem == "bad-request"


def test_a_listed_series_says_what_it_can_answer(server: Client) -> None:
    """Each horizon has its winner or its code, shortest horizon first."""
    series = server.get("/v1/series?workload=young&metric=cpu").json()["series"][0]
    assert list(series["horizons"]) == ["next_day", "next_week", "next_month"]
    assert series["horizons"]["next_month"]["code_name"] == "horizon-too-long"
    assert series["covers_until"] == "2026-12-05T00:00:00Z"


def test_models_are_listed(server: Client) -> None:
    """Both models with version, span and freshness."""
    models = ModelList.model_validate_json(server.get("/v1/models").body).models
    assert [(m.name, m.version, m.status, m.series) for m in models] == [
        ("foresail-cpu", "1", "fresh", 8),
        ("foresail-memory", "1", "fresh", 8),
    ]
    assert models[0].covers_until == "2026-12-28T00:00:00Z"


def health(cache: Path, **span: float) -> tuple[int, Health]:
    """Return what /health says so long after the training."""
    clock = SetClock(bundles.TRAINED_UNTIL + timedelta(**span))
    with serving(cache, clock) as client:
        answer = client.get("/health")
    return answer.status, Health.model_validate_json(answer.body)


def test_health_tells_the_true_state(cache: Path) -> None:
    """Fresh is ok, old is stale, and after the end it is a 503."""
    status, body = health(cache, hours=12)
    assert (status, body.status, body.reasons) == (200, "ok", ())
    status, body = health(cache, hours=40)
    assert (status, body.status) == (200, "stale")
    assert body.reasons == ("foresail-cpu is stale", "foresail-memory is stale")
    status, body = health(cache, hours=888)
    assert (status, body.status) == (503, "expired")


def test_health_names_what_is_missing(tmp_path: Path) -> None:
    """With cpu alone the server is degraded and says which model it waits for."""
    bundles.publish(tmp_path)
    status, body = health(tmp_path, hours=1)
    assert (status, body.status, body.missing) == (200, "degraded", ("foresail-memory",))


def test_health_and_metrics_tell_what_sync_sees(tmp_path: Path) -> None:
    """Refusals and failures of the other process are seen here too."""
    bundles.publish(tmp_path)
    bundles.publish(tmp_path, metric="memory")
    trouble = SyncState(
        last_attempt=NOON - timedelta(hours=1),
        seconds=30,
        last_success=None,
        refused=(SyncCount(model="foresail-cpu", reason="sha256", count=2),),
        failures=(SyncCount(model="foresail-memory", reason="unreachable", count=7),),
        messages={"foresail-memory": "MLflow does not answer"},
    )
    replace_json(tmp_path / SYNC, trouble)
    with serving(tmp_path, SetClock(NOON)) as client:
        body = Health.model_validate_json(client.get("/health").body)
        metrics = client.get("/metrics").body.decode()
    assert body.status == "degraded"
    assert body.reasons == (
        "sync has not looked at the registry since 2026-11-21T11:00:00Z",
        "foresail-memory: MLflow does not answer",
    )
    assert body.refused[0].model_dump() == {
        "model": "foresail-cpu",
        "reason": "sha256",
        "by": "sync",
        "count": 2,
    }
    labels = '{model="foresail-cpu",reason="sha256",by="sync"} 2'
    assert f"foresail_bundles_refused_total{labels}" in metrics
    failures = 'foresail_sync_failures_total{model="foresail-memory",reason="unreachable"} 7'
    assert failures in metrics


def test_metrics_count_requests_and_tell_age(cache: Path) -> None:
    """Answers are counted by route and status; ages are seconds; unknown pages share a label."""
    with serving(cache, SetClock(NOON)) as client:
        client.get("/v1/next_day")
        client.get("/v1/next_day")
        client.get("/v1/next_day?metric=x")
        client.get("/wp-login.php")
        page = client.get("/metrics")
    text = page.body.decode()
    assert page.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'foresail_http_requests_total{route="/v1/next_day",status="200"} 2' in text
    assert 'foresail_http_requests_total{route="/v1/next_day",status="404"} 1' in text
    assert 'foresail_http_requests_total{route="other",status="404"} 1' in text
    assert 'foresail_bundle_age_seconds{model="foresail-cpu"} 43200' in text
    assert 'foresail_bundle_info{model="foresail-cpu",version="1",metric="cpu"} 1' in text


def test_metrics_hold_the_forecast_ahead(cache: Path) -> None:
    """The hour after next and the highest hours are gauges; workloads and empty series are not."""
    with serving(cache, SetClock(NOON)) as client:
        text = client.get("/metrics").body.decode()
    labels = 'series="prod/cluster",metric="cpu",stat="mean",cluster="prod",scope="cluster"'
    name = "foresail_forecast_ahead"
    assert f'{name}{{{labels},ahead="1h",quantile="0.5"}} 23' in text
    assert f'{name}{{{labels},ahead="6h",quantile="0.9"}} 30' in text
    assert f'{name}{{{labels},ahead="highest_hourly_720h",quantile="0.9"}} 35' in text
    assert 'scope="workload"' not in text
    assert "nan" not in text.lower().replace("namespace", "")


def promised(cache: Path, **span: float) -> dict[str, float]:
    """Return the gauges of what is promised of cpu so long after the training."""
    with serving(cache, SetClock(bundles.TRAINED_UNTIL + timedelta(**span))) as client:
        text = client.get("/metrics").body.decode()
    found = re.findall(r'^foresail_promised_(\w+)\{metric="cpu",(.*)\} (\S+)$', text, re.MULTILINE)
    return {f"{name} {labels}": float(value) for name, labels, value in found}


def test_metrics_hold_what_is_promised_of_all(cache: Path) -> None:
    """Means over the measured series, of the hours answered now: 5 of 8, one of them easier."""
    found = promised(cache, hours=12)
    day = 'horizon="next_day"'
    assert found[f"coverage {day}"] == 0.814  # four times 0.81 and once 0.83
    assert found[f"sql {day}"] == 0.41
    ratios = np.array([0.43 / 0.67] * 4 + [0.38 / 0.62])
    assert found[f"sql_vs_naive {day}"] == pytest.approx(np.exp(np.log(ratios).mean()), abs=1e-7)
    assert found[f"windows {day}"] == 3
    states = [f'series {day},promise="{state}"' for state in ("measured", "unmeasured")]
    assert [found[state] for state in states] == [5, 2]
    assert found[f'series {day},promise="no-forecast"'] == 1


def test_promises_in_metrics_are_few_and_grow_old(cache: Path) -> None:
    """Three horizons and one metric are 24 samples; two days on the easy leads are gone."""
    found = promised(cache, days=2)
    assert len(found) == 3 * (4 + 4)
    assert found['coverage horizon="next_day"'] == 0.81


def test_without_a_measured_series_only_the_count_is_told(tmp_path: Path) -> None:
    """A constant is counted as such; no figure is made up."""
    horizons = {"next_day": HorizonEntry(winner="ets", code=101, reason="3 cores for 28 days")}
    segments = [Segment(until_hours=888, model="ets")]
    labels = {"cluster": "prod", "scope": "cluster"}
    index = [bundles.entry("prod/cluster", labels, horizons=horizons, segments=segments)]
    bundles.publish(tmp_path, index=index)
    assert promised(tmp_path, hours=1) == {
        'series horizon="next_day",promise="measured"': 0,
        'series horizon="next_day",promise="unmeasured"': 0,
        'series horizon="next_day",promise="constant"': 1,
        'series horizon="next_day",promise="no-forecast"': 0,
    }


def test_a_gauge_that_would_promise_too_much_is_left_out(cache: Path) -> None:
    """With ten hours left there is no highest hour of a day, and nothing after the end."""
    with serving(cache, SetClock(bundles.TRAINED_UNTIL + timedelta(hours=878))) as client:
        text = client.get("/metrics").body.decode()
    found = set(re.findall(r'ahead="(\w+)"', text))
    assert found == {"1h", "6h"}


def operations(server: Client) -> dict[str, Any]:
    """Return the OpenAPI operations by path."""
    document = server.get("/openapi.json").json()
    return {path: item["get"] for path, item in document["paths"].items()}


def test_openapi_tells_of_no_422(server: Client) -> None:
    """FastAPI's own 422 never comes; only a query that asks too much of Prometheus' API has one."""
    for path, operation in operations(server).items():
        assert ("422" in operation["responses"]) <= path.startswith("/prometheus/")
        assert {"200", "400", "500", "default"} <= set(operation["responses"])


def test_openapi_points_only_at_what_it_holds(server: Client) -> None:
    """Every reference in the document resolves."""
    document = server.get("/openapi.json").json()
    names = set(re.findall(r"#/components/schemas/([\w-]+)", json.dumps(document)))
    assert names <= set(document["components"]["schemas"])
    assert "Problem" in names


@pytest.mark.parametrize("horizon", HORIZONS, ids=lambda h: h.name)
def test_examples_are_what_is_answered(server: Client, horizon: Horizon) -> None:
    """An example that the server could not give would be a lie."""
    TypeAdapter(ForecastAnswer).validate_python(forecast_example(horizon))
    answered = server.get(f"/v1/{horizon.name}.csv").body.decode()
    assert FORECAST_CSV.splitlines()[0] == answered.splitlines()[0]
