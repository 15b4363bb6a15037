"""The preset `kube-prometheus`: the recording rules of kubernetes-mixin, read as gauges.

They come with kube-prometheus, kube-prometheus-stack, and the managed services that load the same
rules: https://github.com/kubernetes-monitoring/kubernetes-mixin (rules/apps.libsonnet).
Cluster and node are sums of containers: what pods use, without the kubelet and the system. The
chart kube-prometheus-stack drops the root cgroups, which would speak of all.
"""

from foresail.history.promql import (
    BY,
    OWNER,
    SHARD,
    STAMP,
    Rules,
    Texts,
    by_workload,
    committed,
    named,
    one_each,
    owned,
)

_PREFIX = "node_namespace_pod_container:"
_RELABELED = "namespace_workload_pod:kube_pod_owner:relabel"
_CONTAINERS = 'container!="",container!="POD",namespace!=""'
_ON_NODES = f',node!=""{SHARD}'

_KINDS = {
    "deployment": "Deployment",
    "deploymentconfig": "DeploymentConfig",
    "replicaset": "ReplicaSet",
    "statefulset": "StatefulSet",
    "daemonset": "DaemonSet",
    "job": "Job",
    "barepod|staticpod": "Pod",
}
"""What the rule calls a kind -> what Kubernetes calls it; later kinds come as they are."""

_RULES: Rules = (
    ("kind", "$1", "([^/]+)/.*"),
    *(("kind", kind, f"(?:{given})/.*") for given, kind in _KINDS.items()),
    # older rules know no CronJob, only its jobs
    ("kind", "CronJob", f"job/.+-{STAMP}/.*"),
    ("workload", "$1", f"job/(.+)-{STAMP}/.*"),
)


def rule_owners(shard: str) -> str:
    """Return what `foresail.history.promql.owners` does, from the recording rule.

    Older versions of the rule leave out pods of other kinds of owners; those come from
    kube-state-metrics itself.
    """
    selector = f'{{namespace!=""{shard}}}'
    pods = f"max by ({BY}namespace, pod, workload, workload_type) ({_RELABELED}{selector})"
    rest = f"{OWNER}{selector} unless on ({BY}namespace, pod) {_RELABELED}{selector}"
    ruled = named(pods, "workload_type", "workload", rules=_RULES)
    return one_each(f"{ruled} or {owned(rest)}")


def rule_cpu(matchers: str) -> str:
    """Return the cores of each container.

    Older rules record only `sum_irate`, the rate between two scrapes; its mean over five minutes is
    what `sum_rate5m` is.
    """
    name = f"{_PREFIX}container_cpu_usage_seconds_total"
    selector = f"{{{_CONTAINERS}{matchers}}}"
    return f"{name}:sum_rate5m{selector} or avg_over_time({name}:sum_irate{selector}[5m])"


def rule_memory(matchers: str) -> str:
    """Return the working set of each container in bytes."""
    return f"{_PREFIX}container_memory_working_set_bytes{{{_CONTAINERS}{matchers}}}"


TEXTS = Texts(
    usage={
        metric: {
            "cluster": f"sum by ({BY}) ({text('')})",
            "node": f"sum by ({BY}node) ({text(_ON_NODES)})",
            "namespace": f"sum by ({BY}namespace) ({text(SHARD)})",
            "workload": by_workload(text(SHARD), rule_owners(SHARD)),
        }
        for metric, text in (("cpu", rule_cpu), ("memory", rule_memory))
    },
    capacity=committed(rule_owners("")),
)
