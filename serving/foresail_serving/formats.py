"""The same answer as JSON or CSV."""

import csv
import hashlib
import io
import itertools
from typing import Literal

from fastapi import Request, Response
from pydantic import BaseModel

from foresail.cells import harmless
from foresail_serving.answer import Forecast
from foresail_serving.problems import ProblemError
from foresail_serving.schemas import Measured
from foresail_serving.window import plain

Format = Literal["json", "csv"]
JSON_TYPE, CSV_TYPE = "application/json", "text/csv; charset=utf-8"
CSV_COLUMNS = (
    "ds",
    "p10",
    "p50",
    "p90",
    "planning_low",
    "planning_high",
    "unit",
    "series",
    "metric",
    "stat",
    "model",
    "status",
    "code",
    "reason",
    "coverage",
    "vs_naive",
    "windows",
    "lead_hour",
)
_MEDIA_RANGES: dict[str, Format] = {
    "application/json": "json",
    "application/*": "json",
    "*/*": "json",
    "text/csv": "csv",
    "text/*": "csv",
}


def negotiate(request: Request) -> Format:
    """Return the format: by the path's extension first, then by Accept, else JSON.

    Raises:
        ProblemError: Accept names only formats that there are none of.
    """
    path = request.url.path
    if path.endswith(".csv"):
        return "csv"
    accept = request.headers.get("accept", "")
    if path.endswith(".json") or not accept:
        return "json"
    best: tuple[float, Format] | None = None
    for part in accept.split(","):
        media, _, parameters = part.strip().partition(";")
        found = _MEDIA_RANGES.get(media.strip().lower())
        weight = _weight(parameters)
        if found and weight > 0 and (best is None or weight > best[0]):
            best = (weight, found)
    if best is None:
        raise ProblemError("not-acceptable", "expected Accept: application/json or text/csv")
    return best[1]


def _weight(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def forecast_csv(forecast: Forecast) -> bytes:
    """Return one row per hour asked; hours without a forecast have empty quantiles and a reason."""
    body, window = forecast.body, forecast.window
    low, high = body.planning_range.low, body.planning_range.high
    values = dict(zip(body.ds, zip(body.p10, body.p50, body.p90, strict=True), strict=True))
    names = [harmless(n) for n in (body.unit, body.series, body.metric, body.stat)]
    why = (harmless(body.status), body.code, harmless(body.reason))
    promised = _promised(forecast)
    models = _model_by_hour(forecast)
    leads = dict(zip(body.ds, itertools.count(window.first + 1 + window.age_hours), strict=False))
    rows: list[tuple[object, ...]] = [CSV_COLUMNS]
    for stamp in window.ds_asked():
        quantiles: tuple[object, ...] = ("", "", "", "", "")
        if stamp in values:
            p10, p50, p90 = values[stamp]
            quantiles = (p10, p50, p90, plain(p50 * low), plain(p50 * high))
        ds = stamp.replace("T", " ").removesuffix("Z")
        model, lead = harmless(models.get(stamp, "")), leads.get(stamp, "")
        rows.append((ds, *quantiles, *names, model, *why, *promised, lead))
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _promised(forecast: Forecast) -> tuple[object, ...]:
    """Return coverage, error by the naive's and windows; empty where they are unmeasured."""
    match forecast.body.quality:
        case Measured(coverage=coverage, vs_naive=vs_naive, windows=windows):
            return coverage, vs_naive, windows
        case _:
            return "", "", ""


def _model_by_hour(forecast: Forecast) -> dict[str, str]:
    body = forecast.body
    if not body.segments:
        return dict.fromkeys(body.ds, body.winner or "")
    return {
        stamp: segment.model
        for segment in body.segments
        for stamp in body.ds
        if segment.start <= stamp < segment.end
    }


def forecast_headers(forecast: Forecast) -> dict[str, str]:
    """Return what may change while the body need not."""
    body = forecast.body
    return {
        "Forecast-Status": forecast.freshness,
        "Forecast-Generated": body.trained_until,
        "Forecast-Covers-Until": body.covers_until,
        "Vary": "Accept",
    }


def reply(
    request: Request, body: bytes, *, media_type: str, headers: dict[str, str] | None = None
) -> Response:
    """Return a body under its ETag, or 304 where the client holds it already."""
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    out = {"ETag": tag, "Cache-Control": "no-cache", **(headers or {})}
    if _holds(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=out)
    return Response(body, media_type=media_type, headers=out)


def reply_json(
    request: Request, value: BaseModel, *, headers: dict[str, str] | None = None
) -> Response:
    """Return a value as JSON under its ETag."""
    return reply(request, value.model_dump_json().encode(), media_type=JSON_TYPE, headers=headers)


def _holds(if_none_match: str | None, tag: str) -> bool:
    if not if_none_match:
        return False
    given = {t.strip().removeprefix("W/") for t in if_none_match.split(",")}
    return tag in given or "*" in given
