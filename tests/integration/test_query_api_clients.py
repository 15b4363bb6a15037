"""Real clients of Prometheus, and the requests that Grafana and KEDA send, over forecasts.

Grafana's are those of its Prometheus data source: `client.go`, `healthcheck.go`, `heuristics.go`
under `pkg/promlib`, `resource_clients.ts` and `language_provider.ts` under
`packages/grafana-prometheus`. KEDA's is `ExecutePromQuery` in `pkg/scalers/prometheus_scaler.go`.
"""

import http.client
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from factories import bundles
from prometheus_api_client import PrometheusApiClientException, PrometheusConnect
from servers.base import require
from servers.foresail import Answer, Client, SetClock, serving

pytestmark = pytest.mark.integration
NOW = bundles.TRAINED_UNTIL + timedelta(hours=12, minutes=34)
CLUSTER = 'foresail_forecast{scope="cluster",metric="cpu",stat="mean",quantile="0.9"}'
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LATER = {"start": "1795264440", "end": "1795869240"}
"""A week from now, as a dashboard that shows the future sends it."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Cpu and memory of a small cluster."""
    cache = tmp_path_factory.mktemp("cache")
    bundles.publish(cache)
    bundles.publish(cache, metric="memory", level=8 * bundles.GIB)
    with serving(cache, SetClock(NOW)) as client:
        yield client


def send(client: Client, method: str, page: str, form: Mapping[str, str] | None = None) -> Answer:
    """Send a request as Go's client does: a form, or nothing but the address."""
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=10)
    try:
        body = urlencode(form) if form is not None else None
        connection.request(method, f"/prometheus{page}", body, FORM if form is not None else {})
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.read())
    finally:
        connection.close()


GRAFANA: Sequence[tuple[str, str, str, Mapping[str, str] | None, Any]] = (
    (
        "save and test",
        "POST",
        "/api/v1/query",
        {"query": "1+1", "time": "4"},
        {"resultType": "scalar", "result": [4, "2"]},
    ),
    (
        "panel over the future",
        "POST",
        "/api/v1/query_range",
        {"end": "1795275600", "query": CLUSTER, "start": "1795264200", "step": "3600"},
        [[1795264200, "24"], [1795267800, "25"], [1795271400, "26"], [1795275000, "27"]],
    ),
    (
        "panel with a time limit and a step of its own",
        "POST",
        "/api/v1/query_range",
        {
            "end": "1795264500",
            "query": f"{CLUSTER} * 2",
            "start": "1795264440",
            "step": "0.5",
            "timeout": "60s",
        },
        121,
    ),
    (
        "stat or table panel",
        "POST",
        "/api/v1/query",
        {"query": f"max_over_time({CLUSTER}[1w] offset -1w)", "time": "1795264440.123"},
        [1795264440.123, "35"],
    ),
    (
        "data source set to GET",
        "GET",
        f"/api/v1/query?{urlencode({'query': CLUSTER, 'time': '1795264440'})}",
        None,
        [1795264440, "24"],
    ),
    (
        "metric names",
        "GET",
        f"/api/v1/label/__name__/values?{urlencode({**LATER, 'limit': '40000'})}",
        None,
        ["foresail_capacity", "foresail_forecast"],
    ),
    (
        "label names",
        "POST",
        "/api/v1/labels",
        {**LATER, "limit": "40000", "match[]": '{__name__="foresail_forecast",scope="node"}'},
        [
            "__name__",
            *("cluster", "metric", "model", "node", "quantile"),
            *("scope", "series", "stat", "unit"),
        ],
    ),
    (
        "values of a variable",
        "GET",
        "/api/v1/label/namespace/values?"
        + urlencode({**LATER, "match[]": 'foresail_forecast{cluster="prod"}'}),
        None,
        ["shop"],
    ),
    (
        "query builder",
        "POST",
        "/api/v1/series",
        {**LATER, "limit": "40000", "match[]": '{__name__!=""}'},
        54,
    ),
    ("metric help", "GET", "/api/v1/metadata", None, {"foresail_capacity", "foresail_forecast"}),
    ("what kind of server", "GET", "/api/v1/status/buildinfo", None, "2.45.0"),
)


@pytest.mark.parametrize(
    ("method", "page", "form", "expected"),
    [row[1:] for row in GRAFANA],
    ids=[row[0] for row in GRAFANA],
)
def test_grafana_is_answered(
    server: Client, method: str, page: str, form: Mapping[str, str] | None, expected: Any
) -> None:
    """Every request of the data source has the answer that it reads."""
    answer = send(server, method, page, form)
    assert answer.status == 200, answer.body
    body = answer.json()
    assert body["status"] == "success"
    assert told(body["data"]) == expected or len(told(body["data"])) == expected


def told(data: Any) -> Any:
    """Return what the table above speaks of: the first series' values, or what is listed."""
    if isinstance(data, dict) and "result" in data:
        if data["resultType"] == "scalar":
            return data
        first = data["result"][0]
        return first["values" if data["resultType"] == "matrix" else "value"]
    if isinstance(data, dict):
        return data.get("version") or set(data)
    return data


def test_grafana_takes_this_for_a_prometheus(server: Client) -> None:
    """With features it would take it for a Mimir and ask for its ruler."""
    assert "features" not in send(server, "GET", "/api/v1/status/buildinfo").json()["data"]


@pytest.mark.parametrize(
    "page", ["rules", "alerts", "query_exemplars", "targets", "status/config", "format_query"]
)
def test_what_there_is_not_is_not_found(server: Client, page: str) -> None:
    """Grafana goes on without rules and exemplars; the error has Prometheus' shape."""
    for method in ("GET", "POST"):
        answer = send(server, method, f"/api/v1/{page}", None if method == "GET" else {})
        assert (answer.status, answer.json()["errorType"]) == (404, "not_found")


def test_keda_reads_one_number(server: Client) -> None:
    """One element whose second value is a number in a text, at the time in RFC 3339."""
    query = f"max_over_time({CLUSTER}[2h] offset -2h)"
    page = f"/api/v1/query?{urlencode({'query': query})}&time=2026-11-21T12:34:00Z"
    answer = send(server, "GET", page)
    result = answer.json()["data"]["result"]
    assert (answer.status, len(result)) == (200, 1)
    assert float(result[0]["value"][1]) == 26.0


def test_keda_falls_back_where_there_is_no_forecast(tmp_path: Path) -> None:
    """A status beyond 299 is an error to KEDA, an empty answer would be zero load."""
    page = f"/api/v1/query?{urlencode({'query': CLUSTER})}&time=2026-11-21T12:34:00Z"
    with serving(tmp_path, SetClock(NOW)) as client:
        assert send(client, "GET", page).status == 503


def test_a_form_that_is_too_large_is_refused(server: Client) -> None:
    """Nobody can fill the memory with a query."""
    answer = send(server, "POST", "/api/v1/query", {"query": "1" * 70_000})
    assert (answer.status, answer.problem) == (413, "body-too-large")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_prometheus_api_client_asks(server: Client, method: str) -> None:
    """All its questions are answered, by both methods."""
    client = PrometheusConnect(url=f"{server.url}/prometheus", method=method)
    assert client.check_prometheus_connection()
    assert client.all_metrics() == ["foresail_capacity", "foresail_forecast"]
    assert "namespace" in client.get_label_names()
    assert client.get_label_values("node") == ["n1"]
    assert set(client.get_metric_metadata("foresail_forecast")[0]) >= {"type", "help"}
    now = client.get_current_metric_value(
        "foresail_forecast", {"node": "n1", "metric": "cpu", "quantile": "0.5"}
    )
    assert now[0]["value"][1] == "22"
    found = client.custom_query_range(
        CLUSTER, start_time=NOW, end_time=NOW + timedelta(hours=2), step="1h"
    )
    assert [value for _, value in found[0]["values"]] == ["24", "25", "26"]


def test_prometheus_api_client_reads_chunks_without_a_double(server: Client) -> None:
    """Its chunks touch each other; each stored hour comes once."""
    client = PrometheusConnect(url=f"{server.url}/prometheus")
    chunks = client.get_metric_range_data(
        "foresail_forecast",
        {"node": "n1", "metric": "cpu", "quantile": "0.5"},
        start_time=bundles.TRAINED_UNTIL + timedelta(days=1),
        end_time=bundles.TRAINED_UNTIL + timedelta(days=3),
        chunk_size=timedelta(days=1),
    )
    times = [time for chunk in chunks for time, _ in chunk["values"]]
    assert len(times) == len(set(times)) == 48


def test_prometheus_api_client_tells_the_reason(server: Client) -> None:
    """What is refused reaches its user in words."""
    client = PrometheusConnect(url=f"{server.url}/prometheus")
    with pytest.raises(PrometheusApiClientException, match="is not the sum of the p90s"):
        client.custom_query("sum(foresail_forecast)")


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run promtool to its end."""
    program = require("promtool", package="prometheus")
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=False, timeout=20
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("instant", "--time=1795264440", "URL", f"{CLUSTER} > 1"), "=> 24 @[1795264440]"),
        (("instant", "--time=2026-11-22T01:00:00Z", "URL", f"max({CLUSTER})"), "{} => 13 @["),
        (
            (
                "range",
                "--start=1795264440",
                "--end=1795268040",
                "--step=30m",
                "URL",
                f"max by (metric) ({CLUSTER})",
            ),
            '{metric="cpu"} =>\n24 @[1795264440]\n25 @[1795266240]\n25 @[1795268040]',
        ),
        (("series", '--match={node="n1",quantile="0.5"}', "URL"), 'node="n1", quantile="0.5"'),
        (("labels", "URL", "workload"), "api\nyoung\n"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_promtool_queries(server: Client, arguments: Sequence[str], expected: str) -> None:
    """Prometheus' own tool reads the answers."""
    url = f"{server.url}/prometheus"
    done = promtool("query", *(url if a == "URL" else a for a in arguments))
    assert (done.returncode, done.stderr) == (0, "")
    assert expected in done.stdout


def test_promtool_tells_the_reason(server: Client) -> None:
    """Type and text of an error are understood as Prometheus'."""
    done = promtool("query", "instant", f"{server.url}/prometheus", "sum(foresail_forecast)")
    assert done.returncode != 0
    assert "bad_data: sum over forecasts is refused" in done.stderr


def test_promtool_finds_nothing_wrong_with_the_metrics(server: Client) -> None:
    """The page is valid; only the label `quantile` is one that a summary alone should have."""
    program = require("promtool", package="prometheus")
    page = server.get('/metrics?match={scope="workload"}&match={scope="cluster"}').body
    done = subprocess.run(
        [program, "check", "metrics"], input=page, capture_output=True, check=False, timeout=20
    )
    told = 'foresail_forecast_ahead non-summary metrics should not have "quantile" label'
    assert (done.stdout, set(done.stderr.decode().splitlines())) == (b"", {told})
