"""PromQL over forecasts, asked of a real server.

The p50 of every series is 10 plus the hour of the day (memory: 8 GiB plus it), the p10 one less,
the p90 two more. It is 12:34 on the day the forecast begins.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from factories import bundles
from servers.foresail import Answer, Client, SetClock, serving

from foresail_serving.promql.errors import QueryError
from foresail_serving.promql.samples import Samples

NOW = bundles.TRAINED_UNTIL + timedelta(hours=12, minutes=34)
CLUSTER = 'foresail_forecast{scope="cluster",metric="cpu",stat="mean",quantile="0.5"}'
API = "/prometheus/api/v1"


@pytest.fixture(scope="module")
def server(cache: Path) -> Iterator[Client]:
    """Cpu and memory of a small cluster."""
    with serving(cache, SetClock(NOW)) as client:
        yield client


def ask(client: Client, query: str, **parameters: str) -> Answer:
    """Ask for one time."""
    return client.get(f"{API}/query?{urlencode({'query': query, **parameters})}")


def asked(client: Client, query: str, **parameters: str) -> Any:
    """Return the result for one time."""
    answer = ask(client, query, **parameters)
    assert answer.status == 200, answer.body
    return answer.json()["data"]["result"]


def values(client: Client, query: str, **parameters: str) -> list[str]:
    """Return the values for one time."""
    return [item["value"][1] for item in asked(client, query, **parameters)]


def ranged(client: Client, query: str, **parameters: str) -> Any:
    """Return the result for a range of times."""
    answer = client.get(f"{API}/query_range?{urlencode({'query': query, **parameters})}")
    assert answer.status == 200, answer.body
    return answer.json()["data"]["result"]


def test_an_answer_is_written_as_prometheus_writes_it(server: Client) -> None:
    """Labels, the time asked as a number, the value as a text; without a time it is the present."""
    answer = ask(server, CLUSTER)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "status": "success",
        "data": {
            "resultType": "vector",
            "result": [
                {
                    "metric": {
                        "__name__": "foresail_forecast",
                        "cluster": "prod",
                        "metric": "cpu",
                        "model": "foresail-cpu",
                        "quantile": "0.5",
                        "scope": "cluster",
                        "series": "prod/cluster",
                        "stat": "mean",
                        "unit": "cores",
                    },
                    "value": [1795264440, "22"],
                }
            ],
        },
    }


@pytest.mark.parametrize(
    ("time", "found"),
    [
        ("2026-11-21T00:00:00Z", ["10"]),
        ("2026-11-21T23:59:59.999Z", ["33"]),
        ("2026-11-22T01:30:00+01:00", ["10"]),
        ("1795264440.5", ["22"]),
        ("2026-12-27T23:59:59Z", ["33"]),
        ("2026-12-28T00:00:00Z", []),
        ("2026-11-20T23:59:59Z", []),
        ("0", []),
    ],
)
def test_a_time_has_the_value_of_its_hour(server: Client, time: str, found: list[str]) -> None:
    """There is a value from the first forecast hour to the end of the last, and nowhere else."""
    assert values(server, CLUSTER, time=time) == found


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ('foresail_forecast{node="n1",metric="cpu"}', ["21", "22", "24"]),
        ('{node="n1",metric="cpu",quantile!~"0.1|"}', ["22", "24"]),
        ('{namespace=~"sh.*",scope!~"work.*",metric="cpu",quantile="0.9"}', ["24"]),
        ('{cluster="prod",scope="cluster",stat="max",metric="cpu",quantile="0.9"}', ["24"]),
        ('{workload="ended"}', []),
        ('{workload="none"}', []),
        ('{unit="bytes",scope="node",quantile="0.5"}', ["8589935000"]),
        ('{__name__=~"foresail_c.*",bound="limit",scope="cluster",metric="cpu"}', ["90"]),
    ],
)
def test_matchers_select(server: Client, selector: str, found: list[str]) -> None:
    """All labels of a series can be matched, those of its forecast and of its capacity."""
    assert values(server, selector) == found


def test_capacity_is_a_metric_of_its_own(server: Client) -> None:
    """Ceilings and requests are constant, so that a panel can draw them beside the forecast."""
    found = asked(server, 'foresail_capacity{series="prod/cluster",metric="cpu",stat="mean"}')
    assert [(item["metric"]["bound"], item["value"][1]) for item in found] == [
        ("allocatable", "48"),
        ("limit", "90"),
        ("request", "30"),
    ]
    assert values(server, 'foresail_capacity{bound="request"}', time="2027-01-01T00:00:00Z") == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (f"max_over_time({CLUSTER}[1d] offset -1d)", ["33"]),
        (f"min_over_time({CLUSTER}[1d] offset -1d)", ["10"]),
        (f"max_over_time({CLUSTER}[1h] offset -1h)", ["23"]),  # 12:34 to 13:34
        (f"max_over_time({CLUSTER}[30m])", ["22"]),  # 12:04 to 12:34
        (f"min_over_time({CLUSTER}[1d])", ["10"]),  # only half of it is forecast
        (f"max_over_time({CLUSTER}[1h] offset 13h)", []),
        (f"max_over_time(({CLUSTER}[36d] offset -36d))", ["33"]),
    ],
)
def test_a_window_takes_every_hour_that_it_touches(
    server: Client, query: str, found: list[str]
) -> None:
    """Offset -1d with [1d] is the day ahead; what lies outside of the forecast is left out."""
    assert values(server, query) == found


def test_a_mean_counts_hours_by_their_part(server: Client) -> None:
    """From 12:34 to 13:34 it is 26 minutes of 22 and 34 of 23; a whole day is its plain mean."""
    assert values(server, f"avg_over_time({CLUSTER}[1h] offset -1h)") == ["22.56667"]
    at = {"time": "2026-11-23T00:00:00Z"}
    assert values(server, f"avg_over_time({CLUSTER}[1d])", **at) == ["21.5"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (f"{CLUSTER} offset -3h", ["25"]),
        (f"{CLUSTER} offset 2h", ["20"]),
        (f"{CLUSTER} > 20", ["22"]),
        (f"{CLUSTER} > 22", []),
        (f"22 <= {CLUSTER}", ["22"]),
        (f"{CLUSTER} > bool 22", ["0"]),
        (f"{CLUSTER} == bool 22", ["1"]),
        (f"({CLUSTER} + 2) * 3 - 1", ["71"]),
        (f"-{CLUSTER}", ["-22"]),
        (f"{CLUSTER} % 5", ["2"]),
        (f"{CLUSTER} / 0", ["+Inf"]),
        (f"{CLUSTER} ^ 2 / 1e8", ["0.00000484"]),
        (f"{CLUSTER} * 1e20", ["2.2e+21"]),
        ('foresail_forecast{metric="memory",node="n1",quantile="0.5"} / 1024^3', ["8.000000379"]),
    ],
)
def test_numbers_scale_and_compare(server: Client, query: str, found: list[str]) -> None:
    """Arithmetic and comparison with a number, and numbers written as Go writes them."""
    got = values(server, query)
    assert [text[: len(want)] for text, want in zip(got, found, strict=True)] == found


def test_a_name_stays_where_the_value_does(server: Client) -> None:
    """A filter keeps the metric's name, whatever computes drops it."""
    assert asked(server, f"{CLUSTER} > 1")[0]["metric"]["__name__"] == "foresail_forecast"
    for query in (f"{CLUSTER} > bool 1", f"{CLUSTER} * 1", f"max_over_time({CLUSTER}[1h])"):
        assert "__name__" not in asked(server, query)[0]["metric"]


def test_series_are_grouped_by_their_highest(server: Client) -> None:
    """By keeps the labels that it names, without all others; NaN never wins."""
    query = 'max by (metric, quantile) (foresail_forecast{quantile=~"0.5|0.9"})'
    assert [(item["metric"], item["value"][1]) for item in asked(server, query)] == [
        ({"metric": "cpu", "quantile": "0.5"}, "22"),
        ({"metric": "cpu", "quantile": "0.9"}, "24"),
        ({"metric": "memory", "quantile": "0.5"}, "8589935000"),
        ({"metric": "memory", "quantile": "0.9"}, "8589935000"),
    ]
    names = "series, scope, kind, workload, namespace, node, stat, model, unit, quantile"
    found = asked(server, f"min without ({names}) (foresail_forecast)")
    assert [item["metric"] for item in found] == [
        {"cluster": "prod", "metric": "cpu"},
        {"cluster": "prod", "metric": "memory"},
    ]
    assert asked(server, "max(up)") == []
    assert values(server, 'max((foresail_forecast{metric="cpu"} - 22) / 0)') == ["+Inf"]


def test_a_number_needs_no_forecast(tmp_path: Path) -> None:
    """Grafana tries a data source with 1+1."""
    with serving(tmp_path, SetClock(NOW)) as client:
        answer = ask(client, "1+1", time="4").json()
    assert answer["data"] == {"resultType": "scalar", "result": [4, "2"]}


def test_a_range_has_a_value_at_every_step(server: Client) -> None:
    """Steps begin at start and include the end; there are none outside of the forecast."""
    found = ranged(
        server, CLUSTER, start="2026-11-27T22:30:00Z", end="2026-11-28T00:30:00Z", step="30m"
    )
    assert found[0]["values"] == [
        [1795818600, "32"],
        [1795820400, "33"],
        [1795822200, "33"],
        [1795824000, "10"],
        [1795825800, "10"],
    ]
    edge = ranged(server, CLUSTER, start="1798412400", end="1798419600", step="3600")
    assert edge[0]["values"] == [[1798412400, "33"]]
    before = ranged(server, CLUSTER, start="0", end="3600", step="60")
    assert before == []
    peak = ranged(
        server,
        f"max_over_time({CLUSTER}[1d])",
        start="2026-11-22T00:00:00Z",
        end="2026-11-22T03:00:00Z",
        step="1h",
    )
    assert [value for _, value in peak[0]["values"]] == ["33", "33", "33", "33"]
    assert ranged(server, "2", start="0", end="10", step="5.5")[0]["values"] == [
        [0, "2"],
        [5.5, "2"],
    ]


def test_a_short_series_ends_earlier(server: Client) -> None:
    """A young workload has a forecast for 14 days only."""
    query = 'foresail_forecast{workload="young",metric="cpu",quantile="0.9"}'
    assert values(server, query, time="2026-12-04T23:00:00Z") == ["35"]
    assert values(server, query, time="2026-12-05T00:00:00Z") == []
    found = ranged(
        server, query, start="2026-12-04T22:00:00Z", end="2026-12-05T02:00:00Z", step="1h"
    )
    assert len(found[0]["values"]) == 2
    over = f"avg_over_time({query}[2h])"
    assert values(server, over, time="2026-12-05T01:00:00Z") == ["35"]


def test_stored_hours_can_be_read_raw(server: Client) -> None:
    """A range selector alone gives the hours that start within it, stamped with their start."""
    found = asked(server, f"{CLUSTER}[3h] offset -3h")
    assert found[0]["values"] == [
        [1795266000, "23"],
        [1795269600, "24"],
        [1795273200, "25"],
    ]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("sum(foresail_forecast)", "sum over forecasts is refused: the p90 of a sum is not"),
        ("avg by (cluster) (foresail_forecast)", "avg over forecasts is refused"),
        ("topk(3, foresail_forecast)", "topk is not among the aggregations over forecasts"),
        ("rate(foresail_forecast[5m])", "rate is not among the functions over forecasts"),
        ("abs(foresail_forecast)", "abs is not among the functions over forecasts"),
        ("sum_over_time(foresail_forecast[1d])", "sum_over_time is not among"),
        ("foresail_forecast - foresail_capacity", "- between series is not supported"),
        ("foresail_forecast and foresail_capacity", "and between series is not supported"),
        ("max_over_time(foresail_forecast[1d:1h])", "subqueries are not supported"),
        ("1 # text", "comments are not supported"),
        ("foresail_forecast @ 0", "the @ modifier is not supported"),
        ("foresail_forecast offset NaN", "expected times with their unit"),
        ("foresail_forecast[99999999999999999999]", "expected times with their unit"),
        ('"text"', "expected series or numbers, got a text"),
        ("max(1)", "expected type vector in aggregation expression, got scalar"),
        ("foresail_forecast{", "not PromQL: unexpected end of input inside braces"),
        ("", "not PromQL: no expression found in input"),
        ("(" * 60 + "-" + "foresail_forecast" + ")" * 60 + "+1" * 60, "at most 50 levels"),
        ('foresail_forecast{a=~"("}', "not PromQL: illegal regex"),
        ('{a="b" or c="d"}', "expected matchers with commas between them"),
    ],
)
def test_what_forecasts_cannot_answer_is_bad_data(server: Client, query: str, reason: str) -> None:
    """Status, type and reason stand in the answer, as Prometheus would say it."""
    answer = ask(server, query)
    body = answer.json()
    assert (answer.status, body["status"], body["errorType"]) == (400, "error", "bad_data")
    assert reason in body["error"]


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("query?query=1&time=yesterday", 'invalid parameter "time": cannot parse "yesterday"'),
        ("query?query=1&time=1e99", 'invalid parameter "time"'),
        ("query?query=1&time=2026-13-01T00:00:00Z", 'invalid parameter "time"'),
        ("query?query=1&limit=x", 'invalid parameter "limit"'),
        ("query?query=1&timeout=x", 'invalid parameter "timeout"'),
        ("query?query=1&lookback_delta=x", 'invalid parameter "lookback_delta"'),
        ("query?query=%ff", "percent-encoded UTF-8"),
        ("query_range?query=1&end=1&step=1", 'invalid parameter "start": cannot parse ""'),
        ("query_range?query=1&start=2&end=1&step=1", "end timestamp must not be before start"),
        ("query_range?query=1&start=1&end=2&step=0", "zero or negative query resolution step"),
        ("query_range?query=1&start=1&end=2&step=-1", "zero or negative query resolution step"),
        ("query_range?query=1&start=1&end=2", 'invalid parameter "step"'),
        ("query_range?query=1&start=0&end=11001&step=1", "maximum resolution of 11,000 points"),
        ("query_range?query=foresail_forecast[1h]&start=0&end=1&step=1", "expected a range such"),
        ("series", "no match[] parameter provided"),
        ("series?match[]={", 'invalid parameter "match[]": not PromQL'),
        ("labels?start=x", 'invalid parameter "start"'),
        ("label/a-b/values", 'invalid label name: "a-b"'),
    ],
)
def test_wrong_parameters_are_bad_data(server: Client, page: str, reason: str) -> None:
    """Prometheus' own words where it has some."""
    answer = server.get(f"{API}/{page}")
    assert (answer.status, answer.json()["errorType"]) == (400, "bad_data")
    assert reason in answer.json()["error"]


def test_parameters_that_change_nothing_are_taken(server: Client) -> None:
    """Clients send them to Prometheus, so they are no error here."""
    extra = {"timeout": "30s", "lookback_delta": "5m", "stats": "all", "dedup": "true"}
    assert values(server, CLUSTER, **extra) == ["22"]


def test_too_large_an_answer_is_refused(cache: Path) -> None:
    """Series times steps are limited, and the message says by what."""
    with serving(cache, SetClock(NOW), query_max_samples=100) as client:
        query = urlencode({"query": CLUSTER, "start": 0, "end": 100, "step": 1})
        answer = client.get(f"{API}/query_range?{query}")
    assert (answer.status, answer.json()["errorType"]) == (422, "execution")
    assert "1 series at 101 times are 101, at most 100" in answer.json()["error"]


@pytest.mark.parametrize("depth", [1, 40])
def test_series_with_series_are_refused_before_anything_is_evaluated(
    cache: Path, depth: int
) -> None:
    """Either side alone would be too much here, and is not even looked for."""
    query = "foresail_forecast+(" * depth + "foresail_forecast" + ")" * depth
    with serving(cache, SetClock(NOW), query_max_samples=1) as client:
        answer = ask(client, query.replace("foresail_forecast", "{scope!=``}"))
    assert (answer.status, answer.json()["errorType"]) == (400, "bad_data")
    assert "+ between series is not supported" in answer.json()["error"]


def test_samples_are_counted_over_the_whole_question() -> None:
    """What one selector has taken is not there for the next."""
    samples = Samples(10)
    samples.take(2, 3)
    with pytest.raises(QueryError, match="2 series at 3 times are 6, at most 10 are answered"):
        samples.take(2, 3)
    assert samples.work == pytest.approx(0.006)


def test_limit_cuts_and_says_so(server: Client) -> None:
    """A result cut short carries Prometheus' warning; 0 is no limit."""
    answer = ask(server, "foresail_forecast", limit="2").json()
    assert len(answer["data"]["result"]) == 2
    assert answer["warnings"] == ["results truncated due to limit"]
    assert "warnings" not in ask(server, CLUSTER, limit="0").json()
    names = server.get(f"{API}/labels?limit=1").json()
    assert (names["data"], len(names["warnings"])) == (["__name__"], 1)


def unavailable(cache: Path, query: str, **span: float) -> tuple[int, str, str]:
    """Return status, type and reason of an answer so long after the training."""
    with serving(cache, SetClock(bundles.TRAINED_UNTIL + timedelta(**span))) as client:
        answer = ask(client, query)
    body = answer.json()
    return answer.status, body["errorType"], body["error"]


def test_no_forecast_is_unavailable_and_not_zero(tmp_path: Path) -> None:
    """A scaler takes an empty answer for zero load: before the first bundle there is none."""
    assert unavailable(tmp_path, CLUSTER) == (
        503,
        "unavailable",
        "no forecast has arrived yet; see /health",
    )
    bundles.publish(tmp_path)
    status, kind, reason = unavailable(tmp_path, 'foresail_forecast{metric="memory"}')
    assert (status, kind, reason) == (503, "unavailable", "no forecast of memory has arrived yet")


def test_an_expired_forecast_is_unavailable(cache: Path) -> None:
    """After the last hour every question about series is a 503."""
    status, kind, reason = unavailable(cache, "foresail_forecast", hours=888)
    assert (status, kind) == (503, "unavailable")
    assert reason == "the last hour forecast ended at 2026-12-28T00:00:00Z; train again"


def test_a_series_that_ends_before_its_bundle_is_unavailable(cache: Path) -> None:
    """Its scaler would read an empty answer as zero, while the bundle goes on for others."""
    young = 'foresail_forecast{workload="young",metric="cpu"}'
    with serving(cache, SetClock(bundles.TRAINED_UNTIL + timedelta(days=14, hours=-1))) as client:
        assert ask(client, young).status == 200
    with serving(cache, SetClock(bundles.TRAINED_UNTIL + timedelta(days=14))) as client:
        answer = ask(client, f"max({young})")
        assert (answer.status, answer.json()["errorType"]) == (503, "unavailable")
        assert "the last hour forecast ended at 2026-12-05T00:00:00Z" in answer.json()["error"]
        assert len(values(client, 'foresail_forecast{metric="cpu",quantile="0.5"}')) == 6
        assert values(client, 'foresail_capacity{workload="ended"}') == []


def test_one_expired_metric_is_unavailable_alone(tmp_path: Path) -> None:
    """Memory that is still forecast is answered beside cpu that is not."""
    bundles.publish(tmp_path)
    later = bundles.TRAINED_UNTIL + timedelta(days=30)
    bundles.publish(tmp_path, metric="memory", trained_until=later)
    with serving(tmp_path, SetClock(bundles.TRAINED_UNTIL + timedelta(days=38))) as client:
        assert ask(client, 'foresail_forecast{metric="cpu"}').status == 503
        assert ask(client, 'foresail_forecast{metric="memory"}').status == 200
        assert values(client, 'max by (metric) (foresail_forecast{quantile="0.5"})') == ["10"]


def test_a_swap_is_seen_by_the_next_question(tmp_path: Path) -> None:
    """The table of labels belongs to one snapshot."""
    bundles.publish(tmp_path)
    with serving(tmp_path, SetClock(NOW)) as client:
        assert values(client, CLUSTER) == ["22"]
        only = [bundles.entry("b/cluster", {"cluster": "b", "scope": "cluster"})]
        bundles.publish(tmp_path, version="2", level=20.0, index=only)
        client.wait("/v1/next_day?series=b/cluster", 200)
        assert values(client, CLUSTER) == ["32"]
        assert client.get(f"{API}/label/cluster/values").json()["data"] == ["b"]


def test_a_label_that_would_clash_gets_a_prefix(tmp_path: Path) -> None:
    """A series may have a label that means something else here."""
    labels = {"cluster": "prod", "scope": "cluster", "quantile": "all", "model": "m5.large"}
    bundles.publish(tmp_path, index=[bundles.entry("prod/cluster", labels)])
    with serving(tmp_path, SetClock(NOW)) as client:
        found = asked(client, CLUSTER)[0]["metric"]
    assert (found["label_quantile"], found["label_model"]) == ("all", "m5.large")
    assert (found["quantile"], found["model"]) == ("0.5", "foresail-cpu")
