"""A folder as an object store."""

from pathlib import Path

import pytest

from foresail.errors import ForesailError, NotFound, UsageError
from foresail.objects.local import LocalStore


def test_it_returns_what_was_put(tmp_path: Path) -> None:
    """An object comes back byte for byte, and folders appear as needed."""
    store = LocalStore(tmp_path / "new")
    store.put("a/b.bin", b"\x00one")
    assert store.get("a/b.bin") == b"\x00one"
    assert store.exists("a/b.bin")


def test_keys_are_sorted_and_start_with_the_prefix(tmp_path: Path) -> None:
    """A listing is in order and holds no unfinished file."""
    store = LocalStore(tmp_path)
    for key in ("b/2", "b/1", "a/1"):
        store.put(key, b"")
    (tmp_path / "b" / ".unfinished-x").write_bytes(b"half")
    assert list(store.keys()) == ["a/1", "b/1", "b/2"]
    assert list(store.keys("b/")) == ["b/1", "b/2"]


def test_a_failed_write_leaves_the_old_object_and_no_litter(tmp_path: Path) -> None:
    """Where the new object cannot take its place, the old one stays and the folder is clean."""
    store = LocalStore(tmp_path)
    (tmp_path / "taken" / "below").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"cannot write below .*: Is a directory"):
        store.put("taken", b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken"]


@pytest.mark.parametrize(
    "key", ["../out", "a/../../out", "/etc/passwd", "a//b", "", "a\\b", "a\0b"]
)
def test_no_key_leaves_the_root(tmp_path: Path, key: str) -> None:
    """A key that would lead out, or that is no key, is refused before anything is opened."""
    with pytest.raises(UsageError, match="expected a key such as history"):
        LocalStore(tmp_path / "root").put(key, b"x")
    assert not (tmp_path / "out").exists()


def test_a_link_out_of_the_root_is_not_followed(tmp_path: Path) -> None:
    """A symbolic link inside the root is no way out of it."""
    (tmp_path / "secret").write_text("s")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(UsageError, match="leads out of"):
        LocalStore(tmp_path / "root").get("link")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The message names the key and the folder."""
    with pytest.raises(NotFound, match=r"there is no file m\.json in "):
        LocalStore(tmp_path).get("m.json")


def test_a_file_where_a_folder_is_wanted_is_said_so(tmp_path: Path) -> None:
    """Writing names the place and the reason, and never says that something is not there."""
    (tmp_path / "afile").write_text("x")
    with pytest.raises(UsageError, match=r"cannot write below .*afile: Not a directory$"):
        LocalStore(tmp_path / "afile").put("history/part.parquet", b"x")


def test_a_folder_that_cannot_be_made_is_said_so() -> None:
    """The kernel's own folders take nothing."""
    with pytest.raises(ForesailError, match=r"^cannot write below /proc/history: "):
        LocalStore(Path("/proc/history")).put("manifest.json", b"x")
