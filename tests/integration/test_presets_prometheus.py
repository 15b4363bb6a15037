"""What the presets answer on real servers, held to a cluster of known usage."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from factories.scraped_cluster import (
    OLD_RULED,
    PODS,
    RULED,
    ScrapedCluster,
    import_into_victoria,
)
from numpy.typing import NDArray
from servers.prometheus import UNTIL, StartPrometheus

from foresail.history.connection import Connection
from foresail.history.presets import (
    PRESETS,
    UsagePreset,
    choose_presets,
    preset_scopes,
    shard_matcher,
)
from foresail.settings import Settings

pytestmark = pytest.mark.integration

CLUSTER = ScrapedCluster(end=UNTIL)
FLAVOURS = {
    "cadvisor": ("kube-state-metrics", "cadvisor"),
    "kube-prometheus": ("kube-state-metrics", "cadvisor-without-root", "kube-prometheus"),
    "node-exporter": ("node-exporter",),
    "openshift": ("kube-state-metrics", "cadvisor", "openshift"),
}
"""What a cluster scrapes and records for which each preset is meant."""
WHOLE_MACHINES = {"cadvisor", "node-exporter", "openshift"}

Answers = dict[tuple[str, ...], NDArray[np.float64]]


EU = ScrapedCluster(end=UNTIL, cluster="eu")
US = ScrapedCluster(end=UNTIL, cluster="us", scale=0.5)


@pytest.fixture(scope="module", params=["prometheus", "victoria"])
def start(
    request: pytest.FixtureRequest,
    start_prometheus: StartPrometheus,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[Path], str]]:
    """Return `start(openmetrics) -> url` of either kind of server."""
    if request.param == "prometheus":
        yield start_prometheus
        return
    victoria = pytest.importorskip("servers.victoria", reason="needs tests/servers/victoria.py")
    with ExitStack() as running:

        def start_filled(text: Path) -> str:
            folder = tmp_path_factory.mktemp("victoria")
            url: str = running.enter_context(victoria.victoria_over(None, folder))
            import_into_victoria(url, text)
            return url

        yield start_filled


@pytest.fixture(scope="module")
def servers(
    start: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Return the address of a server for each preset's cluster."""
    folder = tmp_path_factory.mktemp("texts")
    return {
        preset: start(CLUSTER.write(folder / f"{preset}.txt", *flavours))
        for preset, flavours in FLAVOURS.items()
    }


@pytest.fixture(scope="module")
def two_clusters(
    start: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Return the address of a server for each preset, with two clusters of the same names."""
    folder = tmp_path_factory.mktemp("two")
    return {
        preset: start(ScrapedCluster.write_all(folder / f"{preset}.txt", (EU, US), *flavours))
        for preset, flavours in FLAVOURS.items()
    }


def asked(url: str, text: str, *, labels: tuple[str, ...], step: int, first: int) -> Answers:
    """Return a range query's values by labels; `first` seconds after the truth begins."""
    begin = UNTIL - timedelta(hours=CLUSTER.hours)
    params = {
        "query": text,
        "start": str(int(begin.timestamp()) + first),
        "end": str(int(UNTIL.timestamp()) - step + first),
        "step": str(step),
    }
    with closing(Connection(url, settings=Settings())) as connection:
        answer: Any = connection.get("/api/v1/query_range", params, what="a test").data
    return {
        tuple(series["metric"].get(label, "") for label in labels): np.array(
            [float(value) for _, value in series["values"]]
        )
        for series in answer["result"]
    }


def hourly(url: str, preset: UsagePreset, shard: str = "") -> Answers:
    """Return hourly means: a counter's rate over the hour, or the mean of a gauge's points."""
    if preset.is_counter:
        text = preset.over("1h", shard)
        return asked(url, text, labels=preset.labels, step=3600, first=3600)
    points = asked(url, preset.over("", shard), labels=preset.labels, step=300, first=0)
    return {key: values.reshape(-1, 12).mean(axis=1) for key, values in points.items()}


def same(found: Answers, expected: Answers, *, rtol: float = 0.02) -> None:
    """Compare all series, hour by hour."""
    assert set(found) == set(expected)
    for key, values in expected.items():
        np.testing.assert_allclose(found[key], values, rtol=rtol, err_msg=str(key))


SCOPES_OF = [(preset, scope) for preset in PRESETS for scope in preset_scopes(preset)]


@pytest.mark.parametrize("metric", ["cpu", "memory"])
@pytest.mark.parametrize(("preset", "scope"), SCOPES_OF)
def test_every_preset_finds_the_truth(
    servers: dict[str, str], preset: str, scope: str, metric: str
) -> None:
    """Every series with its labels, every hour within 2 %; nothing counts twice."""
    (usage,) = choose_presets(metrics=(metric,), scopes=(scope,), preset=preset).usage
    ruled = RULED if preset in {"kube-prometheus", "openshift"} else ()
    truth = CLUSTER.truth(metric, scope, whole=preset in WHOLE_MACHINES, ruled=ruled)
    same(hourly(servers[preset], usage), truth)


@pytest.mark.parametrize("scope", ["node", "namespace", "workload"])
def test_older_rules_are_enough(start: Callable[[Path], str], tmp_path: Path, scope: str) -> None:
    """With sum_irate alone, and owners that the rule leaves out found by their names."""
    old = ("kube-state-metrics", "cadvisor-without-root", "kube-prometheus-old")
    url = start(CLUSTER.write(tmp_path / "old.txt", *old))
    (usage,) = choose_presets(metrics=("cpu",), scopes=(scope,), preset="kube-prometheus").usage
    truth = CLUSTER.truth("cpu", scope, whole=False, ruled=OLD_RULED)
    same(hourly(url, usage), truth)


@pytest.mark.parametrize("metric", ["cpu", "memory"])
@pytest.mark.parametrize(("preset", "scope"), SCOPES_OF)
def test_clusters_of_one_source_are_told_apart(
    two_clusters: dict[str, str], preset: str, scope: str, metric: str
) -> None:
    """Both have the same names; the cluster label comes first in every key."""
    (usage,) = choose_presets(
        metrics=(metric,), scopes=(scope,), preset=preset, cluster_label="cluster"
    ).usage
    ruled = RULED if preset in {"kube-prometheus", "openshift"} else ()
    whole = preset in WHOLE_MACHINES
    truth = {
        (one.cluster, *key): values
        for one in (EU, US)
        for key, values in one.truth(metric, scope, whole=whole, ruled=ruled).items()
    }
    same(hourly(two_clusters[preset], usage), truth)


@pytest.mark.parametrize(
    ("preset", "scope"),
    [
        ("cadvisor", "node"),
        ("cadvisor", "workload"),
        ("kube-prometheus", "node"),
        ("kube-prometheus", "workload"),
        ("openshift", "namespace"),
    ],
)
def test_shards_together_are_the_whole(servers: dict[str, str], preset: str, scope: str) -> None:
    """Each series is in exactly one of them, with the same values."""
    (usage,) = choose_presets(metrics=("cpu",), scopes=(scope,), preset=preset).usage
    values = ("n1", "n2") if scope == "node" else tuple(dict.fromkeys(p.namespace for p in PODS))
    shards = [
        hourly(servers[preset], usage, shard_matcher(usage.shard_label, part))
        for part in (values[:1], values[1:])
    ]
    assert not set(shards[0]) & set(shards[1])
    same(shards[0] | shards[1], hourly(servers[preset], usage), rtol=1e-12)


@pytest.mark.parametrize("cluster_label", ["", "cluster"])
@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_committed_is_the_same_in_every_preset(
    servers: dict[str, str],
    two_clusters: dict[str, str],
    preset: str,
    cluster_label: str,
) -> None:
    """Allocatable, requests, limits, nodes and volumes; without Kubernetes, whole machines."""
    chosen = choose_presets(
        metrics=("cpu",),
        scopes=preset_scopes(preset),
        preset=preset,
        cluster_label=cluster_label,
    )
    url = (two_clusters if cluster_label else servers)[preset]
    first = ("eu",) if cluster_label else ()
    found = {
        f"{p.metric}.{p.kind}.{p.scope}": {
            key: values[0]
            for key, values in asked(url, p.text, labels=p.labels, step=3600, first=0).items()
            if key[: len(first)] == first
        }
        for p in chosen.capacity
    }
    assert found["nodes.count.cluster"] == {first: 2}
    if preset == "node-exporter":
        node = {(*first, "n1"): 4.0, (*first, "n2"): 4.0}
        assert found["cpu.allocatable.cluster"] == {first: 8.0}
        assert found["cpu.allocatable.node"] == node
        return
    web = (*first, "shop", "Deployment", "web")
    assert found["cpu.allocatable.cluster"] == {first: 7.0}
    assert found["cpu.request.workload"][web] == pytest.approx(1.4)
    assert found["cpu.limit.workload"][web] == pytest.approx(2.8)
    assert found["cpu.request.namespace"][*first, "shop"] == pytest.approx(1.9)
    assert found["cpu.limit.cluster"][first] == pytest.approx(2 * sum(p.cores for p in PODS))
    assert found["storage.used.volume"] == {(*first, "shop", "data"): 3e9}
    assert found["storage.capacity.volume"] == {(*first, "shop", "data"): 1e10}


def test_a_reset_is_counted_where_it_happened(
    start_prometheus: StartPrometheus, tmp_path: Path
) -> None:
    """One container started anew: its namespace and workload say so, and no other."""
    text = CLUSTER.write(tmp_path / "whole.txt", "kube-state-metrics", "cadvisor", "node-exporter")
    reset = int(UNTIL.timestamp()) - 1800
    lines = []
    for line in text.read_text().splitlines():
        head, _, rest = line.rpartition("} ")
        value, _, stamp = rest.partition(" ")
        counter = "container_cpu_usage" in head and 'container="main"' in head and "db-0" in head
        machine = "node_cpu_seconds_total" in head and "10.0.0.2" in head
        late = (counter or machine) and int(stamp) > reset
        lines.append(f"{head}}} {float(value) / 1000:g} {stamp}" if late else line)
    (tmp_path / "reset.txt").write_text("\n".join([*lines, ""]))
    url = start_prometheus(tmp_path / "reset.txt")

    def resets(preset: str, scope: str) -> dict[tuple[str, ...], float]:
        (usage,) = choose_presets(metrics=("cpu",), scopes=(scope,), preset=preset).usage
        found = asked(url, usage.resets_text(), labels=usage.labels, step=3600, first=3600)
        return {key: values.sum() for key, values in found.items() if values.sum()}

    assert resets("cadvisor", "namespace") == {("shop",): 1}
    assert resets("cadvisor", "workload") == {("shop", "StatefulSet", "db"): 1}
    assert resets("cadvisor", "node") == {}
    assert resets("node-exporter", "node") == {("n2",): 1}
    assert resets("node-exporter", "cluster") == {(): 1}
