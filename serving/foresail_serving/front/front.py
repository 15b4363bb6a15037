"""What every request meets first: the gate, the kept answers, the forecast pages; then FastAPI.

FastAPI takes longer over a ready answer than a bare server takes over the whole request, so the
answers that are asked again and again never reach it, and nor does a forecast that is asked for
the first time.
"""

import asyncio
import gzip
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from time import perf_counter
from typing import Any, Protocol

import structlog
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from foresail_serving.access.gate import Gate
from foresail_serving.access.log import AccessLog
from foresail_serving.answers.moment import Moment
from foresail_serving.formats.negotiation import Format, accepts_gzip, preferred
from foresail_serving.formats.rendered import Rendered
from foresail_serving.front.conditional import IS_HEAD, WORK, etag, holds
from foresail_serving.front.direct import NOT_MODIFIED, OK, Direct
from foresail_serving.front.kept import Epoch, Kept, Key
from foresail_serving.front.lifespan import Lifespan
from foresail_serving.front.messages import Outcome, Recorder, joined
from foresail_serving.front.pages import ForecastPages
from foresail_serving.problems import problem_response
from foresail_serving.state import State

_READING = ("GET", "HEAD")
_PROBES = frozenset(("/livez", "/readyz", "/health", "/metrics"))
"""Asked of the process itself: their answers are of this second."""
_LEAST_COMPRESSED = 1000
"""Bytes; a smaller body hardly shrinks, and fits into one packet."""
_INLINE_BYTES = 20_000
"""A larger body is compressed in a thread: it takes longer than other requests should wait."""
_LEVEL = 6
_WANTS = 1024
_REMEMBERED = 256
"""Bytes of what a client accepts; browsers say half of it."""
_GZIP = 1
_ROWS_OF_WORK = 1000
_INLINE_HOURS = 168
"""A longer forecast is more than `_INLINE_BYTES`."""
_FORMS: tuple[Format | None, ...] = ("json", "csv", "xlsx", None)


_Made = Rendered | Response | None
_Question = tuple[Key, bytes]
"""What is asked, and the seed of its epoch."""


class _Tag(Protocol):
    """Makes the tag of an answer."""

    def __call__(self, key: Key, /, *, compressed: bool) -> str: ...


class Front:
    """The server as an ASGI app.

    Args:
        app: FastAPI, for everything that is neither kept nor a forecast.
        lifespan: What is done beside the requests.
        state: What the routes share.
        pages: The forecast pages.
        gate: Who may ask; None where everybody may.
        access_log: Where requests are logged; None for nowhere.
    """

    def __init__(
        self,
        app: ASGIApp,
        state: State,
        *,
        lifespan: Lifespan,
        pages: ForecastPages,
        gate: Gate | None,
        access_log: AccessLog | None,
    ) -> None:
        self._app = app
        self._lifespan = lifespan
        self._state = state
        self._cache = state.answers
        self._pages = pages
        self._gate = gate
        self._access_log = access_log
        self._by_host = gate.by_host if gate is not None else None
        self._is_open = gate is None or self._by_host is not None
        self._requests = state.requests
        self._wants: dict[tuple[bytes, bytes], int] = {}
        self._making: dict[_Question, asyncio.Future[_Made]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._lifespan(receive, send)
            return
        begun = perf_counter()
        await self._answer(scope, _headers(scope), receive, send, begun=begun)

    def direct(self, scope: Scope) -> Direct | None:
        """Return an answer that nothing has to be waited for; None where there is none.

        Most requests end here: what is kept, and a forecast as JSON. The connection writes it
        without a task, or a message, for the request.
        """
        if not self._is_open or scope["method"] not in _READING:
            return None
        begun = perf_counter()
        headers = _headers(scope)
        if self._by_host is not None and not self._by_host(headers.get(b"host", b"")):
            return None
        try:
            epoch = self._epoch()
            key = self._key(scope, headers)
            kept, cache = self._cache.get(key), "hit"
            if kept is None:
                kept, cache = self._quick(scope, key, epoch), "miss"
        except Exception:  # noqa: BLE001  # happens again as an ordinary request, where it is told
            return None
        if kept is None:
            return None
        held = headers.get(b"if-none-match")
        if held is not None and (held == kept.tag or _holds(held, kept)):
            status, answer = 304, Direct(NOT_MODIFIED, kept.unchanged_head, b"")
        else:
            status, answer = 200, Direct(OK, kept.head, kept.body["body"])
        seconds = perf_counter() - begun
        self._requests.note(kept.route, status, seconds)
        if self._access_log is not None:
            self._access_log.write(
                client=self._client(scope),
                method=scope["method"],
                path=scope["path"],
                route=kept.route,
                status=status,
                bytes=len(answer.body),
                seconds=seconds,
                cache=cache,
            )
        return answer

    def _quick(self, scope: Scope, key: Key, epoch: Epoch) -> Kept | None:
        """Return a new forecast as JSON, where that takes less than a millisecond."""
        page = self._pages.find(scope["path"])
        if page is None or (page.extension or _FORMS[key[2] >> 1]) != "json":
            return None
        if key[2] & _GZIP and page.horizon.hours > _INLINE_HOURS:
            return None
        moment = Moment(epoch.snapshot, epoch.begin, self._state.settings)
        made = page.json(scope["query_string"], moment=moment)
        if made is None:
            return None
        self._cache.misses += 1
        compressed = bool(key[2] & _GZIP) and len(made.body) >= _LEAST_COMPRESSED
        body = gzip.compress(made.body, _LEVEL, mtime=0) if compressed else made.body
        tag = epoch.tag(key, compressed=compressed)
        kept = _kept(made, body, page.route, tag=tag, compressed=compressed)
        self._cache.put(key, kept, epoch=epoch)
        return kept

    async def _answer(
        self,
        scope: Scope,
        headers: Mapping[bytes, bytes],
        receive: Receive,
        send: Send,
        *,
        begun: float,
    ) -> None:
        outcome = Outcome()
        client = ""
        try:
            if self._gate is not None:
                admitted = self._gate.admit(scope, headers)
                if isinstance(admitted, Response):
                    await self._refuse(admitted, scope, receive, send, outcome)
                    return
                client = admitted.client
                send = admitted.sending(send)
                if admitted.query_string != scope["query_string"]:
                    scope = {**scope, "query_string": admitted.query_string}
            if scope["method"] in _READING:
                await self._read(scope, headers, receive, send, outcome)
            else:
                await self._app(scope, receive, Recorder(send, scope, outcome))
                outcome.work += scope.get(WORK, 0)
        except Exception as error:
            if outcome.status:
                raise  # the answer has begun, and so it ends; whoever runs us logs why
            outcome.status = 500
            structlog.get_logger("foresail.http").error(
                "request failed", path=scope["path"], error=type(error).__name__, exc_info=True
            )
            what = "the server failed on this request; its log says why"
            await problem_response("internal", what)(scope, receive, send)
        finally:
            seconds = perf_counter() - begun
            self._requests.note(outcome.route, outcome.status, seconds)
            if self._gate is not None and client:
                self._gate.charge(client, outcome.work)
            if self._access_log is not None:
                self._access_log.write(
                    client=client or self._client(scope),
                    method=scope["method"],
                    path=scope["path"],
                    route=outcome.route,
                    status=outcome.status,
                    bytes=outcome.sent,
                    seconds=seconds,
                    cache=outcome.cache,
                )

    def _client(self, scope: Scope) -> str:
        if self._gate is not None:
            return self._gate.client(scope)
        peer = scope.get("client")
        return str(peer[0]) if peer else ""

    async def _refuse(
        self, response: Response, scope: Scope, receive: Receive, send: Send, outcome: Outcome
    ) -> None:
        outcome.status, outcome.sent, outcome.cache = response.status_code, len(response.body), ""
        await response(scope, receive, send)

    async def _read(
        self,
        scope: Scope,
        headers: Mapping[bytes, bytes],
        receive: Receive,
        send: Send,
        outcome: Outcome,
    ) -> None:
        if scope["path"] in _PROBES:
            await self._pass(scope, receive, send, outcome)
            return
        epoch = self._epoch()
        key = self._key(scope, headers)
        kept = self._cache.get(key)
        outcome.cache = "hit"
        if kept is None:
            outcome.cache = "miss"
            kept = await self._make(scope, key, epoch, receive, send, outcome)
            if kept is None:
                return
        outcome.route = kept.route
        held = headers.get(b"if-none-match")
        if held is not None and _holds(held, kept):
            outcome.status = 304
            await send(kept.unchanged)
            await send(_NO_BODY)
            return
        outcome.status = 200
        outcome.sent = len(kept.body["body"])
        await send(kept.start)
        await send(kept.body)

    def _epoch(self) -> Epoch:
        """Return the present epoch; kept answers of another one go."""
        snapshot, now = self._state.store.current, self._state.clock()
        epoch = self._cache.epoch
        if epoch.snapshot is snapshot and epoch.begin <= now < epoch.end:
            return epoch
        epoch = Epoch.of(snapshot, now, self._state.settings)
        self._cache.turn(epoch)
        return epoch

    def _key(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Key:
        """Return what a request asks for and, in one number, what it accepts."""
        said = (headers.get(b"accept", b""), headers.get(b"accept-encoding", b""))
        want = self._wants.get(said)
        if want is None:
            form = preferred(said[0].decode("latin-1"))
            want = _FORMS.index(form) << 1 | accepts_gzip(said[1].decode("latin-1"))
            if len(said[0]) + len(said[1]) <= _REMEMBERED:
                if len(self._wants) >= _WANTS:
                    self._wants.clear()
                self._wants[said] = want
        return scope["raw_path"], scope["query_string"], want

    async def _make(
        self,
        scope: Scope,
        key: Key,
        epoch: Epoch,
        receive: Receive,
        send: Send,
        outcome: Outcome,
    ) -> Kept | None:
        """Return a new answer that can be kept; None where another one has been sent."""
        page = self._pages.find(scope["path"])
        if page is not None:
            moment = Moment(epoch.snapshot, epoch.begin, self._state.settings)
            form = _FORMS[key[2] >> 1]
            made = await self._once(
                (key, epoch.seed),
                lambda: page.answer(scope["query_string"], form=form, moment=moment),
            )
            outcome.route = page.route
            if isinstance(made, Response):
                await self._refuse(made, scope, receive, send, outcome)
                return None
            if made is not None:
                outcome.work += made.rows / _ROWS_OF_WORK
                return await self._keep(made, page.route, key, epoch, tag=epoch.tag)
        rendered = await self._pass(scope, receive, send, outcome)
        if rendered is None:
            return None
        tag = partial(_tag_of_bytes, rendered.body)
        return await self._keep(rendered, outcome.route, key, epoch, tag=tag)

    async def _once(
        self, question: _Question, answer: Callable[[], Coroutine[Any, Any, _Made]]
    ) -> _Made:
        """Return what all who ask this at the same time are waiting for; made once."""
        making = self._making.get(question)
        if making is None:
            making = self._making[question] = asyncio.ensure_future(answer())
            making.add_done_callback(lambda _: self._making.pop(question, None))
        # who leaves does not stop what the others wait for
        return await asyncio.shield(making)

    async def _pass(
        self, scope: Scope, receive: Receive, send: Send, outcome: Outcome
    ) -> Rendered | None:
        """Let FastAPI answer; return what it says can be kept, and has not been sent."""
        # the server below drops the body of an answer to HEAD
        asked = {**scope, "method": "GET", IS_HEAD: scope["method"] == "HEAD"}
        recorder = Recorder(send, asked, outcome)
        await self._app(asked, receive, recorder)
        outcome.work += asked.get(WORK, 0)
        return recorder.rendered

    async def _keep(
        self, rendered: Rendered, route: str, key: Key, epoch: Epoch, *, tag: _Tag
    ) -> Kept:
        self._cache.misses += 1
        compressed = bool(key[2] & _GZIP) and len(rendered.body) >= _LEAST_COMPRESSED
        body = await _compressed(rendered.body) if compressed else rendered.body
        told = tag(key, compressed=compressed)
        kept = _kept(rendered, body, route, tag=told, compressed=compressed)
        self._cache.put(key, kept, epoch=epoch)
        return kept


def _tag_of_bytes(body: bytes, _key: Key, *, compressed: bool) -> str:
    return etag(body, compressed=compressed)


def _kept(rendered: Rendered, body: bytes, route: str, *, tag: str, compressed: bool) -> Kept:
    told = tag.encode()
    own = {name.lower().encode(): value.encode() for name, value in rendered.headers}
    own.setdefault(b"cache-control", b"no-cache")
    shape = [(b"content-type", rendered.media_type.encode())]
    if compressed:
        shape.append((b"content-encoding", b"gzip"))
    return Kept.of(
        # a copy: what orjson returns holds on to several times its length
        bytes(memoryview(body)),
        tag=told,
        route=route,
        about=[(b"etag", told), (b"vary", b"Accept, Accept-Encoding"), *own.items()],
        shape=shape,
    )


def _headers(scope: Scope) -> dict[bytes, bytes]:
    lines: list[tuple[bytes, bytes]] = scope["headers"]
    headers = dict(lines)
    return headers if len(headers) == len(lines) else joined(lines)


def _holds(held: bytes, kept: Kept) -> bool:
    return holds(held.decode("latin-1"), kept.tag.decode())


async def _compressed(body: bytes) -> bytes:
    if len(body) > _INLINE_BYTES:
        return await asyncio.to_thread(gzip.compress, body, _LEVEL, mtime=0)
    return gzip.compress(body, _LEVEL, mtime=0)


_NO_BODY: Message = {"type": "http.response.body", "body": b""}
