"""A small cluster of known usage, as differently equipped monitoring would have scraped it.

Samples come every minute. Usage changes slowly, so that all presets must agree on it within a
percent or two whatever window their rules rate over.
"""

import urllib.request
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

STEP = 60
LEAD_HOURS = 2
"""Before the hours of the truth: rates look back."""
MIB = 2.0**20
TOTAL_MEMORY = 16 * 1024 * MIB
CORES = 4
SYSTEM_CORES = 0.25
"""Of each node: what no container used."""
SYSTEM_MEMORY = 700 * MIB

Floats = NDArray[np.float64]
Labels = Mapping[str, str]
Sample = tuple[str, Labels, Floats]


@dataclass(frozen=True)
class Pod:
    """One pod with one container.

    Attributes:
        namespace: Where.
        name: Of the pod.
        owner: Kind and name, as kube-state-metrics tells them.
        rule: Type and workload, as the recording rule tells them; None where it leaves them out.
        node: Where it runs.
        cores: On average.
        workload: Kind and name that Foresail should find by the rule.
        guessed: What it should find without the rule, where that is another.
    """

    namespace: str
    name: str
    owner: tuple[str, str]
    rule: tuple[str, str] | None
    node: str
    cores: float
    workload: tuple[str, str]
    guessed: tuple[str, str] | None = None


PODS = (
    Pod(
        "shop",
        "web-7d9f8c6b5-x2x4z",
        ("ReplicaSet", "web-7d9f8c6b5"),
        ("deployment", "web"),
        "n1",
        0.8,
        ("Deployment", "web"),
    ),
    Pod(
        "shop",
        "web-7d9f8c6b5-q8w2r",
        ("ReplicaSet", "web-7d9f8c6b5"),
        ("deployment", "web"),
        "n2",
        0.6,
        ("Deployment", "web"),
    ),
    Pod(
        "shop",
        "db-0",
        ("StatefulSet", "db"),
        ("statefulset", "db"),
        "n1",
        0.5,
        ("StatefulSet", "db"),
    ),
    Pod(
        "data",
        "report-28345678-q8w2r",
        ("Job", "report-28345678"),
        ("job", "report-28345678"),
        "n2",
        0.4,
        ("CronJob", "report"),
    ),
    Pod(
        "data",
        "agent-k2l4m",
        ("DaemonSet", "agent"),
        ("daemonset", "agent"),
        "n1",
        0.1,
        ("DaemonSet", "agent"),
    ),
    Pod(
        "data",
        "canary-5c6d7-zz2x4",
        ("ReplicaSet", "canary-5c6d7"),
        ("Rollout", "canary"),
        "n2",
        0.3,
        ("Rollout", "canary"),
        ("Deployment", "canary"),
    ),
    Pod("lab", "alone", ("", ""), ("barepod", "alone"), "n1", 0.2, ("Pod", "alone")),
    Pod(
        "lab",
        "spark-driver",
        ("SparkApplication", "spark"),
        None,
        "n2",
        0.7,
        ("SparkApplication", "spark"),
    ),
    Pod(
        "lab",
        "app-3-b4c5d",
        ("ReplicationController", "app-3"),
        ("deploymentconfig", "app"),
        "n1",
        0.15,
        ("DeploymentConfig", "app"),
        ("ReplicationController", "app-3"),
    ),
)
NODES = ("n1", "n2")
RULED = tuple(pod.name for pod in PODS if pod.rule is not None)
"""Pods that the recording rule for owners knows."""
OLD_RULED = tuple(
    pod.name for pod in PODS if pod.rule and pod.rule[0] in {"deployment", "statefulset", "job"}
)
"""Pods that an older version of the rule knows."""


@dataclass(frozen=True)
class ScrapedCluster:
    """A cluster of `PODS` on `NODES`.

    Attributes:
        end: A full hour; the last sample is there.
        hours: Of truth before it.
        scale: What all usage is multiplied with.
        cluster: Label of every series, or empty.
        step: Seconds between two samples, 60 or a multiple of it.
    """

    end: datetime
    hours: int = 3
    scale: float = 1.0
    cluster: str = ""
    step: int = STEP

    @property
    def stamps(self) -> NDArray[np.int64]:
        """Return the instants of all scrapes, in Unix seconds."""
        last = int(self.end.timestamp())
        first = last - (self.hours + LEAD_HOURS) * 3600
        return np.arange(first, last + 1, STEP, dtype=np.int64)

    def cores(self, pod: Pod) -> Floats:
        """Return the cores a pod uses up to each scrape."""
        phase = 2 * np.pi * (self.stamps / 3600 / 8 + PODS.index(pod) / len(PODS))
        return self.scale * pod.cores * (1 + 0.25 * np.sin(phase))

    def memory(self, pod: Pod) -> Floats:
        """Return the bytes a pod holds at each scrape."""
        return np.round(1000 * MIB * self.cores(pod))

    def node_cores(self, node: str) -> Floats:
        """Return the cores of a whole machine."""
        return self.scale * SYSTEM_CORES + _sum(self.cores(p) for p in PODS if p.node == node)

    def node_memory(self, node: str) -> Floats:
        """Return the bytes in use on a whole machine."""
        return self.scale * SYSTEM_MEMORY + _sum(self.memory(p) for p in PODS if p.node == node)

    def truth(
        self, metric: str, scope: str, *, whole: bool = True, ruled: Collection[str] = ()
    ) -> dict[tuple[str, ...], Floats]:
        """Return the hourly means of every series of a scope, by its labels.

        Args:
            metric: cpu or memory.
            scope: One of the four.
            whole: Whether cluster and node mean whole machines, or the pods on them only.
            ruled: Pods whose workload the recording rule tells.
        """
        of_pod = self.cores if metric == "cpu" else self.memory
        of_node = self.node_cores if metric == "cpu" else self.node_memory
        found: dict[tuple[str, ...], Floats] = {}
        if scope in {"cluster", "node"} and whole:
            for node in NODES:
                key = (node,) if scope == "node" else ()
                found[key] = found.get(key, 0.0) + of_node(node)
        else:
            for pod in PODS:
                workload = pod.workload if pod.name in ruled else pod.guessed or pod.workload
                key = {
                    "cluster": (),
                    "node": (pod.node,),
                    "namespace": (pod.namespace,),
                    "workload": (pod.namespace, *workload),
                }[scope]
                found[key] = found.get(key, 0.0) + of_pod(pod)
        begin = LEAD_HOURS * 3600 // STEP + 1
        return {
            key: values[begin:].reshape(self.hours, -1).mean(axis=1)
            for key, values in found.items()
        }

    def write(self, file: Path, *flavours: str) -> Path:
        """Write OpenMetrics text for `promtool tsdb create-blocks-from`, and return its path.

        Args:
            file: Where.
            flavours: Some of kube-state-metrics, cadvisor, cadvisor-without-root, kube-prometheus,
                kube-prometheus-old (its rules, in an older version), node-exporter, openshift.
        """
        return write_openmetrics(file, self.samples(*flavours), self.stamps, every=self.step)

    @staticmethod
    def write_all(file: Path, clusters: Sequence["ScrapedCluster"], *flavours: str) -> Path:
        """Write several clusters of the same time into one text, as `write` does one."""
        samples = [sample for one in clusters for sample in one.samples(*flavours)]
        return write_openmetrics(file, samples, clusters[0].stamps, every=clusters[0].step)

    def samples(self, *flavours: str) -> list[Sample]:
        """Return all series of these flavours."""
        own = {"cluster": self.cluster} if self.cluster else {}
        parts = {
            "kube-state-metrics": self._state,
            "cadvisor": self._cadvisor,
            "cadvisor-without-root": lambda: (s for s in self._cadvisor() if s[1]["id"] != "/"),
            "kube-prometheus": lambda: self._rules(old=False),
            "kube-prometheus-old": lambda: self._rules(old=True),
            "node-exporter": lambda: self._machines(instance="10.0.0.{}:9100"),
            "openshift": self._openshift,
        }
        return [
            (name, {**labels, **own}, values)
            for flavour in flavours
            for name, labels, values in parts[flavour]()
        ]

    def _constant(self, value: float) -> Floats:
        return np.full(len(self.stamps), value)

    def _state(self) -> Iterator[Sample]:
        one = self._constant(1)
        for pod in PODS:
            place = {"namespace": pod.namespace, "pod": pod.name}
            container = {**place, "container": "main", "node": pod.node}
            kind, owner = pod.owner
            yield "kube_pod_owner", {**place, "owner_kind": kind, "owner_name": owner}, one
            yield "kube_pod_status_phase", {**place, "phase": "Running"}, one
            yield "kube_pod_container_info", {**place, "container": "main"}, one
            for resource, unit in (("cpu", 1.0), ("memory", 1000 * MIB)):
                for kind, factor in (("requests", 1), ("limits", 2)):
                    yield (
                        f"kube_pod_container_resource_{kind}",
                        {**container, "resource": resource},
                        self._constant(factor * unit * pod.cores),
                    )
        for node in NODES:
            yield "kube_node_info", {"node": node}, one
            for resource, value in (("cpu", CORES - 0.5), ("memory", 0.9 * TOTAL_MEMORY)):
                labels = {"node": node, "resource": resource}
                yield "kube_node_status_allocatable", labels, self._constant(value)
        for node in NODES:  # a shared volume comes once from each node that has mounted it
            for kind, value in (("used", 3e9), ("capacity", 1e10)):
                labels = {"namespace": "shop", "persistentvolumeclaim": "data", "instance": node}
                yield f"kubelet_volume_stats_{kind}_bytes", labels, self._constant(value)

    def _cadvisor(self) -> Iterator[Sample]:
        """Yield counters and gauges, with the sums per pod and pause containers too."""
        for node in NODES:
            labels = {"id": "/", "node": node}
            yield "container_cpu_usage_seconds_total", labels, _counter(self.node_cores(node))
            yield "container_memory_working_set_bytes", labels, self.node_memory(node)
        for pod in PODS:
            for container, share in (("main", 1.0), ("POD", 0.01), ("", 1.01)):
                labels = {
                    "namespace": pod.namespace,
                    "pod": pod.name,
                    "node": pod.node,
                    "container": container,
                    "id": f"/kubepods/{pod.name}/{container}",
                }
                counter = _counter(self.cores(pod) * share)
                yield "container_cpu_usage_seconds_total", labels, counter
                yield "container_memory_working_set_bytes", labels, self.memory(pod) * share

    def _rules(self, *, old: bool) -> Iterator[Sample]:
        """Yield what the rules of kubernetes-mixin record; older versions record less."""
        prefix = "node_namespace_pod_container:container"
        for pod in PODS:
            for container, share in (("main", 1.0), ("POD", 0.01)):
                labels = {
                    "namespace": pod.namespace,
                    "pod": pod.name,
                    "node": pod.node,
                    "container": container,
                }
                counter = _counter(self.cores(pod) * share)
                yield f"{prefix}_cpu_usage_seconds_total:sum_irate", labels, _rate(counter, 1)
                if not old:
                    name = f"{prefix}_cpu_usage_seconds_total:sum_rate5m"
                    yield name, labels, _rate(counter, 5)
                yield f"{prefix}_memory_working_set_bytes", labels, self.memory(pod) * share
            if pod.rule is not None and pod.name in (OLD_RULED if old else RULED):
                yield (
                    "namespace_workload_pod:kube_pod_owner:relabel",
                    {
                        "namespace": pod.namespace,
                        "pod": pod.name,
                        "workload_type": pod.rule[0],
                        "workload": pod.rule[1],
                    },
                    self._constant(1),
                )

    def _machines(self, *, instance: str) -> Iterator[Sample]:
        for i, node in enumerate(NODES, start=1):
            labels = {"instance": instance.format(i), "job": "node-exporter"}
            busy = self.node_cores(node) / CORES
            for cpu in range(CORES):
                for mode, used in (
                    ("user", 0.75 * busy),
                    ("system", 0.25 * busy),
                    ("iowait", self._constant(0.05)),
                    ("idle", 0.95 - busy),
                ):
                    each = {**labels, "cpu": str(cpu), "mode": mode}
                    yield "node_cpu_seconds_total", each, _counter(used)
            free = TOTAL_MEMORY - self.node_memory(node)
            yield "node_memory_MemTotal_bytes", labels, self._constant(TOTAL_MEMORY)
            yield "node_memory_MemAvailable_bytes", labels, free
            yield "node_uname_info", {**labels, "nodename": node}, self._constant(1)

    def _openshift(self) -> Iterator[Sample]:
        """Yield what OpenShift's rules record; its node-exporter calls instances by node."""
        yield from self._rules(old=False)
        yield from self._machines(instance="n{}")
        counters = {node: _counter(self.node_cores(node)) for node in NODES}
        memory = {node: self.node_memory(node) for node in NODES}
        yield "cluster:node_cpu:sum_rate5m", {}, _sum(_rate(c, 5) for c in counters.values())
        yield "cluster:memory_usage_bytes:sum", {}, _sum(memory.values())
        for node in NODES:
            yield "instance:node_cpu:rate:sum", {"instance": node}, _rate(counters[node], 3)
            share = {"instance": node, "job": "node-exporter", "pod": f"exporter-{node}"}
            name = "instance:node_memory_utilisation:ratio"
            yield name, share, memory[node] / TOTAL_MEMORY
        for namespace in dict.fromkeys(p.namespace for p in PODS):
            cores = _sum(self.cores(p) for p in PODS if p.namespace == namespace)
            labels = {"namespace": namespace}
            yield "namespace:container_cpu_usage:sum", labels, _rate(_counter(cores), 5)


def write_openmetrics(
    file: Path, samples: list[Sample], stamps: NDArray[np.int64], *, every: int = STEP
) -> Path:
    """Write samples family by family."""
    kept = stamps % every == 0
    at = stamps[kept].tolist()
    by_name: dict[str, list[str]] = {}
    for name, labels, values in samples:
        head = f"{name}{{{_written(labels)}}}"
        lines = by_name.setdefault(name, [])
        lines += [f"{head} {v:.10g} {t}" for v, t in zip(values[kept], at, strict=True)]
    with file.open("w") as out:
        for name, lines in by_name.items():
            kind = "counter" if name.endswith("_total") else "gauge"
            out.write("\n".join([f"# TYPE {name.removesuffix('_total')} {kind}", *lines, ""]))
        out.write("# EOF\n")
    return file


def import_into_victoria(url: str, openmetrics: Path) -> None:
    """Give a VictoriaMetrics the samples of an OpenMetrics text."""
    lines = [line for line in openmetrics.read_text().splitlines() if not line.startswith("#")]
    body = "".join(f"{line}000\n" for line in lines).encode()  # milliseconds
    for path, data in (("/api/v1/import/prometheus", body), ("/internal/force_flush", b"")):
        urllib.request.urlopen(f"{url}{path}", data=data, timeout=60).close()  # noqa: S310  # loopback


def _written(labels: Labels) -> str:
    return ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))


def _counter(cores: Floats) -> Floats:
    return 1000.0 + np.cumsum(cores * STEP)


def _rate(counter: Floats, minutes: int) -> Floats:
    earlier = np.concatenate([np.full(minutes, np.nan), counter[:-minutes]])
    rate = (counter - earlier) / (minutes * STEP)
    return np.where(np.isnan(rate), 0.0, rate)


def _sum(values: Iterator[Floats] | list[Floats]) -> Floats:
    return np.sum(list(values), axis=0)
