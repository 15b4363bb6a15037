"""The history of `big_world` as both servers read it.

Names and labels are those of cAdvisor and kube-state-metrics; the latter is scraped every half hour
only, which keeps the text small.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from servers.big_world import STEP, Ints, Pod, World

_STATE_EVERY = 6


@dataclass(frozen=True, slots=True)
class _Samples:
    """Samples of one series; `form` writes a value as both servers read it."""

    name: str
    labels: Mapping[str, str]
    stamps: Ints
    values: Ints
    form: str


def _families(world: World, chunk: tuple[int, int]) -> Iterator[tuple[str, str, list[_Samples]]]:
    """Yield name, type and series of each metric, from one scrape up to another."""
    pods = [pod for pod in world.pods if pod.begin < chunk[1] and chunk[0] <= pod.end]
    container = [{**pod.labels, "container": "main", "id": _cgroup(pod)} for pod in pods]
    name = "container_cpu_usage_seconds"
    cpu = [
        _taken(world, pod, chunk, f"{name}_total", labels, pod.counter, "%de-3")
        for pod, labels in zip(pods, container, strict=True)
    ]
    yield name, "counter", cpu
    name = "container_memory_working_set_bytes"
    held = [_held(world, pod) for pod in pods]
    memory = [
        _taken(world, pod, chunk, name, labels, values, "%d")
        for pod, labels, values in zip(pods, container, held, strict=True)
    ]
    yield name, "gauge", memory
    name = "kube_pod_owner"
    owners = [
        _taken(
            world, pod, chunk, name, {**pod.labels, **pod.owner}, np.ones_like(pod.counter), "%d"
        )
        for pod in pods
    ]
    yield name, "gauge", [_seldom(one) for one in owners]


def _taken(
    world: World,
    pod: Pod,
    chunk: tuple[int, int],
    name: str,
    labels: Mapping[str, str],
    values: Ints,
    form: str,
) -> _Samples:
    begin, end = max(pod.begin, chunk[0]), min(pod.end + 1, chunk[1])
    seen = pod.seen[begin:end]
    stamps = world.size.stamps[begin:end][seen]
    return _Samples(name, labels, stamps, values[begin - pod.begin : end - pod.begin][seen], form)


def _seldom(samples: _Samples) -> _Samples:
    """Keep the scrapes of each half hour: this metric never changes."""
    kept = samples.stamps // STEP % _STATE_EVERY == 0
    return _Samples(
        samples.name, samples.labels, samples.stamps[kept], samples.values[kept], samples.form
    )


def _held(world: World, pod: Pod) -> Ints:
    held = world.memory[pod.workload, pod.begin : pod.end + 1].copy()
    if pod.end < world.size.scrapes - 1:
        held[-1] = 0  # still shown, but nothing is held any more
    return held


def _cgroup(pod: Pod) -> str:
    return f"/kubepods/burstable/pod-{pod.labels['pod']}/main"


def write_openmetrics(world: World, chunk: tuple[int, int], file: Path) -> None:
    """Write the samples from one scrape up to another as promtool reads them."""
    with file.open("w", encoding="utf-8") as out:
        for name, kind, series in _families(world, chunk):
            out.write(f"# TYPE {name} {kind}\n")
            for one in series:
                given = ",".join(f'{key}="{value}"' for key, value in one.labels.items())
                line = f"{one.name}{{{given}}} {one.form} %d\n"
                pairs = np.stack([one.values, one.stamps], axis=1).ravel().tolist()
                out.write(line * len(one.stamps) % tuple(pairs))
        out.write("# EOF\n")


def json_lines(world: World, chunk: tuple[int, int]) -> Iterator[bytes]:
    """Yield the same as lines for VictoriaMetrics' `/api/v1/import`."""
    for _, _, series in _families(world, chunk):
        for one in series:
            metric = json.dumps({"__name__": one.name, **one.labels})
            values = ",".join([one.form] * len(one.values)) % tuple(one.values.tolist())
            stamps = ",".join(map(str, (one.stamps * 1000).tolist()))
            if len(one.values):
                line = f'{{"metric":{metric},"values":[{values}],"timestamps":[{stamps}]}}\n'
                yield line.encode()
