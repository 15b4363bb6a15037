"""`foresail token`: made once, shown once, and appended whole."""

import re
import stat
from pathlib import Path

import pytest

from foresail.errors import BadInput, ForesailError, NotFound, UsageError
from foresail_serving.access.command import app
from foresail_serving.access.token_file import read_tokens
from foresail_serving.access.tokens import sha256_of


def run(*arguments: object) -> None:
    """Run the command in this process; its errors come out as they are."""
    app([str(word) for word in arguments], standalone_mode=False)


def test_the_token_is_printed_once_and_its_hash_filed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stdout holds the token alone, for a pipe into a secret; the file is its owner's alone."""
    file = tmp_path / "tokens.toml"
    run("new", "--name", "grafana", "--scope", "forecasts", "--file", file)
    run("new", "--name", "sheet", "--url", "--expires", "2999-01-01", "--file", file)
    printed = capsys.readouterr()
    first, second = printed.out.split()
    assert re.fullmatch("fs_[0-9a-f]{64}", first)
    assert [token.sha256 for token in read_tokens(file)] == [sha256_of(first), sha256_of(second)]
    assert [token.url for token in read_tokens(file)] == [False, True]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for text in (file.read_text(), printed.err):
        assert "fs_" not in text
    assert [path.name for path in tmp_path.iterdir()] == ["tokens.toml"]


def test_without_a_file_it_says_what_to_add(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, ready to be pasted."""
    run("new", "--name", "prometheus", "--scope", "metrics", "--scope", "health")
    printed = capsys.readouterr()
    assert f'sha256 = "{sha256_of(printed.out.strip())}"' in printed.err
    assert 'scopes = ["metrics", "health"]' in printed.err


def test_what_others_may_read_stays_so_and_links_stay_links(tmp_path: Path) -> None:
    """A file that was handed to a group is still theirs."""
    real, link = tmp_path / "real.toml", tmp_path / "link.toml"
    run("new", "--name", "grafana", "--file", real)
    real.chmod(0o640)
    link.symlink_to(real)
    run("new", "--name", "keda", "--file", link)
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert [token.name for token in read_tokens(real)] == ["grafana", "keda"]


def test_a_file_that_is_wrong_is_left_alone(tmp_path: Path) -> None:
    """A second mistake would hide the first."""
    file = tmp_path / "tokens.toml"
    file.write_text("[[token")
    with pytest.raises(BadInput, match="is wrong already, and was left alone: expected TOML"):
        run("new", "--name", "grafana", "--file", file)
    assert file.read_text() == "[[token"
    with pytest.raises(NotFound, match="there is no folder"):
        run("new", "--name", "grafana", "--file", tmp_path / "none" / "tokens.toml")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--name", "a b"), r"^name: expected a letter"),
        (("--name", "a", "--scope", "admin"), r"^scopes: expected a list out of"),
        (("--name", "a", "--scope", "metrics", "--url"), "opens forecasts alone"),
        (("--name", "a", "--expires", "soon"), r"^expected a day such as 2027-06-30 as --expires"),
        (("--name", "a", "--expires", "2020-01-01"), r"^expected a day to come as --expires"),
    ],
)
def test_a_wrong_call_is_an_error_of_usage(options: tuple[str, ...], told: str) -> None:
    """Nothing is made."""
    with pytest.raises(UsageError, match=told):
        run("new", *options)


def test_check_lists_what_a_file_lets_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names, scopes and days, no hash; expired ones are marked."""
    (tmp_path / "t").write_text(
        f'[[token]]\nname = "grafana"\nsha256 = "{"a" * 64}"\nscopes = ["metrics", "forecasts"]\n'
        f'[[token]]\nname = "old"\nsha256 = "{"b" * 64}"\nscopes = ["health"]\n'
        "expires = 2026-01-01\n"
    )
    run("check", tmp_path / "t")
    assert capsys.readouterr().out.splitlines() == [
        "grafana: forecasts, metrics, never expires",
        "old: health, EXPIRED 2026-01-01T00:00:00Z",
    ]


def test_check_fails_where_nobody_would_be_let_in(tmp_path: Path) -> None:
    """No file, a wrong one, or nothing but expired tokens: exit code 1 and the reason."""
    with pytest.raises(NotFound, match="/t: there is no such file"):
        run("check", tmp_path / "t")
    (tmp_path / "t").write_text("")
    with pytest.raises(BadInput, match=r"/t: expected at least one \[\[token\]\]"):
        run("check", tmp_path / "t")
    (tmp_path / "t").write_text(
        f'[[token]]\nname = "old"\nsha256 = "{"b" * 64}"\nscopes = ["health"]\nexpires = 2026-01-01'
    )
    with pytest.raises(ForesailError, match="every token has expired") as raised:
        run("check", tmp_path / "t")
    assert raised.value.exit_code == 1
