"""`/livez`, `/readyz`, `/health`: how the server itself is."""

import asyncio

from fastapi import APIRouter, Response

from foresail_serving.answers.schemas import Alive, Health
from foresail_serving.cache import read_sync_state
from foresail_serving.formats.negotiation import MEDIA_TYPES
from foresail_serving.metrics.report import health
from foresail_serving.problems import ProblemError
from foresail_serving.routes.dependencies import ONCE, StateOf
from foresail_serving.routes.openapi import problem_docs

_JSON = MEDIA_TYPES["json"]
_NO_STORE = {"Cache-Control": "no-store"}
_UNHEALTHY = ("expired", "no-forecast")


def state_router() -> APIRouter:
    """Return the routes about the server itself."""
    router = APIRouter(tags=["server"], dependencies=[ONCE])

    @router.get(
        "/livez",
        operation_id="getLive",
        summary="Whether the process answers",
        response_model=Alive,
        responses=problem_docs(),
    )
    async def livez() -> Response:
        """Answer, always: restarting would not bring a forecast."""
        return Response(Alive(status="alive").model_dump_json(), media_type=_JSON)

    @router.get(
        "/readyz",
        operation_id="getReady",
        summary="Whether there is a forecast to answer from",
        response_model=Alive,
        responses=problem_docs("no-forecast", "draining"),
    )
    async def readyz(state: StateOf) -> Response:
        """Answer 200 from the first bundle on; how old it is stands in /health."""
        if state.drain.draining:
            raise ProblemError("draining", "the server is about to stop; ask another one")
        if not state.store.current.models:
            raise ProblemError(
                "no-forecast", "no forecast has arrived yet; /health says what sync sees"
            )
        return Response(
            Alive(status="ready").model_dump_json(),
            media_type=_JSON,
            headers=_NO_STORE,
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
            body.model_dump_json(),
            status_code=status,
            media_type=_JSON,
            headers=_NO_STORE,
        )

    return router
