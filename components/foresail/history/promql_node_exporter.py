"""The preset `node-exporter`: whole machines, whether or not Kubernetes runs on them.

Busy cores are all modes but idle, iowait and steal; memory is what is not available any more. A
machine is named by its kernel (`node_uname_info`), which is what a kubelet calls its node by too
unless it is told another name. The label `instance` is an address in most clusters.
"""

from foresail.history.promql import BY, NODE_COUNT, WINDOW, Texts, allocatable, committed, owners

_BUSY = 'node_cpu_seconds_total{mode!~"idle|iowait|steal"}'
_CORES = f'count by ({BY}instance) (node_cpu_seconds_total{{mode="idle"}})'
_TOTAL = f"max by ({BY}instance) (node_memory_MemTotal_bytes{{}})"
_FREE = f"max by ({BY}instance) (node_memory_MemAvailable_bytes{{}})"

# two machines of one name in one address would fail the join
_NAMES = (
    f'topk by ({BY}instance) (1, max by ({BY}instance, nodename) (node_uname_info{{nodename!=""}}))'
)


def _by_scope(per_machine: str) -> dict[str, str]:
    joined = f"({per_machine}) * on ({BY}instance) group_left (nodename) {_NAMES}"
    return {
        "cluster": f"sum by ({BY}) ({per_machine})",
        "node": f'sum by ({BY}node) (label_replace({joined}, "node", "$1", "nodename", "(.+)"))',
    }


def _capacity() -> dict[str, dict[str, dict[str, str]]]:
    """Return what kube-state-metrics knows of cluster and node; without it, whole machines."""
    found = {metric: dict(kinds) for metric, kinds in committed(owners("")).items()}
    for metric, machine in (("cpu", _CORES), ("memory", _TOTAL)):
        whole = _by_scope(machine)
        found[metric] = {
            kind: {scope: texts[scope] for scope in whole} for kind, texts in found[metric].items()
        }
        found[metric]["allocatable"] = {
            scope: f"{text} or {whole[scope]}" for scope, text in allocatable(metric).items()
        }
    machines = f"count by ({BY}) (count by ({BY}instance) (node_uname_info{{}}))"
    found["nodes"] = {"count": {"cluster": f"{NODE_COUNT} or {machines}"}}
    return found


TEXTS = Texts(
    usage={
        "cpu": _by_scope(f"sum by ({BY}instance) (rate({_BUSY}[{WINDOW}]))"),
        "memory": _by_scope(f"{_TOTAL} - {_FREE}"),
    },
    capacity=_capacity(),
    # a machine that starts anew resets the counters of every core and mode: that is one reset
    resets={"cpu": _by_scope(f"max by ({BY}instance) (resets({_BUSY}[1h]))")},
)
