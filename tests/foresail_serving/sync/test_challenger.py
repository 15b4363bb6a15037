"""The challenger comes along beside the champion, and never in its way."""

from collections.abc import Callable
from pathlib import Path

import pytest
from factories import bundles
from factories.clocks import SetClock
from factories.folder_registry import FolderRegistry
from structlog.testing import capture_logs

from foresail.bundle.schema import FORECAST
from foresail.errors import Unreachable
from foresail_serving.cache import Current, SyncState, read_current, read_sync_state
from foresail_serving.snapshot import SnapshotStore
from foresail_serving.sync.syncer import Syncer

CPU, ITS_CHALLENGER = "foresail-cpu", "foresail-cpu (challenger)"


@pytest.fixture
def registry(tmp_path: Path) -> FolderRegistry:
    """A registry with champion 1 and challenger 2 of cpu."""
    registry = FolderRegistry(tmp_path / "registry")
    registry.add("1")
    registry.promote("1")
    registry.add("2", hours=24)
    registry.promote("2", alias="challenger")
    return registry


@pytest.fixture
def clock() -> SetClock:
    """A clock at the first hour of version 1."""
    return SetClock(bundles.TRAINED_UNTIL)


@pytest.fixture
def syncer(tmp_path: Path, registry: FolderRegistry, clock: SetClock) -> Syncer:
    """A sync of cpu alone, every 30 s."""
    return Syncer(tmp_path / "cache", registry, models=(CPU,), clock=clock)


def look(syncer: Syncer) -> bool:
    """Look once, with the log out of the way."""
    with capture_logs():
        return syncer.look()


def state(syncer: Syncer) -> SyncState:
    """Return what sync.json says."""
    found = read_sync_state(syncer.cache)
    assert found is not None
    return found


def kept(syncer: Syncer) -> list[str]:
    """Return the versions of cpu that lie in the cache."""
    return sorted(p.name for p in (syncer.cache / "v" / CPU).iterdir())


def test_both_come_in_one_move(syncer: Syncer) -> None:
    """One current.json names the champion and its challenger."""
    assert look(syncer) is True
    assert read_current(syncer.cache) == Current(models={CPU: "1"}, challengers={CPU: "2"})
    assert look(syncer) is False


def test_the_champion_is_not_its_own_challenger(syncer: Syncer, registry: FolderRegistry) -> None:
    """Once the challenger is promoted there is none; what served before is kept beside it."""
    look(syncer)
    registry.promote("2")
    assert look(syncer) is True
    assert read_current(syncer.cache) == Current(models={CPU: "2"}, previous={CPU: "1"})
    assert kept(syncer) == ["1", "2"]
    assert registry.fetched == [(CPU, "1"), (CPU, "2")]


def test_a_challenger_whose_alias_goes_is_removed(syncer: Syncer, registry: FolderRegistry) -> None:
    """Whoever deletes the alias takes it back; a missing one is no trouble."""
    look(syncer)
    del registry.named[CPU]["challenger"]
    assert look(syncer) is True
    assert read_current(syncer.cache).challengers == {}
    assert (state(syncer).messages, state(syncer).failures) == ({}, ())


def test_a_challenger_may_know_less_than_the_champion(
    syncer: Syncer, registry: FolderRegistry
) -> None:
    """Nothing is served of it unless it is asked for."""
    registry.add("3", hours=-24)
    registry.promote("3", alias="challenger")
    look(syncer)
    assert read_current(syncer.cache).challengers == {CPU: "3"}


def truncated(folder: Path) -> None:
    """Cut the forecast short."""
    (folder / FORECAST).write_bytes(b"x")


def path_of(_folder: Path) -> None:
    """Leave it alone."""


@pytest.mark.parametrize(
    ("version", "harm", "reason"), [("4", truncated, "sha256"), ("../4", path_of, "path")]
)
def test_its_trouble_does_not_touch_the_champion(
    syncer: Syncer,
    registry: FolderRegistry,
    version: str,
    harm: Callable[[Path], None],
    reason: str,
) -> None:
    """It is counted and told under its own name, the last good one stays, the champion moves."""
    look(syncer)
    harm(registry.add("4", hours=48))
    registry.promote(version, alias="challenger")
    registry.add("3", hours=24)
    registry.promote("3")
    assert look(syncer) is True
    assert read_current(syncer.cache) == Current(
        models={CPU: "3"}, challengers={CPU: "2"}, previous={CPU: "1"}
    )
    told = state(syncer)
    assert [c.model_dump() for c in told.refused] == [
        {"model": ITS_CHALLENGER, "reason": reason, "count": 1}
    ]
    assert list(told.messages) == [ITS_CHALLENGER]
    assert told.last_success == bundles.TRAINED_UNTIL
    assert syncer.troubles == ()


def test_a_registry_that_is_away_is_told_once(syncer: Syncer, registry: FolderRegistry) -> None:
    """Of the champion; both stay."""
    look(syncer)
    registry.down = Unreachable("MLflow does not answer")
    assert look(syncer) is False
    assert read_current(syncer.cache) == Current(models={CPU: "1"}, challengers={CPU: "2"})
    assert state(syncer).messages == {CPU: "MLflow does not answer"}


def test_a_refused_champion_is_not_fetched_again_as_challenger(
    syncer: Syncer, registry: FolderRegistry
) -> None:
    """A new version often has both aliases at once."""
    look(syncer)
    truncated(registry.add("3", hours=48))
    registry.promote("3")
    registry.promote("3", alias="challenger")
    look(syncer)
    assert registry.fetched.count((CPU, "3")) == 1
    assert read_current(syncer.cache) == Current(models={CPU: "1"})
    assert [c.model for c in state(syncer).refused] == [CPU]


def test_pruning_keeps_both_and_what_they_followed(
    syncer: Syncer, registry: FolderRegistry
) -> None:
    """Of six versions four stay."""
    look(syncer)
    for champion, challenger in (("3", "4"), ("5", "6")):
        registry.add(champion, hours=24 * int(champion))
        registry.add(challenger, hours=24 * int(challenger))
        registry.promote(champion)
        registry.promote(challenger, alias="challenger")
        look(syncer)
    assert kept(syncer) == ["3", "4", "5", "6"]


def test_the_snapshot_holds_both_behind_one_reference(
    syncer: Syncer, registry: FolderRegistry
) -> None:
    """They come in one swap; a promotion maps nothing anew, and leaves no challenger."""
    look(syncer)
    store = SnapshotStore(syncer.cache)
    with capture_logs() as logs:
        assert store.refresh() is True
    before = store.current
    assert store.swaps == 1
    assert [entry["model"] for entry in logs] == [CPU, ITS_CHALLENGER]
    assert before.of_alias("champion") is before
    challenger = before.of_alias("challenger")
    assert challenger is before.challenger
    assert [before.models[CPU].version, challenger.models[CPU].version] == ["1", "2"]
    assert challenger.series[0].served.version == "2"
    registry.promote("2")
    look(syncer)
    with capture_logs():
        assert store.refresh() is True
    assert store.current.models[CPU] is challenger.models[CPU]
    assert store.current.challenger is None
    assert store.current.of_alias("challenger").models == {}


def test_the_champion_is_not_indexed_again_for_a_new_challenger(
    syncer: Syncer, registry: FolderRegistry
) -> None:
    """Its own parts of the snapshot stay the very same."""
    look(syncer)
    store = SnapshotStore(syncer.cache)
    with capture_logs():
        store.refresh()
        before = store.current
        registry.add("3", hours=48)
        registry.promote("3", alias="challenger")
        look(syncer)
        assert store.refresh() is True
    assert store.current is not before
    assert store.current.by_id is before.by_id
    assert store.current.of_alias("challenger").models[CPU].version == "3"


def test_a_challenger_that_is_refused_here_leaves_the_champion(syncer: Syncer) -> None:
    """The server counts it under its own name, and serves without one."""
    look(syncer)
    truncated(syncer.cache / "v" / CPU / "2")
    store = SnapshotStore(syncer.cache)
    with capture_logs():
        assert store.refresh() is True
        assert store.refresh() is False
    assert store.refused == {(ITS_CHALLENGER, "sha256"): 1}
    assert (store.current.models[CPU].version, store.current.challenger) == ("1", None)


def test_who_serves_the_challenger_has_no_other(tmp_path: Path, registry: FolderRegistry) -> None:
    """With FORESAIL_ALIAS=challenger it is the one that is served."""
    syncer = Syncer(tmp_path / "cache", registry, models=(CPU,), alias="challenger")
    look(syncer)
    assert read_current(syncer.cache) == Current(models={CPU: "2"})
