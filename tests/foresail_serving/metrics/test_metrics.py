"""What Prometheus scrapes: the server's own figures, and which forecasts."""

import gc
import os
import re
import weakref
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from anyio import CapacityLimiter
from factories import bundles
from servers.foresail import Client, SetClock, serving

from foresail_serving.child import SyncChild
from foresail_serving.front.drain import Drain
from foresail_serving.front.kept import AnswerCache
from foresail_serving.front.refusals import Refusals
from foresail_serving.metrics.exposition import Exposition
from foresail_serving.metrics.gauges import ForecastGauges
from foresail_serving.metrics.page import metrics_page
from foresail_serving.metrics.requests import SECONDS, RequestCounts
from foresail_serving.promql.table import Tables
from foresail_serving.settings import ServeSettings
from foresail_serving.snapshot import SnapshotStore
from foresail_serving.state import State

NOON = bundles.TRAINED_UNTIL + timedelta(hours=12)


@pytest.fixture(scope="module")
def server(cache: Path) -> Iterator[Client]:
    """A server at noon on the day the forecast begins."""
    with serving(cache, SetClock(NOON)) as client:
        yield client


def figures(client: Client, page: str = "/metrics") -> Mapping[str, float]:
    """Return the samples of the page by name and labels."""
    text = client.get(page).body.decode()
    samples = [line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#"]
    assert len({name for name, _ in samples}) == len(samples)
    return {name: float(value) for name, value in samples}


def gauges(client: Client, *match: str) -> set[tuple[str, str, str]]:
    """Return scope, ahead and quantile of the forecast's gauges."""
    page = f"/metrics?{urlencode([('match', text) for text in match])}"
    found = [name for name in figures(client, page) if name.startswith("foresail_forecast_ahead{")]
    labels = [dict(re.findall(r'(\w+)="([^"]*)"', name)) for name in found]
    return {(item["scope"], item["ahead"], item["quantile"]) for item in labels}


def test_an_answer_is_counted_and_timed(server: Client) -> None:
    """Count, histogram and sum of a route grow by each answer, buckets are cumulated."""
    before = figures(server)
    server.get("/v1/series")
    server.get("/v1/series?limit=0")
    after = figures(server)
    name = "foresail_http_request_seconds"
    labels = 'route="/v1/series"'
    assert after[f"{name}_count{{{labels}}}"] == before.get(f"{name}_count{{{labels}}}", 0) + 2
    assert after[f'{name}_bucket{{{labels},le="+Inf"}}'] == after[f"{name}_count{{{labels}}}"]
    assert 0 < after[f"{name}_sum{{{labels}}}"] < 10
    assert after[f'foresail_http_requests_total{{{labels},status="400"}}'] == 1
    bounds = [f'{name}_bucket{{{labels},le="{bound:g}"}}' for bound in SECONDS]
    counts = [after[bound] for bound in bounds]
    assert counts == sorted(counts)


def test_a_time_falls_into_its_bucket() -> None:
    """A bound belongs to the bucket that it ends; what is beyond the last is counted too."""
    counts = RequestCounts()
    for seconds in (0.0, 0.001, 0.0011, 99.0):
        counts.note("/x", 200, seconds)
    took = counts.took["/x"]
    held = {
        bound: count for bound, count in zip((*SECONDS, 99), took.buckets, strict=True) if count
    }
    assert held == {0.0001: 1, 0.001: 1, 0.0025: 1, 99: 1}
    assert took.seconds == pytest.approx(99.0021)


def test_ready_answers_are_told(cache: Path) -> None:
    """The second answer to the same question was kept."""
    with serving(cache, SetClock(NOON)) as client:
        client.get("/v1/next_day?node=n1")
        before = figures(client)
        client.get("/v1/next_day?node=n1")
        after = figures(client)
    hits = "foresail_answer_cache_hits_total"
    assert after[hits] == before[hits] + 1
    assert after["foresail_answer_cache_entries"] >= 1
    assert after["foresail_answer_cache_bytes"] > 1000
    assert after["foresail_answer_cache_evictions_total"] == 0


def test_the_process_is_told_as_by_prometheus_own_clients(server: Client) -> None:
    """CPU, memory, files and start of this very process."""
    found = figures(server)
    cpu = sum(os.times()[:2])
    assert 0 < found["process_cpu_seconds_total"] <= cpu + 0.1
    assert found["process_resident_memory_bytes"] > 30e6
    assert found["process_virtual_memory_bytes"] > found["process_resident_memory_bytes"]
    assert 3 < found["process_open_fds"] <= found["process_max_fds"]
    assert 1.7e9 < found["process_start_time_seconds"] < 4e9


def test_a_refused_connection_is_counted(server: Client) -> None:
    """Every reason is there from the start, so that its rate is known at the first time."""
    assert figures(server)['foresail_http_refused_total{reason="head-too-large"}'] == 0


@pytest.mark.parametrize(("tokens", "told"), [(3, ["3"]), (0, ["0"]), (None, [])])
def test_valid_tokens_are_told_where_they_are_needed(
    cache: Path, tokens: int | None, told: list[str]
) -> None:
    """At 0 nobody is let in; without a tokens file there is no such gauge."""
    state = State(
        settings=ServeSettings(cache_dir=cache),
        clock=SetClock(NOON),
        store=SnapshotStore(cache),
        requests=RequestCounts(),
        child=SyncChild(),
        answers=AnswerCache(0),
        drain=Drain(),
        refusals=Refusals(),
        files=CapacityLimiter(1),
        gate=None,
    )
    page = metrics_page(state, None, tokens=tokens)
    assert re.findall(r"^foresail_access_tokens (\d+)$", page, re.MULTILINE) == told


def test_a_histogram_is_written_with_its_ends() -> None:
    """Buckets are cumulated, labels stand before `le`, and the last bucket is all."""
    page = Exposition()
    page.histogram("t_seconds", "Time.", bounds=(0.5, 1), samples=[({"a": "b"}, [2, 0, 1], 3.5)])
    assert page.text().splitlines() == [
        "# HELP t_seconds Time.",
        "# TYPE t_seconds histogram",
        't_seconds_bucket{a="b",le="0.5"} 2',
        't_seconds_bucket{a="b",le="1"} 2',
        't_seconds_bucket{a="b",le="+Inf"} 3',
        't_seconds_sum{a="b"} 3.5',
        't_seconds_count{a="b"} 3',
    ]


def test_clusters_nodes_and_namespaces_are_told_without_a_choice(server: Client) -> None:
    """With p50 and p90; workloads would be too many."""
    found = gauges(server)
    assert {scope for scope, _, _ in found} == {"cluster", "node", "namespace"}
    assert {quantile for _, _, quantile in found} == {"0.5", "0.9"}
    assert len({ahead for _, ahead, _ in found}) == 6


@pytest.mark.parametrize(
    ("match", "scopes", "aheads", "quantiles"),
    [
        (['{scope="workload"}'], {"workload"}, 6, {"0.5", "0.9"}),
        (['{scope="node",ahead="6h"}'], {"node"}, 1, {"0.5", "0.9"}),
        (['{scope="node",quantile="0.1"}'], {"node"}, 6, {"0.1"}),
        (['{scope="node",quantile=~".+"}'], {"node"}, 6, {"0.1", "0.5", "0.9"}),
        (
            ['foresail_forecast_ahead{scope=~"node|cluster"}'],
            {"node", "cluster"},
            6,
            {"0.5", "0.9"},
        ),
        (['{scope="node"}', '{scope="cluster"}'], {"node", "cluster"}, 6, {"0.5", "0.9"}),
        (['{cluster="none"}'], set(), 0, set()),
        (["up"], set(), 0, set()),
    ],
)
def test_selectors_choose_the_gauges(
    server: Client, match: list[str], scopes: set[str], aheads: int, quantiles: set[str]
) -> None:
    """A series fits one of them; p10 is told where a selector speaks of quantiles."""
    found = gauges(server, *match)
    assert {scope for scope, _, _ in found} == scopes
    assert len({ahead for _, ahead, _ in found}) == aheads
    assert {quantile for _, _, quantile in found} == quantiles


def test_each_selector_chooses_for_itself(server: Client) -> None:
    """The quantile of one does not narrow the other."""
    found = gauges(server, '{scope="node",quantile="0.1",ahead="1h"}', '{scope="cluster"}')
    assert {item for item in found if item[0] == "node"} == {("node", "1h", "0.1")}
    assert {quantile for scope, _, quantile in found if scope == "cluster"} == {"0.5", "0.9"}


def test_a_wrong_selector_is_a_problem(server: Client) -> None:
    """Prometheus shows the status of a failed scrape; the reason is in the body."""
    answer = server.get("/metrics?match={")
    assert answer.problem == "bad-request"
    assert "unexpected end of input inside braces" in answer.json()["detail"]


def test_gauges_are_written_once_and_only_so_many_kept(cache: Path) -> None:
    """The same choice is the same text until the hour or the snapshot changes; the oldest goes."""
    store = SnapshotStore(cache)
    store.refresh()
    written = ForecastGauges()
    first = written.page(store.current, NOON, ('{scope="node"}',))
    assert written.page(store.current, NOON, ('{scope="node"}',)) is first
    for number in range(8):
        written.page(store.current, NOON, (f'{{series="{number}"}}',))
    again = written.page(store.current, NOON, ('{scope="node"}',))
    assert again == first
    assert again is not first
    later = written.page(store.current, NOON + timedelta(hours=1), ('{scope="node"}',))
    assert later != first


def test_a_swapped_snapshot_is_not_kept_alive(tmp_path: Path) -> None:
    """Neither by the gauges nor by the tables of the query API: its files are mapped memory."""
    bundles.publish(tmp_path)
    store = SnapshotStore(tmp_path)
    store.refresh()
    written, tables = ForecastGauges(), Tables()
    old = written.page(store.current, NOON)
    assert tables.of(store.current) is tables.of(store.current)
    before = weakref.ref(store.current)
    bundles.publish(tmp_path, version="2", level=20.0)
    store.refresh()
    gc.collect()
    assert before() is None
    assert written.page(store.current, NOON) != old
