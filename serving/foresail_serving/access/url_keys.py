"""Tokens in URLs, for spreadsheets that can send no header."""

from urllib.parse import unquote_to_bytes

from starlette.types import Scope

from foresail.horizons import HORIZONS

_NAME = b"key"
_FORMATS = ("csv", "xlsx", "json")
_PAGES = [f"/{h.name}" for h in HORIZONS] + [f"/v1/{h.name}" for h in HORIZONS]
_PATHS = frozenset(
    [
        *_PAGES,
        *(f"{page}.{extension}" for page in _PAGES for extension in _FORMATS),
        *(f"/v1/forecasts.{extension}" for extension in _FORMATS),
    ]
)
"""What a token in the URL opens."""
_METHODS = ("GET", "HEAD")
_REMEMBERED = 1024
_LONGEST = 1000


class UrlKeys:
    """Takes the key out of a URL, and says whether one may stand there.

    Args:
        allowed: Whether any may.
    """

    def __init__(self, *, allowed: bool) -> None:
        self._allowed = allowed
        self._keyless: set[bytes] = {b""}

    def split(self, query: bytes) -> tuple[bytes, bytes | None]:
        """Return a query string without its key, and the key; None where there is none.

        However the name is written, `key`, `KEY` or `k%65y`, it goes no further. Two keys are none
        that could be right.
        """
        if query in self._keyless:
            return query, None
        rest, key = _without_key(query)
        # nothing that has a key in it is remembered
        if key is None and len(query) <= _LONGEST:
            if len(self._keyless) >= _REMEMBERED:
                self._keyless.clear()
            self._keyless.add(query)
        return rest, key

    def trouble(self, scope: Scope) -> str:
        """Return why no key may stand in the URL of this request; empty where it may."""
        if not self._allowed:
            return (
                "keys in URLs are switched off here (FORESAIL_URL_KEYS); send the token as "
                "`Authorization: Bearer`, and replace this one: URLs are written to many logs"
            )
        if scope["method"] not in _METHODS or scope["path"] not in _PATHS:
            return "a key in the URL opens forecast files alone, and only to read them"
        return ""


def _without_key(query: bytes) -> tuple[bytes, bytes | None]:
    kept: list[bytes] = []
    keys: list[bytes] = []
    for part in query.split(b"&"):
        name, _, value = part.partition(b"=")
        if unquote_to_bytes(name).lower() == _NAME:
            keys.append(unquote_to_bytes(value))
        else:
            kept.append(part)
    if not keys:
        return query, None
    return b"&".join(kept), keys[0] if len(keys) == 1 else b""
