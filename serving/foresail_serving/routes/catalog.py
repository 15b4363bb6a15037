"""`/v1/series` and `/v1/models`: what there is to ask for."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from foresail.horizons import HORIZONS
from foresail.times import isoformat
from foresail_serving.answers.answer import code_name, quality_of
from foresail_serving.answers.queries import SeriesQuery
from foresail_serving.answers.schemas import HorizonOut, ModelList, ModelRef, SeriesOut, SeriesPage
from foresail_serving.answers.selection import matching
from foresail_serving.answers.window import rows_of
from foresail_serving.clock import hour_of
from foresail_serving.front.conditional import WORK, reply_json
from foresail_serving.metrics.report import challengers_out, models_out
from foresail_serving.routes.dependencies import ONCE, StateOf
from foresail_serving.routes.openapi import problem_docs
from foresail_serving.snapshot import Found, Snapshot


def catalog_router() -> APIRouter:
    """Return the routes that list."""
    router = APIRouter(tags=["catalog"], dependencies=[ONCE])

    @router.get(
        "/v1/series",
        operation_id="listSeries",
        summary="The series that are served, filtered and paged",
        response_model=SeriesPage,
        responses=problem_docs(),
    )
    async def list_series(
        request: Request, state: StateOf, query: Annotated[SeriesQuery, Query()]
    ) -> Response:
        """List series, ordered by id, metric and stat; every filter narrows."""
        hour = hour_of(state.clock())
        page = series_page(state.store.current, query, hour=hour)
        request.scope[WORK] = len(page.series) / 1000
        return reply_json(page)

    @router.get(
        "/v1/models",
        operation_id="listModels",
        summary="The models that are served, and how fresh they are",
        response_model=ModelList,
        responses=problem_docs(),
    )
    async def list_models(state: StateOf) -> Response:
        """List the models that are served."""
        hour = hour_of(state.clock())
        snapshot, settings = state.store.current, state.settings
        champions = models_out(snapshot, hour=hour, settings=settings)
        challengers = challengers_out(snapshot, hour=hour, settings=settings)
        return reply_json(ModelList(models=(*champions, *challengers)))

    return router


def series_page(snapshot: Snapshot, query: SeriesQuery, *, hour: datetime) -> SeriesPage:
    """Return one page of the series that pass every filter, with what is promised at this hour."""
    needle = (query.q or "").casefold()
    found = [
        item
        for item in matching(snapshot, query, stat=query.stat)
        if needle in item.entry.series.casefold()
    ]
    end = query.offset + query.limit
    return SeriesPage(
        total=len(found),
        limit=query.limit,
        offset=query.offset,
        next_offset=end if end < len(found) else None,
        series=tuple(_series_out(item, hour) for item in found[query.offset : end]),
    )


def _series_out(found: Found, hour: datetime) -> SeriesOut:
    entry, manifest = found.entry, found.served.bundle.manifest
    known = {h: entry.horizons[h.name] for h in HORIZONS if h.name in entry.horizons}
    return SeriesOut(
        series=entry.series,
        metric=entry.metric,
        stat=entry.stat,
        unit=entry.unit,
        labels=entry.labels,
        capacity=entry.capacity,
        model=ModelRef(name=found.served.name, version=found.served.version),
        trained_until=isoformat(found.trained_until),
        covers_until=isoformat(manifest.trained_until + timedelta(hours=entry.hours)),
        horizons={
            horizon.name: HorizonOut(
                winner=at.winner,
                code=at.code,
                code_name=code_name(at.code),
                reason=at.reason,
                quality=quality_of(found, at, rows=rows_of(found, hours=horizon.hours, start=hour)),
            )
            for horizon, at in known.items()
        },
    )
