"""The file of tokens is read again while the server runs, and closes rather than opens."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from foresail_serving.access.token_file import TokenFile
from foresail_serving.access.tokens import new_token, sha256_of

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@dataclass
class Seconds:
    """A monotonic clock that stands where it is put."""

    now: float = 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


def entry(token: str, *, name: str = "grafana", more: str = "") -> str:
    """Return a token as the file lists it."""
    lines = ["[[token]]", f'name = "{name}"', f'sha256 = "{sha256_of(token)}"']
    return "\n".join([*lines, 'scopes = ["forecasts"]', more, ""])


def header(token: str) -> bytes:
    """Return the `Authorization` header of a token."""
    return b"Bearer " + token.encode()


def test_a_token_is_found_by_its_header(tmp_path: Path) -> None:
    """The scheme may be written in any case; the second time costs no hash."""
    token = new_token()
    (tmp_path / "t").write_text(entry(token))
    tokens = TokenFile(tmp_path / "t")
    for sent in (header(token), header(token), b"bearer  " + token.encode()):
        found = tokens.of_header(sent)
        assert found is not None
        assert found.name == "grafana"
    assert tokens.of_header(b"Basic " + token.encode()) is None
    assert tokens.of_header(header(new_token())) is None
    assert tokens.of_header(b"") is None


def test_a_token_is_rotated_without_a_restart(tmp_path: Path) -> None:
    """Both are valid while both are listed; one taken out is refused from the next look on."""
    old, new = new_token(), new_token()
    (tmp_path / "t").write_text(entry(old))
    tokens = TokenFile(tmp_path / "t")
    assert tokens.of_header(header(old))
    (tmp_path / "t").write_text(entry(old) + entry(new))
    tokens.refresh()
    assert tokens.of_header(header(old))
    assert tokens.of_header(header(new))
    (tmp_path / "t").write_text(entry(new))
    tokens.refresh()
    assert tokens.of_header(header(old)) is None
    assert tokens.of_header(header(new))


def test_an_edit_that_changes_neither_size_nor_time_is_seen(tmp_path: Path) -> None:
    """The file is compared by what it says."""
    file, old, new = tmp_path / "t", new_token(), new_token()
    file.write_text(entry(old))
    os.utime(file, (0, 0))
    tokens = TokenFile(file)
    file.write_text(entry(new))
    os.utime(file, (0, 0))
    tokens.refresh()
    assert tokens.of_header(header(old)) is None
    assert tokens.of_header(header(new))


def test_a_secret_that_kubernetes_swaps_is_followed(tmp_path: Path) -> None:
    """A mounted Secret is a link to a link to a folder, and the middle link is replaced."""
    old, new = new_token(), new_token()
    for name, token in (("one", old), ("two", new)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tokens.toml").write_text(entry(token))
    (tmp_path / "..data").symlink_to("one")
    (tmp_path / "tokens.toml").symlink_to("..data/tokens.toml")
    tokens = TokenFile(tmp_path / "tokens.toml")
    assert tokens.of_header(header(old))
    (tmp_path / "..next").symlink_to("two")
    (tmp_path / "..next").rename(tmp_path / "..data")
    tokens.refresh()
    assert tokens.of_header(header(new))
    assert tokens.of_header(header(old)) is None


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "# none\n",
        "[[token",
        "\x00" * 10,
        "x" * 2**20 + "x",
        "a = " + "[" * 5000,
        "a = " + "1" * 5000,
    ],
    ids=["missing", "empty", "none", "wrong", "binary", "large", "deep", "long"],
)
def test_without_a_usable_file_nobody_is_let_in(tmp_path: Path, content: str | None) -> None:
    """Missing, empty, wrong or too large: closed from the start, with a line in the log."""
    if content is not None:
        (tmp_path / "t").write_text(content)
    with capture_logs() as logs:
        tokens = TokenFile(tmp_path / "t")
    assert tokens.closed
    assert [line["event"] for line in logs] == ["tokens file cannot be used"]
    assert logs[0]["effect"] == "nobody is let in"


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    """A named pipe would hold up the server until somebody writes."""
    os.mkfifo(tmp_path / "pipe")
    assert TokenFile(tmp_path / "pipe").closed
    assert TokenFile(tmp_path).closed


def test_whatever_goes_wrong_closes() -> None:
    """A name that no file can have raises what nothing here speaks of."""
    with capture_logs() as logs:
        assert TokenFile(Path("a\0b")).closed
    assert [line["reason"] for line in logs] == ["it cannot be read: ValueError"]


@pytest.mark.parametrize("broken", ["[[token", "a = " + "[" * 5000])
def test_a_broken_file_closes_after_ten_seconds(tmp_path: Path, broken: str) -> None:
    """A slip while a leaked token is taken out must not leave it valid; an editor has its time."""
    token, seconds = new_token(), Seconds()
    (tmp_path / "t").write_text(entry(token))
    tokens = TokenFile(tmp_path / "t", monotonic=seconds)
    (tmp_path / "t").write_text(broken)
    for seconds.now in (0, 9.9):
        tokens.refresh()
        assert tokens.of_header(header(token))
    seconds.now = 10
    with capture_logs() as logs:
        tokens.refresh()
        tokens.refresh()
    assert tokens.closed
    assert tokens.of_header(header(token)) is None
    assert [line["effect"] for line in logs] == ["nobody is let in"]


def test_a_file_that_is_mended_opens_again(tmp_path: Path) -> None:
    """At the next look, and the time of grace begins anew."""
    token, seconds = new_token(), Seconds()
    (tmp_path / "t").write_text(entry(token))
    tokens = TokenFile(tmp_path / "t", monotonic=seconds)
    (tmp_path / "t").unlink()
    for seconds.now in (0, 10):
        tokens.refresh()
    assert tokens.closed
    (tmp_path / "t").write_text(entry(token))
    tokens.refresh()
    assert tokens.of_header(header(token))
    (tmp_path / "t").unlink()
    seconds.now = 15
    tokens.refresh()
    assert tokens.of_header(header(token))


def test_a_file_that_stays_broken_is_told_once_a_minute(tmp_path: Path) -> None:
    """Twice a second would hide everything else."""
    seconds = Seconds(100)
    with capture_logs() as logs:
        tokens = TokenFile(tmp_path / "t", monotonic=seconds)
        for seconds.now in range(100, 165):
            tokens.refresh()
    assert len(logs) == 2


def test_a_token_expires_at_its_moment(tmp_path: Path) -> None:
    """Also one that was let in a moment before; `valid` counts those that are left."""
    token, times = new_token(), [NOW]
    more = "expires = 2026-11-21T13:00:00Z"
    (tmp_path / "t").write_text(entry(token, more=more) + entry(new_token()))
    tokens = TokenFile(tmp_path / "t", clock=lambda: times[-1])
    times.append(NOW + timedelta(minutes=59))
    assert tokens.of_header(header(token))
    assert tokens.valid == 2
    times.append(NOW + timedelta(hours=1))
    assert tokens.of_header(header(token)) is None
    assert tokens.of_text(token.encode()) is None
    assert tokens.valid == 1


def test_what_is_remembered_is_bounded(tmp_path: Path) -> None:
    """A holder who varies the header cannot fill the memory."""
    token = new_token()
    (tmp_path / "t").write_text(entry(token))
    tokens = TokenFile(tmp_path / "t")
    for n in range(1500):
        assert tokens.of_header(b"Bearer" + b" " * (n + 1) + token.encode())
    assert len(tokens._known.by_header) <= 1024  # noqa: SLF001  # no request can tell
