"""Follow an alias: fetch what it names, hold it to its checks, and only then let it be served."""

import random
import shutil
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Protocol

import structlog

from foresail.bundle.reader import read_manifest
from foresail.bundle.schema import SERVED
from foresail.errors import AccessDenied, BadBundle, ForesailError, NotFound, Unreachable
from foresail.times import isoformat
from foresail_serving.cache import (
    CURRENT,
    SYNC,
    VERSIONS,
    Current,
    Stat,
    SyncCount,
    SyncState,
    read_current,
    replace_json,
    stats_of,
    version_folder,
)
from foresail_serving.clock import Clock, utc_now

_LONGEST_PAUSE_SECONDS = 300.0
_JITTER = 0.1
_ROLLBACK_TAG = "foresail.rollback"
_REASONS = {Unreachable: "unreachable", AccessDenied: "access-denied", NotFound: "not-found"}


class RegistryReader(Protocol):
    """What sync asks of a registry; `foresail.registry.client.RegistryClient` is one."""

    def version_of(self, name: str, alias: str) -> str | None:
        """Return the version an alias names, or None."""

    def tags(self, name: str, version: str) -> Mapping[str, str]:
        """Return the tags of a version."""

    def fetch(
        self, name: str, version: str, folder: Path, *, files: Collection[str] | None = ...
    ) -> Path:
        """Bring a version's bundle to `folder`, whole and verified, or not at all."""


@dataclass(slots=True)
class _Patience:
    """How long one model is left alone after trouble: twice as long each time, up to a cap."""

    failures: int = 0
    not_before: datetime | None = None

    def failed(self, now: datetime, *, seconds: float) -> None:
        self.failures += 1
        pause = min(seconds * 2 ** (self.failures - 1), _LONGEST_PAUSE_SECONDS)
        self.not_before = now + timedelta(seconds=pause)


@dataclass(slots=True)
class Syncer:
    """Keeps a cache folder at the champion of each model.

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
    _refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    _failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    _messages: dict[str, str] = field(default_factory=dict)
    _patience: dict[str, _Patience] = field(default_factory=dict)
    _last_success: datetime | None = None
    _sound: dict[Path, tuple[Stat, ...]] = field(default_factory=dict)

    def run(self, stop: Event, *, jitter: random.Random) -> None:
        """Look again and again until `stop` is set."""
        self.sweep()
        while not stop.is_set():
            self.look()
            stop.wait(self.seconds * jitter.uniform(1 - _JITTER, 1 + _JITTER))

    def sweep(self) -> None:
        """Remove what a killed sync has left half-made."""
        for leftover in (self.cache / VERSIONS).glob("*/.*"):
            shutil.rmtree(leftover, ignore_errors=True)

    def look(self) -> bool:
        """Look once at every model that is due; return whether something new is served.

        What is new is put before the server in one move, so that cpu is not there without memory.
        """
        now = self.clock()
        self.cache.mkdir(parents=True, exist_ok=True)
        current = self._current()
        due = [name for name in self.models if self._due(name, now)]
        found = {name: self._look_at(name, current, now) for name in due}
        new = {name: version for name, version in found.items() if version is not None}
        served = bool(new) and self._serve(new, current, now)
        if not self._messages:
            self._last_success = now
        self._write_state(now)
        return served

    @property
    def troubles(self) -> tuple[str, ...]:
        """Return the latest trouble of each model that has one, as sentences."""
        return tuple(message for _, message in sorted(self._messages.items()))

    def _due(self, name: str, now: datetime) -> bool:
        patience = self._patience.get(name)
        return patience is None or patience.not_before is None or now >= patience.not_before

    def _look_at(self, name: str, current: Current, now: datetime) -> str | None:
        """Return a model's new version, fetched and sound, or None where there is none."""
        try:
            version = self._fetch(name, current)
        except BadBundle as error:
            self._trouble(name, error.check, str(error), now, counts=self._refused)
        except ForesailError as error:
            reason = _REASONS.get(type(error), "failed")
            self._trouble(name, reason, str(error), now, counts=self._failures)
        except OSError as error:
            self._disk_trouble(name, error, now)
        else:
            self._patience.pop(name, None)
            self._messages.pop(name, None)
            return version
        return None

    def _fetch(self, name: str, current: Current) -> str | None:
        version = self.registry.version_of(name, self.alias)
        if version is None:
            raise NotFound(f"no version of {name} has the alias {self.alias}; promote one")
        folder = version_folder(self.cache, name, version)
        served = current.models.get(name) == version
        before = stats_of(folder)
        if served and before == self._sound.get(folder):
            return None
        self.registry.fetch(name, version, folder, files=SERVED)
        self._sound[folder] = stats_of(folder)
        if served:
            if before == self._sound[folder]:
                return None
            self._log().warning("replaced a damaged or missing copy", model=name, version=version)
        if self.registry.tags(name, version).get(_ROLLBACK_TAG) != "true":
            self._refuse_older(name, folder, current)
        return version

    def _serve(self, new: Mapping[str, str], current: Current, now: datetime) -> bool:
        try:
            replace_json(self.cache / CURRENT, Current(models={**current.models, **new}))
        except OSError as error:
            for name in new:
                self._disk_trouble(name, error, now)
            return False
        for name, version in new.items():
            self._log().info("fetched", model=name, version=version)
            self._prune(name, keep={version, current.models.get(name, version)})
        return True

    def _refuse_older(self, name: str, folder: Path, current: Current) -> None:
        served = current.models.get(name)
        if served is None:
            return
        try:
            newest = read_manifest(version_folder(self.cache, name, served)).trained_until
        except BadBundle:
            return  # what is named cannot be served, so anything sound is better
        offered = read_manifest(folder).trained_until
        if offered < newest:
            raise BadBundle(
                f"version {folder.name} of {name} was trained until {isoformat(offered)}, the one "
                f"served until {isoformat(newest)}; use `foresail registry rollback` to go back",
                check="older",
            )

    def _current(self) -> Current:
        try:
            return read_current(self.cache)
        except BadBundle:
            return Current()

    def _prune(self, name: str, *, keep: Collection[str]) -> None:
        """Remove old versions but the one before: a server may be opening it just now."""
        for folder in (self.cache / VERSIONS / name).iterdir():
            if folder.name not in keep:
                shutil.rmtree(folder, ignore_errors=True)

    def _disk_trouble(self, name: str, error: OSError, now: datetime) -> None:
        text = f"cannot write the cache: {error.strerror}"
        self._trouble(name, "disk", text, now, counts=self._failures)

    def _trouble(
        self,
        name: str,
        reason: str,
        message: str,
        now: datetime,
        *,
        counts: Counter[tuple[str, str]],
    ) -> None:
        counts[name, reason] += 1
        self._messages[name] = message
        if reason != "not-found":  # nothing is wrong there: the first promotion is still to come
            self._patience.setdefault(name, _Patience()).failed(now, seconds=self.seconds)
        refused = counts is self._refused
        self._log().warning(
            "refused" if refused else "failed", model=name, reason=reason, message=message
        )

    def _write_state(self, now: datetime) -> None:
        state = SyncState(
            last_attempt=now,
            seconds=self.seconds,
            last_success=self._last_success,
            refused=_counts(self._refused),
            failures=_counts(self._failures),
            messages=dict(self._messages),
        )
        try:
            replace_json(self.cache / SYNC, state)
        except OSError as error:
            self._log().warning("cannot write its state", reason=str(error.strerror))

    @staticmethod
    def _log() -> structlog.typing.FilteringBoundLogger:
        logger: structlog.typing.FilteringBoundLogger = structlog.get_logger("foresail.sync")
        return logger


def _counts(counts: Counter[tuple[str, str]]) -> tuple[SyncCount, ...]:
    return tuple(
        SyncCount(model=model, reason=reason, count=count)
        for (model, reason), count in sorted(counts.items())
    )
