"""What befalls sync leaves the cache whole, the last good forecast in it, and the cause told."""

import contextlib
import hashlib
import json
import os
import pickle
import random
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from factories import bundles
from factories.clocks import SetClock
from factories.folder_registry import FolderRegistry
from servers.fault_proxy import Fault, Kind, fault_proxy
from servers.small_disk import small_disk
from servers.small_mlflow import SmallMlflow, small_mlflow
from structlog.testing import capture_logs

from foresail.bundle import Bundle
from foresail.bundle.schema import FORECAST, MANIFEST
from foresail.registry.client import RegistryClient
from foresail_serving.cache import SyncState, read_current, read_sync_state
from foresail_serving.snapshot import SnapshotStore
from foresail_serving.sync.syncer import Syncer

CPU = "foresail-cpu"


@pytest.fixture
def registry(tmp_path: Path) -> FolderRegistry:
    """A registry with champion 1 of cpu, and a version 2 that knows a day more."""
    registry = FolderRegistry(tmp_path / "registry")
    registry.add("1")
    registry.promote("1")
    registry.add("2", hours=24)
    return registry


@pytest.fixture
def mlflow(registry: FolderRegistry) -> Iterator[SmallMlflow]:
    """The same over HTTP."""
    with small_mlflow(registry) as running:
        yield running


@pytest.fixture
def clock() -> SetClock:
    """A clock at the first hour of version 1."""
    return SetClock(bundles.TRAINED_UNTIL)


def syncing(cache: Path, url: str, clock: SetClock) -> Syncer:
    """Return a sync of cpu, every 30 s, that gives a question two seconds."""
    client = RegistryClient(url, timeout_seconds=2)
    return Syncer(cache, client, models=(CPU,), clock=clock)


def look(syncer: Syncer) -> bool:
    """Look once, with the log out of the way."""
    with capture_logs():
        return syncer.look()


def state(syncer: Syncer) -> SyncState:
    """Return what sync.json says."""
    found = read_sync_state(syncer.cache)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("busy", "unreachable"),
        ("bad-gateway", "unreachable"),
        ("unavailable", "unreachable"),
        ("html", "unreachable"),
        ("drop", "unreachable"),
        ("refuse", "access-denied"),
    ],
)
def test_a_registry_that_answers_nonsense_is_one_failure(
    mlflow: SmallMlflow, tmp_path: Path, clock: SetClock, kind: Kind, reason: str
) -> None:
    """What is served stays, the next look is half a minute later, and all is well after it."""
    with fault_proxy(mlflow.url) as proxy:
        syncer = syncing(tmp_path / "cache", proxy.url, clock)
        look(syncer)
        proxy.plan = lambda _: Fault(kind, seconds=3600)
        mlflow.registry.promote("2")
        assert look(syncer) is False
        assert [(c.reason, c.count) for c in state(syncer).failures] == [(reason, 1)]
        assert read_current(syncer.cache).models == {CPU: "1"}
        asked = len(proxy.requests)
        clock.forward(seconds=29)
        look(syncer)
        assert len(proxy.requests) == asked
        proxy.plan = lambda _: None
        clock.forward(seconds=1)
        assert look(syncer) is True
    assert (state(syncer).messages, read_current(syncer.cache).models) == ({}, {CPU: "2"})


def test_a_registry_that_hangs_is_given_up(tmp_path: Path, clock: SetClock) -> None:
    """As one that was stopped: it accepts, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        syncer = syncing(tmp_path, f"http://127.0.0.1:{server.getsockname()[1]}", clock)
        began = time.monotonic()
        assert look(syncer) is False
        assert time.monotonic() - began < 5
    assert "does not answer within" in state(syncer).messages[CPU]


def test_a_bad_version_does_not_hold_up_the_next(
    mlflow: SmallMlflow, tmp_path: Path, clock: SetClock
) -> None:
    """It is left alone for a while; another one is fetched at the very next look."""
    syncer = syncing(tmp_path / "cache", mlflow.url, clock)
    look(syncer)
    (mlflow.registry.add("3", hours=48) / FORECAST).write_bytes(b"x")
    mlflow.registry.promote("3")
    assert look(syncer) is False
    assert state(syncer).refused[0].reason == "size"
    mlflow.registry.promote("2")
    assert look(syncer) is True
    assert read_current(syncer.cache).models == {CPU: "2"}
    assert state(syncer).messages == {}


@pytest.mark.parametrize("gone", ["alias", "model"])
def test_what_is_deleted_goes_on_serving(
    mlflow: SmallMlflow, tmp_path: Path, clock: SetClock, gone: str
) -> None:
    """It is told as `alias-missing`."""
    syncer = syncing(tmp_path / "cache", mlflow.url, clock)
    look(syncer)
    if gone == "alias":
        mlflow.registry.named[CPU].clear()
    else:
        mlflow.registry.named.clear()
    assert look(syncer) is False
    assert read_current(syncer.cache).models == {CPU: "1"}
    assert state(syncer).failures[0].reason == "alias-missing"
    assert state(syncer).messages[CPU] == (
        "no version of foresail-cpu has the alias champion; promote one"
    )


class Canary:
    """Whoever unpickles it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        """Return what pickle shall call."""
        return Path.touch, (self.path,)  # type: ignore[return-value]  # a Path, which it takes


def test_a_planted_pickle_is_never_loaded(
    mlflow: SmallMlflow, tmp_path: Path, clock: SetClock
) -> None:
    """Signed and all: neither sync nor the server runs what is in it."""
    canary = tmp_path / "canary"
    folder = mlflow.registry.root / CPU / "2"
    array = np.array([Canary(canary)], dtype=object)
    with (folder / FORECAST).open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|O", "fortran_order": False, "shape": (1,)}
        )
        pickle.dump(array, file)
    sign(folder, FORECAST)
    pickle.loads(pickle.dumps(array))  # noqa: S301  # ours: the canary sings
    canary.unlink()
    syncer = syncing(tmp_path / "cache", mlflow.url, clock)
    look(syncer)
    mlflow.registry.promote("2")
    assert look(syncer) is False
    assert state(syncer).refused[0].reason == "dtype"
    bundles.point(syncer.cache, {CPU: "2"})
    (syncer.cache / "v" / CPU / "2").symlink_to(folder)
    store = SnapshotStore(syncer.cache)
    with capture_logs():
        assert store.refresh() is False
    assert store.refused == {(CPU, "dtype"): 1}
    assert not canary.exists()


def sign(folder: Path, name: str) -> None:
    """Write a file's checksum into the manifest, as whoever may register could."""
    data = (folder / name).read_bytes()
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    (folder / MANIFEST).write_text(json.dumps(manifest))


@pytest.mark.parametrize("name", ["../../../x", "%2e%2e/x", "a\\..\\x", "/etc/passwd", "a\0b"])
def test_a_manifest_that_names_what_lies_elsewhere_is_refused(
    mlflow: SmallMlflow, tmp_path: Path, clock: SetClock, name: str
) -> None:
    """No file of it is asked for."""
    folder = mlflow.registry.root / CPU / "1"
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][name] = manifest["files"][FORECAST]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    syncer = syncing(tmp_path / "cache", mlflow.url, clock)
    assert look(syncer) is False
    assert state(syncer).refused[0].reason == "path"
    assert mlflow.files_asked == ["manifest.json"]


def test_a_full_disk_leaves_the_last_good(
    mlflow: SmallMlflow, tmp_path: Path, clock: SetClock
) -> None:
    """It is told as such, half a download takes no room, and with room again all goes on."""
    with small_disk(tmp_path / "cache", kilobytes=260) as cache:
        syncer = syncing(cache, mlflow.url, clock)
        assert look(syncer) is True
        ballast = cache / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb") as file:
            file.write(bytes(1 << 20))
        mlflow.registry.promote("2")
        assert look(syncer) is False
        assert [p.name for p in (cache / "v" / CPU).iterdir()] == ["1"]
        assert [p.name for p in cache.glob(".*")] == []
        store = SnapshotStore(cache)
        with capture_logs():
            assert store.refresh() is True
        ballast.unlink()
        clock.forward(seconds=29)
        look(syncer)
        assert state(syncer).messages[CPU] == "cannot write the cache: No space left on device"
        assert [(c.reason, c.count) for c in state(syncer).failures] == [("disk", 1)]
        clock.forward(seconds=1)
        assert look(syncer) is True
        assert read_current(cache).models == {CPU: "2"}
        del store


def test_a_mapped_file_is_never_written(
    mlflow: SmallMlflow, tmp_path: Path, clock: SetClock
) -> None:
    """A damaged copy gives way to another file; whoever has mapped the old one keeps its bytes."""
    syncer = syncing(tmp_path / "cache", mlflow.url, clock)
    look(syncer)
    file = syncer.cache / "v" / CPU / "1" / FORECAST
    assert file.stat().st_mode & 0o777 == 0o444
    store = SnapshotStore(syncer.cache)
    with capture_logs():
        store.refresh()
    mapped = store.current.models[CPU].bundle.forecast
    before, inode = np.array(mapped), file.stat().st_ino
    damaged = file.with_name("damaged")
    damaged.write_bytes(file.read_bytes()[:-1])
    damaged.replace(file)
    assert look(syncer) is True
    assert file.stat().st_ino not in {inode, damaged}
    np.testing.assert_array_equal(np.array(mapped), before)


def test_a_sync_that_is_killed_leaves_the_cache_whole(
    mlflow: SmallMlflow, tmp_path: Path, clock: SetClock
) -> None:
    """Wherever it dies: what current.json names can be opened, and the next start sweeps."""
    syncer = syncing(tmp_path / "cache", mlflow.url, clock)
    look(syncer)
    mlflow.registry.tagged[CPU, "1"] = {"foresail.rollback": "true"}
    mlflow.registry.promote("2")
    began = time.monotonic()
    look(syncer)
    whole = time.monotonic() - began
    dice = random.Random(7)  # noqa: S311  # when to kill, no secret
    for _ in range(20):
        (served_now,) = read_current(syncer.cache).models.values()
        other = {"1": "2", "2": "1"}[served_now]
        shutil.rmtree(syncer.cache / "v" / CPU / other, ignore_errors=True)
        mlflow.registry.promote(other)
        child = os.fork()
        if child == 0:
            look_and_end(syncing(syncer.cache, mlflow.url, clock))
        time.sleep(dice.uniform(0, 1.2 * whole))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        for name, version in read_current(syncer.cache).wanted.values():
            Bundle.open(syncer.cache / "v" / name / version)
        syncer.sweep()
        assert [*syncer.cache.glob("v/*/.*"), *syncer.cache.glob(".*")] == []
    mlflow.registry.add("3", hours=48)
    mlflow.registry.promote("3")
    assert look(syncing(syncer.cache, mlflow.url, clock)) is True


def look_and_end(syncer: Syncer) -> None:
    """Follow the registry in a process that was forked; it never returns to the test."""
    try:
        look(syncer)
    finally:
        os._exit(0)


def test_two_models_of_which_one_is_huge(
    mlflow: SmallMlflow, tmp_path: Path, clock: SetClock
) -> None:
    """A bundle that is larger than it says does not keep memory's from coming."""
    mlflow.registry.add("1", name="foresail-memory")
    mlflow.registry.promote("1", name="foresail-memory")
    client = RegistryClient(mlflow.url, timeout_seconds=2)
    models = (CPU, "foresail-memory")
    syncer = Syncer(tmp_path / "cache", client, models=models, clock=clock)
    look(syncer)
    mlflow.registry.promote("2")
    mlflow.announced[FORECAST] = 10**10
    assert look(syncer) is False
    assert state(syncer).refused[0].model == CPU
    mlflow.announced.clear()
    mlflow.registry.add("2", name="foresail-memory", hours=24)
    mlflow.registry.promote("2", name="foresail-memory")
    assert look(syncer) is True
    assert read_current(syncer.cache).models == {CPU: "1", "foresail-memory": "2"}
    clock.forward(seconds=timedelta(minutes=5).total_seconds())
    assert look(syncer) is True
    assert read_current(syncer.cache).models[CPU] == "2"
