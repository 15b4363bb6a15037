"""Which text answers for what."""

import pytest

from foresail.errors import BadInput
from foresail.history.presets import choose_presets, metric_names
from foresail.panel import SCOPES


def test_cpu_and_memory_are_known_in_every_scope() -> None:
    """Eight usage texts; cpu is a rate over a window, memory is not."""
    presets = choose_presets(metrics=("cpu", "memory"), scopes=SCOPES)
    assert len(presets.usage) == 8
    assert {p.metric for p in presets.usage if p.is_counter} == {"cpu"}
    assert presets.usage[1].name == "usage.cpu.node"
    assert presets.usage[1].over("1h") == (
        'sum by (node) (rate(container_cpu_usage_seconds_total{id="/"}[1h]))'
    )


def test_a_text_can_be_replaced_and_a_metric_added() -> None:
    """What the file does not name stays as it was; our count of resets goes with our text."""
    overrides = b"usage:\n  cpu: {node: 'my_cpu'}\n  disk: {node: 'my_disk'}\n"
    presets = choose_presets(metrics=("cpu", "disk"), scopes=("node",), overrides=overrides)
    assert [p.text for p in presets.usage] == ["my_cpu", "my_disk"]
    assert presets.usage[0].resets == ""
    assert {p.metric for p in presets.capacity} == {"cpu"}


def test_an_empty_capacity_text_is_not_asked() -> None:
    """A cluster without limits need not ask for them."""
    overrides = b"capacity: {memory: {limit: {cluster: ''}}}"
    presets = choose_presets(metrics=("memory",), scopes=("cluster",), overrides=overrides)
    assert [p.name for p in presets.capacity] == [
        "capacity.memory.allocatable.cluster",
        "capacity.memory.request.cluster",
    ]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (b"usage: [", "the queries file is no YAML near line 1"),
        (b"queries: {}", "has the keys queries; expected usage, resets, capacity"),
        (b"usage: {cpu: {pod: x}}", "expected a PromQL text under usage.cpu"),
        (b"usage: {cpu: {node: 3}}", "got node: int"),
        (b"capacity: {cpu: {requests: {node: x}}}", "unknown key capacity.cpu.requests"),
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


def test_metric_names_are_found_in_a_text() -> None:
    """Functions and labels are none."""
    text = 'sum by (node) (rate(a_total{id="/"}[1h]) * on (node) b[5m])'
    assert metric_names(text) == ("a_total", "b")
