"""The preset `openshift`: the rules of OpenShift's own monitoring, read as gauges.

https://github.com/openshift/cluster-monitoring-operator (assets/control-plane/prometheus-rule.yaml,
assets/cluster-monitoring-operator/prometheus-rule.yaml). Cluster and node are whole machines, as
node-exporter sees them; there, `instance` is the name of the node.
"""

from foresail.history.promql import BY, SHARD, Texts, by_workload, committed
from foresail.history.promql_kube_prometheus import rule_cpu, rule_memory, rule_owners

_USED_SHARE = "instance:node_memory_utilisation:ratio{}"
_TOTAL = "node_memory_MemTotal_bytes{}"


def _by_instance(per_machine: str) -> str:
    return f'sum by ({BY}node) (label_replace({per_machine}, "node", "$1", "instance", "(.+)"))'


TEXTS = Texts(
    usage={
        "cpu": {
            "cluster": f"sum by ({BY}) (cluster:node_cpu:sum_rate5m{{}})",
            "node": _by_instance("instance:node_cpu:rate:sum{}"),
            "namespace": f"sum by ({BY}namespace)"
            f' (namespace:container_cpu_usage:sum{{namespace!=""{SHARD}}})',
            "workload": by_workload(rule_cpu(SHARD), rule_owners(SHARD)),
        },
        "memory": {
            "cluster": f"sum by ({BY}) (cluster:memory_usage_bytes:sum{{}})",
            "node": _by_instance(
                f"max by ({BY}instance) ({_USED_SHARE})"
                f" * on ({BY}instance) max by ({BY}instance) ({_TOTAL})"
            ),
            "namespace": f"sum by ({BY}namespace) ({rule_memory(SHARD)})",
            "workload": by_workload(rule_memory(SHARD), rule_owners(SHARD)),
        },
    },
    capacity=committed(rule_owners("")),
)
