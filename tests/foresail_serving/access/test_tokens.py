"""What a file of tokens may say."""

import re
from datetime import UTC, datetime

import pytest

from foresail.errors import BadInput
from foresail_serving.access.tokens import (
    Token,
    is_token,
    new_token,
    parse_tokens,
    sha256_of,
)

HASH = "a" * 64
OTHER = "b" * 64


def entry(text: str, *, sha256: str = HASH) -> str:
    """Return a file with one token that has these lines."""
    return f'[[token]]\nname = "grafana"\nsha256 = "{sha256}"\n{text}\n'


def test_every_field_is_read() -> None:
    """Name, sha256, scopes, the day it expires (its first moment in UTC), and whether for URLs."""
    text = entry('scopes = ["forecasts"]\nexpires = 2027-06-30\nurl = true')
    assert parse_tokens(text) == (
        Token(
            "grafana",
            HASH,
            frozenset({"forecasts"}),
            expires=datetime(2027, 6, 30, tzinfo=UTC),
            url=True,
        ),
    )


def test_two_tokens_of_one_name_take_over_from_each_other() -> None:
    """While a token is rotated, the old and the new one stand in the file."""
    old, new = entry('scopes = ["metrics"]'), entry('scopes = ["metrics"]', sha256=OTHER)
    assert [token.name for token in parse_tokens(old + new)] == ["grafana", "grafana"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected at least one [[token]], got none"),
        ("# nothing yet\n", "expected at least one [[token]], got none"),
        ("[[token]\n", "expected TOML: "),
        ('[token]\nname = "grafana"\n', "expected [[token]] in double brackets"),
        ("[[tokens]]\n", "expected [[token]] and nothing beside it, got 'tokens'"),
        (entry(""), "token 1: scopes: expected a list out of forecasts, metrics, health"),
        (entry('scopes = ["admin"]'), "token 1: scopes: expected a list out of"),
        (entry('scopes = "metrics"'), "token 1: scopes: expected a list out of"),
        (entry('scope = ["metrics"]'), "token 1: no such field: 'scope'"),
        (entry('scopes = ["metrics"]\nexpires = "2027-01-01"'), "without quotes"),
        (entry('scopes = ["metrics"]\nexpires = 2027-01-01T00:00:00'), "a time with its zone"),
        (entry('scopes = ["forecasts"]\nurl = "yes"'), "url: expected true or false"),
        (entry('scopes = ["forecasts", "metrics"]\nurl = true'), "opens forecasts alone"),
        (entry('scopes = ["metrics"]', sha256="A" * 64), "64 hexadecimal digits in lower case"),
        (entry('scopes = ["metrics"]') * 2, "token 2: the same sha256 as an earlier one"),
        ("a = " + "[" * 5000, "expected plain values, got some nested or long beyond reason"),
        ("a = " + "1" * 5000, "expected plain values, got some nested or long beyond reason"),
        ('[[token]]\nname = "10.0.0.1"\n', "name: expected a letter, then letters"),
    ],
)
def test_what_is_wrong_is_told(text: str, told: str) -> None:
    """A typo opens nothing and closes nothing silently: the file is refused, and the line named."""
    with pytest.raises(BadInput, match=re.escape(told)):
        parse_tokens(text)


def test_the_token_itself_in_the_file_is_not_repeated() -> None:
    """Whoever puts the token where its hash belongs is told, and the log does not tell it on."""
    token = new_token()
    with pytest.raises(BadInput, match="this is the token itself") as raised:
        parse_tokens(entry('scopes = ["metrics"]', sha256=token))
    assert token not in str(raised.value)


def test_a_new_token_can_be_found_by_scanners() -> None:
    """It is fs_ and 64 hexadecimal digits, and no two are alike."""
    token = new_token()
    assert re.fullmatch("fs_[0-9a-f]{64}", token)
    assert token != new_token()
    assert is_token(token.encode())


def test_the_hash_is_that_of_sha256sum() -> None:
    """`printf %s TOKEN | sha256sum` gives what the file holds."""
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of("abc") == sha256_of(b"abc") == known


@pytest.mark.parametrize("text", [b"", b"password", b"FS_" + b"0" * 64, b"fs_" + b"0" * 65])
def test_nothing_but_a_token_is_one(text: bytes) -> None:
    """A password whose hash stands in the file opens nothing."""
    assert not is_token(text)
