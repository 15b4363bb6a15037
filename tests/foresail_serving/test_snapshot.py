"""What is served is swapped whole, and only for what is sound."""

import errno
import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from factories import bundles
from structlog.testing import capture_logs

from foresail.bundle.schema import FORECAST, INDEX, MANIFEST
from foresail_serving.cache import CURRENT, Current, replace_json
from foresail_serving.snapshot import SnapshotStore


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    """A store that serves version 1 of cpu."""
    bundles.publish(tmp_path)
    store = SnapshotStore(tmp_path)
    assert store.refresh() is True
    return store


def version(store: SnapshotStore) -> str:
    """Return the version of cpu that is served."""
    return store.current.models["foresail-cpu"].version


def test_nothing_is_looked_at_twice(store: SnapshotStore) -> None:
    """Without a new current.json nothing happens."""
    before = store.current
    assert store.refresh() is False
    assert store.current is before


def test_a_new_version_replaces_the_reference(store: SnapshotStore, tmp_path: Path) -> None:
    """Who holds the old snapshot keeps it; who asks now gets the new one."""
    old = store.current
    bundles.publish(tmp_path, version="2", level=20.0)
    assert store.refresh() is True
    assert (version(store), old.models["foresail-cpu"].version) == ("2", "1")
    assert store.swaps == 2


def test_an_unchanged_model_is_not_opened_again(store: SnapshotStore, tmp_path: Path) -> None:
    """When memory arrives, cpu's mapped arrays stay the very same."""
    before = store.current.models["foresail-cpu"]
    bundles.publish(tmp_path, metric="memory")
    store.refresh()
    assert store.current.models["foresail-cpu"] is before
    assert list(store.current.models) == ["foresail-cpu", "foresail-memory"]


def truncated(folder: Path) -> None:
    """Cut the forecast short."""
    with (folder / FORECAST).open("r+b") as file:
        file.truncate(1000)


def flipped(folder: Path) -> None:
    """Flip one bit."""
    data = bytearray((folder / FORECAST).read_bytes())
    data[-7] ^= 1
    (folder / FORECAST).write_bytes(data)


def resigned(folder: Path, name: str, data: bytes) -> None:
    """Put other bytes into a bundle and sign them, as a broken trainer would."""
    import hashlib  # noqa: PLC0415  # only here

    (folder / name).write_bytes(data)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    (folder / MANIFEST).write_text(json.dumps(manifest))


def with_values(change: Callable[[np.ndarray], object]) -> Callable[[Path], None]:
    """Return what changes the forecast and signs it again."""

    def apply(folder: Path) -> None:
        values = np.load(folder / FORECAST)
        change(values)
        np.save(folder / "x.npy", values)
        resigned(folder, FORECAST, (folder / "x.npy").read_bytes())

    return apply


def pickled(folder: Path) -> None:
    """Plant an array of objects."""
    np.save(folder / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    resigned(folder, FORECAST, (folder / "x.npy").read_bytes())


def twice(folder: Path) -> None:
    """Name the first series twice."""
    index = json.loads((folder / INDEX).read_text())
    index[1] = index[0]
    resigned(folder, INDEX, json.dumps(index).encode())


def newer(folder: Path) -> None:
    """Claim a schema that is still to be invented."""
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "schema_version": 99}))


def nan(values: np.ndarray) -> None:
    """Put in what is no number."""
    values[0, 0, 0] = np.nan


def crossing(values: np.ndarray) -> None:
    """Let the quantiles cross."""
    values[0, 0] = [3, 2, 1]


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (truncated, "sha256"),
        (flipped, "sha256"),
        (with_values(nan), "not-finite"),
        (with_values(crossing), "crossing"),
        (pickled, "dtype"),
        (twice, "index"),
        (newer, "schema"),
        (lambda folder: (folder / MANIFEST).unlink(), "manifest"),
        (lambda folder: (folder / INDEX).unlink(), "missing"),
        (shutil.rmtree, "manifest"),
    ],
)
def test_a_bad_bundle_is_refused_and_the_old_one_stays(
    store: SnapshotStore, tmp_path: Path, harm: Callable[[Path], None], reason: str
) -> None:
    """Every kind of damage is counted by its own reason, and version 1 goes on."""
    folder = bundles.publish(tmp_path, version="2")
    harm(folder)
    with capture_logs() as logs:
        assert store.refresh() is False
    assert version(store) == "1"
    assert store.refused == {("foresail-cpu", reason): 1}
    assert [entry["reason"] for entry in logs] == [reason]
    store.refresh()
    assert store.refused.total() == 1


def test_one_bad_model_does_not_hold_up_the_other(store: SnapshotStore, tmp_path: Path) -> None:
    """A refused cpu version and a sound memory version in one swap."""
    truncated(bundles.publish(tmp_path, version="2"))
    bundles.publish(tmp_path, metric="memory")
    with capture_logs():
        assert store.refresh() is True
    assert version(store) == "1"
    assert store.current.models["foresail-memory"].version == "1"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"models": {"../../etc": "1"}}',
                                  '{"models": {"foresail-cpu": "../../../etc"}}'])  # fmt: skip
def test_a_current_that_leads_elsewhere_is_refused(
    store: SnapshotStore, tmp_path: Path, text: str
) -> None:
    """Nothing outside the cache is ever opened, and a broken file changes nothing."""
    (tmp_path / CURRENT).write_text(text)
    with capture_logs():
        assert store.refresh() is False
    assert version(store) == "1"
    assert store.refused == {(CURRENT, "current"): 1}


def test_a_cache_that_is_emptied_changes_nothing(store: SnapshotStore, tmp_path: Path) -> None:
    """What is mapped goes on being served when its files are unlinked."""
    (tmp_path / CURRENT).unlink()
    shutil.rmtree(tmp_path / "v")
    assert store.refresh() is False
    assert float(store.current.models["foresail-cpu"].bundle.forecast[0, 0, 1]) == 10.0


def test_two_models_of_one_metric(store: SnapshotStore, tmp_path: Path) -> None:
    """One question has one answer: the second model of a metric is refused."""
    bundles.write(tmp_path / "v" / "foresail-other" / "1", trained_until=bundles.TRAINED_UNTIL
                  + timedelta(hours=1))  # fmt: skip
    bundles.point(tmp_path, {"foresail-other": "1"})
    with capture_logs():
        store.refresh()
    assert list(store.current.models) == ["foresail-cpu"]
    assert store.refused == {("foresail-other", "duplicate-metric"): 1}


def test_a_refused_bundle_is_opened_again_once_its_folder_has_changed(tmp_path: Path) -> None:
    """Until then it is refused once, not at every look."""
    folder = bundles.publish(tmp_path)
    flipped(folder)
    store = SnapshotStore(tmp_path)
    with capture_logs():
        assert [store.refresh(), store.refresh()] == [False, False]
    assert store.refused == {("foresail-cpu", "sha256"): 1}
    flipped(folder)
    with capture_logs():
        assert store.refresh() is True
    assert version(store) == "1"


def test_an_unreadable_bundle_is_tried_at_every_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine out of file handles recovers without a new current.json; it is said once."""
    bundles.publish(tmp_path)
    store = SnapshotStore(tmp_path)

    def refuse(_folder: Path) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with capture_logs() as logs:
        with monkeypatch.context() as patched:
            patched.setattr("foresail.bundle.reader.read_manifest", refuse)
            assert [store.refresh(), store.refresh()] == [False, False]
        assert store.refused == {("foresail-cpu", "unreadable"): 1}
        assert store.refresh() is True
    assert [entry["event"] for entry in logs] == ["bundle refused", "serving"]


def test_a_lack_of_memory_is_not_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that broke off is made again."""
    bundles.publish(tmp_path)
    store = SnapshotStore(tmp_path)

    def refuse(_folder: Path) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr("foresail.bundle.reader.read_manifest", refuse)
        with pytest.raises(MemoryError):
            store.refresh()
    assert store.refresh() is True


def test_a_missing_folder_changes_nothing_for_what_is_mapped(
    store: SnapshotStore, tmp_path: Path
) -> None:
    """Sync will bring it again; until then nothing is wrong with what is served."""
    before = store.current
    shutil.rmtree(tmp_path / "v")
    assert store.refresh() is False
    assert store.current is before
    assert store.refused.total() == 0
    bundles.publish(tmp_path, level=20.0)
    assert store.refresh() is True
    assert float(store.current.models["foresail-cpu"].bundle.forecast[0, 0, 1]) == 20.0


def test_a_server_that_starts_over_damage_serves_the_version_before(tmp_path: Path) -> None:
    """It says which, counts what it refused, and takes the present one once it is sound."""
    bundles.publish(tmp_path)
    bundles.publish(tmp_path, version="2", level=20.0)
    replace_json(
        tmp_path / CURRENT,
        Current(models={"foresail-cpu": "2"}, previous={"foresail-cpu": "1"}),
    )
    folder = tmp_path / "v" / "foresail-cpu" / "2"
    flipped(folder)
    store = SnapshotStore(tmp_path)
    with capture_logs():
        assert [store.refresh(), store.refresh()] == [True, False]
        assert version(store) == "1"
        assert store.refused == {("foresail-cpu", "sha256"): 1}
        flipped(folder)
        assert store.refresh() is True
    assert version(store) == "2"


def test_with_both_damaged_nothing_is_served(tmp_path: Path) -> None:
    """There is nothing to fall back on, and it is no error of the server."""
    flipped(bundles.publish(tmp_path))
    shutil.copytree(tmp_path / "v" / "foresail-cpu" / "1", tmp_path / "v" / "foresail-cpu" / "2")
    replace_json(
        tmp_path / CURRENT,
        Current(models={"foresail-cpu": "2"}, previous={"foresail-cpu": "1"}),
    )
    store = SnapshotStore(tmp_path)
    with capture_logs() as logs:
        assert store.refresh() is False
    assert [entry["event"] for entry in logs] == [
        "bundle refused",
        "the version before is no better",
    ]
