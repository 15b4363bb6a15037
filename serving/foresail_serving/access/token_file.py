"""The tokens file, read again while the server runs."""

import hashlib
import stat
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from foresail.errors import BadInput, ForesailError, NotFound
from foresail_serving.access.tokens import Token, is_token, parse_tokens
from foresail_serving.clock import Clock, utc_now

_LARGEST = 2**20
_GRACE_SECONDS = 10.0
"""How long the last good tokens go on while the file cannot be used.

An editor, or a mount that is being swapped, needs some seconds at worst. Longer would be wrong: who
takes a leaked token out of the file and makes a slip must not leave it valid, and unnoticed.
"""
_REMINDER_SECONDS = 60.0
_MEMO = 1024


def read_tokens(path: Path) -> tuple[Token, ...]:
    """Return the tokens of a file.

    Raises:
        NotFound: There is no such file.
        BadInput: It is no file of tokens.
        ForesailError: It cannot be read.
    """
    try:
        # a pipe would be waited for, perhaps for ever
        if not stat.S_ISREG(path.stat().st_mode):
            raise BadInput("expected a file")
        with path.open("rb") as opened:
            raw = opened.read(_LARGEST + 1)
    except FileNotFoundError as error:
        raise NotFound("there is no such file") from error
    except OSError as error:
        raise ForesailError(f"it cannot be read: {error.strerror}") from error
    if len(raw) > _LARGEST:
        raise BadInput(f"expected at most {_LARGEST} bytes")
    try:
        return parse_tokens(raw.decode())
    except UnicodeDecodeError as error:
        raise BadInput("expected UTF-8") from error


class _Known:
    """What one state of the file lets in; replaced whole, so that none outlives its file.

    Attributes:
        listed: Its tokens.
        by_header: The headers that were found valid.
    """

    __slots__ = ("_by_digest", "by_header", "listed")

    def __init__(self, listed: tuple[Token, ...] = ()) -> None:
        self.listed = listed
        self.by_header: dict[bytes, Token] = {}
        self._by_digest = {bytes.fromhex(token.sha256): token for token in listed}

    def find(self, text: bytes) -> Token | None:
        """Return the token of this text."""
        return self._by_digest.get(hashlib.sha256(text).digest()) if is_token(text) else None


class TokenFile:
    """Knows which tokens are valid.

    The file is read whole at every look and compared by what it says: an edit within the same
    second, of the same length, is seen too. What is on disk is the truth: where the file is
    missing, empty or wrong, nobody is let in, after a grace of ten seconds for whoever was.

    Args:
        path: The file.
        clock: The present, by which tokens expire.
        monotonic: Seconds that only grow, by which the grace runs out.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._clock = clock
        self._monotonic = monotonic
        self._known = _Known()
        self._trouble = ""
        self._unusable_since: float | None = None
        self._reminded = 0.0
        self.refresh()

    @property
    def closed(self) -> bool:
        """Return whether nobody can be let in."""
        return not self._known.listed

    @property
    def valid(self) -> int:
        """Return how many tokens are valid now."""
        now = self._clock()
        return sum(token.expires is None or now < token.expires for token in self._known.listed)

    def of_header(self, header: bytes) -> Token | None:
        """Return the token that an `Authorization` header holds, if it is valid.

        A header that was valid before is found by itself. Neither this nor the sha256 tells by its
        time how much of a guess was right: a dict compares keys only where their whole hashes
        agree, and that of bytes is keyed anew in each process.
        """
        known = self._known
        token = known.by_header.get(header)
        if token is None:
            scheme, _, text = header.partition(b" ")
            token = known.find(text.strip()) if scheme.lower() == b"bearer" else None
            if token is None:
                return None
            if len(known.by_header) >= _MEMO:
                known.by_header.clear()
            known.by_header[header] = token
        return self._unexpired(token)

    def of_text(self, text: bytes) -> Token | None:
        """Return a token by its text, if it is valid."""
        return self._unexpired(self._known.find(text))

    def _unexpired(self, token: Token | None) -> Token | None:
        if token is None or token.expires is None or self._clock() < token.expires:
            return token
        return None

    def refresh(self) -> None:
        """Look at the file. May be called from another thread than the one that asks."""
        try:
            tokens = read_tokens(self._path)
        except ForesailError as error:
            self._stay_or_close(str(error))
            return
        except Exception as error:  # noqa: BLE001  # whatever it is, revoked tokens must not stay
            self._stay_or_close(f"it cannot be read: {type(error).__name__}")
            return
        changed = tokens != self._known.listed
        if self._trouble or changed:
            structlog.get_logger("foresail.access").info(
                "tokens read", file=str(self._path), tokens=len(tokens)
            )
        self._trouble, self._unusable_since = "", None
        if changed:
            self._known = _Known(tokens)

    def _stay_or_close(self, trouble: str) -> None:
        now = self._monotonic()
        if self._unusable_since is None:
            self._unusable_since = now
        if not self.closed and now - self._unusable_since >= _GRACE_SECONDS:
            self._known = _Known()
            self._trouble = ""
        if trouble != self._trouble or now - self._reminded >= _REMINDER_SECONDS:
            self._trouble, self._reminded = trouble, now
            effect = "nobody is let in" if self.closed else "the last tokens go on for 10 s"
            structlog.get_logger("foresail.access").error(
                "tokens file cannot be used", file=str(self._path), reason=trouble, effect=effect
            )
