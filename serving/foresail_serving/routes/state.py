"""`/livez`, `/readyz`, `/health`, `/metrics`: how the server itself is."""

import asyncio

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse

from foresail_serving.cache import read_sync_state
from foresail_serving.clock import hour_of
from foresail_serving.formats import JSON_TYPE
from foresail_serving.gauges import ForecastGauges
from foresail_serving.problems import ProblemError
from foresail_serving.report import health, metrics_page
from foresail_serving.routes.openapi import problem_docs
from foresail_serving.schemas import Alive, Health
from foresail_serving.state import ONCE, StateOf

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_NO_STORE = {"Cache-Control": "no-store"}
_UNHEALTHY = ("expired", "no-forecast")


def state_router() -> APIRouter:
    """Return the routes about the server itself."""
    router = APIRouter(tags=["server"], dependencies=[ONCE])
    gauges = ForecastGauges()

    @router.get(
        "/livez",
        operation_id="getLive",
        summary="Whether the process answers",
        response_model=Alive,
        responses=problem_docs(),
    )
    async def livez() -> Response:
        """Answer, always: restarting would not bring a forecast."""
        return Response(Alive(status="alive").model_dump_json(), media_type=JSON_TYPE)

    @router.get(
        "/readyz",
        operation_id="getReady",
        summary="Whether there is a forecast to answer from",
        response_model=Alive,
        responses=problem_docs("no-forecast"),
    )
    async def readyz(state: StateOf) -> Response:
        """Answer 200 from the first bundle on; how old it is stands in /health."""
        if not state.store.current.models:
            raise ProblemError(
                "no-forecast", "no forecast has arrived yet; /health says what sync sees"
            )
        return Response(
            Alive(status="ready").model_dump_json(), media_type=JSON_TYPE, headers=_NO_STORE
        )

    @router.get(
        "/health",
        operation_id="getHealth",
        summary="The true state: what is served, how fresh, what was refused",
        response_model=Health,
        responses={
            503: {"model": Health, "description": "Nothing can be answered"},
            **problem_docs(),
        },
    )
    async def get_health(state: StateOf) -> Response:
        """Answer 503 where no forecast can be served, and say why in the same body."""
        sync = await asyncio.to_thread(read_sync_state, state.settings.cache_dir)
        body = health(state, sync)
        status = 503 if body.status in _UNHEALTHY else 200
        return Response(
            body.model_dump_json(), status_code=status, media_type=JSON_TYPE, headers=_NO_STORE
        )

    @router.get(
        "/metrics",
        operation_id="getMetrics",
        summary="The server's metrics and the forecast as gauges, for Prometheus",
        response_class=PlainTextResponse,
        responses=problem_docs(),
    )
    async def get_metrics(state: StateOf) -> Response:
        """Write Prometheus' text format."""
        sync = await asyncio.to_thread(read_sync_state, state.settings.cache_dir)
        # once an hour this looks at every series: not where the requests are answered
        of_forecasts = await asyncio.to_thread(
            gauges.text, state.store.current, hour_of(state.clock())
        )
        return Response(metrics_page(state, sync) + of_forecasts, media_type=_METRICS_TYPE)

    @router.get("/", include_in_schema=False)
    async def index(request: Request) -> Response:
        """Lead people to the pages' documentation."""
        return RedirectResponse(request.url_for("swagger_ui_html").path, status_code=307)

    return router
