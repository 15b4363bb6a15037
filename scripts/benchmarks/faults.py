"""A campaign of faults at full load: what is answered meanwhile is whole, right and never missing.

Real processes throughout: MLflow, `foresail sync`, two `foresail serve` before a balancer that
hears of changes late, and clients that hold every body to what was published. Both cores are full,
so nothing here is timed but what is told without a bar.
"""

import asyncio
import contextlib
import os
import random
import secrets
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figure import Figure, at_least

if TYPE_CHECKING:
    from benchmarks.faults_bundles import Versions
    from benchmarks.faults_kinds import Faults
    from benchmarks.faults_load import Load, Tally
    from benchmarks.faults_world import World
    from foresail.registry import Registry

TESTS = Path(__file__).parents[2] / "tests"
SEED = "FORESAIL_FAULTS_SEED"
_CLIENTS = 16
_LONGEST = "MLflow killed"
_DISK_KILOBYTES = 6_000
_SETTLE_SECONDS = 90


@dataclass(frozen=True, slots=True)
class Campaign:
    """How long, and how much.

    Attributes:
        seconds: Of load.
        pause: Seconds between two faults, on average.
        without: Kinds that take too long for a short one.
    """

    seconds: float
    pause: float
    without: tuple[str, ...] = ()


FULL = Campaign(seconds=60, pause=1.5)
SMALL = Campaign(seconds=15, pause=0.7, without=(_LONGEST, "sync killed"))


def full() -> list[Figure]:
    """Disturb for a minute; each kind of fault at least once."""
    return run(FULL)


def small() -> list[Figure]:
    """Disturb for a quarter of a minute."""
    return run(SMALL)


def seed() -> int:
    """Return the seed that is asked for, or a new one; either way it is told."""
    given = os.environ.get(SEED)
    chosen = int(given) if given else secrets.randbelow(1_000_000)
    print(f"bench: seed {chosen}; again with {SEED}={chosen}", file=sys.stderr)
    return chosen


def find_servers() -> None:
    """Let `servers` be imported, which starts what is disturbed."""
    if str(TESTS) not in sys.path:
        sys.path.append(str(TESTS))


def run(campaign: Campaign) -> list[Figure]:
    """Run a campaign and return what came of it."""
    find_servers()
    chosen = seed()
    with tempfile.TemporaryDirectory() as name, cache_disk(Path(name)) as (cache, is_small):
        found = asyncio.run(_run(campaign, Path(name), cache, chosen, small_disk=is_small))
    title = f"{campaign.seconds:g} s of load and faults, seed {chosen}"
    return [replace(figure, group=title) for figure in found]


@contextlib.contextmanager
def cache_disk(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Yield a folder for the cache, and whether it is a small disk of its own."""
    from servers.small_disk import small_disk  # noqa: PLC0415  # the tests' folder is on the path now

    if os.geteuid() != 0:
        print("bench: without root no disk is filled", file=sys.stderr)
        (folder / "cache").mkdir()
        yield folder / "cache", False
        return
    with small_disk(folder / "cache", kilobytes=_DISK_KILOBYTES) as cache:
        yield cache, True


async def _run(
    campaign: Campaign, folder: Path, cache: Path, chosen: int, *, small_disk: bool
) -> list[Figure]:
    from benchmarks.faults_kinds import Faults  # noqa: PLC0415  # as above
    from benchmarks.faults_load import Load  # noqa: PLC0415  # as above
    from benchmarks.faults_truth import truth  # noqa: PLC0415  # as above
    from benchmarks.faults_world import world  # noqa: PLC0415  # as above

    with world(folder, cache) as running:
        registry, versions = await prepare(running)
        with truth(versions) as published:
            dice = random.Random(chosen)  # noqa: S311  # to do it again, no secret
            faults = Faults(running, versions, registry, dice, small_disk=small_disk)
            load = Load(running.balancer, published, random.Random(chosen))  # noqa: S311  # as above
            async with asked(load, clients=_CLIENTS):
                async with flipped(faults):
                    await disturb(faults, campaign, dice)
                settled = await settle(faults)
        return figures(load.tally, faults, running.started_seconds, settled=settled)


@contextlib.asynccontextmanager
async def asked(load: "Load", *, clients: int) -> AsyncIterator[None]:
    """Let clients ask within this."""
    over = asyncio.Event()
    asking = asyncio.create_task(load.run(over, clients=clients))
    yield
    over.set()
    await asking


@contextlib.asynccontextmanager
async def flipped(faults: "Faults", *, per_second: float = 3.0) -> AsyncIterator[None]:
    """Let aliases move within this."""
    over = asyncio.Event()
    flipping = asyncio.create_task(faults.flip(over, per_second=per_second))
    yield
    over.set()
    await flipping


async def prepare(running: "World") -> tuple["Registry", "Versions"]:
    """Start everything, with versions to flip between and the first of them served."""
    from benchmarks.faults_bundles import CPU, MEMORY, make_versions  # noqa: PLC0415  # as above
    from foresail.registry import Registry  # noqa: PLC0415  # heavy
    from foresail_serving.clock import hour_of, utc_now  # noqa: PLC0415  # as above

    print("bench: starting MLflow ...", file=sys.stderr)
    await running.start_mlflow()
    registry = Registry(running.tracking_uri, timeout_seconds=4)
    print("bench: publishing ...", file=sys.stderr)
    versions = await asyncio.to_thread(
        make_versions, registry, running.folder, running.artifacts, hour=hour_of(utc_now())
    )
    client = registry._client()  # noqa: SLF001  # a hand that moves the alias alone
    for model in (CPU, MEMORY):
        client.set_registered_model_alias(model, "champion", versions.of(model)[0].version)
    running.start_sync()
    for _ in range(2):
        await running.start_server()
    return registry, versions


async def disturb(faults: "Faults", campaign: Campaign, dice: random.Random) -> None:
    """Do all kinds of faults in one order after another, some at once, until the time is over."""
    print(f"bench: disturbing for {campaign.seconds:g} s ...", file=sys.stderr)
    loop = asyncio.get_running_loop()
    end = loop.time() + campaign.seconds
    kinds = [kind for kind in faults.kinds if kind not in campaign.without]
    going: list[asyncio.Task[None]] = []
    while loop.time() < end:
        # without MLflow nothing moves, and it starts slowly: of each round it is the last
        for kind in sorted(dice.sample(kinds, len(kinds)), key=_LONGEST.__eq__):
            if loop.time() >= end:
                break
            if all(task.done() or task.get_name() != kind for task in going):
                going.append(asyncio.create_task(faults.one(kind), name=kind))
            await asyncio.sleep(campaign.pause * dice.uniform(0.5, 1.5))
    await asyncio.gather(*going)


async def settle(faults: "Faults") -> bool:
    """Promote a good version and say whether every server answers from it in the end."""
    from benchmarks.faults_bundles import CPU  # noqa: PLC0415  # as above

    good = faults.versions.of(CPU)[1].version
    await faults._move(CPU, "champion", good)  # noqa: SLF001  # its own last move
    loop = asyncio.get_running_loop()
    end = loop.time() + _SETTLE_SECONDS
    while loop.time() < end:
        answers = [
            await asyncio.to_thread(server.client.get, "/v1/next_day?metric=cpu")
            for server in faults.world.servers
        ]
        if all(a.status == 200 and a.json()["model"]["version"] == good for a in answers):  # noqa: PLR2004  # HTTP's number
            return True
        await asyncio.sleep(0.2)
    return False


def _none(name: str, value: float, *, note: str = "") -> Figure:
    return Figure(name, value, "", "0", value == 0, note=note)


def figures(
    tally: "Tally",
    faults: "Faults",
    started: list[float],
    *,
    settled: bool,
) -> list[Figure]:
    """Return what came of the requests, and what was done meanwhile."""
    for text in tally.told:
        print(f"bench: {text}", file=sys.stderr)
    done = ", ".join(f"{kind} {count}" for kind, count in sorted(faults.done.items()))
    failed = "; ".join(f"{what} {count}" for what, count in tally.failed.most_common(5))
    seen = ", ".join(f"version {v}: {n}" for v, n in sorted(tally.versions.items()))
    return [
        Figure("requests", tally.asked, ""),
        _none("  failed", tally.failed.total(), note=failed),
        _none("  bodies that mix versions", tally.mixed),
        _none("  bodies that nobody published", tally.wrong),
        Figure("  bodies held to what was published", tally.good, ""),
        at_least("  champions of cpu that answered", len(tally.versions), "", least=2, note=seen),
        Figure("  not modified", tally.unchanged, ""),
        Figure("  without a challenger", tally.no_challenger, ""),
        Figure("  cut by a killed server, answered by another", tally.cut, ""),
        Figure("aliases moved", faults.flips, ""),
        Figure("faults", faults.done.total(), "", note=done),
        _none("servers that stopped with an error", sum(code != 0 for code in faults.exits)),
        Figure("the last promotion is served by all", float(settled), "", "1", settled),
        Figure("  slowest start of a server", max(started), "s", note="both cores were busy"),
    ]
