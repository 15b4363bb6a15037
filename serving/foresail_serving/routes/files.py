"""`/v1/forecasts` and its extensions: many series in one file."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from foresail import __version__
from foresail.bundle.schema import FORECAST, INDEX
from foresail_serving.answers.moment import Moment
from foresail_serving.answers.queries import ManyQuery
from foresail_serving.clock import hour_of
from foresail_serving.formats.many import headers_of, prepare
from foresail_serving.formats.many_files import ForecastRows, compressed, pieces
from foresail_serving.formats.negotiation import (
    MEDIA_TYPES,
    Format,
    accepts_gzip,
    of_extension,
    preferred,
)
from foresail_serving.front.conditional import IS_HEAD, WORK, holds
from foresail_serving.problems import ProblemError
from foresail_serving.routes.dependencies import ONCE, StateOf
from foresail_serving.routes.files_examples import FORECASTS_CSV, forecasts_example
from foresail_serving.routes.openapi import ok_docs, problem_docs

_PROBLEMS = (
    "too-many-rows",
    "unknown-metric",
    "unknown-series",
    "unknown-horizon",
    "no-challenger",
    "not-acceptable",
    "no-forecast",
    "forecast-not-begun",
    "forecast-expired",
)
_EXTENSIONS: tuple[Format | None, ...] = (None, "json", "csv", "xlsx")
_FILES = (FORECAST, INDEX)


def files_router(one_at_a_time: CapacityLimiter) -> APIRouter:
    """Return the routes of files of many series.

    Args:
        one_at_a_time: Makes a piece of one file, so that short questions are answered in between.
    """
    router = APIRouter(tags=["forecasts"], dependencies=[ONCE])

    async def endpoint(
        request: Request, state: StateOf, query: Annotated[ManyQuery, Query()]
    ) -> Response:
        form = of_extension(request.url.path) or preferred(request.headers.get("accept", ""))
        if form is None:
            raise ProblemError(
                "not-acceptable", f"expected Accept with one of {', '.join(MEDIA_TYPES.values())}"
            )
        moment = Moment(state.store.current, hour_of(state.clock()), state.settings)
        packed = form != "xlsx" and accepts_gzip(request.headers.get("accept-encoding", ""))
        tag = _tag(query, moment, form, packed=packed)
        headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept, Accept-Encoding"}
        known = request.headers.get("if-none-match", "").strip()
        if known != "*" and holds(known, tag):
            return Response(status_code=304, headers=headers)
        most = moment.settings.max_sheet_rows if form == "xlsx" else moment.settings.max_rows
        many = await to_thread.run_sync(
            lambda: prepare(query, moment, most=most), limiter=one_at_a_time
        )
        if known == "*":  # any file, if only there is one
            return Response(status_code=304, headers=headers)
        body: Iterator[bytes] = iter(())
        if not request.scope.get(IS_HEAD):  # an office sends several before it opens a file
            body = pieces(many, form)
            request.scope[WORK] = many.rows / 1000
        if packed:
            body = compressed(body)
            headers["Content-Encoding"] = "gzip"
        shown = "attachment" if form == "xlsx" else "inline"
        name = f"forecasts_{query.horizon}_{query.step}.{form}"
        headers["Content-Disposition"] = f'{shown}; filename="{name}"'
        return StreamingResponse(
            _in_threads(body, one_at_a_time),
            media_type=MEDIA_TYPES[form],
            headers={**headers, **headers_of(many)},
        )

    for form in _EXTENSIONS:
        _add(router, endpoint, form)
    return router


def _add(router: APIRouter, endpoint: Any, form: Format | None) -> None:  # noqa: ANN401  # a route of FastAPI's
    extension = f".{form}" if form else ""
    as_file = f" as {form.upper()}" if form in {"csv", "xlsx"} else ""
    router.add_api_route(
        f"/v1/forecasts{extension}",
        endpoint,
        name=f"forecasts{extension}",
        operation_id=f"getForecasts{(form or '').capitalize()}",
        summary=f"Forecasts of many series, a row per series and period{as_file}",
        description="Every filter narrows. Rows are ordered by series, metric and time. A series "
        "without a forecast keeps its rows, with empty numbers and the reason.",
        response_model=ForecastRows if form in {None, "json"} else None,
        response_class=JSONResponse if form in {None, "json"} else Response,
        responses={
            200: ok_docs(
                csv=FORECASTS_CSV if form in {None, "csv"} else None,
                json_example=forecasts_example() if form in {None, "json"} else None,
                binary=MEDIA_TYPES["xlsx"] if form in {None, "xlsx"} else None,
            ),
            **problem_docs(*_PROBLEMS),
        },
    )


def _tag(query: ManyQuery, moment: Moment, form: Format, *, packed: bool) -> str:
    """Return the strong tag of a file that is not made yet: of all that it will be made from."""
    models = moment.snapshot.of_alias(query.alias).models
    files = [
        (served.name, served.version, *(served.bundle.manifest.files[f].sha256 for f in _FILES))
        for served in models.values()
    ]
    settings = moment.settings
    told = (
        __version__,
        form,
        query.model_dump_json(),
        moment.hour.isoformat(),
        files,
        settings.planning(query.horizon),
        settings.full_threshold,
        settings.stale_after_hours,
    )
    digest = hashlib.blake2b(repr(told).encode(), digest_size=12).hexdigest()
    return f'"{digest}-gz"' if packed else f'"{digest}"'


async def _in_threads(body: Iterator[bytes], limiter: CapacityLimiter) -> AsyncIterator[bytes]:
    """Yield pieces that threads make; the last one is followed by nothing."""
    while (piece := await to_thread.run_sync(next, body, None, limiter=limiter)) is not None:
        yield piece
