"""The simulated cluster as OpenMetrics text with time stamps, for promtool to backfill from.

Names and labels are those of cAdvisor and kube-state-metrics. The latter is scraped every half hour
only, to keep the text small.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from foresail.history.hourly import STEP_SECONDS
from foresail.history.simulate.catalog import NODES, WORKLOADS, Workload
from foresail.history.simulate.world import Slot, World
from foresail.panel import FloatArray

_HASH_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_STATE_EVERY = 6
_FINISHED_STEPS = 36
"""How long kube-state-metrics still tells of a finished job's pod."""
_WITH_POD_CGROUP = {"storefront", "ledger", "nightly-report"}
"""Workloads written with the pause container and the sum per pod too, which must not count."""

_Labels = dict[str, str]
_Samples = Iterator[tuple[_Labels, NDArray[np.int64], FloatArray]]


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod with a name, a node and a life."""

    slot: Slot
    name: str
    owner_kind: str
    owner_name: str
    begin: int
    end: int

    @property
    def workload(self) -> Workload:
        """What it belongs to."""
        return WORKLOADS[self.slot.workload]

    @property
    def labels(self) -> _Labels:
        """What every series of it carries."""
        return {
            "namespace": self.workload.namespace,
            "pod": self.name,
            "node": NODES[self.slot.node][0],
        }


def write_openmetrics(world: World, out: TextIO) -> None:
    """Write the whole text, family by family, ended by `# EOF`."""
    pods = name_pods(world)
    families = (
        ("container_cpu_usage_seconds", "counter", "_total", _cpu(world, pods), "%.4f"),
        ("container_memory_working_set_bytes", "gauge", "", _memory(world, pods), "%d"),
        ("kube_pod_owner", "gauge", "", _owners(world, pods), "%d"),
        ("kube_pod_status_phase", "gauge", "", _phases(world, pods), "%d"),
        ("kube_pod_container_info", "gauge", "", _infos(world, pods), "%d"),
        (
            "kube_pod_container_resource_requests",
            "gauge",
            "",
            _resources(world, pods, limits=False),
            "%.3f",
        ),
        (
            "kube_pod_container_resource_limits",
            "gauge",
            "",
            _resources(world, pods, limits=True),
            "%.3f",
        ),
        ("kube_node_status_allocatable", "gauge", "", _allocatable(world), "%.3f"),
    )
    for name, kind, suffix, samples, form in families:
        out.write(f"# TYPE {name} {kind}\n")
        for labels, stamps, values in samples:
            head = f"{name}{suffix}{{{_written(labels)}}} "
            line = f"{head.replace('%', '%%')}{form} %d\n"
            out.write("".join([line % pair for pair in zip(values, stamps.tolist(), strict=True)]))
    out.write("# EOF\n")


def name_pods(world: World) -> tuple[Pod, ...]:
    """Return every pod that ever lived, named as Kubernetes names them; always the same."""
    rng = np.random.default_rng(world.clockwork.first)
    pods = []
    hashes: dict[tuple[int, int], str] = {}
    for slot in world.slots:
        spec = WORKLOADS[slot.workload]
        for begin, end in slot.lives:
            template = hashes.setdefault((slot.workload, begin), _letters(rng, 9))
            tail = _letters(rng, 5)
            minute = int(world.clockwork.stamps[begin]) // 60
            kind, owner, pod = {
                "Deployment": (
                    "ReplicaSet",
                    f"{spec.name}-{template}",
                    f"{spec.name}-{template}-{tail}",
                ),
                "StatefulSet": ("StatefulSet", spec.name, f"{spec.name}-{slot.ordinal}"),
                "DaemonSet": ("DaemonSet", spec.name, f"{spec.name}-{tail}"),
                "CronJob": ("Job", f"{spec.name}-{minute}", f"{spec.name}-{minute}-{tail}"),
            }[spec.kind]
            pods.append(Pod(slot, pod, kind, owner, begin, end))
    return tuple(pods)


def _cpu(world: World, pods: tuple[Pod, ...]) -> _Samples:
    clock = world.clockwork
    for n, cores in enumerate(world.node_cpu()):
        resets = [world.node_resets[n]] if n in world.node_resets else []
        counter = _counter(cores, resets, start=80_000.0 * (n + 1))
        yield from _observed(world, {"id": "/", "node": NODES[n][0]}, 0, counter)
    for i, pod in enumerate(pods):
        cores = world.cpu[pod.slot.workload, pod.begin : pod.end] * pod.slot.weight
        resets = [r - pod.begin for r in pod.slot.resets if pod.begin <= r < pod.end]
        old = pod.begin == 0 and pod.workload.kind != "CronJob"
        counter = _counter(cores, resets, start=5_000.0 + 37.0 * i if old else 0.0)
        if pod.end < clock.scrapes:
            counter = np.append(counter, counter[-1])  # shown for a moment after the end
        for labels, share in _containers(pod):
            yield from _observed(world, labels, pod.begin, counter * share)


def _memory(world: World, pods: tuple[Pod, ...]) -> _Samples:
    for n, used in enumerate(world.node_memory()):
        yield from _observed(world, {"id": "/", "node": NODES[n][0]}, 0, used)
    for pod in pods:
        used = world.memory[pod.slot.workload, pod.begin : pod.end] * pod.slot.weight
        used = np.append(used, 0.0)  # as its counter: still shown, but nothing is held any more
        for labels, share in _containers(pod):
            yield from _observed(world, labels, pod.begin, used * share)


def _containers(pod: Pod) -> Iterator[tuple[_Labels, float]]:
    """Yield the labels of a pod's containers, each with its share of the pod's usage."""
    path = f"/kubepods/burstable/pod-{pod.name}"
    name = pod.workload.name
    image = f"registry.example/{name}:1"
    yield pod.labels | {"container": name, "id": f"{path}/{name}", "image": image}, 1.0
    if name in _WITH_POD_CGROUP:
        yield pod.labels | {"container": "POD", "id": f"{path}/pause"}, 0.001
        yield pod.labels | {"container": "", "id": path}, 1.001


def _owners(world: World, pods: tuple[Pod, ...]) -> _Samples:
    for pod in pods:
        labels = pod.labels | {
            "owner_kind": pod.owner_kind,
            "owner_name": pod.owner_name,
            "owner_is_controller": "true",
        }
        yield from _state(world, labels, pod.begin, _end_of_state(world, pod), 1.0)


def _phases(world: World, pods: tuple[Pod, ...]) -> _Samples:
    for pod in pods:
        running = pod.labels | {"phase": "Running"}
        yield from _state(world, running, pod.begin, pod.end, 1.0)
        if pod.owner_kind == "Job":
            done = pod.labels | {"phase": "Succeeded"}
            yield from _state(world, done, pod.end, _end_of_state(world, pod), 1.0)


def _infos(world: World, pods: tuple[Pod, ...]) -> _Samples:
    for pod in pods:
        name = pod.workload.name
        labels = {
            "namespace": pod.workload.namespace,
            "pod": pod.name,
            "container": name,
            "image": f"registry.example/{name}:1",
        }
        yield from _state(world, labels, pod.begin, _end_of_state(world, pod), 1.0)


def _resources(world: World, pods: tuple[Pod, ...], *, limits: bool) -> _Samples:
    for pod in pods:
        values = pod.workload.limits if limits else pod.workload.requests
        for resource, unit in (("cpu", "core"), ("memory", "byte")):
            labels = pod.labels | {
                "container": pod.workload.name,
                "resource": resource,
                "unit": unit,
            }
            yield from _state(world, labels, pod.begin, _end_of_state(world, pod), values[resource])


def _allocatable(world: World) -> _Samples:
    for name, pool in NODES:
        for resource, unit, value in (
            ("cpu", "core", pool.cores),
            ("memory", "byte", pool.memory),
        ):
            labels = {"node": name, "resource": resource, "unit": unit}
            yield from _state(world, labels, 0, world.clockwork.scrapes, value)


def _end_of_state(world: World, pod: Pod) -> int:
    stays = _FINISHED_STEPS if pod.owner_kind == "Job" else 0
    return min(pod.end + stays, world.clockwork.scrapes)


def _counter(cores: FloatArray, resets: list[int], *, start: float) -> FloatArray:
    """Return a counter of core seconds at each instant, one more than there are intervals."""
    counter = start + np.concatenate([[0.0], np.cumsum(cores * STEP_SECONDS)])
    for reset in resets:
        counter[reset + 1 :] -= counter[reset]
    return counter


def _observed(world: World, labels: _Labels, begin: int, values: FloatArray) -> _Samples:
    """Yield the samples from an instant on that came to Prometheus."""
    clock = world.clockwork
    width = min(len(values), clock.scrapes - begin)
    seen = clock.observed[begin : begin + width]
    if seen.any():
        yield labels, clock.stamps[begin : begin + width][seen], values[:width][seen]


def _state(world: World, labels: _Labels, begin: int, end: int, value: float) -> _Samples:
    """Yield a constant, every half hour and right after an outage."""
    clock = world.clockwork
    instants = np.arange(begin, end)
    back = clock.observed & ~np.concatenate([[True], clock.observed[:-1]])
    due = (instants % _STATE_EVERY == 0) | back[begin:end]
    chosen = instants[due & clock.observed[begin:end]]
    if len(chosen):
        yield labels, clock.stamps[chosen], np.full(len(chosen), value)


def _written(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))


def _letters(rng: np.random.Generator, count: int) -> str:
    return "".join(_HASH_LETTERS[i] for i in rng.integers(0, len(_HASH_LETTERS), size=count))
