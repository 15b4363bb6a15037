"""Asks one Foresail server over HTTP: asks again what may heal, and explains what does not."""

import json
import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import stamina
import urllib3
from urllib3.exceptions import HTTPError, SSLError

from foresail.errors import (
    AccessDenied,
    BadInput,
    ForesailError,
    NotFound,
    Unreachable,
    UsageError,
)

ATTEMPTS = 4
PATIENCE_SECONDS = 45.0
"""For all attempts together; a server that says `Retry-After` beyond it is told of at once."""

_HEALING = {429, 502, 503, 504}
_LASTING = {"forecast-expired", "forecast-not-begun"}
"""Of the 503s these last until somebody trains again, or sets a clock right."""
_DENIED = {401, 403}
_PROBLEM = "application/problem+json"
_PRINTABLE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Reply:
    """One whole answer.

    Attributes:
        status: Of HTTP.
        kind: Media type without its parameters.
        body: Unpacked.
        retry_after: The header of that name, or empty.
    """

    status: int
    kind: str
    body: bytes
    retry_after: str = ""

    def json(self) -> dict[str, Any]:
        """Return the JSON object that it holds; empty where it holds none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def problem(self) -> str:
        """The slug of the problem that it is, such as `unknown-series`; empty where it is none."""
        slug = str(self.json().get("type", "")) if self.kind == _PROBLEM else ""
        return slug.rpartition(":")[2]


class _Busy(Exception):  # noqa: N818  # never leaves this module
    """An answer that may be another one soon."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"status {reply.status}")
        self.reply = reply


class Connection:
    """One server; safe to use from many threads.

    No redirect is followed: a token must reach nobody else.
    """

    def __init__(
        self, url: str, *, token: str | None, timeout_seconds: float, ca_file: str | None
    ) -> None:
        """Ask nothing yet.

        Raises:
            UsageError: The address is none, or holds credentials; the token cannot be sent.
        """
        self.url = _checked(url)
        self._headers = {"Accept-Encoding": "gzip", **_authorization(token)}
        self._pool = urllib3.PoolManager(
            cert_reqs="CERT_REQUIRED",
            ca_certs=ca_file,
            timeout=urllib3.Timeout(connect=timeout_seconds, read=timeout_seconds),
            retries=False,
        )

    def close(self) -> None:
        """Let go of the sockets."""
        self._pool.clear()

    def get(
        self,
        path: str,
        parameters: Mapping[str, str],
        *,
        kind: str,
        statuses: Collection[int] = (HTTPStatus.OK,),
    ) -> Reply:
        """Return the answer of one page.

        Args:
            path: Such as `/v1/next_week`.
            parameters: Of its query.
            kind: The media type that is expected.
            statuses: Of an answer; /health answers with a 503 too.

        Raises:
            UsageError: The server does not understand the question, or it fits too much.
            NotFound: There is no such thing, or no forecast of these hours.
            AccessDenied: 401, 403, or a redirect.
            Unreachable: No answer after all attempts.
            BadInput: What answers is no Foresail server.
        """
        address = self.url + path + (f"?{urlencode(parameters)}" if parameters else "")
        try:
            for attempt in stamina.retry_context(
                on=_heals, attempts=ATTEMPTS, timeout=PATIENCE_SECONDS
            ):
                with attempt:
                    return self._once(address, kind=kind, statuses=statuses)
        except _Busy as error:
            raise self._explained(error.reply, kind) from error
        except SSLError as error:
            raise Unreachable(
                f"the TLS certificate of {self.url} is not trusted; name its authority in ca_file"
            ) from error
        except HTTPError as error:
            raise Unreachable(
                f"{self.url} does not answer ({type(error).__name__}); check that it is up"
            ) from error
        raise AssertionError("a retry loop ends with a value or an error")

    def _once(self, address: str, *, kind: str, statuses: Collection[int]) -> Reply:
        headers = {**self._headers, "Accept": kind}
        response = self._pool.request("GET", address, headers=headers, redirect=False)
        reply = Reply(
            response.status,
            response.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
            response.data,
            response.headers.get("Retry-After", ""),
        )
        if reply.kind == kind and reply.status in statuses:
            return reply
        if reply.status in _HEALING:
            raise _Busy(reply)
        raise self._explained(reply, kind)

    def _explained(self, reply: Reply, kind: str) -> ForesailError:
        status, slug = reply.status, reply.problem
        said = f"{self.url} answered {status}"
        if slug:
            said += f" {slug}: {reply.json().get('detail', '')}"
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            return AccessDenied(
                f"{said}, a redirect; give the address that it leads to, or a token"
            )
        if status in _DENIED:
            return AccessDenied(f"{said}; check the token")
        if status == HTTPStatus.NOT_FOUND or slug in {*_LASTING, "no-forecast"}:
            return NotFound(said)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _HEALING:
            return Unreachable(said)
        if slug:
            return UsageError(said)
        return BadInput(f"{said} as {reply.kind or 'nothing'}, expected {kind}; is it Foresail's?")


def _heals(error: Exception) -> bool | float:
    """Return whether to ask again, or after how many seconds."""
    if not isinstance(error, _Busy):
        return isinstance(error, HTTPError) and not isinstance(error, SSLError)
    if error.reply.problem in _LASTING:
        return False
    wait = _seconds(error.reply.retry_after)
    if wait is None:
        return True
    return wait if wait <= PATIENCE_SECONDS else False


def _seconds(retry_after: str) -> float | None:
    """Return what the header asks for, in seconds or as a date; None where it says nothing."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return None


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise UsageError("expected http(s)://HOST, got one whose host or port is none") from error
    if "@" in parts.netloc:
        raise UsageError("expected an address without credentials; give the token as token=")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
        raise UsageError(f"expected the server's address as http(s)://HOST, got {url!r}")
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))


def _authorization(token: str | None) -> dict[str, str]:
    if token is None:
        return {}
    plain = token.strip()  # one read from a file ends in a line feed
    if not _PRINTABLE.fullmatch(plain):
        raise UsageError("expected a token of printable ASCII characters without spaces")
    return {"Authorization": f"Bearer {plain}"}
