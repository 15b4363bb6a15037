"""The same disturbances for twenty minutes, and one server that must not grow.

A version is swapped each second and something goes wrong every five. One of the servers is never
stopped: what it holds of memory, handles and mapped files at the end is what it held at the start.
"""

import asyncio
import random
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks import faults as campaign
from benchmarks.figure import Figure, at_least, below

if TYPE_CHECKING:
    from benchmarks.faults_world import Server

_CLIENTS = 4
_FAULT_SECONDS = 5.0
_SWAPS = "foresail_snapshot_swaps_total "
_FLIPS = 3.0
_LEAST_SWAPS = 0.2
_PERCENT = 100.0


def full() -> list[Figure]:
    """Watch for twenty minutes; the first and the last two are compared."""
    return _soak(minutes=20, window=120)


def small() -> list[Figure]:
    """Watch for one minute; its second and its last quarter are compared."""
    return _soak(minutes=1, window=15)


@dataclass(slots=True)
class Watch:
    """What one process holds, each second."""

    pid: int
    resident: list[float] = field(default_factory=list)
    handles: list[float] = field(default_factory=list)
    maps: list[float] = field(default_factory=list)

    async def run(self, over: asyncio.Event) -> None:
        """Look each second until `over` is set."""
        while not over.is_set():
            process = Path(f"/proc/{self.pid}")
            status = (process / "status").read_text(encoding="ascii")
            self.resident.append(float(status.partition("VmRSS:")[2].split()[0]) / 1024)
            self.handles.append(len(list((process / "fd").iterdir())))
            lines = (process / "maps").read_text(encoding="utf-8").splitlines()
            self.maps.append(sum(".npy" in line for line in lines))
            await asyncio.sleep(1)

    def between(
        self, series: list[float], window: int, of: Callable[[list[float]], float]
    ) -> tuple[float, float]:
        """Return what an early and the last window come to; starting up is not watched."""
        return of(series[window : 2 * window]), of(series[-window:])


def _soak(*, minutes: int, window: int) -> list[Figure]:
    campaign.find_servers()
    seed = campaign.seed()
    with (
        tempfile.TemporaryDirectory() as name,
        campaign.cache_disk(Path(name)) as (cache, small_disk),
    ):
        soak = _run(Path(name), cache, seed, minutes, window, small_disk=small_disk)
        figures = asyncio.run(soak)
    title = f"{minutes} min with a swap a second and a fault every five, seed {seed}"
    return [replace(figure, group=title) for figure in figures]


async def _run(  # the parts of one run
    folder: Path, cache: Path, seed: int, minutes: int, window: int, *, small_disk: bool
) -> list[Figure]:
    from benchmarks.faults_kinds import Faults  # noqa: PLC0415  # the tests' folder is on the path
    from benchmarks.faults_load import Load  # noqa: PLC0415  # as above
    from benchmarks.faults_truth import truth  # noqa: PLC0415  # as above
    from benchmarks.faults_world import world  # noqa: PLC0415  # as above

    with world(folder, cache) as running:
        registry, versions = await campaign.prepare(running)
        spared = running.servers[0]
        with truth(versions) as published:
            dice = random.Random(seed)  # noqa: S311  # to do it again, no secret
            faults = Faults(running, versions, registry, dice, spared, small_disk=small_disk)
            load = Load(running.balancer, published, random.Random(seed))  # noqa: S311  # as above
            watch, over = Watch(spared.process.pid), asyncio.Event()
            plan = campaign.Campaign(seconds=60.0 * minutes, pause=_FAULT_SECONDS)
            async with campaign.asked(load, clients=_CLIENTS):
                watching = asyncio.create_task(watch.run(over))
                # some moves are to the version that it is already
                async with campaign.flipped(faults, per_second=_FLIPS):
                    await campaign.disturb(faults, plan, dice)
                settled = await campaign.settle(faults)
                swaps = await asyncio.to_thread(_swaps, spared)
                over.set()
                await watching
        started = running.started_seconds
        return [
            *_held(watch, window),
            at_least(
                "swaps of what it serves",
                swaps / (60 * minutes),
                "/s",
                least=_LEAST_SWAPS,
                note="about one a second where nobody else needs the machine",
            ),
            *campaign.figures(load.tally, faults, started, settled=settled),
        ]


def _held(watch: Watch, window: int) -> list[Figure]:
    (early, late) = watch.between(watch.resident, window, median)
    # a client more or less, or a slow one: the least of many looks is what is always there
    (few, more) = watch.between(watch.handles, window, min)
    (maps, still) = watch.between(watch.maps, window, max)
    return [
        below("memory, grown", _PERCENT * (late / early - 1), "%", limit=5),
        Figure("  at the end", late, "MB"),
        Figure("open handles, more", more - few, "", "<= 2", more - few <= 2),  # noqa: PLR2004  # a log, a pipe
        Figure("  at the end", more, ""),
        Figure("mapped files, more", still - maps, "", "<= 4", still - maps <= 4),  # noqa: PLR2004  # one swap
        Figure("  at the end", still, ""),
    ]


def _swaps(server: "Server") -> float:
    page = server.client.get("/metrics").body.decode()
    lines = [line for line in page.splitlines() if line.startswith(_SWAPS)]
    if not lines:
        print(f"bench: /metrics has no {_SWAPS}", file=sys.stderr)
        return 0.0
    return float(lines[0].removeprefix(_SWAPS))
