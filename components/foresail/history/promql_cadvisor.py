"""The preset `cadvisor`: the kubelet's own counters, in any cluster that scrapes them.

The id `/` is a node's root cgroup: all that runs on it, the kubelet included. `container!=""`
leaves out the sums that cAdvisor adds per pod, `container!="POD"` the pause containers: with them
everything would count twice.
"""

from foresail.history.promql import BY, SHARD, WINDOW, Texts, by_workload, committed, owners

_CPU = "container_cpu_usage_seconds_total"
_MEMORY = "container_memory_working_set_bytes"
_ROOT = 'id="/"'
_CONTAINERS = f'container!="",container!="POD",namespace!=""{SHARD}'


def _by_scope(name: str, rated: str) -> dict[str, str]:
    """Return scope -> text; `rated` is written around each selector, such as `rate(%s[1h])`."""
    containers = rated % f"{name}{{{_CONTAINERS}}}"
    return {
        "cluster": f"sum by ({BY}) ({rated % f'{name}{{{_ROOT}}}'})",
        "node": f"sum by ({BY}node) ({rated % f'{name}{{{_ROOT}{SHARD}}}'})",
        "namespace": f"sum by ({BY}namespace) ({containers})",
        "workload": by_workload(containers, owners(SHARD)),
    }


TEXTS = Texts(
    usage={
        "cpu": _by_scope(_CPU, f"rate(%s[{WINDOW}])"),
        "memory": _by_scope(_MEMORY, "%s"),
    },
    capacity=committed(owners("")),
    resets={"cpu": _by_scope(_CPU, "resets(%s[1h])")},
)
