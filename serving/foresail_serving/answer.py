"""Build the answer to one question. Nothing in it changes by the second."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from foresail.bundle import HorizonEntry, promise
from foresail.codes import Code, is_whole
from foresail.horizons import Horizon
from foresail.times import isoformat
from foresail_serving.room import capacity_of
from foresail_serving.schemas import (
    ForecastAnswer,
    Measured,
    ModelRef,
    PlanningRange,
    SegmentOut,
    Status,
    Summary,
    Unmeasured,
)
from foresail_serving.settings import ServeSettings
from foresail_serving.snapshot import Found
from foresail_serving.window import Window, cut, own_leads, plain

_HOUR = timedelta(hours=1)
_DAY_HOURS = 24


@dataclass(frozen=True, slots=True)
class Forecast:
    """An answer and what goes beside it.

    Attributes:
        body: What is asked.
        window: The hours it stands on.
        freshness: `fresh`, `stale`, or `expiring`: within a day it will be shorter or gone.
    """

    body: ForecastAnswer
    window: Window
    freshness: str


def forecast(
    found: Found, *, horizon: Horizon, hour: datetime, settings: ServeSettings
) -> Forecast:
    """Return the forecast of a series from this hour on.

    Raises:
        ProblemError: See `window.cut`.
    """
    window = cut(found, horizon=horizon.name, hours=horizon.hours, start=hour)
    entry, manifest = found.entry, found.served.bundle.manifest
    known = entry.horizons[horizon.name]
    covers_until = manifest.trained_until + entry.hours * _HOUR
    stale = is_stale(found.trained_until, hour=hour, settings=settings)
    status, reason = _status(found, window, known, covers_until=covers_until, stale=stale)
    segments = _segments(window, found)
    low, high = settings.planning(horizon.name)
    body = ForecastAnswer(
        series=entry.series,
        labels=entry.labels,
        metric=entry.metric,
        stat=entry.stat,
        unit=entry.unit,
        horizon=horizon.name,  # type: ignore[arg-type]  # one of the three by construction
        start=isoformat(window.start),
        end=isoformat(window.end),
        complete=window.complete,
        status=status,
        code=known.code,
        code_name=code_name(known.code),
        reason=reason,
        model=ModelRef(name=found.served.name, version=found.served.version),
        winner=_serving_most(segments) or known.winner,
        segments=segments if len(segments) > 1 else (),
        trained_until=isoformat(found.trained_until),
        covers_until=isoformat(covers_until),
        lead_hours=window.leads,
        quality=quality_of(found, known, rows=window.rows),
        summary=_summary(window),
        capacity=capacity_of(entry, window, threshold=settings.full_threshold),
        planning_range=PlanningRange(low=low, high=high),
        ds=window.ds(),
        p10=window.values[:, 0].tolist(),
        p50=window.values[:, 1].tolist(),
        p90=window.values[:, 2].tolist(),
    )
    expiring = window.rows and covers_until < window.end + _DAY_HOURS * _HOUR
    return Forecast(body, window, "expiring" if expiring else "stale" if stale else "fresh")


def is_stale(trained_until: datetime, *, hour: datetime, settings: ServeSettings) -> bool:
    """Return whether a forecast is older than the settings allow; judged by the hour."""
    return hour - trained_until > settings.stale_after_hours * _HOUR


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
    leads = own_leads(rows, age_hours=found.age_hours)
    if known.winner is None:
        return Unmeasured(reason="there is no forecast to measure")
    if rows is None or leads is None:
        return Unmeasured(reason="none of the hours asked is forecast")
    quality = promise(found.entry, first_lead=rows[0], last_lead=rows[1])
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


def _status(
    found: Found, window: Window, known: HorizonEntry, *, covers_until: datetime, stale: bool
) -> tuple[Status, str]:
    if known.winner is None:
        return "abstained", known.reason
    # a note about a whole forecast is said, and makes it no worse
    reasons: list[str] = [known.reason] if known.code else []
    status: Status = "ok" if is_whole(known.code) else "degraded"
    if stale:
        status = "stale"
        age = (window.start - found.trained_until) // _HOUR
        reasons.append(f"the forecast is {age} hours old")
    if not window.complete:
        status = "partial"
        if window.first_hour > window.start:
            reasons.append(f"the forecast begins at {isoformat(window.first_hour)}")
        if covers_until < window.end:
            reasons.append(f"the forecast ends at {isoformat(covers_until)}")
    return status, "; ".join(reasons)


def _segments(window: Window, found: Found) -> tuple[SegmentOut, ...]:
    """Return who serves which hours of the window, in order."""
    segments: list[SegmentOut] = []
    row, last = window.first, window.first + len(window.values)
    for segment in found.entry.segments:
        end = min(segment.until_hours, last)
        if end > row:
            hours = [isoformat(window.stored_from + n * _HOUR) for n in (row, end)]
            segments.append(SegmentOut(start=hours[0], end=hours[1], model=segment.model))
            row = end
    return tuple(segments)


def _serving_most(segments: tuple[SegmentOut, ...]) -> str | None:
    hours: dict[str, timedelta] = {}
    for segment in segments:
        span = datetime.fromisoformat(segment.end) - datetime.fromisoformat(segment.start)
        hours[segment.model] = hours.get(segment.model, timedelta()) + span
    return max(hours, key=lambda model: hours[model]) if hours else None


def _summary(window: Window) -> Summary | None:
    if not len(window.values):
        return None
    middle, high = window.values[:, 1], window.values[:, 2]
    return Summary(
        mean=plain(float(middle.mean())),
        peak=float(middle.max()),
        peak_at=isoformat(window.stamp(int(middle.argmax()))),
        peak_p90=float(high.max()),
        peak_p90_at=isoformat(window.stamp(int(high.argmax()))),
    )
