"""`/v1/next_day`, `/v1/next_week`, `/v1/next_month`, their extensions and their short names."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from foresail.horizons import HORIZONS, Horizon
from foresail_serving.answer import forecast
from foresail_serving.clock import hour_of
from foresail_serving.examples import FORECAST_CSV, forecast_example
from foresail_serving.formats import (
    CSV_TYPE,
    forecast_csv,
    forecast_headers,
    negotiate,
    reply,
    reply_json,
)
from foresail_serving.queries import ForecastQuery
from foresail_serving.routes.openapi import ok_docs, problem_docs
from foresail_serving.schemas import ForecastAnswer
from foresail_serving.selection import select
from foresail_serving.state import ONCE, State, StateOf

_PROBLEMS = (
    "ambiguous-series",
    "unknown-metric",
    "unknown-series",
    "unknown-horizon",
    "not-acceptable",
    "no-forecast",
    "forecast-not-begun",
    "forecast-expired",
)


def forecast_router() -> APIRouter:
    """Return the forecast routes."""
    router = APIRouter(tags=["forecasts"], dependencies=[ONCE])
    for horizon in HORIZONS:
        _add(router, horizon)
    return router


def _add(router: APIRouter, horizon: Horizon) -> None:
    async def endpoint(
        request: Request, state: StateOf, query: Annotated[ForecastQuery, Query()]
    ) -> Response:
        return _respond(request, state, query, horizon)

    camel = "".join(part.capitalize() for part in horizon.name.split("_"))
    words = horizon.name.replace("_", " ")
    for extension in ("", ".json", ".csv"):
        csv = None if extension == ".json" else FORECAST_CSV
        example = None if extension == ".csv" else forecast_example(horizon)
        router.add_api_route(
            f"/v1/{horizon.name}{extension}",
            endpoint,
            name=f"{horizon.name}{extension}",
            operation_id=f"get{camel}{extension.removeprefix('.').capitalize()}",
            summary=f"Forecast of the {words}, hour by hour{' as CSV' if example is None else ''}",
            description=f"{horizon.hours} hours from the present UTC hour on.",
            response_model=None if example is None else ForecastAnswer,
            response_class=Response if example is None else _JsonAnswer,
            responses={200: ok_docs(csv=csv, json_example=example), **problem_docs(*_PROBLEMS)},
        )
        router.add_api_route(
            f"/{horizon.name}{extension}", endpoint, name=horizon.name, include_in_schema=False
        )


class _JsonAnswer(Response):
    media_type = "application/json"


def _respond(request: Request, state: State, query: ForecastQuery, horizon: Horizon) -> Response:
    chosen = negotiate(request)
    snapshot = state.store.current  # one read: the whole answer comes from this one
    hour = hour_of(state.clock())
    found = select(snapshot, query, expected=state.settings.models)
    answer = forecast(found, horizon=horizon, hour=hour, settings=state.settings)
    headers = forecast_headers(answer)
    if chosen == "json":
        return reply_json(request, answer.body, headers=headers)
    name = f"{horizon.name}_{answer.body.metric}.csv"
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)
    headers["Content-Disposition"] = f'inline; filename="{plain}"'
    return reply(request, forecast_csv(answer), media_type=CSV_TYPE, headers=headers)
