"""`/v1/next_day`, `/v1/next_week`, `/v1/next_month`, their extensions and their short names."""

from typing import Annotated, Any

from anyio import CapacityLimiter
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from foresail_serving.answers.moment import Moment
from foresail_serving.answers.queries import ForecastQuery
from foresail_serving.answers.schemas import ForecastAnswer
from foresail_serving.clock import hour_of
from foresail_serving.formats.negotiation import MEDIA_TYPES, preferred
from foresail_serving.front.conditional import reply
from foresail_serving.front.pages import ForecastPage, ForecastPages
from foresail_serving.routes.dependencies import ONCE, StateOf
from foresail_serving.routes.examples import FORECAST_CSV, forecast_example
from foresail_serving.routes.openapi import ok_docs, problem_docs

_PROBLEMS = (
    "ambiguous-series",
    "unknown-metric",
    "unknown-series",
    "unknown-horizon",
    "no-challenger",
    "not-acceptable",
    "no-forecast",
    "forecast-not-begun",
    "forecast-expired",
)


def forecast_router(files: CapacityLimiter) -> APIRouter:
    """Return the forecast routes, as the documentation tells of them.

    What is asked as it should be is answered before it comes here, by the same pages.
    """
    router = APIRouter(tags=["forecasts"], dependencies=[ONCE])
    for page in ForecastPages(files).all:
        _add(router, page)
    return router


def _add(router: APIRouter, page: ForecastPage) -> None:
    async def endpoint(
        request: Request, state: StateOf, query: Annotated[ForecastQuery, Query()]
    ) -> Response:
        moment = Moment(state.store.current, hour_of(state.clock()), state.settings)
        form = preferred(request.headers.get("accept", ""))
        rendered = await page.render(query, form=form, moment=moment)
        return reply(rendered.body, media_type=rendered.media_type, headers=dict(rendered.headers))

    words = page.horizon.name.replace("_", " ")
    form = page.extension
    camel = "".join(part.capitalize() for part in page.horizon.name.split("_"))
    as_file = f" as {form.upper()}" if form in {"csv", "xlsx"} else ""
    router.add_api_route(
        page.route,
        endpoint,
        name=page.route.removeprefix("/v1/"),
        operation_id=f"get{camel}{(form or '').capitalize()}",
        summary=f"Forecast of the {words}, by hour, day or week{as_file}",
        description=f"{page.horizon.hours} hours from the present UTC hour on, or as many days "
        "from tomorrow on.",
        response_model=ForecastAnswer if form in {None, "json"} else None,
        response_class=JSONResponse if form in {None, "json"} else Response,
        responses={200: _ok(page), **problem_docs(*_PROBLEMS)},
    )
    router.add_api_route(
        page.route.removeprefix("/v1"), endpoint, name=words, include_in_schema=False
    )


def _ok(page: ForecastPage) -> dict[str, Any]:
    form = page.extension
    return ok_docs(
        csv=FORECAST_CSV if form in {None, "csv"} else None,
        json_example=forecast_example(page.horizon) if form in {None, "json"} else None,
        binary=MEDIA_TYPES["xlsx"] if form in {None, "xlsx"} else None,
    )
