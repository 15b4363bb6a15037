"""What goes wrong in a campaign, one coroutine for each kind."""

import asyncio
import contextlib
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from servers.raw import slow_bodies, slow_heads, slow_readers

from benchmarks.faults_bundles import CPU, MEMORY, Versions
from benchmarks.faults_world import Server, World
from foresail.bundle.schema import FORECAST
from foresail.errors import BadBundle, ForesailError
from foresail.registry import Registry, names
from foresail_serving.cache import CURRENT, read_current

_BAD_SECONDS = 1.2
_HUNG_SECONDS = 4.0
_FULL_SECONDS = 2.0
_MENDED_SECONDS = 60
_SLOW = 100


@dataclass(slots=True)
class Faults:
    """Disturbs a world.

    Attributes:
        world: What is disturbed.
        versions: What aliases are moved between.
        registry: MLflow, as a trainer sees it.
        dice: Decides all that is left to chance.
        spared: A server that is never stopped, where one is to be watched.
        small_disk: Whether the cache lies on a disk of its own, which may be filled.
        done: How often each kind was done.
        flips: Aliases that were moved.
        exits: Exit codes of servers that were told to stop.
    """

    world: World
    versions: Versions
    registry: Registry
    dice: random.Random
    spared: Server | None = None
    small_disk: bool = False
    done: Counter[str] = field(default_factory=Counter)
    flips: int = 0
    exits: list[int] = field(default_factory=list)
    _bad: str = ""
    _mlflow: asyncio.Lock = field(default_factory=asyncio.Lock)
    _servers: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def kinds(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Return what may go wrong, by name."""
        kinds: dict[str, Callable[[], Awaitable[None]]] = {
            f"champion {kind}": self._champion(version)
            for kind, version in self.versions.bad.items()
        }
        kinds |= {
            "challenger not sound": self._challenger,
            "alias deleted": self._no_alias,
            "MLflow hangs": self._hang_mlflow,
            "MLflow killed": self._kill_mlflow,
            "sync killed": self._kill_sync,
            "server killed": self._kill_server,
            "rolling restart": self._restart_server,
            "copy damaged": self._damage_copy,
            "current.json garbage": self._damage_current,
            "slow connections": self._slow_connections,
        }
        if self.small_disk:
            kinds["disk full"] = self._fill_disk
        return kinds

    async def one(self, name: str) -> None:
        """Do one of them."""
        self.done[name] += 1
        await self.kinds[name]()

    async def flip(self, stop: asyncio.Event, *, per_second: float) -> None:
        """Move champions and challengers among good versions until `stop` is set."""
        while not stop.is_set():
            model = self.dice.choice((CPU, CPU, MEMORY))
            alias = self.dice.choice((names.CHAMPION, names.CHAMPION, names.CHALLENGER))
            version = self.dice.choice(self.versions.of(model)).version
            if not (self._bad and model == CPU and alias == self._bad):
                await self._move(model, alias, version)
            await asyncio.sleep(self.dice.uniform(0.5, 1.5) / per_second)

    async def _move(self, model: str, alias: str, version: str) -> None:
        """Move one alias; an MLflow that is away is one of the faults."""
        client = self.registry._client()  # noqa: SLF001  # a hand that moves the alias alone
        with contextlib.suppress(ForesailError):
            await asyncio.to_thread(self._set, client, model, alias, version)
            self.flips += 1

    def _set(self, client: object, model: str, alias: str, version: str) -> None:
        with self.registry._asking(model):  # noqa: SLF001  # as above
            if version:
                client.set_registered_model_alias(model, alias, version)  # type: ignore[attr-defined]  # MLflow's
            else:
                client.delete_registered_model_alias(model, alias)  # type: ignore[attr-defined]  # as above

    async def _hold(self, alias: str, version: str) -> None:
        """Let cpu's alias name a version for a while, whatever else is flipped."""
        self._bad = alias
        try:
            await self._move(CPU, alias, version)
            await asyncio.sleep(_BAD_SECONDS)
            good = self.dice.choice(self.versions.of(CPU)).version
            await self._move(CPU, alias, good)
        finally:
            self._bad = ""

    def _champion(self, version: str) -> Callable[[], Awaitable[None]]:
        async def hold() -> None:
            await self._hold(names.CHAMPION, version)

        return hold

    async def _challenger(self) -> None:
        await self._hold(names.CHALLENGER, self.dice.choice(list(self.versions.bad.values())))

    async def _no_alias(self) -> None:
        await self._hold(self.dice.choice((names.CHAMPION, names.CHALLENGER)), "")

    async def _hang_mlflow(self) -> None:
        async with self._mlflow:
            self.world.stop_mlflow(number=signal.SIGSTOP)
            await asyncio.sleep(_HUNG_SECONDS)
            self.world.stop_mlflow(number=signal.SIGCONT)

    async def _kill_mlflow(self) -> None:
        async with self._mlflow:
            self.world.stop_mlflow(number=signal.SIGKILL)
            await self.world.start_mlflow()

    async def _kill_sync(self) -> None:
        self.world.kill_sync()
        await asyncio.sleep(self.dice.uniform(0, 0.5))
        self.world.start_sync()

    async def _kill_server(self) -> None:
        """Kill one; another is there already, as a Deployment's second pod."""
        async with self._servers:
            self.world.kill(self._other_server())
            await self.world.start_server()

    async def _restart_server(self) -> None:
        async with self._servers:
            server = self._other_server()
            await self.world.start_server()
            self.exits.append(await self.world.retire(server))

    def _other_server(self) -> Server:
        return self.dice.choice([s for s in self.world.servers if s is not self.spared])

    async def _damage_copy(self) -> None:
        """Put a damaged file in the place of the champion's; one that is mapped stays as it was."""
        with contextlib.suppress(OSError, BadBundle):  # damaged otherwise at this very moment
            version = read_current(self.world.cache).models[CPU]
            file = self.world.cache / "v" / CPU / version / FORECAST
            damaged = bytearray(file.read_bytes())
            damaged[-7] ^= 1
            _put(file, bytes(damaged))
        await asyncio.sleep(0)

    async def _damage_current(self) -> None:
        """Put garbage in its place; a server that starts just now would have nothing."""
        async with self._servers:
            with contextlib.suppress(OSError):  # the disk may be full
                _put(self.world.cache / CURRENT, b'{"models": {"../../etc": ')
            for _ in range(_MENDED_SECONDS * 10):
                await asyncio.sleep(0.1)
                with contextlib.suppress(BadBundle):
                    read_current(self.world.cache)
                    return

    async def _fill_disk(self) -> None:
        ballast = self.world.cache / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while file.write(bytes(1 << 16)):
                pass
        await asyncio.sleep(_FULL_SECONDS)
        ballast.unlink()

    async def _slow_connections(self) -> None:
        """Open connections that send heads and bodies, or read answers, a byte at a time."""
        port = self.dice.choice(self.world.balancer.ports)
        kinds = (slow_heads, slow_bodies, slow_readers)
        await asyncio.gather(
            *(asyncio.to_thread(slow, port, _SLOW, _HUNG_SECONDS) for slow in kinds)
        )


def _put(path: Path, data: bytes) -> None:
    """Replace a file: even who does harm must not write what others have mapped."""
    fresh = path.with_name(f".{path.name}.harm")
    fresh.write_bytes(data)
    fresh.replace(path)
