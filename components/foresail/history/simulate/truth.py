"""The hourly truth of the simulated cluster, as the presets define mean and maximum."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foresail.history.frames import CAPACITY_COLUMNS, USAGE_COLUMNS, typed
from foresail.history.hourly import MIN_STEPS, STEPS_PER_HOUR
from foresail.history.naming import full_labels, series_id
from foresail.history.simulate.catalog import NODES, WORKLOADS
from foresail.history.simulate.clockwork import LEAD
from foresail.history.simulate.world import World
from foresail.panel import FloatArray

_Row = tuple[str, dict[str, str], FloatArray]


def usage_truth(world: World, *, cluster: str, outages: bool = True) -> pd.DataFrame:
    """Return hourly mean and maximum of every series, in the columns of a staged history.

    The maximum of cpu is that of 10-minute means at 5-minute steps, that of memory the largest
    sample. A CronJob that does not run uses nothing; a workload that does not exist yet has no row.

    Args:
        world: What happened.
        cluster: Its name.
        outages: Leave out the hours that Prometheus did not see, as staging does.
    """
    seen = world.clockwork.seen_share() >= MIN_STEPS / STEPS_PER_HOUR
    kept = seen if outages else np.ones_like(seen)
    frames = []
    for metric, rows, fold in (
        ("cpu", _cpu_rows(world), _fold_cpu),
        ("memory", _memory_rows(world), _fold_memory),
    ):
        for scope, labels, values in rows:
            there = kept & _exists(world, scope, labels)
            for stat, folded in fold(values).items():
                frames.append(
                    pd.DataFrame({"ds": world.clockwork.ds[there], "y": folded[there]}).assign(
                        series=series_id(scope, labels, cluster=cluster),
                        metric=metric,
                        stat=stat,
                        **full_labels(scope, labels, cluster=cluster),
                    )
                )
    return typed(pd.concat(frames, ignore_index=True)[list(USAGE_COLUMNS)])


def capacity_truth(world: World, *, cluster: str) -> pd.DataFrame:
    """Return allocatable, requests and limits: one row a day for each, in a history's columns."""
    clock = world.clockwork
    ds = clock.ds
    first_of_day = np.ones(len(ds), dtype=bool)
    days = ds.astype("datetime64[D]")
    first_of_day[1:] = days[1:] != days[:-1]
    frames = []
    for scope, labels, metric, kind, values in _capacities(world):
        at_hours = values[LEAD:-1:STEPS_PER_HOUR]
        kept = first_of_day.copy()
        kept[1:] |= at_hours[1:] != at_hours[:-1]
        kept &= at_hours > 0
        frames.append(
            pd.DataFrame({"ds": ds[kept], "value": at_hours[kept]}).assign(
                series=series_id(scope, labels, cluster=cluster), metric=metric, kind=kind
            )
        )
    filled = [frame for frame in frames if len(frame)]
    return typed(pd.concat(filled, ignore_index=True)[list(CAPACITY_COLUMNS)])


def _cpu_rows(world: World) -> Iterator[_Row]:
    nodes = world.node_cpu()
    yield "cluster", {}, nodes.sum(axis=0)
    yield from _below(nodes, world.cpu)


def _memory_rows(world: World) -> Iterator[_Row]:
    nodes = world.node_memory()
    yield "cluster", {}, nodes.sum(axis=0)
    yield from _below(nodes, world.memory)


def _below(nodes: FloatArray, workloads: FloatArray) -> Iterator[_Row]:
    for n, (name, _) in enumerate(NODES):
        yield "node", {"node": name}, nodes[n]
    for namespace in dict.fromkeys(w.namespace for w in WORKLOADS):
        rows = [i for i, w in enumerate(WORKLOADS) if w.namespace == namespace]
        yield "namespace", {"namespace": namespace}, workloads[rows].sum(axis=0)
    for i, w in enumerate(WORKLOADS):
        labels = {"namespace": w.namespace, "kind": w.kind, "workload": w.name}
        yield "workload", labels, workloads[i]


def _exists(world: World, scope: str, labels: dict[str, str]) -> NDArray[np.bool_]:
    """Say in which hours a series exists: from its first pod on."""
    exists = np.ones(world.clockwork.hours, dtype=bool)
    if scope == "workload":
        row = next(
            i
            for i, w in enumerate(WORKLOADS)
            if (w.namespace, w.name) == (labels["namespace"], labels["workload"])
        )
        first = int(world.running[row].argmax())
        exists = np.arange(world.clockwork.hours) >= (first - LEAD) // STEPS_PER_HOUR
    return exists


def _fold_cpu(cores: FloatArray) -> dict[str, FloatArray]:
    by_hour = cores[LEAD:].reshape(-1, STEPS_PER_HOUR)
    over_ten_minutes = (cores[LEAD:] + cores[LEAD - 1 : -1]) / 2
    return {
        "mean": by_hour.mean(axis=1),
        "max": over_ten_minutes.reshape(-1, STEPS_PER_HOUR).max(axis=1),
    }


def _fold_memory(values: FloatArray) -> dict[str, FloatArray]:
    by_hour = values[LEAD:-1].reshape(-1, STEPS_PER_HOUR)
    return {"mean": by_hour.mean(axis=1), "max": by_hour.max(axis=1)}


def _capacities(world: World) -> Iterator[tuple[str, dict[str, str], str, str, FloatArray]]:
    """Yield (scope, labels, metric, kind, values at each instant)."""
    always = np.ones(world.clockwork.scrapes)
    for metric in ("cpu", "memory"):
        allocatable = np.stack(
            [always * (pool.cores if metric == "cpu" else pool.memory) for _, pool in NODES]
        )
        yield "cluster", {}, metric, "allocatable", allocatable.sum(axis=0)
        for n, (name, _) in enumerate(NODES):
            yield "node", {"node": name}, metric, "allocatable", allocatable[n]
        for kind in ("request", "limit"):
            each = np.array([_per_pod(i, metric, kind) for i in range(len(WORKLOADS))])
            replicas = np.array([w.replicas for w in WORKLOADS])
            workloads = (each * replicas)[:, None] * world.running
            nodes = _pods_on_nodes(world) @ (each[:, None] * world.running)
            yield "cluster", {}, metric, kind, workloads.sum(axis=0)
            for scope, labels, values in _below(nodes, workloads):
                yield scope, labels, metric, kind, values


def _per_pod(workload: int, metric: str, kind: str) -> float:
    spec = WORKLOADS[workload]
    return (spec.requests if kind == "request" else spec.limits)[metric]


def _pods_on_nodes(world: World) -> FloatArray:
    out = np.zeros((len(NODES), len(WORKLOADS)))
    for slot in world.slots:
        out[slot.node, slot.workload] += 1
    return out
