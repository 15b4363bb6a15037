"""One Prometheus (or Thanos, Mimir, VictoriaMetrics): asks, waits no longer than told, explains.

The session is the one that `prometheus_api_client.PrometheusConnect` manages. Its own query methods
are not used: they drop the `warnings` of a partial answer.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import stamina
from prometheus_api_client import PrometheusConnect
from requests.auth import AuthBase, HTTPBasicAuth
from requests.exceptions import ChunkedEncodingError
from urllib3 import Retry
from urllib3.exceptions import HTTPError

from foresail.errors import AccessDenied, BadInput, NotFound, Unreachable, UsageError
from foresail.settings import Settings

ATTEMPTS = 3
MAX_ANSWER_BYTES = 512 * 1024 * 1024
"""An answer that grows beyond this, unpacked, is refused: the reader holds it in memory."""

_CHUNK_BYTES = 1024 * 1024
_MAX_HOPS = 3
_BUSY = {429, 500, 502, 503, 504}


class TooManySamples(BadInput):
    """Prometheus refused a query for its size; a shorter range may pass."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the query API answered.

    Attributes:
        data: The JSON value under `data`.
        warnings: What Thanos and others say of a partial answer.
    """

    data: Any
    warnings: tuple[str, ...]


class _Busy(Exception):  # noqa: N818  # never leaves this module
    """A status that may heal."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.detail = detail


class _Auth(AuthBase):
    """Sets the bearer token, or nothing; with any `auth` set, requests leaves `.netrc` alone."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Connection:
    """Asks the HTTP API of one Prometheus."""

    def __init__(self, url: str, *, settings: Settings) -> None:
        self._url = checked_url(url)
        self._timeout = settings.foresail_prometheus_timeout_seconds
        self._auth = _auth(settings)
        self._headers = {
            name: value.get_secret_value()
            for name, value in settings.foresail_prometheus_headers.items()
        }
        session = requests.Session()
        ca_file = settings.foresail_prometheus_ca_file
        if ca_file is not None and not ca_file.is_file():
            raise UsageError(
                f"FORESAIL_PROMETHEUS_CA_FILE names {ca_file}, but there is no such file"
            )
        session.verify = str(ca_file) if ca_file else True
        self._verify = session.verify
        PrometheusConnect(
            url=self._url,
            session=session,
            retry=Retry(total=0, read=False),  # we retry, and only what may heal
            timeout=self._timeout,
        )
        self._session = session

    @property
    def url(self) -> str:
        """The base address; it holds no credentials."""
        return self._url

    def close(self) -> None:
        """Let go of the sockets."""
        self._session.close()

    def get(self, path: str, params: Mapping[str, str], *, what: str) -> Answer:
        """Ask one thing and return the answer.

        Args:
            path: Below the base address, such as `/api/v1/query_range`.
            params: Of the query.
            what: What is asked for, as messages name it: a preset.

        Raises:
            Unreachable: No answer in time, or an overloaded server, after all attempts.
            AccessDenied: 401, 403, or a redirect to another host.
            NotFound: There is no such API.
            TooManySamples: The server wants a smaller query.
            BadInput: The query is wrong, or the answer is no JSON of the query API.
        """
        ask = stamina.retry(on=_may_heal, attempts=ATTEMPTS, wait_initial=0.2, wait_max=5)
        try:
            return ask(self._answer)(path, params, what=what)
        except requests.exceptions.SSLError as error:
            raise Unreachable(
                f"the TLS certificate of Prometheus at {self._url} is not trusted; set "
                "FORESAIL_PROMETHEUS_CA_FILE to its certificate authority"
            ) from error
        except (requests.Timeout, TimeoutError) as error:
            raise Unreachable(
                f"Prometheus at {self._url} did not answer {what} within {self._timeout:g} s "
                f"({ATTEMPTS} attempts); raise FORESAIL_PROMETHEUS_TIMEOUT_SECONDS or ask for less"
            ) from error
        except (requests.RequestException, HTTPError) as error:
            raise Unreachable(
                f"Prometheus at {self._url} is not reachable (asked for {what}); check the address "
                "and that it is up"
            ) from error
        except _Busy as error:
            raise Unreachable(
                f"Prometheus at {self._url} answered {error.status} to {what} {ATTEMPTS} times"
                f"{error.detail}; try again later"
            ) from error

    def _answer(self, path: str, params: Mapping[str, str], *, what: str) -> Answer:
        status, kind, body = self._once(path, params, what=what)
        return self._parse(status, kind, body, what=what)

    def _once(self, path: str, params: Mapping[str, str], *, what: str) -> tuple[int, str, bytes]:
        deadline = time.monotonic() + self._timeout
        address = f"{self._url}{path}"
        for _ in range(_MAX_HOPS):
            with self._session.get(
                address,
                params=dict(params),
                headers={"Accept": "application/json"} | self._headers,
                auth=self._auth,
                verify=self._verify,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            ) as response:
                if not response.is_redirect:
                    body = _read(response, deadline=deadline, what=what)
                    return response.status_code, response.headers.get("Content-Type", ""), body
                address = self._same_host(address, response.headers["Location"])
                params = {}  # a redirect's address holds its own
        raise NotFound(f"Prometheus at {self._url} redirects without end; correct the address")

    def _same_host(self, address: str, location: str) -> str:
        target = urljoin(address, location)
        if _origin(target) != _origin(self._url):
            raise AccessDenied(
                f"Prometheus at {self._url} redirects to another host ({_origin(target)}); "
                "it may want a login: set FORESAIL_PROMETHEUS_TOKEN, or give its own address"
            )
        return target

    def _parse(self, status: int, kind: str, body: bytes, *, what: str) -> Answer:
        if status in {401, 403}:
            raise AccessDenied(
                f"Prometheus at {self._url} refused the credentials for {what} ({status}); check "
                "FORESAIL_PROMETHEUS_TOKEN, or _USERNAME and _PASSWORD, and the tenant's header"
            )
        if status in _BUSY:
            raise _Busy(status, _detail(body))
        if "html" in kind or body[:64].lstrip().lower().startswith((b"<!doctype", b"<html")):
            raise BadInput(
                f"expected JSON for {what}, got an HTML page from {self._url} ({status}); it may "
                "be a login page or the address of something else than Prometheus"
            )
        if status == requests.codes.not_found:
            raise NotFound(f"there is no Prometheus API below {self._url} (404); correct the URL")
        try:
            answer = json.loads(body)
        except ValueError as error:
            raise BadInput(
                f"the answer to {what} from {self._url} is no whole JSON ({len(body)} bytes, "
                f"status {status}); look for a proxy that cuts answers"
            ) from error
        return self._accepted(status, answer, what=what)

    def _accepted(self, status: int, answer: object, *, what: str) -> Answer:
        if not isinstance(answer, dict) or answer.get("status") not in {"success", "error"}:
            raise BadInput(f"the answer to {what} from {self._url} is not of the query API")
        if answer["status"] == "success" and status == requests.codes.ok:
            warnings = answer.get("warnings") or ()
            return Answer(answer.get("data"), tuple(str(text) for text in warnings))
        detail = _one_line(str(answer.get("error", "no reason given")))
        if "too many samples" in detail or "maximum resolution" in detail:
            raise TooManySamples(
                f"Prometheus refused {what} as too large ({status}: {detail}); raise its "
                "--query.max-samples or stage fewer scopes"
            )
        if status == requests.codes.bad:
            raise BadInput(
                f"Prometheus does not understand {what} (400: {detail}); correct its PromQL text"
            )
        raise BadInput(f"Prometheus could not answer {what} ({status}: {detail})")


def checked_url(url: str) -> str:
    """Return the base address without a slash at its end.

    Raises:
        UsageError: It is no http(s) address, or holds credentials or a query.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError("expected a Prometheus address such as https://prometheus.example:9090")
    if "@" in parts.netloc:
        raise UsageError(
            f"credentials do not belong into the address of {parts.hostname}; set "
            "FORESAIL_PROMETHEUS_USERNAME and FORESAIL_PROMETHEUS_PASSWORD"
        )
    if parts.query or parts.fragment:
        raise UsageError(
            f"expected the bare address of Prometheus at {parts.hostname}, without ? and #"
        )
    return url.rstrip("/")


def _auth(settings: Settings) -> AuthBase:
    token = settings.foresail_prometheus_token
    password = settings.foresail_prometheus_password
    if settings.foresail_prometheus_username:
        if token is not None and token.get_secret_value():
            raise UsageError(
                "set FORESAIL_PROMETHEUS_TOKEN or FORESAIL_PROMETHEUS_USERNAME, not both"
            )
        return HTTPBasicAuth(
            settings.foresail_prometheus_username,
            password.get_secret_value() if password else "",
        )
    return _Auth(token.get_secret_value().strip() if token else "")


def _may_heal(error: Exception) -> bool:
    if isinstance(error, requests.exceptions.SSLError):
        return False
    healing = (requests.ConnectionError, requests.Timeout, ChunkedEncodingError, HTTPError, _Busy)
    return isinstance(error, healing)


def _read(response: requests.Response, *, deadline: float, what: str) -> bytes:
    """Read a body in pieces: requests' own timeout is per piece, and it knows no size limit."""
    pieces: list[bytes] = []
    size = 0
    for piece in response.iter_content(_CHUNK_BYTES):
        pieces.append(piece)
        size += len(piece)
        if size > MAX_ANSWER_BYTES:
            raise TooManySamples(
                f"the answer to {what} is larger than {MAX_ANSWER_BYTES >> 20} MiB; stage fewer "
                "scopes, or aggregate more in its PromQL text"
            )
        if time.monotonic() > deadline:
            raise requests.Timeout
    return b"".join(pieces)


def _detail(body: bytes) -> str:
    """Return the server's own reason, where it gives one as the query API does."""
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    reason = answer.get("error", "") if isinstance(answer, dict) else ""
    return f" ({_one_line(str(reason))})" if reason else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
