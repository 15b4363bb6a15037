"""One Prometheus (or Thanos, Mimir, VictoriaMetrics): asks, waits no longer than told, explains.

The session is the one that `prometheus_api_client.PrometheusConnect` manages. Its own query methods
are not used: they drop the `warnings` of a partial answer.
"""

import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import quote, urlencode, urljoin, urlsplit

import requests
from prometheus_api_client import PrometheusConnect
from requests.exceptions import ChunkedEncodingError, ContentDecodingError, SSLError
from urllib3 import Retry
from urllib3.exceptions import HTTPError

from foresail.errors import AccessDenied, BadInput, NotFound, Unreachable
from foresail.history.answers import Answer, Cut, JsonHook, answer_in, refused
from foresail.history.credentials import (
    auth_for,
    checked_url,
    headers_for,
    trusted_by,
    what_to_check,
)
from foresail.history.deadline import DeadlineAdapter, TooLarge, read_body, timeout_of
from foresail.history.refusals import (
    Refusal,
    TooManySamples,
    looks_like_html,
    refusal_of,
    seconds_to_wait,
)
from foresail.history.retries import tell_retry
from foresail.history.throttle import Load, Throttle, Turn
from foresail.settings import Settings

__all__ = ["Answer", "Connection", "TooManySamples", "checked_url"]

ATTEMPTS = 4
MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""An answer that grows beyond this, unpacked, is refused; it is about two million numbers."""
MAX_QUERY_CHARACTERS = 4000
"""In an address; proxies on the way refuse a line of 8 kB, so a longer query goes in the body."""

_EVALUATED = {"/api/v1/query", "/api/v1/query_range"}
_SERVER_SHARE = 0.9
"""Of our deadline: the server gives up before we do, and says so instead of working for nobody."""
_MAX_HOPS = 3
_FAILURES = (requests.RequestException, HTTPError, TimeoutError)
_HEALING = (
    requests.ConnectionError,
    requests.Timeout,
    ChunkedEncodingError,
    ContentDecodingError,
    HTTPError,
    TimeoutError,
)


@dataclass(frozen=True, slots=True)
class _Reply:
    """One HTTP answer."""

    status: int
    kind: str
    body: bytearray
    retry_after: float | None


class _Busy(Exception):  # noqa: N818  # never leaves this module
    """A status that may heal."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"status {refusal.status}")
        self.refusal = refusal


class Connection:
    """Asks the HTTP API of one Prometheus; safe to use from many threads."""

    def __init__(
        self,
        url: str,
        *,
        settings: Settings,
        cluster: str = "",
        load: Load = "normal",
        throttle: Throttle | None = None,
    ) -> None:
        """Ask nothing yet.

        Args:
            url: The base address.
            settings: Credentials, headers and the deadline.
            cluster: Whose headers to send besides those for all.
            load: How much may be asked of the server.
            throttle: Instead of one for `load`: one with a clock of its own.

        Raises:
            UsageError: The address or a setting is wrong.
            AccessDenied: Requests are to be signed, and there are no AWS credentials.
        """
        self._url = checked_url(url)
        self._timeout = settings.foresail_prometheus_timeout_seconds
        self._throttle = throttle or Throttle(load)
        self._headers = headers_for(settings, cluster)
        self._auth = auth_for(settings, cluster)
        self._verify = trusted_by(settings)
        self._session = _session(self._url, timeout=self._timeout, connections=self._throttle.most)

    @property
    def url(self) -> str:
        """The base address; it holds no credentials."""
        return self._url

    @property
    def throttle(self) -> Throttle:
        """What all requests of this connection share."""
        return self._throttle

    def close(self) -> None:
        """Let go of the sockets."""
        self._session.close()

    def get(
        self,
        path: str,
        params: Mapping[str, str],
        *,
        what: str,
        alike: Hashable = None,
        hook: JsonHook | None = None,
    ) -> Answer:
        """Ask one thing and return the answer.

        Args:
            path: Below the base address, such as `/api/v1/query_range`.
            params: Of the query.
            what: What is asked for, as messages name it: a preset.
            alike: Requests for the same `what` with an equal one cost the server about the same.
            hook: Called with each JSON object of the answer; what it returns takes its place.

        Raises:
            Unreachable: No answer in time, or an overloaded server, after all attempts.
            AccessDenied: 401, 403, or a redirect to another host.
            NotFound: There is no such API.
            TooManySamples: The server wants a smaller query.
            BadInput: The query is wrong, or the answer is no JSON of the query API.
        """
        if path in _EVALUATED:
            params = {**params, "timeout": f"{_SERVER_SHARE * self._timeout:g}"}
        attempt = 1
        while True:
            try:
                reply = self._reply(path, params, what=what, alike=alike, again=attempt > 1)
                return self._parse(reply, what=what, hook=hook)
            except (*_FAILURES, _Busy, Cut) as error:
                if attempt == ATTEMPTS or not _may_heal(error):
                    raise self._in_words(error, what=what, attempts=attempt) from error
            attempt += 1
            tell_retry(what, attempt=attempt, wait_seconds=self._throttle.rest_seconds)

    def count(self, text: str, *, at: int, what: str) -> int:
        """Return how many series a PromQL text finds.

        Args:
            text: PromQL.
            at: Unix time.
            what: As for `get`.

        Raises:
            ForesailError: As `get`.
        """
        return sum(self._counted("count", text, at=at, what=what).values())

    def counts(self, text: str, *, by: str, at: int, what: str) -> dict[str, int]:
        """Return how many series a PromQL text finds for each value of a label.

        Args:
            text: PromQL.
            by: The label; series without it count under the empty value.
            at: Unix time.
            what: As for `get`.

        Raises:
            ForesailError: As `get`.
        """
        return self._counted(f"count by ({by})", text, at=at, what=what, by=by)

    def _counted(self, form: str, text: str, *, at: int, what: str, by: str = "") -> dict[str, int]:
        # on lines of their own, so that a comment at the end of the text closes no bracket
        params = {"query": f"{form} (\n{text}\n)", "time": str(at)}
        data = self.get("/api/v1/query", params, what=what, alike="count").data
        try:
            return {
                str(series["metric"].get(by, "")): int(float(series["value"][1]))
                for series in data["result"]
            }
        except (TypeError, KeyError, IndexError, ValueError, AttributeError) as error:
            raise BadInput(f"expected a count for {what}, got another answer") from error

    def _reply(
        self, path: str, params: Mapping[str, str], *, what: str, alike: Hashable, again: bool
    ) -> _Reply:
        with self._throttle.turn((path, what, alike), again=again) as turn:
            try:
                reply = self._once(path, params, turn, what=what)
            except _FAILURES as error:
                if _may_heal(error):
                    turn.had_enough()
                raise
            if reply.status == requests.codes.ok:
                turn.went_well()
                return reply
            refusal = refusal_of(reply.status, reply.body)
            if refusal.enough:
                turn.had_enough(reply.retry_after)
        if refusal.meaning == "busy":
            raise _Busy(refusal)
        return reply

    def _once(self, path: str, params: Mapping[str, str], turn: Turn, *, what: str) -> _Reply:
        deadline = time.monotonic() + self._timeout
        # %20 and not +, which signatures do not take for a space
        query = urlencode(params, quote_via=quote)
        form = query if len(query) > MAX_QUERY_CHARACTERS else None
        address = f"{self._url}{path}" + ("" if form or not query else f"?{query}")
        for _ in range(_MAX_HOPS):
            with self._send(address, form, seconds=deadline - time.monotonic()) as response:
                turn.answered()
                if not response.is_redirect:
                    return _whole(response, what=what)
                # a redirect's address holds the query by itself; a body is sent again
                address = self._same_host(address, response.headers["Location"])
        raise NotFound(f"Prometheus at {self._url} redirects without end; correct the address")

    def _send(self, address: str, form: str | None, *, seconds: float) -> requests.Response:
        # uncompressed: packing its answers costs Prometheus two and a half times the queries' work
        headers = {**self._headers, "Accept": "application/json", "Accept-Encoding": "identity"}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        return self._session.request(
            "GET" if form is None else "POST",
            address,
            data=form,
            headers=headers,
            auth=self._auth,
            verify=self._verify,
            timeout=timeout_of(seconds),
            allow_redirects=False,
            stream=True,
        )

    def _same_host(self, address: str, location: str) -> str:
        target = urljoin(address, location)
        if _origin(target) != _origin(self._url):
            raise AccessDenied(
                f"Prometheus at {self._url} redirects to another host ({_origin(target)}); "
                "it may want a login: set FORESAIL_PROMETHEUS_TOKEN, or give its own address"
            )
        return target

    def _in_words(self, error: Exception, *, what: str, attempts: int) -> Exception:
        if isinstance(error, SSLError):
            return Unreachable(
                f"the TLS certificate of Prometheus at {self._url} is not trusted; set "
                "FORESAIL_PROMETHEUS_CA_FILE to its certificate authority"
            )
        if isinstance(error, (requests.Timeout, TimeoutError)):
            return Unreachable(
                f"Prometheus at {self._url} did not answer {what} within {self._timeout:g} s "
                f"({attempts} attempts); raise FORESAIL_PROMETHEUS_TIMEOUT_SECONDS or ask for less"
            )
        if isinstance(error, _Busy):
            reason = f" ({error.refusal.detail})" if error.refusal.detail else ""
            return Unreachable(
                f"Prometheus at {self._url} answered {error.refusal.status} to {what} "
                f"{attempts} times{reason}; try again later"
            )
        if isinstance(error, Cut):
            return BadInput(
                f"the answer to {what} from {self._url} is no whole JSON ({error}, {attempts} "
                "attempts); look for a proxy that cuts answers"
            )
        return Unreachable(
            f"Prometheus at {self._url} is not reachable (asked for {what}); check the address "
            "and that it is up"
        )

    def _parse(self, reply: _Reply, *, what: str, hook: JsonHook | None) -> Answer:
        status, body = reply.status, reply.body
        if status in {requests.codes.unauthorized, requests.codes.forbidden}:
            raise AccessDenied(
                f"Prometheus at {self._url} refused the credentials for {what} ({status}); check "
                f"{what_to_check(self._auth)}, and the tenant's header"
            )
        refusal = None if status == requests.codes.ok else refusal_of(status, body)
        if refusal and refusal.meaning != "other":
            raise refused(refusal, what=what)
        if "html" in reply.kind or looks_like_html(body):
            raise BadInput(
                f"expected JSON for {what}, got an HTML page from {self._url} ({status}); it may "
                "be a login page or the address of something else than Prometheus"
            )
        if status == requests.codes.not_found:
            raise NotFound(f"there is no Prometheus API below {self._url} (404); correct the URL")
        if refusal:
            raise refused(refusal, what=what)
        return answer_in(body, what=what, hook=hook)


def _session(url: str, *, timeout: float, connections: int) -> requests.Session:
    session = requests.Session()
    # threads share the session; what one answer sets would reach the next request, or not
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    PrometheusConnect(url=url, session=session, retry=Retry(total=0, read=False), timeout=timeout)
    for prefix in (url, "http://", "https://"):
        session.mount(prefix, DeadlineAdapter(connections=connections))
    return session


def _may_heal(error: Exception) -> bool:
    return isinstance(error, (*_HEALING, _Busy, Cut)) and not isinstance(error, SSLError)


def _whole(response: requests.Response, *, what: str) -> _Reply:
    try:
        body = read_body(response, most=MAX_ANSWER_BYTES)
    except TooLarge as error:
        raise TooManySamples(
            f"the answer to {what} is larger than {MAX_ANSWER_BYTES >> 20} MiB; stage fewer "
            "scopes, or aggregate more in its PromQL text"
        ) from error
    return _Reply(
        response.status_code,
        response.headers.get("Content-Type", ""),
        body,
        seconds_to_wait(response.headers.get("Retry-After"), now=time.time()),
    )


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
