"""Sync follows an alias, and puts nothing before the server that is not sound and newer."""

import json
import random
import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from factories import bundles
from factories.clocks import SetClock
from factories.folder_registry import FolderRegistry
from structlog.testing import capture_logs

from foresail.bundle import Bundle
from foresail.bundle.schema import FORECAST
from foresail.errors import Unreachable
from foresail_serving.cache import SyncState, read_current, read_sync_state
from foresail_serving.snapshot import SnapshotStore
from foresail_serving.sync.syncer import Syncer


@pytest.fixture
def registry(tmp_path: Path) -> FolderRegistry:
    """A registry with version 1 of cpu as champion."""
    registry = FolderRegistry(tmp_path / "registry")
    registry.add("1")
    registry.promote("1")
    return registry


@pytest.fixture
def clock() -> SetClock:
    """A clock at the first hour of version 1."""
    return SetClock(bundles.TRAINED_UNTIL)


@pytest.fixture
def syncer(tmp_path: Path, registry: FolderRegistry, clock: SetClock) -> Syncer:
    """A sync of cpu alone, every 30 s."""
    return Syncer(tmp_path / "cache", registry, models=("foresail-cpu",), clock=clock)


def current(syncer: Syncer) -> dict[str, str]:
    """Return what current.json says."""
    return dict(read_current(syncer.cache).models)


def state(syncer: Syncer) -> SyncState:
    """Return what sync.json says."""
    found = read_sync_state(syncer.cache)
    assert found is not None
    return found


def look(syncer: Syncer) -> bool:
    """Look once, with the log out of the way."""
    with capture_logs():
        return syncer.look()


def test_the_champion_is_fetched_once(syncer: Syncer, registry: FolderRegistry) -> None:
    """The first look brings it whole, the second finds nothing new."""
    assert look(syncer) is True
    assert current(syncer) == {"foresail-cpu": "1"}
    folder = syncer.cache / "v" / "foresail-cpu" / "1"
    assert sorted(p.name for p in folder.iterdir()) == [
        "forecast.npy",
        "history.npy",
        "index.json",
        "manifest.json",
    ]
    assert look(syncer) is False
    assert registry.fetched == [("foresail-cpu", "1")]
    assert state(syncer).last_success == bundles.TRAINED_UNTIL


def test_a_promotion_is_followed(syncer: Syncer, registry: FolderRegistry) -> None:
    """When the alias moves on, so does current.json; the version before is kept, older go."""
    look(syncer)
    for version, hours in (("2", 24), ("3", 48)):
        registry.add(version, hours=hours)
        registry.promote(version)
        assert look(syncer) is True
    assert current(syncer) == {"foresail-cpu": "3"}
    kept = sorted(p.name for p in (syncer.cache / "v" / "foresail-cpu").iterdir())
    assert kept == ["2", "3"]


def test_a_corrupted_version_is_refused(
    syncer: Syncer, registry: FolderRegistry, clock: SetClock
) -> None:
    """It is counted, it is said, nothing of it stays, and it is not fetched at every look."""
    look(syncer)
    folder = registry.add("2", hours=24)
    (folder / FORECAST).write_bytes(b"x")
    registry.promote("2")
    assert look(syncer) is False
    assert current(syncer) == {"foresail-cpu": "1"}
    assert [c.model_dump() for c in state(syncer).refused] == [
        {"model": "foresail-cpu", "reason": "sha256", "count": 1}
    ]
    assert "not the file that was published" in state(syncer).messages["foresail-cpu"]
    assert [p.name for p in (syncer.cache / "v" / "foresail-cpu").iterdir()] == ["1"]
    clock.forward(seconds=29)
    look(syncer)
    assert registry.fetched.count(("foresail-cpu", "2")) == 1
    clock.forward(seconds=1)
    look(syncer)
    assert registry.fetched.count(("foresail-cpu", "2")) == 2


def test_older_data_are_refused(syncer: Syncer, registry: FolderRegistry) -> None:
    """A champion that knows less than what is served is a mistake, and is told how to insist."""
    look(syncer)
    registry.add("2", hours=-24)
    registry.promote("2")
    assert look(syncer) is False
    assert current(syncer) == {"foresail-cpu": "1"}
    assert state(syncer).refused[0].reason == "older"
    assert "foresail registry rollback" in state(syncer).messages["foresail-cpu"]


def test_a_rollback_is_followed(syncer: Syncer, registry: FolderRegistry) -> None:
    """Older data are taken when the version is tagged as a rollback."""
    look(syncer)
    registry.add("2", hours=-24)
    registry.tagged["foresail-cpu", "2"] = {"foresail.rollback": "true"}
    registry.promote("2")
    assert look(syncer) is True
    assert current(syncer) == {"foresail-cpu": "2"}


def test_a_missing_alias_keeps_what_is_served(
    syncer: Syncer, registry: FolderRegistry, clock: SetClock
) -> None:
    """Deleting the alias takes nothing away; the next promotion is seen at the next look."""
    look(syncer)
    registry.named.clear()
    assert look(syncer) is False
    assert current(syncer) == {"foresail-cpu": "1"}
    assert state(syncer).failures[0].reason == "alias-missing"
    look(syncer)
    look(syncer)
    registry.add("2", hours=24)
    registry.promote("2")
    clock.forward(seconds=30)
    assert look(syncer) is True


def test_an_unreachable_registry_is_asked_ever_more_rarely(
    syncer: Syncer, registry: FolderRegistry, clock: SetClock
) -> None:
    """Pauses double up to five minutes, and the first success ends them."""
    registry.down = Unreachable("MLflow does not answer")
    asked: list[float] = []
    for _ in range(40):
        look(syncer)
        if sum(c.count for c in state(syncer).failures) > len(asked):
            asked.append((clock.now - bundles.TRAINED_UNTIL).total_seconds())
        clock.forward(seconds=30)
    assert asked == [0, 30, 90, 210, 450, 750, 1050]
    assert state(syncer).last_success is None
    registry.down = None
    clock.forward(seconds=300)
    assert look(syncer) is True
    assert state(syncer).messages == {}


def test_one_model_in_trouble_does_not_stop_another(
    tmp_path: Path, registry: FolderRegistry, clock: SetClock
) -> None:
    """Memory arrives although cpu has no champion."""
    registry.named.clear()
    registry.add("1", name="foresail-memory")
    registry.promote("1", name="foresail-memory")
    models = ("foresail-cpu", "foresail-memory")
    syncer = Syncer(tmp_path / "cache", registry, models=models, clock=clock)
    assert look(syncer) is True
    assert current(syncer) == {"foresail-memory": "1"}


def test_models_appear_together(tmp_path: Path, registry: FolderRegistry, clock: SetClock) -> None:
    """While memory is still being fetched cpu is not served alone: one look is one move."""
    registry.add("1", name="foresail-memory")
    registry.promote("1", name="foresail-memory")
    cache = tmp_path / "cache"
    seen: list[dict[str, str]] = []

    class Watched(FolderRegistry):
        def aliases(self, name: str) -> Mapping[str, str]:
            seen.append(dict(read_current(cache).models))
            return super().aliases(name)

    watched = Watched(registry.root, registry.named)
    models = ("foresail-cpu", "foresail-memory")
    assert look(Syncer(cache, watched, models=models, clock=clock)) is True
    assert seen == [{}, {}]
    assert read_current(cache).models == {"foresail-cpu": "1", "foresail-memory": "1"}


def test_a_full_disk_changes_nothing(syncer: Syncer, registry: FolderRegistry) -> None:
    """Where nothing can be written the old version stays, and the cause is said."""
    look(syncer)
    registry.add("2", hours=24)
    registry.promote("2")
    (syncer.cache / "current.json").rename(syncer.cache / "kept")
    (syncer.cache / "current.json").mkdir()  # root may write anywhere but over a folder
    assert look(syncer) is False
    assert state(syncer).failures[0].reason == "disk"
    assert "cannot write the cache: Is a directory" in state(syncer).messages["foresail-cpu"]


def test_a_name_that_is_a_path_is_refused(
    tmp_path: Path, registry: FolderRegistry, clock: SetClock
) -> None:
    """A version called like a path goes nowhere."""
    registry.promote("../../../outside")
    syncer = Syncer(tmp_path / "cache", registry, models=("foresail-cpu",), clock=clock)
    assert look(syncer) is False
    assert state(syncer).refused[0].reason == "path"
    assert registry.fetched == []


def test_what_a_killed_sync_left_is_swept(syncer: Syncer) -> None:
    """Half a download is gone after the next start, whole versions stay."""
    look(syncer)
    half = syncer.cache / "v" / "foresail-cpu" / ".2-part"
    half.mkdir()
    (half / "forecast.npy").write_text("half")
    stop = threading.Event()
    stop.set()
    syncer.run(stop, jitter=random.Random(0))  # noqa: S311  # spreads looks, hides nothing
    assert [p.name for p in half.parent.iterdir()] == ["1"]


@pytest.mark.parametrize("harm", [lambda file: file.write_text("{"), Path.unlink])
def test_a_damaged_current_is_written_anew_without_the_registry(
    syncer: Syncer, registry: FolderRegistry, harm: Callable[[Path], object]
) -> None:
    """Sync remembers what it has put there."""
    look(syncer)
    registry.down = Unreachable("MLflow does not answer")
    harm(syncer.cache / "current.json")
    assert look(syncer) is False
    assert current(syncer) == {"foresail-cpu": "1"}


def test_its_state_is_a_file_for_the_server(syncer: Syncer) -> None:
    """sync.json is whole JSON after every look."""
    look(syncer)
    text = json.loads((syncer.cache / "sync.json").read_text())
    assert text["last_attempt"] == "2026-11-21T00:00:00Z"


def flipped(folder: Path) -> None:
    """Flip one bit of the forecast."""
    data = bytearray((folder / FORECAST).read_bytes())
    data[-7] ^= 1
    (folder / FORECAST).write_bytes(data)


@pytest.mark.parametrize("harm", [flipped, shutil.rmtree])
@pytest.mark.parametrize("restarted", [True, False])
def test_a_damaged_or_missing_copy_heals(
    syncer: Syncer, registry: FolderRegistry, harm: Callable[[Path], None], *, restarted: bool
) -> None:
    """Sync and server find the damage, the version comes again, and the server opens it."""
    look(syncer)
    folder = syncer.cache / "v" / "foresail-cpu" / "1"
    harm(folder)
    store = SnapshotStore(syncer.cache)
    with capture_logs():
        assert store.refresh() is False
    if restarted:
        syncer = Syncer(syncer.cache, registry, models=("foresail-cpu",), clock=syncer.clock)
    with capture_logs() as logs:
        assert syncer.look() is True
    assert {"event": "replaced a damaged or missing copy", "log_level": "warning",
            "model": "foresail-cpu", "version": "1"} in logs  # fmt: skip
    Bundle.open(folder)
    with capture_logs():
        assert store.refresh() is True
    assert store.current.models["foresail-cpu"].version == "1"
    assert look(syncer) is False


def test_a_sound_copy_is_not_fetched_after_a_restart(
    syncer: Syncer, registry: FolderRegistry
) -> None:
    """It is held to its checks once, and stays."""
    look(syncer)
    again = Syncer(syncer.cache, registry, models=("foresail-cpu",), clock=syncer.clock)
    assert look(again) is False
    assert registry.fetched == [("foresail-cpu", "1")]
