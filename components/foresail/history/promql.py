"""The PromQL texts that Foresail brings along.

Names: cAdvisor's `container_*` and kube-state-metrics' `kube_*`. The id `/` is a node's root
cgroup: all that runs on it, the kubelet included. `container!=""` leaves out the sums that cAdvisor
adds per pod, `container!="POD"` the pause containers: with them everything would count twice.
"""

_CONTAINERS = 'container!="",container!="POD",namespace!=""'
_CPU = "container_cpu_usage_seconds_total"
_MEMORY = "container_memory_working_set_bytes"

# the pod-template hash and the alphabet it is written in:
# https://github.com/kubernetes/apimachinery/blob/master/pkg/util/rand/rand.go (SafeEncodeString)
_HASH = "[bcdfghjklmnpqrstvwxz2456789]{5,10}"
# a CronJob's jobs end in the scheduled minute since 1970 (in seconds before Kubernetes 1.21)
_STAMP = "[0-9]{8,10}"

_RULES = (
    ("kind", "$1", "([^/]+)/.*"),
    ("workload", "$1", "[^/]+/([^/]+)/.*"),
    ("kind", "Deployment", f"ReplicaSet/.+-{_HASH}/.*"),
    ("workload", "$1", f"ReplicaSet/(.+)-{_HASH}/.*"),
    ("kind", "CronJob", f"Job/.+-{_STAMP}/.*"),
    ("workload", "$1", f"Job/(.+)-{_STAMP}/.*"),
    # a pod without an owner: kube-state-metrics writes <none>, later versions nothing
    ("kind", "Pod", "(?:<none>)?/(?:<none>)?/.*"),
    ("workload", "$1", "(?:<none>)?/(?:<none>)?/(.*)"),
)


def _owners() -> str:
    """Return one series of value 1 for each pod, with the labels `kind` and `workload`.

    The maximum over an hour keeps pods that have finished meanwhile; `topk` keeps one owner where a
    name was used twice within it, which would otherwise fail the join.
    """
    text = (
        "label_join(max by (namespace, pod, owner_kind, owner_name)"
        " (max_over_time(kube_pod_owner[1h])),"
        ' "owner", "/", "owner_kind", "owner_name", "pod")'
    )
    for label, value, pattern in _RULES:
        text = f'label_replace({text}, "{label}", "{value}", "owner", "{pattern}")'
    return f"topk by (namespace, pod) (1, {text})"


def _by_workload(per_pod: str) -> str:
    return (
        f"sum by (namespace, kind, workload) (sum by (namespace, pod) ({per_pod})"
        f" * on (namespace, pod) group_left (kind, workload) {_owners()})"
    )


def _usage(root: str, containers: str) -> dict[str, str]:
    return {
        "cluster": f"sum({root})",
        "node": f"sum by (node) ({root})",
        "namespace": f"sum by (namespace) ({containers})",
        "workload": _by_workload(containers),
    }


USAGE = {
    "cpu": _usage(f'rate({_CPU}{{id="/"}}[$window])', f"rate({_CPU}{{{_CONTAINERS}}}[$window])"),
    "memory": _usage(f'{_MEMORY}{{id="/"}}', f"{_MEMORY}{{{_CONTAINERS}}}"),
}
"""Metric -> scope -> text. `$window` marks a counter's text: cores are a rate over a window."""

RESETS = {
    "cpu": {
        "cluster": f'sum(resets({_CPU}{{id="/"}}[1h]))',
        "node": f'sum(resets({_CPU}{{id="/"}}[1h]))',
        "namespace": f"sum(resets({_CPU}{{{_CONTAINERS}}}[1h]))",
        "workload": f"sum(resets({_CPU}{{{_CONTAINERS}}}[1h]))",
    }
}
"""Metric -> scope -> text that counts the counter resets behind a usage text, hour by hour."""


def _alive(series: str) -> str:
    # finished pods keep their requests in kube-state-metrics, but hold nothing any more
    return (
        f'{series} and on (namespace, pod) (kube_pod_status_phase{{phase=~"Pending|Running"}} == 1)'
    )


def _of_containers(name: str, resource: str) -> dict[str, str]:
    alive = _alive(f'{name}{{resource="{resource}"}}')
    on_nodes = _alive(f'{name}{{resource="{resource}",node!=""}}')
    return {
        "cluster": f"sum({alive})",
        "node": f"sum by (node) ({on_nodes})",
        "namespace": f"sum by (namespace) ({alive})",
        "workload": _by_workload(alive),
    }


def _limits(resource: str) -> dict[str, str]:
    """Return the texts of limits; but for nodes, only sums in which every container has one.

    Usage covers all containers, so a sum over some of them is no ceiling. A container without a
    limit counts as infinite, and `< Inf` drops its sum. A node's ceiling is what it can allocate.
    """
    name = "kube_pod_container_resource_limits"
    there = _alive("kube_pod_container_info")
    each = (
        f'({name}{{resource="{resource}"}} and on (namespace, pod, container) ({there}))'
        f" or on (namespace, pod, container) (({there}) * Inf)"
    )
    return {
        "cluster": f"sum({each}) < Inf",
        "node": _of_containers(name, resource)["node"],
        "namespace": f"sum by (namespace) ({each}) < Inf",
        "workload": f"{_by_workload(each)} < Inf",
    }


def _capacity(resource: str) -> dict[str, dict[str, str]]:
    allocatable = f'kube_node_status_allocatable{{resource="{resource}"}}'
    return {
        "allocatable": {
            "cluster": f"sum({allocatable})",
            "node": f"sum by (node) ({allocatable})",
        },
        "request": _of_containers("kube_pod_container_resource_requests", resource),
        "limit": _limits(resource),
    }


CAPACITY = {metric: _capacity(metric) for metric in ("cpu", "memory")}
"""Metric -> kind -> scope -> text."""
