"""What the texts of all presets share: their marks, the owners of pods, and what is committed.

A text may hold three marks, which `foresail.history.presets` fills in:

- `$window` is the window of a rate: cores are read over an hour for the mean, over ten minutes for
  the maximum.
- `${by}` stands before the labels of every `by (...)` and `on (...)`. It becomes the label that
  tells clusters apart and a comma, or nothing: PromQL allows `by (cluster,)` and `by ()`.
- `$shard` ends a selector. It becomes one more matcher, or nothing.

Every metric is written with braces, so that `metric_names` finds it. The names are those of
kube-state-metrics (`kube_*`) and of the kubelet.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

WINDOW = "$window"
BY = "${by}"
SHARD = "$shard"

OWNER = "kube_pod_owner"

ByScope = Mapping[str, str]
"""Scope -> text."""

Rules = tuple[tuple[str, str, str], ...]
"""Label, its new value, and the pattern that the label `owner` must match."""

# the pod-template hash and the alphabet it is written in:
# https://github.com/kubernetes/apimachinery/blob/master/pkg/util/rand/rand.go (SafeEncodeString)
_HASH = "[bcdfghjklmnpqrstvwxz2456789]{5,10}"
# a CronJob's jobs end in the scheduled minute since 1970 (in seconds before Kubernetes 1.21)
STAMP = "[0-9]{8,10}"

_RULES: Rules = (
    ("kind", "$1", "([^/]+)/.*"),
    ("workload", "$1", "[^/]+/([^/]+)/.*"),
    ("kind", "Deployment", f"ReplicaSet/.+-{_HASH}/.*"),
    ("workload", "$1", f"ReplicaSet/(.+)-{_HASH}/.*"),
    ("kind", "CronJob", f"Job/.+-{STAMP}/.*"),
    ("workload", "$1", f"Job/(.+)-{STAMP}/.*"),
    # a pod without an owner: kube-state-metrics writes <none>, later versions nothing
    ("kind", "Pod", "(?:<none>)?/(?:<none>)?/.*"),
    ("workload", "$1", "(?:<none>)?/(?:<none>)?/(.*)"),
)


@dataclass(frozen=True, slots=True)
class Texts:
    """All texts of a named preset.

    Attributes:
        usage: Metric -> scope -> text.
        capacity: Metric -> kind -> scope -> text.
        resets: Metric -> scope -> text that counts the counter resets of an hour, series by series.
            Recording rules hide them, so gauges have none.
    """

    usage: Mapping[str, ByScope]
    capacity: Mapping[str, Mapping[str, ByScope]]
    resets: Mapping[str, ByScope] = field(default_factory=dict)


def owners(shard: str) -> str:
    """Return one series of value 1 for each pod, with the labels `kind` and `workload`.

    The maximum over an hour keeps pods that have finished meanwhile.

    Args:
        shard: `SHARD`, or nothing.
    """
    return one_each(owned(f'max_over_time({OWNER}{{namespace!=""{shard}}}[1h])'))


def owned(pods: str) -> str:
    """Return series of `kube_pod_owner` with the labels `kind` and `workload` added."""
    each = f"max by ({BY}namespace, pod, owner_kind, owner_name) ({pods})"
    return named(each, "owner_kind", "owner_name", rules=_RULES)


def named(pods: str, *labels: str, rules: Rules) -> str:
    """Return series of pods with labels set by rules on `LABEL/LABEL/pod`; the last rule counts."""
    sources = ", ".join(f'"{label}"' for label in (*labels, "pod"))
    text = f'label_join({pods}, "owner", "/", {sources})'
    for label, value, pattern in rules:
        text = f'label_replace({text}, "{label}", "{value}", "owner", "{pattern}")'
    return text


def one_each(pods: str) -> str:
    """Return one owner for each pod: a name used twice in an hour would fail the join."""
    return f"topk by ({BY}namespace, pod) (1, {pods})"


def by_workload(per_pod: str, of_pods: str) -> str:
    """Return sums by workload: what pods use or hold, joined with their owners."""
    return (
        f"sum by ({BY}namespace, kind, workload) (sum by ({BY}namespace, pod) ({per_pod})"
        f" * on ({BY}namespace, pod) group_left (kind, workload) {of_pods})"
    )


def committed(of_pods: str) -> dict[str, dict[str, dict[str, str]]]:
    """Return metric -> kind -> scope -> text of all that kube-state-metrics and the kubelet know.

    Args:
        of_pods: What names the workload of a pod, as `owners("")`.
    """
    by_metric = {resource: _resource(resource, of_pods) for resource in ("cpu", "memory")}
    return by_metric | {"nodes": {"count": {"cluster": NODE_COUNT}}, "storage": _storage()}


NODE_COUNT = f"count by ({BY}) (count by ({BY}node) (kube_node_info{{}}))"


def allocatable(resource: str) -> dict[str, str]:
    """Return the texts of what nodes can give to pods, in cores or bytes."""
    each = f'kube_node_status_allocatable{{resource="{resource}"}}'
    return {"cluster": f"sum by ({BY}) ({each})", "node": f"sum by ({BY}node) ({each})"}


def _resource(resource: str, of_pods: str) -> dict[str, dict[str, str]]:
    requests = "kube_pod_container_resource_requests"
    return {
        "allocatable": allocatable(resource),
        "request": _of_containers(requests, resource, of_pods),
        "limit": _limits(resource, of_pods),
    }


def _storage() -> dict[str, dict[str, str]]:
    # a volume that several nodes have mounted comes once from each
    return {
        kind: {
            "volume": f"max by ({BY}namespace, persistentvolumeclaim)"
            f' (kubelet_volume_stats_{kind}_bytes{{persistentvolumeclaim!=""}})'
        }
        for kind in ("used", "capacity")
    }


def _alive(series: str) -> str:
    # finished pods keep their requests in kube-state-metrics, but hold nothing any more
    return (
        f"{series} and on ({BY}namespace, pod)"
        ' (kube_pod_status_phase{phase=~"Pending|Running"} == 1)'
    )


def _of_containers(name: str, resource: str, of_pods: str) -> dict[str, str]:
    alive = _alive(f'{name}{{resource="{resource}"}}')
    on_nodes = _alive(f'{name}{{resource="{resource}",node!=""}}')
    return {
        "cluster": f"sum by ({BY}) ({alive})",
        "node": f"sum by ({BY}node) ({on_nodes})",
        "namespace": f"sum by ({BY}namespace) ({alive})",
        "workload": by_workload(alive, of_pods),
    }


def _limits(resource: str, of_pods: str) -> dict[str, str]:
    """Return the texts of limits; but for nodes, only sums in which every container has one.

    Usage covers all containers, so a sum over some of them is no ceiling. A container without a
    limit counts as infinite, and `< Inf` drops its sum. A node's ceiling is what it can allocate.
    """
    name = "kube_pod_container_resource_limits"
    there = _alive("kube_pod_container_info{}")
    each = (
        f'({name}{{resource="{resource}"}} and on ({BY}namespace, pod, container) ({there}))'
        f" or on ({BY}namespace, pod, container) (({there}) * Inf)"
    )
    return {
        "cluster": f"sum by ({BY}) ({each}) < Inf",
        "node": _of_containers(name, resource, of_pods)["node"],
        "namespace": f"sum by ({BY}namespace) ({each}) < Inf",
        "workload": f"{by_workload(each, of_pods)} < Inf",
    }
