"""The overview: many series in brief, what runs out first on top."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from foresail.bundle import promise
from foresail.horizons import Horizon, by_name
from foresail.panel import FloatArray, IntArray
from foresail.times import isoformat
from foresail_serving.answers.answer import forecast
from foresail_serving.answers.moment import Moment
from foresail_serving.answers.queries import ForecastQuery, SeriesQuery, Stat, Text
from foresail_serving.answers.schemas import (
    Band,
    Capacity,
    Instant,
    Measured,
    ModelRef,
    Summary,
    Unmeasured,
)
from foresail_serving.answers.sparks import Spark, SparkGrid, spark_grid, sparks
from foresail_serving.answers.standings import Standings
from foresail_serving.answers.window import rows_of
from foresail_serving.problems import ProblemError
from foresail_serving.snapshot import Found

_MOST_NAMESPACES = 1000
_P50, _P90 = 0, 1
_HOURLY = ForecastQuery()

Sort = Literal["full_on", "peak", "headroom", "promise", "name"]
RowStatus = Literal[
    "ok", "degraded", "stale", "partial", "abstained", "expired", "not-begun", "not-trained"
]
_PROBLEM_STATUS: Mapping[str, RowStatus] = {
    "forecast-expired": "expired",
    "forecast-not-begun": "not-begun",
    "unknown-horizon": "not-trained",
}


class OverviewQuery(SeriesQuery):
    """Which series to look over, and in what order; every filter narrows."""

    metric: Text = Field(default="cpu", description="`cpu`, `memory`, or any that is forecast.")
    stat: Stat = Field(default="mean", description="Of each hour: its mean or its maximum.")
    horizon: Literal["next_day", "next_week", "next_month"] = Field(
        default="next_week", description="How far ahead."
    )
    sort: Sort = Field(
        default="full_on",
        description="`full_on`: what reaches the threshold first, then what leaves least room. "
        "`headroom`: least share of the ceiling left. `peak`: highest p50. `promise`: weakest "
        "against the naive rule, then what is unmeasured. `name`: by id.",
    )
    limit: int = Field(default=50, ge=1, le=200, description="Series per page.")


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OverviewRow(_Body):
    """One series in brief."""

    series: str
    labels: Mapping[str, str]
    unit: str
    status: RowStatus
    code: int = Field(description="0, or a reason code of docs/codes.md.")
    code_name: str
    reason: str = Field(description="Empty where the status is ok and the code 0.")
    winner: str | None
    trained_until: Instant
    quality: Annotated[Measured | Unmeasured, Field(discriminator="status")]
    summary: Summary | None
    capacity: Capacity | None = Field(description="Null where no forecast can be answered.")
    spark: Spark


class FirstFull(_Body):
    """The series that reaches the threshold first."""

    series: str
    quantile: Literal["p50", "p90"] = Field(description="`p90` only where no p50 gets there.")
    at: Instant


class Outlook(_Body):
    """All series that fit the filters, counted."""

    series: int
    full: Band[int] = Field(description="How many reach the threshold within the horizon.")
    first_full: FirstFull | None
    without_ceiling: int
    without_forecast: int


class Choices(_Body):
    """What there is to choose from, whatever the filters."""

    metrics: Mapping[str, tuple[str, ...]] = Field(description="Metric -> its stats.")
    scopes: Mapping[str, int] = Field(description="Scope -> series that fit the other filters.")
    clusters: tuple[str, ...]
    namespaces: tuple[str, ...] = Field(description="The first 1,000.")


class OverviewAnswer(_Body):
    """A page of series in brief."""

    metric: str
    stat: Stat
    horizon: Literal["next_day", "next_week", "next_month"]
    start: Instant = Field(description="The present UTC hour.")
    end: Instant = Field(description="End of the last hour looked at.")
    threshold: float = Field(description="Share of the ceiling that counts as full.")
    model: ModelRef | None
    outlook: Outlook
    choices: Choices
    spark: SparkGrid
    total: int
    limit: int
    offset: int
    next_offset: int | None = Field(description="Of the next page, or null on the last.")
    series: tuple[OverviewRow, ...]


def overview(moment: Moment, query: OverviewQuery, *, standings: Standings) -> OverviewAnswer:
    """Return a page of the overview.

    Args:
        moment: What is answered from.
        query: What is asked.
        standings: Of the query's metric, stat and horizon at this moment.
    """
    horizon = by_name(query.horizon)
    fitting = _fitting(standings, query)
    chosen = _of_scope(standings, fitting, query.scope)
    order = chosen[_order(standings, chosen, moment, query.sort, horizon)]
    end = query.offset + query.limit
    page = [standings.found[row] for row in order[query.offset : end]]
    served = standings.found[0].served if standings.found else None
    grid = spark_grid(horizon, hour=moment.hour)
    return OverviewAnswer(
        metric=query.metric,
        stat=query.stat,
        horizon=query.horizon,
        start=isoformat(moment.hour),
        end=isoformat(moment.hour + timedelta(hours=horizon.hours)),
        threshold=moment.settings.full_threshold,
        model=ModelRef(name=served.name, version=served.version) if served else None,
        outlook=_outlook(standings, chosen, moment.hour),
        choices=_choices(moment, standings, fitting),
        spark=grid,
        total=len(order),
        limit=query.limit,
        offset=query.offset,
        next_offset=end if end < len(order) else None,
        series=tuple(
            _row(found, moment, horizon, spark)
            for found, spark in zip(page, sparks(page, horizon, hour=moment.hour), strict=True)
        ),
    )


def _fitting(standings: Standings, query: OverviewQuery) -> IntArray:
    """Return the rows that pass every filter but the scope."""
    labels = {name: value for name, value in query.labels.items() if name != "scope"}
    needle = (query.q or "").casefold()
    if not labels and not needle:
        return np.arange(len(standings.found))
    return np.array(
        [
            row
            for row, found in enumerate(standings.found)
            if needle in standings.names[row]
            and all(found.entry.labels.get(name) == value for name, value in labels.items())
        ],
        dtype=np.int64,
    )


def _of_scope(standings: Standings, rows: IntArray, scope: str | None) -> IntArray:
    if scope is None:
        return rows
    kept = [row for row in rows.tolist() if standings.scopes[row] == scope]
    return np.array(kept, dtype=np.int64)


def _order(
    standings: Standings, rows: IntArray, moment: Moment, sort: Sort, horizon: Horizon
) -> IntArray:
    """Return the order of some rows; they come by id, which decides between equals."""
    full, room = standings.full[rows], standings.room[rows]
    lacking = np.where(np.isnan(standings.peak[rows, _P50]), 2, 0) + np.isnan(room[:, _P90])
    match sort:
        case "full_on":
            # what the p50 expects comes before what only the p90 allows for
            keys = [lacking, full[:, _P50], full[:, _P90], room[:, _P90]]
        case "headroom":
            keys = [lacking, room[:, _P90]]
        case "peak":
            keys = [-standings.peak[rows, _P50]]
        case "promise":
            keys = [_weakness([standings.found[row] for row in rows], moment, horizon)]
        case "name":
            return np.arange(len(rows))
    return np.asarray(np.lexsort(keys[::-1]), dtype=np.int64)  # NaN comes last


def _weakness(found: Sequence[Found], moment: Moment, horizon: Horizon) -> FloatArray:
    """Return minus the error by the naive's, NaN where it is unmeasured."""
    weakness = np.full(len(found), np.nan)
    for place, item in enumerate(found):
        rows = rows_of(item, hours=horizon.hours, start=moment.hour)
        if rows is not None:
            quality = promise(item.entry, first_lead=rows[0], last_lead=rows[1])
            if quality is not None:
                weakness[place] = -quality.vs_naive
    return weakness


def _outlook(standings: Standings, rows: IntArray, hour: datetime) -> Outlook:
    full = standings.full[rows]
    reached = np.isfinite(full)
    first = None
    for column, quantile in ((_P50, "p50"), (_P90, "p90")):
        if reached[:, column].any():
            place = int(full[:, column].argmin())
            first = FirstFull(
                series=standings.found[rows[place]].entry.series,
                quantile=quantile,  # type: ignore[arg-type]  # one of the two, just above
                at=isoformat(hour + timedelta(hours=float(full[place, column]))),
            )
            break
    return Outlook(
        series=len(rows),
        full=Band(p50=int(reached[:, _P50].sum()), p90=int(reached[:, _P90].sum())),
        first_full=first,
        without_ceiling=int((~standings.has_ceiling[rows]).sum()),
        without_forecast=int(np.isnan(standings.peak[rows, _P50]).sum()),
    )


def _choices(moment: Moment, standings: Standings, fitting: IntArray) -> Choices:
    scopes = Counter(standings.scopes[row] for row in fitting)
    return Choices(
        metrics=moment.snapshot.stats,
        scopes=dict(sorted(scopes.items())),
        clusters=standings.clusters,
        namespaces=standings.namespaces[:_MOST_NAMESPACES],
    )


def _row(found: Found, moment: Moment, horizon: Horizon, spark: Spark) -> OverviewRow:
    entry = found.entry
    try:
        answer = forecast(
            found, _HOURLY, horizon=horizon, hour=moment.hour, settings=moment.settings
        ).body
    except ProblemError as error:
        return OverviewRow(
            series=entry.series,
            labels=entry.labels,
            unit=entry.unit,
            status=_PROBLEM_STATUS[error.slug],
            code=0,
            code_name=error.slug,
            reason=error.detail,
            winner=None,
            trained_until=isoformat(found.trained_until),
            quality=Unmeasured(reason="there is no forecast to measure"),
            summary=None,
            capacity=None,
            spark=spark,
        )
    return OverviewRow(
        series=entry.series,
        labels=entry.labels,
        unit=entry.unit,
        status=answer.status,
        code=answer.code,
        code_name=answer.code_name,
        reason=answer.reason,
        winner=answer.winner,
        trained_until=answer.trained_until,
        quality=answer.quality,
        summary=answer.summary,
        capacity=answer.capacity,
        spark=spark,
    )
