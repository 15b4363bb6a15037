"""Which text answers for what."""

import re
from pathlib import Path
from typing import Any

import pytest

from foresail.errors import BadInput, UsageError
from foresail.history.presets import (
    PRESETS,
    Presets,
    choose_presets,
    metric_names,
    preset_scopes,
    shard_matcher,
)
from foresail.panel import SCOPES
from foresail.settings import Settings

BOTH = ("cpu", "memory")


def every_text(presets: Presets) -> list[str]:
    """Return all PromQL of a choice."""
    return [
        *(p.over("1h") for p in presets.usage),
        *(p.resets_text() for p in presets.usage),
        *(p.text for p in presets.capacity),
    ]


def test_cpu_and_memory_are_known_in_every_scope() -> None:
    """Eight usage texts; cpu is a rate over a window, memory is not."""
    presets = choose_presets(metrics=BOTH, scopes=SCOPES)
    assert len(presets.usage) == 8
    assert {p.metric for p in presets.usage if p.is_counter} == {"cpu"}
    assert presets.usage[1].name == "usage.cpu.node"
    assert presets.usage[1].over("1h") == (
        'sum by (node) (rate(container_cpu_usage_seconds_total{id="/"}[1h]))'
    )


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("cluster_label", ["", "cluster"])
def test_no_mark_is_left_in_a_filled_text(preset: str, cluster_label: str) -> None:
    """And its brackets are closed."""
    presets = choose_presets(
        metrics=BOTH,
        scopes=preset_scopes(preset),
        preset=preset,
        cluster_label=cluster_label,
    )
    for text in every_text(presets):
        assert not re.search(r"\$(?!1)", text), text
        assert text.count("(") == text.count(")")


@pytest.mark.parametrize(
    ("preset", "scopes"),
    [
        ("cadvisor", SCOPES),
        ("kube-prometheus", SCOPES),
        ("node-exporter", ("cluster", "node")),
        ("openshift", SCOPES),
    ],
)
def test_each_preset_says_its_scopes(preset: str, scopes: tuple[str, ...]) -> None:
    """node-exporter knows machines, and nothing of what runs on them."""
    assert preset_scopes(preset) == scopes


def test_recording_rules_are_gauges_without_resets() -> None:
    """A rule has rated the counter already, and hidden its resets."""
    for preset in ("kube-prometheus", "openshift"):
        chosen = choose_presets(metrics=BOTH, scopes=SCOPES, preset=preset).usage
        assert not any(p.is_counter or p.resets for p in chosen)


def test_resets_are_counted_series_by_series() -> None:
    """The counting text returns the same labels as the usage text."""
    node, workload = choose_presets(metrics=("cpu",), scopes=("node", "workload")).usage
    assert node.resets_text() == (
        'sum by (node) (resets(container_cpu_usage_seconds_total{id="/"}[1h]))'
    )
    assert workload.resets.startswith("sum by (namespace, kind, workload) (")


def test_the_cluster_label_comes_first_everywhere() -> None:
    """In every sum and every join, and in the labels to read."""
    presets = choose_presets(
        metrics=("cpu",), scopes=("cluster", "workload"), cluster_label="cluster"
    )
    total, workload = presets.usage
    assert total.labels == ("cluster",)
    assert workload.labels == ("cluster", "namespace", "kind", "workload")
    assert total.text.startswith("sum by (cluster,) (")
    joins = re.findall(r"\b(?:by|on) \(([^)]*)\)", workload.text)
    assert len(joins) == 5
    assert all(labels.startswith("cluster,") for labels in joins)
    assert presets.capacity[0].labels == ("cluster",)


def test_a_shard_goes_into_the_selectors() -> None:
    """Nodes are sharded by node, namespaces and workloads by namespace, the total not at all."""
    total, node, namespace, workload = choose_presets(metrics=("memory",), scopes=SCOPES).usage
    assert [p.shard_label for p in (total, node, namespace, workload)] == [
        "",
        "node",
        "namespace",
        "namespace",
    ]
    assert node.over("", shard_matcher("node", ("n1", "n2"))) == (
        'sum by (node) (container_memory_working_set_bytes{id="/",node=~"n1|n2"})'
    )
    two = workload.over("", shard_matcher("namespace", ("shop",)))
    assert two.count('namespace!="",namespace=~"shop"}') == 2


def test_shard_values_are_taken_literally() -> None:
    """Whatever a label holds, it cannot end the matcher or match another value."""
    assert shard_matcher("node", ["n-1", "a.b"]) == r',node=~"n-1|a\\.b"'
    assert shard_matcher("namespace", ['x"} or up{a="', "c\\d", "(e)\n"]) == (
        r',namespace=~"x\"\\} or up\\{a=\"|c\\\\d|\\(e\\)\n"'
    )


def test_nodes_and_volumes_come_with_any_capacity() -> None:
    """Whatever scopes are asked for; a metric of the user's own brings neither."""
    named = [p.name for p in choose_presets(metrics=("memory",), scopes=("node",)).capacity]
    assert named == [
        "capacity.memory.allocatable.node",
        "capacity.memory.request.node",
        "capacity.memory.limit.node",
        "capacity.nodes.count.cluster",
        "capacity.storage.used.volume",
        "capacity.storage.capacity.volume",
    ]
    own = b"usage: {disk: {node: 'my_disk'}}"
    assert choose_presets(metrics=("disk",), scopes=("node",), overrides=own).capacity == ()


def test_a_text_can_be_replaced_and_a_metric_added() -> None:
    """What the file does not name stays as it was; our count of resets goes with our text."""
    overrides = b"usage:\n  cpu: {node: 'my_cpu'}\n  disk: {node: 'my_disk'}\n"
    presets = choose_presets(metrics=("cpu", "disk"), scopes=("node",), overrides=overrides)
    assert [p.text for p in presets.usage] == ["my_cpu", "my_disk"]
    assert [p.over("1h", ',node=~"n1"') for p in presets.usage] == ["my_cpu", "my_disk"]
    assert [p.shard_label for p in presets.usage] == ["", ""]
    assert presets.usage[0].resets == ""
    assert {p.metric for p in presets.capacity} == {"cpu", "nodes", "storage"}


def test_a_text_of_ones_own_may_use_the_marks() -> None:
    """They mean the same there."""
    overrides = b"usage: {cpu: {node: 'sum by (${by}node) (rate(c{a=\"b\"$shard}[$window]))'}}"
    (node,) = choose_presets(
        metrics=("cpu",), scopes=("node",), overrides=overrides, cluster_label="cluster"
    ).usage
    assert node.over("10m", ',node=~"n1"') == (
        'sum by (cluster,node) (rate(c{a="b",node=~"n1"}[10m]))'
    )


def test_a_file_can_fill_the_gaps_of_a_preset() -> None:
    """node-exporter with a namespace text of the user's own."""
    overrides = b"usage: {cpu: {namespace: 'mine'}}"
    chosen = choose_presets(
        metrics=("cpu",),
        scopes=("node", "namespace"),
        overrides=overrides,
        preset="node-exporter",
    )
    assert [p.scope for p in chosen.usage] == ["node", "namespace"]


def test_an_empty_capacity_text_is_not_asked() -> None:
    """A cluster without limits, or without volumes, need not ask for them."""
    overrides = (
        b"capacity:\n  memory: {limit: {cluster: ''}}\n"
        b"  storage: {used: {volume: ''}, capacity: {volume: ''}}\n"
    )
    presets = choose_presets(metrics=("memory",), scopes=("cluster",), overrides=overrides)
    assert [p.name for p in presets.capacity] == [
        "capacity.memory.allocatable.cluster",
        "capacity.memory.request.cluster",
        "capacity.nodes.count.cluster",
    ]


def test_the_file_says_who_folds() -> None:
    """We do, unless it asks for a subquery."""
    ask: dict[str, Any] = {"metrics": ("cpu",), "scopes": ("node",)}
    assert choose_presets(**ask).usage[0].fold == "points"
    assert choose_presets(**ask, overrides=b"fold: subquery").usage[0].fold == "subquery"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (b"usage: [", "the queries file is no YAML near line 1"),
        (b"queries: {}", "has the keys queries; expected usage, resets, capacity, fold"),
        (b"usage: {cpu: {pod: x}}", "expected a PromQL text under usage.cpu"),
        (b"usage: {cpu: {node: 3}}", "got node: int"),
        (b"usage: {cpu: {volume: x}}", "for each of cluster, node, namespace, workload, got vol"),
        (b"capacity: {cpu: {requests: {node: x}}}", "unknown key capacity.cpu.requests"),
        (b"fold: hourly", "expected fold: points or subquery in the queries file, got 'hourly'"),
    ],
)
def test_a_file_of_another_shape_is_refused(overrides: bytes, message: str) -> None:
    """The message names the place."""
    with pytest.raises(BadInput, match=message):
        choose_presets(metrics=("cpu",), scopes=("node",), overrides=overrides)


def test_a_metric_without_a_text_is_refused() -> None:
    """Nothing is staged under a name that nobody can measure."""
    with pytest.raises(BadInput, match="no PromQL text is known for disk by node"):
        choose_presets(metrics=("disk",), scopes=("node",))


def test_a_scope_beyond_the_preset_is_refused() -> None:
    """The message says which scopes it has."""
    with pytest.raises(
        UsageError,
        match="preset node-exporter has no text for namespace, workload; it has cluster, node: ask",
    ):
        choose_presets(metrics=BOTH, scopes=SCOPES, preset="node-exporter")


def test_an_unknown_preset_is_refused() -> None:
    """The message lists those there are."""
    with pytest.raises(UsageError, match="unknown preset 'k8s'; use one of cadvisor, kube-prom"):
        choose_presets(metrics=("cpu",), scopes=("node",), preset="k8s")


@pytest.mark.parametrize("label", ["my-cluster", 'c="', "node"])
def test_a_cluster_label_is_a_label_of_its_own(label: str) -> None:
    """It goes into PromQL as it is."""
    with pytest.raises(UsageError, match="expected a cluster label such as cluster, got"):
        choose_presets(metrics=("cpu",), scopes=("node",), cluster_label=label)


def test_metric_names_are_found_in_a_text() -> None:
    """Functions and labels are none."""
    text = 'sum by (node) (rate(a_total{id="/"}[1h]) * on (node) b[5m])'
    assert metric_names(text) == ("a_total", "b")


@pytest.mark.parametrize("preset", PRESETS)
def test_every_text_names_its_metrics(preset: str) -> None:
    """An empty answer can be explained by the metrics that are missing."""
    presets = choose_presets(metrics=BOTH, scopes=preset_scopes(preset), preset=preset)
    for text in (p.text for p in (*presets.usage, *presets.capacity)):
        assert all(
            re.match("(container|kube|node|namespace|cluster|instance)", name)
            for name in metric_names(text)
        ), metric_names(text)
        assert metric_names(text)


def test_the_docs_name_every_preset_and_variable() -> None:
    """And every mark that a text may hold."""
    docs = (Path(__file__).parents[3] / "docs" / "prometheus.md").read_text(encoding="utf-8")
    for word in (*PRESETS, "$window", "${by}", "$shard", "fold: subquery"):
        assert f"`{word}`" in docs or f"{word} " in docs, word
    for field in Settings.model_fields:
        if field.startswith("foresail_prometheus_") and "timeout" not in field:
            assert field.upper().removeprefix("FORESAIL_PROMETHEUS") in docs, field


def test_a_counter_without_a_rate_is_refused() -> None:
    """It only ever grows, and would be forecast as if it were usage."""
    raw = b"usage: {cpu: {node: 'sum by (node) (container_cpu_usage_seconds_total{id=\"/\"})'}}"
    with pytest.raises(BadInput, match=r"usage.cpu.node reads the counter container_cpu_u"):
        choose_presets(metrics=("cpu",), scopes=("node",), overrides=raw)
