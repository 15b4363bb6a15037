"""The gate: who may ask for what, and how much of it, before anything else is done."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog
from starlette.responses import Response
from starlette.types import Message, Scope, Send

from foresail_serving.access.areas import PROBES, PUBLIC, area_of
from foresail_serving.access.clients import Clients
from foresail_serving.access.cors import Cors, Headers
from foresail_serving.access.hosts import HostRule, is_loopback
from foresail_serving.access.limits import Buckets
from foresail_serving.access.token_file import TokenFile
from foresail_serving.access.tokens import SCOPES, Token
from foresail_serving.access.url_keys import UrlKeys
from foresail_serving.clock import Clock, utc_now
from foresail_serving.problems import problem_response
from foresail_serving.settings import ServeSettings

_SCHEME = b"bearer "
_GUESSES = 20
_GUESSES_PER_SECOND = 1 / 3
_OF_KEY: Headers = ((b"referrer-policy", b"no-referrer"), (b"cache-control", b"private"))
"""A key stands in the URL of this answer: no link leads it elsewhere, no shared cache keeps it."""


@dataclass(slots=True)
class Admitted:
    """A request that may be answered.

    One is made for each request, and a frozen one would take three times as long to make.

    Attributes:
        client: The token's name, or the address; never the secret.
        query_string: Of the request, without a key.
        headers: What the answer carries beside its own.
    """

    client: str
    query_string: bytes
    headers: Headers = ()

    def sending(self, send: Send) -> Send:
        """Return a `send` that adds the headers to the answer."""
        return with_headers(send, self.headers) if self.headers else send


class Gate:
    """Lets requests in, or answers them with a problem.

    Args:
        settings: Who may ask.
        clock: The present, by which tokens expire.
        monotonic: Seconds that only grow, by which limits recover.
    """

    def __init__(
        self,
        settings: ServeSettings,
        *,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        path, rate = settings.tokens_file, settings.rate_limit
        self._tokens = TokenFile(path, clock=clock, monotonic=monotonic) if path else None
        self._open = frozenset((PUBLIC, *(settings.open_scopes if path else SCOPES)))
        self._keys = UrlKeys(allowed=settings.url_keys)
        self._clients = Clients(settings.trusted_proxies)
        self._hosts = HostRule.of(settings, listen_host=settings.listen_host)
        self._cors = Cors(settings.cors_origins) if settings.cors_origins else None
        self._work = (
            Buckets(rate=rate, burst=settings.rate_burst, monotonic=monotonic) if rate else None
        )
        self._guesses = Buckets(rate=_GUESSES_PER_SECOND, burst=_GUESSES, monotonic=monotonic)

    @staticmethod
    def of(settings: ServeSettings, *, clock: Clock = utc_now) -> "Gate | None":
        """Return the gate; None where nothing is to be checked."""
        host = settings.listen_host
        if settings.tokens_file is None and not is_loopback(host):
            structlog.get_logger("foresail.access").warning(
                "anyone who reaches this address can read every forecast; "
                "name a file of tokens in FORESAIL_TOKENS_FILE",
                listen_host=host,
            )
        given = (
            settings.tokens_file,
            settings.rate_limit,
            settings.trusted_proxies,
            settings.cors_origins,
            HostRule.of(settings, listen_host=host),
        )
        return Gate(settings, clock=clock) if any(given) else None

    @property
    def by_host(self) -> Callable[[bytes], bool] | None:
        """Return what judges a request by its `Host` alone; None where more must be looked at."""
        # by None, not by truth: buckets of which nobody has taken yet are as good as empty
        others = (self._tokens, self._work, self._cors)
        if self._hosts is None or any(other is not None for other in others):
            return None
        return self._hosts.allows

    @property
    def tokens(self) -> int | None:
        """Return how many tokens are valid; None where none is needed."""
        return self._tokens.valid if self._tokens is not None else None

    def refresh(self) -> None:
        """Look at the tokens file; called every second or so, from any thread."""
        if self._tokens is not None:
            self._tokens.refresh()

    def client(self, scope: Scope) -> str:
        """Return the address that a request comes from, also of one that was refused."""
        return self._clients.of(scope)

    def admit(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Admitted | Response:
        """Return what the request may do, or its refusal.

        Args:
            scope: Of ASGI; a request over HTTP.
            headers: Its headers by name in lower case.
        """
        area = area_of(scope["path"])
        client = self._clients.of(scope)
        if area is PROBES:  # a restart would help nobody who is refused
            return Admitted(client, self._keys.split(scope["query_string"])[0])
        if self._cors is None:
            return self._judge(scope, headers, area, client)
        shared = self._cors.headers(headers.get(b"origin"))
        answer = self._cors.preflight(scope["method"], headers) or self._judge(
            scope, headers, area, client
        )
        if isinstance(answer, Admitted):
            answer.headers = (*answer.headers, *shared)
            return answer
        answer.raw_headers.extend(shared)
        return answer

    def charge(self, client: str, work: float) -> None:
        """Count the work of an answer: 1, and 1 for every 1,000 rows that were computed for it.

        The first unit was taken when the request was admitted, so that requests in flight count.
        """
        if self._work is not None and work > 1:
            self._work.spend(client, work - 1)

    def _judge(
        self, scope: Scope, headers: Mapping[bytes, bytes], area: str, client: str
    ) -> Admitted | Response:
        if self._hosts is not None and not self._hosts.allows(headers.get(b"host", b"")):
            return _wrong_host()
        query, key = self._keys.split(scope["query_string"])
        if key is not None and (why := self._keys.trouble(scope)):
            return problem_response("url-key-refused", why)
        if area not in self._open:
            token = self._token(headers, key, client=client, area=area)
            if isinstance(token, Response):
                return token
            client = token.name
        if self._work is not None and (seconds := self._work.take(client)):
            return _too_many(seconds, "this client has asked for more than its share of work")
        return Admitted(client, query, _OF_KEY if key is not None else ())

    def _token(
        self, headers: Mapping[bytes, bytes], key: bytes | None, *, client: str, area: str
    ) -> Token | Response:
        """Return the token of a request, or the refusal."""
        tokens = self._tokens
        if tokens is None or tokens.closed:
            return problem_response(
                "access-closed",
                "the file of tokens cannot be used, so nobody is let in; the server's log says why",
            )
        header = headers.get(b"authorization", b"")
        # a proxy may have put a user and password of its own into the header
        sent = header[: len(_SCHEME)].lower() == _SCHEME
        by_key = key is not None and not sent
        token = tokens.of_text(key or b"") if by_key else tokens.of_header(header)
        if token is None:
            return self._unknown(client, guessed=sent or by_key)
        if by_key and not token.url:
            return problem_response("url-key-refused", "this token may not stand in a URL")
        if area not in token.scopes:
            return problem_response("forbidden", f"this token does not open {area}")
        return token

    def _unknown(self, client: str, *, guessed: bool) -> Response:
        """Refuse. Only wrong tokens are counted, so a right one is heard from any address."""
        if guessed and (seconds := self._guesses.take(client)):
            return _too_many(seconds, "too many wrong tokens from this address")
        if guessed and self._guesses.empty(client):
            structlog.get_logger("foresail.access").warning("many wrong tokens", client=client)
        response = problem_response(
            "unauthorized", "expected a valid token as `Authorization: Bearer fs_...`"
        )
        response.headers["WWW-Authenticate"] = "Bearer"
        return response


def _wrong_host() -> Response:
    return problem_response(
        "wrong-host",
        "this server is not known by the name in `Host`; add that to FORESAIL_ALLOWED_HOSTS, "
        "or ask by address",
    )


def _too_many(seconds: int, why: str) -> Response:
    response = problem_response("too-many-requests", f"{why}; try again in {seconds} s")
    response.headers["Retry-After"] = str(seconds)
    return response


def with_headers(send: Send, headers: Headers) -> Send:
    """Return a `send` that adds headers to the start of the answer."""

    async def adding(message: Message) -> None:
        if message["type"] == "http.response.start":
            # a new one: the message may be kept for others
            message = {**message, "headers": [*message["headers"], *headers]}
        await send(message)

    return adding
