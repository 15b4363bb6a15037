"""Tokens: what they look like, and the file that says which are valid.

A token is `fs_` and 64 hexadecimal digits, 32 random bytes. The file holds its sha256 alone. A slow
hash, as passwords need, would gain nothing: there is no list of likely tokens to try, and 2**256
guesses are out of reach at any speed. Only texts of this form are accepted, so that nobody can put
the hash of a password there.
"""

import hashlib
import re
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from foresail.errors import BadInput

SCOPES = ("forecasts", "metrics", "health")
PREFIX = "fs_"
_START = PREFIX.encode()
_LENGTH = len(PREFIX) + 64
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,62}")
_FIELDS = ("name", "sha256", "scopes", "expires", "url")


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token.

    Attributes:
        name: Who holds it; two tokens may share a name while one takes over from the other.
        sha256: Of the token's text, as 64 hexadecimal digits.
        scopes: What it opens, out of `SCOPES`.
        expires: From then on it opens nothing; None for never.
        url: Whether it may stand in a URL.
    """

    name: str
    sha256: str
    scopes: frozenset[str]
    expires: datetime | None = None
    url: bool = False


def new_token() -> str:
    """Return a token that nobody has seen."""
    return PREFIX + secrets.token_hex(32)


def is_token(text: bytes) -> bool:
    """Return whether a text begins as a token and is as long.

    Its digits are not looked at one by one: that takes a different time for each text.
    """
    return len(text) == _LENGTH and text.startswith(_START)


def sha256_of(token: str | bytes) -> str:
    """Return what the file holds of a token."""
    return hashlib.sha256(token.encode() if isinstance(token, str) else token).hexdigest()


def parse_tokens(text: str) -> tuple[Token, ...]:
    """Return the tokens that a file lists.

    Args:
        text: TOML with one `[[token]]` for each.

    Raises:
        BadInput: Everything that is wrong with it; no value out of the file is repeated, since it
            may be a token.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"expected TOML: {error}") from error
    except (RecursionError, ValueError) as error:
        raise BadInput("expected plain values, got some nested or long beyond reason") from error
    unknown = sorted(set(document) - {"token"})
    if unknown:
        raise BadInput(f"expected [[token]] and nothing beside it, got {unknown[0]!r}")
    listed = document.get("token", [])
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise BadInput("expected [[token]] in double brackets")
    if not listed:
        raise BadInput("expected at least one [[token]], got none")
    problems = [
        f"token {n}: {problem}"
        for n, entry in enumerate(listed, start=1)
        for problem in _problems(entry)
    ]
    problems += _doubles([entry.get("sha256") for entry in listed])
    if problems:
        raise BadInput(problems)
    return tuple(_token(entry) for entry in listed)


def _problems(entry: Mapping[str, object]) -> list[str]:
    """Return what is wrong with an entry, as sentences."""
    found = [f"no such field: {field!r}" for field in entry if field not in _FIELDS]
    name, scopes = entry.get("name"), entry.get("scopes")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        found.append("name: expected a letter, then letters, digits, '.', '_' or '-'")
    found += _sha256_problems(entry.get("sha256"))
    if not isinstance(scopes, list) or not scopes or any(s not in SCOPES for s in scopes):
        found.append(f"scopes: expected a list out of {', '.join(SCOPES)}")
    expires = entry.get("expires")
    if expires is not None and not isinstance(expires, date):
        found.append("expires: expected a date such as 2027-06-30, without quotes")
    if isinstance(expires, datetime) and expires.tzinfo is None:
        found.append("expires: expected a time with its zone, such as 2027-06-30T12:00:00Z")
    if not isinstance(entry.get("url", False), bool):
        found.append("url: expected true or false")
    if entry.get("url") is True and scopes != ["forecasts"]:
        found.append('url: a token for URLs opens forecasts alone; expected scopes = ["forecasts"]')
    return found


def _sha256_problems(value: object) -> list[str]:
    if isinstance(value, str) and value.startswith(PREFIX):
        said = "sha256: this is the token itself, and whoever reads the file knows it now"
        return [f"{said}; make a new one with `foresail token new`"]
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        return ["sha256: expected 64 hexadecimal digits in lower case"]
    return []


def _doubles(hashes: list[object]) -> list[str]:
    return [
        f"token {n}: the same sha256 as an earlier one"
        for n, value in enumerate(hashes, start=1)
        if value is not None and value in hashes[: n - 1]
    ]


def _token(entry: Mapping[str, object]) -> Token:
    scopes = entry["scopes"]
    return Token(
        name=str(entry["name"]),
        sha256=str(entry["sha256"]),
        scopes=frozenset(scopes if isinstance(scopes, list) else ()),
        expires=_moment(entry.get("expires")),
        url=entry.get("url") is True,
    )


def _moment(expires: object) -> datetime | None:
    if isinstance(expires, datetime):
        return expires
    if isinstance(expires, date):
        return datetime.combine(expires, time(), tzinfo=UTC)
    return None
