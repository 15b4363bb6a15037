"""`/metrics`: the server's own figures and the forecast as gauges."""

import asyncio
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse

from foresail_serving.answers.queries import Text
from foresail_serving.cache import read_sync_state
from foresail_serving.clock import hour_of
from foresail_serving.front.conditional import WORK
from foresail_serving.metrics.gauges import ForecastGauges
from foresail_serving.metrics.page import metrics_page
from foresail_serving.problems import problem_response
from foresail_serving.routes.dependencies import StateOf
from foresail_serving.routes.openapi import problem_docs
from foresail_serving.routes.outbox import Outbox, Outgoing

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_WAITING_BYTES = 100_000_000
"""Of pages that their clients have not read yet; all who read the same one share it."""
_FULL = problem_response(
    "too-many-requests", "the pages before wait for clients that do not read them; try again"
)
_FULL.headers["Retry-After"] = "10"
_MATCH = Query(
    default_factory=list,
    description="Selectors of which a forecast has to fit one; without any the clusters, nodes and "
    "namespaces are told. May be given several times.",
    examples=[['{scope="workload",namespace="shop"}']],
    max_length=20,
)


def metrics_router() -> APIRouter:
    """Return the route that Prometheus scrapes."""
    router = APIRouter(tags=["server"])
    gauges = ForecastGauges()
    # whoever asks for the same page in the meantime finds it made
    one_at_a_time = CapacityLimiter(1)
    # pages of somebody's choice never keep a scrape of the usual one waiting
    usual, chosen = Outbox(_WAITING_BYTES), Outbox(_WAITING_BYTES)

    @router.get(
        "/metrics",
        operation_id="getMetrics",
        summary="The server's metrics and the forecast as gauges, for Prometheus",
        response_class=PlainTextResponse,
        responses=problem_docs(),
    )
    async def get_metrics(
        request: Request, state: StateOf, match: Annotated[list[Text], _MATCH]
    ) -> Response:
        """Write Prometheus' text format."""
        sync = await asyncio.to_thread(read_sync_state, state.settings.cache_dir)
        snapshot, hour, selectors = state.store.current, hour_of(state.clock()), tuple(match)
        page = gauges.kept(snapshot, hour, selectors)
        if page is None:
            # looks at every series: not where the requests are answered
            page = await to_thread.run_sync(
                gauges.page, snapshot, hour, selectors, limiter=one_at_a_time
            )
            looked_at = len(snapshot.series) * max(1, len(selectors))
            request.scope[WORK] = max(looked_at, page.count(b"\n")) / 1000
        return Outgoing(
            page,
            outbox=chosen if selectors else usual,
            refusal=_FULL,
            media_type=_METRICS_TYPE,
            before=metrics_page(
                state, sync, tokens=state.gate.tokens if state.gate else None
            ).encode(),
        )

    return router
