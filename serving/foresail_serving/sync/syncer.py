"""Follow an alias: fetch what it names, hold it to its checks, and only then let it be served."""

import contextlib
import random
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Protocol

import structlog

from foresail.bundle.reader import read_manifest
from foresail.bundle.schema import SERVED
from foresail.errors import AccessDenied, BadBundle, ForesailError, NotFound, Unreachable
from foresail.registry.names import CHALLENGER, ROLLBACK
from foresail.times import isoformat
from foresail_serving.cache import (
    CURRENT,
    SYNC,
    VERSIONS,
    Current,
    Stat,
    SyncState,
    challenger_of,
    read_current,
    replace_json,
    stats_of,
    version_folder,
)
from foresail_serving.clock import Clock, utc_now
from foresail_serving.sync.troubles import Troubles, counts

_JITTER = 0.1
_REASONS = {Unreachable: "unreachable", AccessDenied: "access-denied", NotFound: "not-found"}


class RegistryReader(Protocol):
    """What sync asks of a registry; `foresail.registry.client.RegistryClient` is one."""

    def aliases(self, name: str) -> Mapping[str, str]:
        """Return alias -> version of a model; nothing where there is no such model."""

    def tags(self, name: str, version: str) -> Mapping[str, str]:
        """Return the tags of a version."""

    def fetch(
        self, name: str, version: str, folder: Path, *, files: Collection[str] | None = ...
    ) -> Path:
        """Bring a version's bundle to `folder`, whole and verified, or not at all."""


@dataclass(slots=True)
class Syncer:
    """Keeps a cache folder at the champion of each model, and beside it at its challenger.

    Whatever befalls a challenger, the champion is followed as if there were none.

    Attributes:
        cache: The folder that the server reads; only one syncer writes it.
        registry: Where versions come from.
        models: Registered models to follow.
        alias: Whose version is served.
        seconds: Time between two looks.
        clock: The present.
    """

    cache: Path
    registry: RegistryReader
    models: tuple[str, ...]
    alias: str = "champion"
    seconds: float = 30.0
    clock: Clock = utc_now
    _troubles: Troubles = field(init=False)
    _last_success: datetime | None = None
    _sound: dict[Path, tuple[Stat, ...]] = field(default_factory=dict)
    _mended: bool = False
    _written: Current | None = None

    def __post_init__(self) -> None:
        self._troubles = Troubles(self.seconds)

    def run(self, stop: Event, *, jitter: random.Random) -> None:
        """Look again and again until `stop` is set."""
        self.sweep()
        while not stop.is_set():
            self.look()
            stop.wait(self.seconds * jitter.uniform(1 - _JITTER, 1 + _JITTER))

    def sweep(self) -> None:
        """Remove what a killed sync has left half-made."""
        for leftover in (*(self.cache / VERSIONS).glob("*/.*"), *self.cache.glob(".*.json.*")):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)

    def look(self) -> bool:
        """Look once at every model; return whether something new is served.

        What is new is put before the server in one move, so that cpu is not there without memory.
        """
        now = self.clock()
        self.cache.mkdir(parents=True, exist_ok=True)
        current, self._mended = self._current(), False
        models, challengers = dict(current.models), dict(current.challengers)
        for name in self.models:
            champion, challenger = self._look_at(name, current, now)
            _put(models, name, champion)
            _put(challengers, name, challenger if challenger != champion else None)
        previous = {**current.previous, **_moved(current.models, models)}
        wanted = Current(models=models, challengers=challengers, previous=previous)
        served = (self._mended or wanted != current) and self._serve(wanted, current, now)
        if not self.troubles:
            self._last_success = now
        self._write_state(now)
        return served

    @property
    def troubles(self) -> tuple[str, ...]:
        """Return the latest trouble of each model that has one, as sentences."""
        messages = self._troubles.messages
        return tuple(messages[name] for name in sorted(self.models) if name in messages)

    def _look_at(self, name: str, current: Current, now: datetime) -> tuple[str | None, str | None]:
        """Return the versions of champion and challenger to serve from now on."""
        champion, challenger = current.models.get(name), current.challengers.get(name)
        if not self._troubles.may_try(name, now):
            return champion, challenger
        try:
            aliases = self.registry.aliases(name)
        except ForesailError as error:
            reason = _REASONS.get(type(error), "failed")
            self._troubles.fail(name, reason, str(error), now)
            return champion, challenger
        except OSError as error:  # of a registry that is a file
            self._troubles.fail(name, "failed", f"cannot ask the registry: {error}", now)
            return champion, challenger
        offered = aliases.get(self.alias)
        if offered is None:
            text = f"no version of {name} has the alias {self.alias}; promote one"
            self._troubles.lack(name, "alias-missing", text)
        elif self._bring(name, offered, champion, now, told=name, newer_than=champion):
            champion = offered
        second = aliases.get(CHALLENGER)
        if second in {None, offered, champion} or self.alias == CHALLENGER:
            self._troubles.clear(challenger_of(name))
            return champion, None
        if self._bring(name, second, challenger, now, told=challenger_of(name)):
            challenger = second
        return champion, challenger

    def _bring(
        self,
        name: str,
        version: str,
        served: str | None,
        now: datetime,
        *,
        told: str,
        newer_than: str | None = None,
    ) -> bool:
        """Fetch a version unless a sound copy is there, and say whether it may be served."""
        if not self._troubles.may_try(told, now, version=version):
            return False
        try:
            self._fetch(name, version, served=served == version)
            if newer_than is not None and newer_than != version:
                self._refuse_older(name, version, newer_than)
        except BadBundle as error:
            self._troubles.refuse(told, error.check, str(error), now, version=version)
        except ForesailError as error:
            reason = _REASONS.get(type(error), "failed")
            self._troubles.fail(told, reason, str(error), now, version=version)
        except OSError as error:
            self._disk_trouble(told, error, now, version=version)
        else:
            self._troubles.clear(told)
            return True
        return False

    def _fetch(self, name: str, version: str, *, served: bool) -> None:
        folder = version_folder(self.cache, name, version)
        before = stats_of(folder)
        if before == self._sound.get(folder):
            return
        self.registry.fetch(name, version, folder, files=SERVED)
        self._sound[folder] = stats_of(folder)
        if served and before != self._sound[folder]:
            self._mended = True
            self._log().warning("replaced a damaged or missing copy", model=name, version=version)

    def _refuse_older(self, name: str, version: str, served: str) -> None:
        try:
            newest = read_manifest(version_folder(self.cache, name, served)).trained_until
        except BadBundle:
            return  # what is named cannot be served, so anything sound is better
        offered = read_manifest(version_folder(self.cache, name, version)).trained_until
        if offered >= newest or self.registry.tags(name, version).get(ROLLBACK) == "true":
            return
        raise BadBundle(
            f"version {version} of {name} was trained until {isoformat(offered)}, the one "
            f"served until {isoformat(newest)}; use `foresail registry rollback` to go back",
            check="older",
        )

    def _serve(self, wanted: Current, current: Current, now: datetime) -> bool:
        before, after = current.wanted, wanted.wanted
        new = {told: item for told, item in after.items() if before.get(told) != item}
        try:
            replace_json(self.cache / CURRENT, wanted)
        except OSError as error:
            for told, (_, version) in new.items():
                self._disk_trouble(told, error, now, version=version)
            return False
        self._written = wanted
        for told, (_, version) in new.items():
            self._log().info("fetched", model=told, version=version)
        kept = {*before.values(), *after.values(), *wanted.previous.items()}
        keep = {version_folder(self.cache, *item) for item in kept}
        for name in {name for name, _ in new.values()}:
            self._prune(name, keep=keep)
        return True

    def _current(self) -> Current:
        """Return what is served; a file that is damaged is written anew, with the registry away."""
        try:
            current = read_current(self.cache)
        except BadBundle:
            current = Current()
        if self._written is None or current.models:
            return current
        self._log().warning("replaced a damaged or missing copy", file=CURRENT)
        with contextlib.suppress(OSError):  # a full disk is told where something is fetched
            replace_json(self.cache / CURRENT, self._written)
        return self._written

    def _prune(self, name: str, *, keep: Collection[Path]) -> None:
        """Remove old versions but those before: a server may be opening one just now."""
        for folder in (self.cache / VERSIONS / name).iterdir():
            if folder not in keep:
                shutil.rmtree(folder, ignore_errors=True)
                self._sound.pop(folder, None)

    def _disk_trouble(self, told: str, error: OSError, now: datetime, *, version: str) -> None:
        text = f"cannot write the cache: {error.strerror}"
        self._troubles.fail(told, "disk", text, now, version=version)

    def _write_state(self, now: datetime) -> None:
        state = SyncState(
            last_attempt=now,
            seconds=self.seconds,
            last_success=self._last_success,
            refused=counts(self._troubles.refused),
            failures=counts(self._troubles.failures),
            messages=dict(self._troubles.messages),
        )
        try:
            replace_json(self.cache / SYNC, state)
        except OSError as error:
            self._log().warning("cannot write its state", reason=str(error.strerror))

    @staticmethod
    def _log() -> structlog.typing.FilteringBoundLogger:
        logger: structlog.typing.FilteringBoundLogger = structlog.get_logger("foresail.sync")
        return logger


def _moved(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """Return model -> the version before, of those that have another now."""
    return {name: version for name, version in before.items() if after.get(name) != version}


def _put(versions: dict[str, str], name: str, version: str | None) -> None:
    if version is None:
        versions.pop(name, None)
    else:
        versions[name] = version
