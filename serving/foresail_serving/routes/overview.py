"""`/v1/overview` and `/v1/history`: what the dashboard draws, for anybody else too."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from foresail.horizons import NEXT_WEEK, by_name
from foresail.times import isoformat
from foresail_serving.answers.history import HistoryAnswer, HistoryQuery, history
from foresail_serving.answers.moment import Moment
from foresail_serving.answers.overview import OverviewAnswer, OverviewQuery, overview
from foresail_serving.answers.queries import ForecastQuery
from foresail_serving.answers.selection import check_metric, select
from foresail_serving.answers.standings import StandingsCache
from foresail_serving.clock import hour_of
from foresail_serving.front.conditional import WORK, reply_json
from foresail_serving.routes.dependencies import ONCE, StateOf
from foresail_serving.routes.examples import forecast_example
from foresail_serving.routes.openapi import problem_docs, with_nulls
from foresail_serving.state import State


def overview_router() -> APIRouter:
    """Return the routes that pictures are made from."""
    router = APIRouter(tags=["overview"], dependencies=[ONCE])
    kept = StandingsCache()

    @router.get(
        "/v1/overview",
        operation_id="getOverview",
        summary="Many series in brief, what runs out first on top",
        response_model=OverviewAnswer,
        responses={200: _example(overview_example()), **problem_docs(*_PROBLEMS)},
    )
    async def get_overview(
        request: Request, state: StateOf, query: Annotated[OverviewQuery, Query()]
    ) -> Response:
        """Tell of every series how near it comes to its ceiling, and what is promised of it."""
        moment = _moment(state)
        check_metric(
            moment.snapshot, query.metric, alias="champion", expected=state.settings.models
        )
        # looks at every series: not where the requests are answered
        answer, rows = await asyncio.to_thread(_overview, moment, query, kept)
        request.scope[WORK] = rows / 1000
        return reply_json(answer)

    @router.get(
        "/v1/history",
        operation_id="getHistory",
        summary="The last 28 days of one series, hour by hour",
        response_model=HistoryAnswer,
        responses={
            200: _example(history_example()),
            **problem_docs("unknown-metric", "unknown-series", "no-forecast"),
        },
    )
    async def get_history(state: StateOf, query: Annotated[HistoryQuery, Query()]) -> Response:
        """Tell what was known of a series when its forecast was made."""
        moment = _moment(state)
        wanted = ForecastQuery(series=query.series, metric=query.metric, stat=query.stat)
        found = select(moment.snapshot, wanted, expected=state.settings.models)
        return reply_json(history(found, snapshot=moment.snapshot, hours=query.hours))

    return router


_PROBLEMS = ("unknown-metric", "no-forecast")


def _moment(state: State) -> Moment:
    return Moment(state.store.current, hour_of(state.clock()), state.settings)


def _overview(
    moment: Moment, query: OverviewQuery, kept: StandingsCache
) -> tuple[OverviewAnswer, int]:
    """Return an overview, and how many rows were computed for it."""
    horizon = by_name(query.horizon)
    ready = kept.has(moment, metric=query.metric, stat=query.stat, horizon=horizon)
    standings = kept.get(moment, metric=query.metric, stat=query.stat, horizon=horizon)
    answer = overview(moment, query, standings=standings)
    looked_at = 0 if ready else len(standings.found)
    # a look at all hours of a series at once takes a hundredth of what it takes to write them
    return answer, len(answer.series) * horizon.hours + looked_at * horizon.hours // 100


def _example(value: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"example": with_nulls(value)}}}


_HOUR = timedelta(hours=1)
_NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


def overview_example() -> dict[str, Any]:
    """Return an overview of one series, with the first points of its sparkline."""
    whole = forecast_example(NEXT_WEEK)
    brief = ("series", "labels", "unit", "status", "code", "code_name", "reason", "winner")
    told = ("trained_until", "quality", "summary", "capacity")
    row = {name: whole[name] for name in (*brief, *told)}
    row["spark"] = {"history": [3.2, None], "p50": [None, 3.4], "p90": [None, 3.9]}
    return {
        "metric": "cpu",
        "stat": "mean",
        "horizon": NEXT_WEEK.name,
        "start": isoformat(_NOW),
        "end": isoformat(_NOW + NEXT_WEEK.hours * _HOUR),
        "threshold": 0.85,
        "model": whole["model"],
        "outlook": {
            "series": 1,
            "full": {"p50": 0, "p90": 0},
            "first_full": None,
            "without_ceiling": 0,
            "without_forecast": 0,
        },
        "choices": {
            "metrics": {"cpu": ["max", "mean"], "memory": ["max", "mean"]},
            "scopes": {"namespace": 1},
            "clusters": ["prod"],
            "namespaces": ["shop"],
        },
        "spark": {"start": isoformat(_NOW - 168 * _HOUR), "step_hours": 6, "now": 28},
        "total": 1,
        "limit": 50,
        "offset": 0,
        "next_offset": None,
        "series": [row],
    }


def history_example() -> dict[str, Any]:
    """Return two hours of a history, one of them a gap."""
    end = datetime(2026, 11, 21, 6, tzinfo=UTC)
    return {
        "series": "prod/namespace/shop",
        "labels": {"cluster": "prod", "scope": "namespace", "namespace": "shop"},
        "metric": "cpu",
        "stat": "mean",
        "stats": ["max", "mean"],
        "metrics": ["cpu", "memory"],
        "unit": "cores",
        "step": "1h",
        "start": isoformat(end - 2 * _HOUR),
        "end": isoformat(end),
        "model": {"name": "foresail-cpu", "version": "7"},
        "challenger": None,
        "ds": [isoformat(end - 2 * _HOUR), isoformat(end - _HOUR)],
        "value": [3.1, None],
    }
