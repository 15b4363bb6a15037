"""The simulated cluster in arrays: what every pod used between any two scrapes."""

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np

from foresail.history.hourly import STEPS_PER_HOUR
from foresail.history.simulate.catalog import (
    GIB,
    GROWING,
    IDLE,
    LEAKING,
    MIB,
    NEW,
    NODES,
    SPIKING,
    STEPPED,
    WORKLOADS,
    Workload,
)
from foresail.history.simulate.clockwork import LEAD, Clockwork, build_clockwork
from foresail.panel import FloatArray

NEW_HOURS = 48
FULL_IN_DAYS = 25.0
"""In how many days after `until` the memory of the growing workload's node is full."""

_DAY_STEPS = 24 * STEPS_PER_HOUR
_GROWTH_PER_DAY = 0.22 * GIB
_NIGHT_UTC = (1, 3)
_LEAK_DAYS = 4.3


@dataclass(frozen=True, slots=True)
class Slot:
    """One place for a pod: a replica of a workload on its node.

    Attributes:
        workload: Row in `WORKLOADS`.
        ordinal: Which replica.
        node: Row in `NODES`.
        weight: Its share of the workload's load.
        lives: Its pods one after the other: (first instant, instant of its end); an end at
            `scrapes` is still to come.
        resets: Instants right after which its container starts anew, counters at zero.
    """

    workload: int
    ordinal: int
    node: int
    weight: float
    lives: tuple[tuple[int, int], ...]
    resets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class World:
    """All that happened.

    Attributes:
        clockwork: When.
        slots: Who.
        cpu: Cores of each workload between instant i and i + 1, shape `(workloads, scrapes - 1)`;
            zero where nothing ran.
        memory: Bytes of each workload at each instant, shape `(workloads, scrapes)`.
        running: Whether any pod of the workload ran, shape `(workloads, scrapes)`.
        system_cpu: Cores of each node beside its pods, shape `(nodes, scrapes - 1)`.
        system_memory: Bytes, alike, shape `(nodes, scrapes)`.
        node_resets: Node -> the instant after which it was rebooted.
    """

    clockwork: Clockwork
    slots: tuple[Slot, ...]
    cpu: FloatArray
    memory: FloatArray
    running: FloatArray
    system_cpu: FloatArray
    system_memory: FloatArray
    node_resets: dict[int, int]

    def node_cpu(self) -> FloatArray:
        """Return cores of each node, shape `(nodes, scrapes - 1)`."""
        return self.system_cpu + self._shares() @ self.cpu

    def node_memory(self) -> FloatArray:
        """Return bytes of each node, shape `(nodes, scrapes)`."""
        return self.system_memory + self._shares() @ self.memory

    def _shares(self) -> FloatArray:
        return shares(self.slots)


def shares(slots: tuple[Slot, ...]) -> FloatArray:
    """Return which share of each workload runs on each node, shape `(nodes, workloads)`."""
    out = np.zeros((len(NODES), len(WORKLOADS)))
    for slot in slots:
        out[slot.node, slot.workload] += slot.weight
    return out


def build_world(*, days: int, until: datetime, zone: ZoneInfo, seed: int) -> World:
    """Simulate the cluster; the same arguments give the same world.

    Args:
        days: How many.
        until: A full hour; the end of the last bucket.
        zone: Where the users live.
        seed: Of everything drawn at random.
    """
    rng = np.random.default_rng(seed)
    clock = build_clockwork(days=days, until=until, zone=zone, rng=rng)
    leak_resets = _leak_resets(clock)
    slots = tuple(_slots(clock, leak_resets, rng))
    running = np.stack([_running(clock, w, slots) for w in range(len(WORKLOADS))])
    cpu = np.stack([_cpu(clock, workload, rng) for workload in WORKLOADS]) * running[:, :-1]
    memory = np.stack([_memory(clock, w, leak_resets, rng) for w in WORKLOADS]) * running
    drift = np.abs(_wander(len(NODES), clock.scrapes, rng, spread=0.1))
    world = World(
        clockwork=clock,
        slots=slots,
        cpu=cpu,
        memory=memory,
        running=running,
        system_cpu=0.22 * (1 + drift[:, :-1]),
        system_memory=1.5 * GIB * (1 + 0.2 * drift),
        node_resets={1: clock.hour_of(clock.hours // 3) + 5},
    )
    _grow(world)
    return world


def _slots(clock: Clockwork, leak_resets: list[int], rng: np.random.Generator) -> list[Slot]:
    slots: list[Slot] = []
    for w, workload in enumerate(WORKLOADS):
        nodes = [n for n, (_, pool) in enumerate(NODES) if workload.pool in {"", pool.name}]
        weights = rng.uniform(0.9, 1.1, size=workload.replicas)
        weights /= weights.sum()
        lives = _lives(clock, workload, rng)
        for ordinal in range(workload.replicas):
            resets: list[int] = leak_resets if workload.name == LEAKING else []
            # every third place loses its container once, as containers do
            if len(slots) % 3 == 0 and workload.kind == "StatefulSet":
                resets = [int(rng.integers(LEAD + 40, clock.scrapes - 2))]
            node = nodes[0] if workload.name == GROWING else nodes[(w + ordinal) % len(nodes)]
            slots.append(
                Slot(w, ordinal, node, float(weights[ordinal]), tuple(lives), tuple(resets))
            )
    return slots


def _lives(clock: Clockwork, workload: Workload, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Return when the pods of one place live.

    Pods begin and end on the full hour: `rate()` extrapolates half a scrape beyond a pod's last
    sample, and the truth shall be what Prometheus can know.
    """
    end = clock.scrapes
    if workload.name == NEW:
        return [(clock.hour_of(max(0, clock.hours - NEW_HOURS)), end)]
    if workload.kind == "CronJob":
        return _nights(clock)
    if workload.kind != "Deployment":
        return [(0, end)]
    if workload.name == STEPPED:
        releases = [_release(clock)]
    else:
        count = int(rng.integers(0, 2 + clock.hours // (24 * 30)))
        releases = sorted({int(b) for b in rng.integers(12, clock.hours - 12, size=count)})
    cuts = [0, *(clock.hour_of(bucket) for bucket in releases), end]
    return list(pairwise(cuts))


def _nights(clock: Clockwork) -> list[tuple[int, int]]:
    begin, finish = _NIGHT_UTC
    hours = (clock.stamps[LEAD] // 3600 + np.arange(clock.hours)) % 24
    starts = np.flatnonzero(hours == begin)
    length = finish - begin
    return [
        (clock.hour_of(int(b)), clock.hour_of(int(b) + length))
        for b in starts
        if b + length < clock.hours
    ]


def _release(clock: Clockwork) -> int:
    return int(clock.hours * 0.6)


def _leak_resets(clock: Clockwork) -> list[int]:
    period = int(_LEAK_DAYS * _DAY_STEPS)
    return list(range(period // 2, clock.scrapes - 2, period))


def _running(clock: Clockwork, w: int, slots: tuple[Slot, ...]) -> FloatArray:
    out = np.zeros(clock.scrapes)
    for slot in slots:
        if slot.workload == w:
            for begin, end in slot.lives:
                out[begin:end] = 1.0
            break
    return out


def _cpu(clock: Clockwork, workload: Workload, rng: np.random.Generator) -> FloatArray:
    """Return cores of the workload between any two instants."""
    steps = clock.scrapes - 1
    demand = clock.demand(workload.rhythm)[:-1]
    cores = workload.replicas * workload.cores * (1 + workload.swing * demand)
    if workload.name == IDLE:
        return cores
    if workload.name == STEPPED:
        cores = cores * np.where(np.arange(steps) >= clock.hour_of(_release(clock)), 1.6, 1.0)
    if workload.name == SPIKING:
        start = clock.hour_of(int(clock.hours * 0.75) // 24 * 24 + 13)
        cores[start : start + 3 * STEPS_PER_HOUR] *= 2.8
    trend = 1 + 0.0006 * np.arange(steps) / _DAY_STEPS
    wander = _wander(1, steps, rng, spread=0.07)[0]
    jitter = rng.normal(0, 0.03, size=steps)
    noisy: FloatArray = cores * trend * np.exp(wander + jitter)
    return noisy


def _memory(
    clock: Clockwork, workload: Workload, leak_resets: list[int], rng: np.random.Generator
) -> FloatArray:
    """Return bytes of the workload at each instant, as if it always ran."""
    base = workload.replicas * workload.mebibytes * MIB
    if workload.name == IDLE:
        return np.full(clock.scrapes, base)
    if workload.name == LEAKING:
        instants = np.arange(clock.scrapes)
        period = int(_LEAK_DAYS * _DAY_STEPS)
        since = (instants - leak_resets[0] - 1) % period if leak_resets else instants
        limit = workload.limits["memory"]
        return base + (0.985 * limit - base) * since / period
    wander = _wander(1, clock.scrapes, rng, spread=0.012)[0]
    wanted = 1 + workload.memory_swing * clock.demand(workload.rhythm)
    held: FloatArray = base * wanted * np.exp(wander)
    return held


def _grow(world: World) -> None:
    """Let the growing workload grow so that its node is full `FULL_IN_DAYS` after the end."""
    w = next(i for i, workload in enumerate(WORKLOADS) if workload.name == GROWING)
    node = next(slot.node for slot in world.slots if slot.workload == w)
    world.memory[w] = 0.0
    beside = world.node_memory()[node, -7 * _DAY_STEPS :].max()
    at_end = NODES[node][1].memory - beside - FULL_IN_DAYS * _GROWTH_PER_DAY
    days_before = (np.arange(world.clockwork.scrapes)[::-1]) / _DAY_STEPS
    world.memory[w] = np.maximum(2 * GIB, at_end - _GROWTH_PER_DAY * days_before)


def _wander(rows: int, steps: int, rng: np.random.Generator, *, spread: float) -> FloatArray:
    """Return noise that lasts: each value keeps 0.95 of the one before; `spread` is its sigma."""
    keep = 0.95
    drawn = rng.normal(0, spread * np.sqrt(1 - keep**2), size=(rows, steps))
    # in blocks: within one, the recursion is a weighted running sum
    block = 512
    decay = keep ** np.arange(block)
    carry = np.zeros(rows)
    for first in range(0, steps, block):
        part = drawn[:, first : first + block]
        width = part.shape[1]
        summed = np.cumsum(part / decay[:width], axis=1) * decay[:width]
        summed += carry[:, None] * keep * decay[:width]
        drawn[:, first : first + block] = summed
        carry = summed[:, -1]
    return drawn
