"""Build the answer to one question. Nothing in it changes by the second."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import orjson

from foresail.bundle import HorizonEntry, SeriesEntry, promise
from foresail.codes import Code, is_whole
from foresail.horizons import Horizon
from foresail.times import isoformat
from foresail_serving.answers.periods import Periods, periods_of
from foresail_serving.answers.queries import ForecastQuery, ManyQuery
from foresail_serving.answers.room import Peak, capacity_of, peak_of
from foresail_serving.answers.rows import Rows, rows_within, segment_of
from foresail_serving.answers.schemas import (
    ForecastAnswer,
    Measured,
    ModelRef,
    PlanningRange,
    SegmentOut,
    Status,
    Summary,
    Unmeasured,
)
from foresail_serving.answers.table import Table
from foresail_serving.answers.window import Window, cut, own_leads, plain, significant
from foresail_serving.settings import ServeSettings
from foresail_serving.snapshot import Found

_HOUR = timedelta(hours=1)
_DAY_HOURS = 24
_OPTIONAL = ("local", "p10", "p50", "p90")
_iso = lru_cache(maxsize=4096)(isoformat)
"""An answer holds a dozen instants, most of them the same as in the answer before."""
_range = lru_cache(maxsize=16)(PlanningRange)


@dataclass(frozen=True, slots=True)
class Forecast:
    """An answer and what goes beside it.

    Attributes:
        body: What is asked.
        freshness: `fresh`, `stale`, or `expiring`: within a day it will be shorter or gone.
        periods: What was asked for.
        rows: Those of them that are there, with all three quantiles.
        columns: Which of p10, p50, p90 were asked, ascending.
        entry: The series.
        age_hours: By how much its forecast is older than its bundle.
    """

    body: ForecastAnswer
    freshness: str
    periods: Periods
    rows: Rows
    columns: tuple[int, ...]
    entry: SeriesEntry
    age_hours: int

    def table(self) -> Table:
        """Return one row for every period asked, for formats made of rows."""
        periods, rows = self.periods, self.rows
        values = np.full((len(periods), 3), np.nan)
        values[rows.first : rows.first + len(rows)] = significant(rows.values).T
        models = [""] * len(periods)
        leads: list[int | None] = [None] * len(periods)
        for place, begin in enumerate(rows.begins, start=rows.first):
            segment = segment_of(self.entry, begin, hours=periods.lengths[place], step=periods.step)
            models[place] = segment.model if segment else self.body.winner or ""
            leads[place] = begin + 1 + self.age_hours
        return Table(
            starts=list(periods.starts),
            hours=list(periods.lengths),
            zone=periods.zone,
            values=values,
            columns=self.columns,
            models=models,
            leads=leads,
        )


def forecast(
    found: Found,
    query: ForecastQuery | ManyQuery,
    *,
    horizon: Horizon,
    hour: datetime,
    settings: ServeSettings,
) -> Forecast:
    """Return the forecast of a series as a query wants it.

    Args:
        found: The series.
        query: Its step, start, time zone, aggregate, columns and threshold.
        horizon: How far ahead.
        hour: The present UTC hour.
        settings: What the answers assume.

    Raises:
        ProblemError: See `periods_of`, `cut` and `rows_within`.
    """
    periods = periods_of(query, horizon=horizon, hour=hour)
    hours = cut(found, horizon=horizon.name, hours=periods.hours, start=periods.start)
    window, rows = rows_within(hours, periods, found)
    entry, trained_until = found.entry, found.trained_until
    ends = window.stored_from + entry.hours * _HOUR
    age = (hour - trained_until) // _HOUR
    case = _Case(
        found=found,
        query=query,
        horizon=horizon,
        settings=settings,
        periods=periods,
        window=window,
        rows=rows,
        known=entry.horizons[horizon.name],
        trained_until=trained_until,
        ends=ends,
        stale_hours=age if age > settings.stale_after_hours else None,
        complete=len(rows) == len(periods),
    )
    expiring = len(rows) and ends < periods.end + _DAY_HOURS * _HOUR
    freshness = "expiring" if expiring else "fresh" if case.stale_hours is None else "stale"
    columns = query.columns
    body = _body(case, columns)
    return Forecast(body, freshness, periods, rows, columns, entry, window.age_hours)


def forecast_json(forecast: Forecast) -> bytes:
    """Return an answer as JSON.

    Every number of a column is the shortest decimal that names its float32, which is what
    `significant` returns for other formats.
    """
    members = dict(vars(forecast.body))
    for name in _OPTIONAL:
        if members[name] is None:
            del members[name]
    return orjson.dumps(members, option=orjson.OPT_SERIALIZE_NUMPY)


def is_stale(trained_until: datetime, *, hour: datetime, settings: ServeSettings) -> bool:
    """Return whether a forecast is older than the settings allow; judged by the hour."""
    return hour - trained_until > settings.stale_after_hours * _HOUR


@lru_cache(maxsize=256)
def code_name(code: int) -> str:
    """Return a reason code in words; `code-NNN` for one that a newer Foresail has made up."""
    try:
        return Code(code).slug
    except ValueError:
        return f"code-{code}"


def quality_of(
    found: Found, known: HorizonEntry, *, rows: tuple[int, int] | None
) -> Measured | Unmeasured:
    """Return the measured promise of the hours that are answered, or why there is none.

    Args:
        found: The series.
        known: Its horizon that is asked for.
        rows: The first and the last stored hour that is answered, counted from 1.
    """
    return _quality(found.entry, known, rows, own_leads(rows, age_hours=found.age_hours))


def _quality(
    entry: SeriesEntry,
    known: HorizonEntry,
    rows: tuple[int, int] | None,
    leads: tuple[int, int] | None,
) -> Measured | Unmeasured:
    if known.winner is None:
        return Unmeasured(reason="there is no forecast to measure")
    if rows is None or leads is None:
        return Unmeasured(reason="none of the hours asked is forecast")
    quality = promise(entry, first_lead=rows[0], last_lead=rows[1])
    if quality is not None:
        return Measured(
            windows=quality.windows,
            lead_hours=leads,
            coverage=plain(quality.coverage),
            vs_naive=plain(quality.vs_naive),
            sql=plain(quality.sql),
            mase=plain(quality.mase),
            naive_sql=plain(quality.naive_sql),
            naive_mase=plain(quality.naive_mase),
        )
    if known.is_constant:
        return Unmeasured(reason="the series is constant: its errors have no scale")
    first, last = leads
    hours = f"hours {first} to {last}" if last > first else f"hour {first}"
    return Unmeasured(
        reason=f"the history is too short for three held-out windows of {hours} ahead"
    )


class _Case(NamedTuple):
    """A question, the series it means, and the rows that answer it.

    Attributes:
        known: The series at this horizon.
        trained_until: First hour that its forecast did not know.
        ends: End of the last hour forecast for it.
        stale_hours: Its age, where that is more than is allowed.
        complete: Whether every row asked is there.
    """

    found: Found
    query: ForecastQuery | ManyQuery
    horizon: Horizon
    settings: ServeSettings
    periods: Periods
    window: Window
    rows: Rows
    known: HorizonEntry
    trained_until: datetime
    ends: datetime
    stale_hours: int | None
    complete: bool


def _body(case: _Case, columns: tuple[int, ...]) -> ForecastAnswer:
    found, query, periods, rows = case.found, case.query, case.periods, case.rows
    entry, known, leads = found.entry, case.known, case.window.leads
    ds = periods.ds[rows.first : rows.first + len(rows)]
    status, reason = _status(case)
    segments, winner = _segments(case.window, entry)
    peaks = peak_of(rows.values[1]), peak_of(rows.values[2])
    p10, p50, p90 = (rows.values[c] if c in columns else None for c in range(3))
    low, high = case.settings.planning(case.horizon.name)
    return ForecastAnswer(
        series=entry.series,
        labels=entry.labels,
        metric=entry.metric,
        stat=entry.stat,
        unit=entry.unit,
        horizon=case.horizon.name,  # type: ignore[arg-type]  # one of the three by construction
        step=periods.step,
        agg=periods.aggregate,
        tz=periods.zone,
        alias=query.alias,
        start=_iso(periods.start),
        end=_iso(periods.end),
        complete=case.complete,
        status=status,
        code=known.code,
        code_name=code_name(known.code),
        reason=reason,
        model=ModelRef(name=found.served.name, version=found.served.version),
        winner=winner or known.winner,
        segments=segments,
        trained_until=_iso(case.trained_until),
        covers_until=_iso(case.ends),
        lead_hours=leads,
        quality=_quality(entry, known, case.window.rows, leads),
        quantiles_of=rows.quantiles_of,
        summary=_summary(rows, peaks, ds),
        capacity=capacity_of(
            entry,
            rows.values,
            peaks,
            threshold=query.full_at or case.settings.full_threshold,
            complete=case.complete,
            stamps=ds,
        ),
        planning_range=_range(low=low, high=high),
        ds=ds,
        local=None if query.tz is None else periods.local[rows.first : rows.first + len(rows)],
        p10=p10,
        p50=p50,
        p90=p90,
    )


def _status(case: _Case) -> tuple[Status, str]:
    known, begins, ends = case.known, case.window.stored_from, case.ends
    if known.winner is None:
        return "abstained", known.reason
    # a note about a whole forecast is said, and makes it no worse
    reasons: list[str] = [known.reason] if known.code else []
    status: Status = "ok" if is_whole(known.code) else "degraded"
    if case.stale_hours is not None:
        status = "stale"
        reasons.append(f"the forecast is {case.stale_hours} hours old")
    if not case.complete:
        status = "partial"
        if begins > case.periods.start:
            reasons.append(f"the forecast begins at {_iso(begins)}")
        if ends < case.periods.end:
            reasons.append(f"the forecast ends at {_iso(ends)}")
    return status, "; ".join(reasons)


def _segments(window: Window, entry: SeriesEntry) -> tuple[tuple[SegmentOut, ...], str | None]:
    """Return who serves which hours of the window where several do, and who serves most."""
    parts: list[tuple[int, int, str]] = []
    row, last = window.first, window.first + len(window.values)
    for segment in entry.segments:
        end = min(segment.until_hours, last)
        if end > row:
            parts.append((row, end, segment.model))
            row = end
    if len(parts) <= 1:
        return (), parts[0][2] if parts else None
    hours: dict[str, int] = {}
    for begin, end, model in parts:
        hours[model] = hours.get(model, 0) + end - begin
    shown = tuple(
        SegmentOut(
            start=_iso(window.stored_from + begin * _HOUR),
            end=_iso(window.stored_from + end * _HOUR),
            model=model,
        )
        for begin, end, model in parts
    )
    return shown, max(hours, key=lambda model: hours[model])


def _summary(
    rows: Rows, peaks: tuple[Peak | None, Peak | None], ds: tuple[str, ...]
) -> Summary | None:
    p50, p90 = peaks
    if p50 is None or p90 is None:
        return None
    total = float(np.add.reduce(rows.values[1], dtype=np.float64))
    return Summary(
        mean=plain(total / len(rows)),
        peak=p50.value,
        peak_at=ds[p50.row],
        peak_p90=p90.value,
        peak_p90_at=ds[p90.row],
    )
