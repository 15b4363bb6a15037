"""What an examination says of what it found."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from servers.prometheus import OddServer

from foresail.errors import BadInput
from foresail.history.connection import Connection
from foresail.history.doctor import Examination, PresetCheck, ScopeCheck, Server, examine, identify
from foresail.history.doctor_advice import advice, next_command
from foresail.panel import SCOPES
from foresail.settings import Settings

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
FINE = {"cpu": 6, "memory": 6}
NONE = {"cpu": 0, "memory": 0}
GO = '"goVersion":"go1.22"'


def check(name: str, **series: dict[str, int]) -> PresetCheck:
    """Return a preset that finds these series by scope, every minute for 60 days."""
    return PresetCheck(
        name,
        present=True,
        found=("a_metric",),
        missing=(),
        scopes=tuple(ScopeCheck(scope, found) for scope, found in series.items()),
        interval_seconds=60,
        since=NOW - timedelta(days=60),
        labels={"instance": "10.0.0.1", "node": "n1"},
    )


ALL = check("cadvisor", **dict.fromkeys(SCOPES, FINE))


def found(*presets: PresetCheck, cluster_label: str = "") -> Examination:
    """Return an examination of these presets."""
    return Examination(
        "http://p", Server("Prometheus", "3.1"), NOW, presets, cluster_label=cluster_label
    )


@pytest.mark.parametrize(
    ("build", "server"),
    [
        (f'{{"version":"3.1.0",{GO}}}', Server("Prometheus", "3.1.0")),
        (f'{{"version":"0.37.2",{GO}}}', Server("Thanos", "0.37.2")),
        (
            f'{{"application":"Grafana Mimir","version":"2.14.0",{GO}}}',
            Server("Grafana Mimir", "2.14.0"),
        ),
    ],
)
def test_a_server_tells_what_it_is(odd_server: OddServer, build: str, server: Server) -> None:
    """By its build information alone."""
    odd_server.will(200, f'{{"status":"success","data":{build}}}')
    with closing(Connection(odd_server.url, settings=Settings())) as connection:
        assert identify(connection) == server
    assert len(odd_server.requests) == 1


@pytest.mark.parametrize("build", ["{}", '{"version":"2.24.0"}'])
def test_victoriametrics_is_known_by_its_language(odd_server: OddServer, build: str) -> None:
    """The version it tells is that of the Prometheus it stands in for."""
    odd_server.will(200, f'{{"status":"success","data":{build}}}')
    odd_server.will(200, '{"status":"success","data":{"resultType":"vector","result":[]}}')
    with closing(Connection(odd_server.url, settings=Settings())) as connection:
        assert identify(connection) == Server("VictoriaMetrics")
    assert "default" in odd_server.requests[1][0]


def test_a_server_may_keep_its_name(odd_server: OddServer) -> None:
    """A managed service without build information is examined all the same."""
    odd_server.will(404, "no such page")
    odd_server.will(400, '{"status":"error","error":"parse error"}')
    with closing(Connection(odd_server.url, settings=Settings())) as connection:
        assert identify(connection) == Server("")


def test_what_is_no_prometheus_is_said_so(odd_server: OddServer) -> None:
    """The first question fails, with the reason."""
    odd_server.will(200, "<html>login</html>", Content_Type="text/html")
    with (
        closing(Connection(odd_server.url, settings=Settings())) as connection,
        pytest.raises(BadInput, match="got an HTML page"),
    ):
        examine(connection, now=NOW)


def test_where_all_is_well_there_is_no_advice() -> None:
    """Sixty days of every scope, every minute."""
    assert advice(found(ALL)) == ()


def test_the_best_preset_works_for_most_scopes() -> None:
    """Of equal ones it is the one that knows most; one without the cluster is none."""
    machines = check("node-exporter", cluster=FINE, node=FINE)
    older = replace(ALL, name="kube-prometheus", since=NOW - timedelta(days=90))
    beheaded = check("cadvisor", cluster=NONE, node=FINE, namespace=FINE, workload=FINE)
    assert found(machines, ALL).best == ALL
    assert found(ALL, older).best == older
    assert found(beheaded, machines).best == machines
    assert found(beheaded).best is None


def test_the_next_command_stages_all_that_can_be() -> None:
    """As far back as the preset answers."""
    some = replace(ALL, since=NOW - timedelta(days=9, hours=20))
    some = replace(some, scopes=(*some.scopes[:3], ScopeCheck("workload", NONE)))
    assert next_command(found(some), some) == (
        "foresail stage http://p HISTORY_URI --cluster NAME --preset cadvisor "
        "--scopes cluster,node,namespace --days 9"
    )
    many = found(some, cluster_label="zone")
    assert "HISTORY_URI --cluster-label zone --preset" in next_command(many, some)


BROKEN = replace(
    check("cadvisor", cluster=NONE, node=NONE, namespace=FINE, workload=FINE),
)


@pytest.mark.parametrize(
    ("preset", "sentence"),
    [
        (
            replace(ALL, name="kube-prometheus", present=False),
            "kube-prometheus: its metrics are not there; load the recording rules",
        ),
        (BROKEN, 'cadvisor: no series has id="/", the sum of a node, which kube-prometheus-stack'),
        (
            replace(
                check("cadvisor", cluster=FINE, workload=NONE),
                missing=("kube_pod_owner",),
            ),
            "cadvisor: no metric kube_pod_owner, so no workloads: run kube-state-metrics",
        ),
        (
            replace(
                check("openshift", cluster=FINE, node=NONE),
                missing=("instance:node_cpu:rate:sum", "kube_node_info"),
            ),
            "openshift: nothing by node (no metric instance:node_cpu:rate:sum); take another",
        ),
        (
            check("node-exporter", cluster=FINE, node=NONE),
            "node-exporter: nothing by node (its metrics lack the labels)",
        ),
        (
            replace(ALL, interval_seconds=600.0),
            "cadvisor: samples come every 600 s; scrape every 300 s at least",
        ),
        (replace(ALL, copies=2), "cadvisor: every series is there 2 times, and sums count each"),
        (
            replace(ALL, since=NOW - timedelta(days=9, hours=12)),
            "There are 9.5 days of history, too few for some horizons (next_month 14): stage",
        ),
        (
            replace(ALL, clusters=("eu", "us")),
            "The label cluster has 2 values (eu, us): pass --cluster-label cluster",
        ),
        (
            replace(ALL, missing=("kubelet_volume_stats_used_bytes",)),
            "No metric kubelet_volume_stats_used_bytes, so nothing says how full volumes are",
        ),
        (
            replace(ALL, missing=("kube_pod_container_resource_requests",)),
            "No metric kube_pod_container_resource_requests, so nothing says what is committed",
        ),
    ],
)
def test_each_trouble_has_its_sentence(preset: PresetCheck, sentence: str) -> None:
    """It says what is wrong, and what to do."""
    assert sentence in "\n".join(advice(found(preset)))


def test_a_refused_text_is_told_in_the_servers_words() -> None:
    """Once, although each scope met it."""
    refused = tuple(ScopeCheck(s, NONE, problem="Prometheus could not answer") for s in SCOPES)
    assert advice(found(replace(ALL, scopes=refused))) == (
        "cadvisor: Prometheus could not answer.",
    )


def test_a_missing_label_is_named() -> None:
    """That of the scope, or the one that was to tell clusters apart."""
    lacking = replace(
        ALL,
        scopes=(*ALL.scopes[:1], ScopeCheck("node", FINE, unlabelled=3), *ALL.scopes[2:]),
        labels={"instance": "10.0.0.1"},
    )
    assert "cadvisor: 3 series by node have no label node (one has instance)" in "\n".join(
        advice(found(lacking))
    )
    assert "have no label zone" in "\n".join(advice(found(lacking, cluster_label="zone")))


def test_partial_answers_are_told() -> None:
    """With the words of the server."""
    partial = replace(found(ALL), warnings=("store eu-1 is down",))
    assert "Answers are partial (store eu-1 is down)" in advice(partial)[0]
