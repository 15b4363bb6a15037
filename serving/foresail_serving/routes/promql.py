"""`/prometheus/api/v1/`: Prometheus' query API over the forecasts, read-only."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from foresail_serving.answers.moment import Moment
from foresail_serving.clock import hour_of
from foresail_serving.front.conditional import WORK
from foresail_serving.problems import ProblemError
from foresail_serving.promql import api
from foresail_serving.promql.docs import parameters_docs, query_docs
from foresail_serving.promql.errors import STATUS, QueryError, bad_data
from foresail_serving.promql.parameters import parameters_of
from foresail_serving.promql.render import failure
from foresail_serving.promql.samples import Samples
from foresail_serving.promql.table import Tables
from foresail_serving.routes.dependencies import StateOf
from foresail_serving.routes.openapi import problem_docs
from foresail_serving.routes.outbox import Outbox, Outgoing
from foresail_serving.state import State

_BASE = "/prometheus"
PREFIX = f"{_BASE}/api/v1"
_BYTES_PER_WORK = 25_000
"""About 1,000 values."""
_AT_ONCE = 4
_WAITING_BYTES = 100_000_000
"""Of large answers that their clients have not read yet: four of a million values."""
_WAIT_MILLISECONDS = 120_000
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class _Page:
    path: str
    name: str
    summary: str
    question: api.Question
    parameters: Sequence[str]
    methods: Sequence[str] = ("GET",)


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the pages share: a table, places to compute, and room for answers on their way."""

    tables: Tables
    places: asyncio.Semaphore
    outbox: Outbox


_BOTH = ("GET", "POST")
_PAGES = (
    _Page("query", "Query", "The value at one time", api.query, ("query", "time", "limit"), _BOTH),
    _Page(
        "query_range",
        "QueryRange",
        "The values of a range of times",
        api.query_range,
        ("query", "start", "end", "step", "limit"),
        _BOTH,
    ),
    _Page("labels", "Labels", "Names of the labels", api.labels, ("match[]", "limit"), _BOTH),
    _Page("series", "Series", "Series by their labels", api.series, ("match[]", "limit"), _BOTH),
    _Page(
        "label/{name}/values",
        "LabelValues",
        "Values of one label",
        api.label_values,
        ("name", "match[]", "limit"),
    ),
    _Page(
        "metadata", "Metadata", "Type and help of the metrics", api.metadata, ("metric", "limit")
    ),
    _Page("status/buildinfo", "BuildInfo", "Which Prometheus this is like", api.build_info, ()),
)


def promql_router() -> APIRouter:
    """Return the routes that Prometheus' clients ask."""
    router = APIRouter(tags=["prometheus"])
    shared = _Shared(Tables(), asyncio.Semaphore(_AT_ONCE), Outbox(_WAITING_BYTES))
    for page in _PAGES:
        _add(router, page, shared)

    @router.get(f"{_BASE}/", include_in_schema=False)
    async def index() -> Response:
        """Answer clients that look whether somebody is there."""
        return RedirectResponse("/docs", status_code=307)

    @router.get(f"{PREFIX}/{{path:path}}", include_in_schema=False)
    @router.post(f"{PREFIX}/{{path:path}}", include_in_schema=False)
    async def other(path: str) -> Response:
        return _failed(
            QueryError("not_found", f"{path[:100]} is not among what forecasts answer; see /docs")
        )

    return router


def _add(router: APIRouter, page: _Page, shared: _Shared) -> None:
    async def endpoint(request: Request, state: StateOf) -> Response:
        samples = Samples(state.settings.query_max_samples)
        body = b""
        try:
            body = await _body(request, state, page.question, shared, samples)
        except QueryError as error:
            return _failed(error)
        except ProblemError as error:
            return _failed(bad_data(error.detail))
        finally:
            request.scope[WORK] = max(samples.work, len(body) / _BYTES_PER_WORK)
        return Outgoing(body, outbox=shared.outbox, refusal=_FULL, media_type=_JSON)

    for method in page.methods:
        router.add_api_route(
            f"{PREFIX}/{page.path}",
            endpoint,
            methods=[method],
            name=page.name,
            operation_id=f"{method.lower()}Prometheus{page.name}",
            summary=page.summary,
            response_class=Response,
            responses=query_docs(problem_docs()),
            openapi_extra=parameters_docs(page.parameters, form=method == "POST"),
        )


async def _body(
    request: Request,
    state: State,
    question: api.Question,
    shared: _Shared,
    samples: Samples,
) -> bytes:
    parameters = await parameters_of(request)
    now = state.clock()
    moment = Moment(state.store.current, hour_of(now), state.settings)
    label = request.path_params.get("name", "")
    asked = api.Asked(parameters, moment, now, shared.tables, samples, label)
    wait = parameters.span("timeout") if parameters.text("timeout") else _WAIT_MILLISECONDS
    try:
        async with asyncio.timeout(wait / 1000):
            await shared.places.acquire()
    except TimeoutError as error:
        raise QueryError("timeout", "query timed out in query queue") from error
    try:
        return await asyncio.to_thread(question, asked)
    finally:
        shared.places.release()


def _failed(error: QueryError) -> Response:
    status = STATUS[error.error_type]
    return Response(failure(error), status_code=status, media_type=_JSON)


_FULL = _failed(
    QueryError("timeout", "the answers before wait for clients that do not read them; try again")
)
