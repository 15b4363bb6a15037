"""A history that is drawn, so that its truth is known; large enough to be slow to read.

Every workload is one pod in a namespace of its own, scraped every five minutes. Some scrapes are
missed, one outage hits all, counters start anew, pods are replaced, one workload vanishes, one is
new, and one is renamed. Usage is whole milliseconds of a core and whole bytes, so that a server
holds exactly what was drawn.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from foresail.panel import Panel

CLUSTER = "big"
UNTIL = datetime(2025, 4, 2, 6, tzinfo=UTC)
"""End of the history that tests stage whole."""
MORE_HOURS = 6
"""What comes after that, for a second run."""
LEAD_HOURS = 2
"""What comes before: rates look back, and a server's first hours are not whole."""

STEP = 300
PER_HOUR = 12
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_OUTAGE_STEPS = 22
_MISSED = 0.002
_OUTAGE, _VANISHED, _RENAMED, _NEW = 0.2, 0.7, 0.5, 0.8
"""When, as shares of the time."""

Scope = Literal["namespace", "workload"]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Size:
    """How large a history is.

    Attributes:
        workloads: Each is two series: cpu and memory.
        days: Up to `UNTIL`.
        seed: Of everything drawn.
    """

    workloads: int
    days: int
    seed: int = 5

    @property
    def hours(self) -> int:
        """Return the hours of the truth."""
        return self.days * 24 + MORE_HOURS

    @property
    def scrapes(self) -> int:
        """Return how many instants there are, both ends included."""
        return (LEAD_HOURS + self.hours) * PER_HOUR + 1

    @property
    def stamps(self) -> Ints:
        """Return the instants in Unix seconds."""
        first = int(UNTIL.timestamp()) - (self.days * 24 + LEAD_HOURS) * 3600
        return first + STEP * np.arange(self.scrapes, dtype=np.int64)

    def share(self, of_time: float) -> int:
        """Return the scrape at the full hour after this share of the time."""
        return (LEAD_HOURS + int(self.hours * of_time)) * PER_HOUR


BIG = Size(workloads=250, days=60)
"""500 series of 60 days: 8.6 million samples."""
SMALL = Size(workloads=30, days=10)


@dataclass(frozen=True, slots=True)
class Pod:
    """One life of a workload: its scrapes are `begin` to `end`, both included.

    Attributes:
        workload: Its row among the workloads.
        labels: Of its samples.
        owner: The labels that kube-state-metrics adds.
        begin: First scrape.
        end: Last scrape; the pod is still shown, and holds no memory any more.
        counter: Milliseconds of a core at each scrape from `begin` on.
        seen: Which of all scrapes arrived.
    """

    workload: int
    labels: Mapping[str, str]
    owner: Mapping[str, str]
    begin: int
    end: int
    counter: Ints
    seen: Bools


@dataclass(frozen=True, slots=True)
class World:
    """What happened.

    Attributes:
        size: As asked for.
        ids: Of each workload, by scope; it is alone in its namespace.
        usage: Milliseconds of a core between each scrape and the next, `(workloads, scrapes - 1)`.
        memory: Bytes at each scrape, `(workloads, scrapes)`.
        lives: First and last scrape of each workload.
        pods: In order of their workloads.
        outage: Which scrapes nothing answered.
    """

    size: Size
    ids: tuple[Mapping[str, str], ...]
    usage: Ints
    memory: Ints
    lives: tuple[tuple[int, int], ...]
    pods: tuple[Pod, ...]
    outage: Bools


@dataclass(frozen=True, slots=True)
class Truth:
    """What must be staged, hour by hour.

    Attributes:
        series: Ids with their cluster, N of them.
        ds: Starts of the hours, `datetime64[s]`, T of them.
        values: Metric and stat (mean, max, p95) -> `(N, T)`.
        whole: `(N, T)`: the workload lived through the hour, and the source did not fail in it.
        exact: Metric -> `(N, T)`: besides, nothing was missed in it, and no pod was replaced.
        silent: `(N, T)`: there must be no value: the workload was not there, or the source failed.
        resets: Counter resets in all; they lie before `UNTIL`.
    """

    series: tuple[str, ...]
    ds: NDArray[np.datetime64]
    values: Mapping[tuple[str, str], Floats]
    whole: Bools
    exact: Mapping[str, Bools]
    silent: Bools
    resets: int


def make_world(size: Size) -> World:
    """Draw a history; the same for the same size."""
    rng = np.random.default_rng(size.seed)
    usage = _usage(size, rng)
    memory = _memory(size, rng)
    outage = np.zeros(size.scrapes, dtype=bool)
    start = size.share(_OUTAGE) + 7
    outage[start : start + _OUTAGE_STEPS] = True  # of neither hour at its ends is much left
    ids: list[Mapping[str, str]] = []
    lives: list[tuple[int, int]] = []
    pods: list[Pod] = []
    for i in range(size.workloads):
        namespace, kind, name = _named(i)
        ids.append({"workload": f"{namespace}/{kind}/{name}", "namespace": namespace})
        begin, end = _life(i, size)
        lives.append((begin, end))
        pods += _pods(i, size, (begin, end), usage[i], outage, rng)
    return World(size, tuple(ids), usage, memory, tuple(lives), tuple(pods), outage)


def truth_of(world: World, *, scope: Scope) -> Truth:
    """Return what the definitions of `docs/history.md` make of what was drawn."""
    size = world.size
    first = LEAD_HOURS * PER_HOUR
    starts = first + PER_HOUR * np.arange(size.hours)
    within = starts[:, None] + np.arange(PER_HOUR)
    cores = world.usage / (1000.0 * STEP)
    # the rate over ten minutes at the end of each step is that of the step and the one before
    short = (cores[:, within] + cores[:, within - 1]) / 2
    held = world.memory[:, within].astype(np.float64)
    values = {("cpu", "mean"): cores[:, within].mean(axis=2)}
    values[("memory", "mean")] = held.mean(axis=2)
    for metric, points in (("cpu", short), ("memory", held)):
        values[(metric, "max")] = points.max(axis=2)
        values[(metric, "p95")] = np.quantile(points, 0.95, axis=2)
    lives = np.array(world.lives)
    alive = (lives[:, :1] <= starts) & (starts + PER_HOUR <= lives[:, 1:])
    failed = world.outage[within].any(axis=1)
    whole = alive & ~failed
    # in the hour after its end a pod is still shown
    gone = (starts + PER_HOUR <= lives[:, :1]) | (starts >= lives[:, 1:] + PER_HOUR)
    counted = _unmissed(world, starts, offsets=np.arange(-1, PER_HOUR + 1))
    for pod in world.pods:  # a short rate outlives its pod by a step, and begins with half
        counted[pod.workload] &= (starts != pod.begin) & (starts != pod.end)
    gauged = _unmissed(world, starts, offsets=np.arange(PER_HOUR))
    return Truth(
        series=tuple(f"{CLUSTER}/{scope}/{name[scope]}" for name in world.ids),
        ds=size.stamps[starts].astype("datetime64[s]"),
        values=values,
        whole=whole,
        exact={"cpu": whole & counted, "memory": whole & gauged},
        silent=gone | failed,
        resets=sum(int((np.diff(pod.counter) < 0).sum()) for pod in world.pods),
    )


def staged_values(panel: "Panel", truth: Truth, metric: str, stat: str) -> Floats:
    """Return what was staged for the truth's series and hours; NaN where nothing was."""
    rows = {info.series: i for i, info in enumerate(panel.index) if info.key[1:] == (metric, stat)}
    hours = {hour: i for i, hour in enumerate(panel.ds.tolist())}
    column = np.array([hours.get(hour, -1) for hour in truth.ds.tolist()])
    row = np.array([rows.get(name, -1) for name in truth.series])
    found = panel.values[row[:, None], column]
    return np.where((row[:, None] >= 0) & (column >= 0), found, np.nan)


def largest_difference(panel: "Panel", truth: Truth, metric: str, stat: str) -> float:
    """Return the largest relative difference to the truth; infinite where a value is missing.

    Means are held to every whole hour that was asked for, other statistics to the exact ones.
    """
    held = truth.whole if stat == "mean" else truth.exact[metric]
    held = held & (truth.ds <= panel.ds[-1])
    apart = np.abs(staged_values(panel, truth, metric, stat) / truth.values[metric, stat] - 1)
    return float(np.nan_to_num(apart[held], nan=np.inf).max())


def _unmissed(world: World, starts: Ints, *, offsets: Ints) -> Bools:
    """Say for which workloads and hours every scrape at these offsets arrived."""
    arrived = np.ones((world.size.workloads, world.size.scrapes), dtype=bool)
    for pod in world.pods:
        arrived[pod.workload, pod.begin : pod.end + 1] &= pod.seen[pod.begin : pod.end + 1]
    unmissed: Bools = np.all(arrived[:, starts[:, None] + offsets], axis=2)
    return unmissed


def _usage(size: Size, rng: np.random.Generator) -> Ints:
    level = np.exp(rng.uniform(np.log(0.05), np.log(4.0), size=size.workloads))
    return np.rint(_demand(size, rng)[:, 1:] * level[:, None] * STEP * 1000).astype(np.int64)


def _memory(size: Size, rng: np.random.Generator) -> Ints:
    level = np.exp(rng.uniform(np.log(6e7), np.log(8e9), size=size.workloads))
    return np.rint((2 + _demand(size, rng)) / 3 * level[:, None]).astype(np.int64)


def _demand(size: Size, rng: np.random.Generator) -> Floats:
    """Return demand around 1 with a day's and a week's rhythm, `(workloads, scrapes)`."""
    day = 2 * np.pi * (size.stamps % 86_400) / 86_400
    phase = rng.uniform(0, 2 * np.pi, size=(size.workloads, 1))
    week = 2 * np.pi * (size.stamps % 604_800) / 604_800
    noise = rng.normal(scale=0.015, size=(size.workloads, size.scrapes))
    return (1 + 0.3 * np.sin(day + phase) + 0.15 * np.sin(week + phase)) * (1 + noise)


def _named(i: int) -> tuple[str, str, str]:
    """Return namespace, kind and name of a workload; the third is the second, renamed."""
    name = {0: "vanished", 1: "new", 2: "orders", 3: "orders-v2"}.get(i, f"app-{i:03d}")
    kind = "StatefulSet" if i > 3 and i % 6 == 5 else "Deployment"
    return f"team-{i:03d}", kind, name


def _life(i: int, size: Size) -> tuple[int, int]:
    last = size.scrapes - 1
    lives = {
        0: (0, size.share(_VANISHED)),
        1: (size.share(_NEW), last),
        2: (0, size.share(_RENAMED)),
        3: (size.share(_RENAMED), last),
    }
    return lives.get(i, (0, last))


def _pods(
    i: int, size: Size, life: tuple[int, int], usage: Ints, outage: Bools, rng: np.random.Generator
) -> Iterator[Pod]:
    """Yield the pods of a workload; every seventh Deployment is rolled out once."""
    namespace, kind, name = _named(i)
    bounds = [life[0], life[1]]
    if i % 7 == 4 and kind == "Deployment":
        bounds.insert(1, size.share(rng.uniform(0.3, 0.9)))
    for begin, end in pairwise(bounds):
        owner = name if kind == "StatefulSet" else f"{name}-{_word(rng, 9)}"
        pod = f"{owner}-0" if kind == "StatefulSet" else f"{owner}-{_word(rng, 5)}"
        reset = 0
        if i % 5 == 0 and begin == 0:
            last = min(end, (LEAD_HOURS + size.days * 24) * PER_HOUR) - 3 * PER_HOUR
            reset = int(rng.integers(size.share(_OUTAGE + 0.05), last))
        yield Pod(
            workload=i,
            labels={"namespace": namespace, "pod": pod, "node": f"node-{i % 10}"},
            owner={
                "owner_kind": "ReplicaSet" if kind == "Deployment" else kind,
                "owner_name": owner,
            },
            begin=begin,
            end=end,
            counter=_counter(usage[begin:end], reset - begin, old=begin == 0),
            seen=_seen(size, (begin, end, reset), rng) & ~outage,
        )


def _counter(usage: Ints, reset: int, *, old: bool) -> Ints:
    counter = np.concatenate([[0], np.cumsum(usage)])
    if reset > 0:
        counter[reset + 1 :] -= counter[reset]
    return counter + 5_000_000 if old and reset <= 0 else counter


def _seen(size: Size, events: tuple[int, ...], rng: np.random.Generator) -> Bools:
    """Miss single scrapes, none beside another, and none where something else happens as well."""
    missed = rng.random(size.scrapes) < _MISSED
    missed[1:] &= ~missed[:-1]
    for event in events:
        missed[max(event - PER_HOUR, 0) : event + PER_HOUR + 1] = False
    return ~missed


def _word(rng: np.random.Generator, letters: int) -> str:
    return "".join(_LETTERS[i] for i in rng.integers(0, len(_LETTERS), size=letters))
