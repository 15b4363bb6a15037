"""What a file of forecasts holds, in words for people who did not ask the server themselves."""

from collections.abc import Iterator

from foresail_serving.answers.answer import Forecast
from foresail_serving.answers.schemas import Capacity, ForecastAnswer, Measured
from foresail_serving.formats.columns import cell_time

GAP = ("", "")
_PERIODS = {"1h": "hour", "1d": "day", "1w": "week"}
_BYTES_WORDS = (
    "bytes",
    (
        "The cells hold bytes. They are shown in GB of 1,000,000,000 bytes; divide a cell by "
        "1024^3 for GiB."
    ),
)


def quantile_words(step: str, quantiles_of: str | None) -> Iterator[tuple[str, str]]:
    """Yield what p10, p50 and p90 mean.

    Args:
        step: Of the rows.
        quantiles_of: As in an answer; None where the series of a file differ in it.
    """
    period = _PERIODS[step]
    yield "p10", f"Low: one {period} in ten is expected to be below it."
    yield "p50", f"Middle: half of the {period}s are expected to be below it. Not an upper limit."
    yield "p90", f"High: nine {period}s in ten are expected to be below it. Plan room by this one."
    yield "p10 to p90", f"Eight {period}s in ten are expected inside this band."
    if step != "1h" and quantiles_of != "periods":
        which = "Here" if quantiles_of else "Where quantiles_of is hours"
        yield (
            "quantiles_of",
            f"{which} that was measured of hours: a {period}'s p90 is made of its hours' p90.",
        )
    yield "Sums", "Do not add up p90s: series do not all peak together, so the sum is too high."


def unit_words(unit: str) -> Iterator[tuple[str, str]]:
    """Yield what is to be known of a unit."""
    if unit == "bytes":
        yield _BYTES_WORDS


def forecast_facts(forecast: Forecast) -> Iterator[tuple[str, str]]:
    """Yield what an answer says beside its rows, as pairs of a name and a sentence."""
    body = forecast.body
    yield "Series", body.series
    yield "Metric", f"{body.metric}, the {_stat(body)} of each hour, in {body.unit}"
    yield "Rows", rows_words(body.step, body.agg)
    yield "From", f"{cell_time(body.start)} UTC"
    yield "To", f"{cell_time(body.end)} UTC"
    if body.local is not None:
        yield "Time zone", f"{body.tz}; the columns in UTC are the exact ones where clocks change"
    yield GAP
    yield "Status", body.status
    if body.reason:
        yield "Why", f"{body.reason} (code {body.code}, {body.code_name})"
    yield "Model", f"{body.model.name} version {body.model.version}, {body.winner or 'none'}"
    yield "Known until", f"{cell_time(body.trained_until)} UTC: nothing later was known"
    yield "Forecast until", f"{cell_time(body.covers_until)} UTC"
    yield GAP
    yield from _promise(body)
    yield GAP
    yield from _room(body.capacity, body.unit)
    plan = body.planning_range
    yield (
        "Planning range",
        f"{plan.low:g} to {plan.high:g} times the p50 (planning_low, planning_high)",
    )
    yield GAP
    yield from quantile_words(body.step, body.quantiles_of)
    yield from unit_words(body.unit)


def rows_words(step: str, agg: str | None) -> str:
    """Return what a row tells of."""
    if step == "1h":
        return "one per hour; a row speaks of the hour that starts at its ds"
    period = "day" if step == "1d" else "week"
    told = "its highest hour" if agg == "peak" else "its mean"
    return f"one per {period}, of which {told} is told; a row starts at its ds and has its hours"


def _stat(body: ForecastAnswer) -> str:
    return "maximum" if body.stat == "max" else "mean"


def _promise(body: ForecastAnswer) -> Iterator[tuple[str, str]]:
    match body.quality:
        case Measured() as measured:
            first, last = measured.lead_hours
            yield (
                "Measured",
                f"on {measured.windows} held-out windows, {first} to {last} hours ahead",
            )
            yield "coverage", f"{measured.coverage:.0%} of the hours fell inside p10 to p90"
            yield (
                "vs_naive",
                (
                    f"{measured.vs_naive:.2f}: error relative to the same hour yesterday; "
                    "below 1 is better"
                ),
            )
        case unmeasured:
            yield "Measured", f"no: {unmeasured.reason}"


def _room(capacity: Capacity, unit: str) -> Iterator[tuple[str, str]]:
    if capacity.ceiling is None:
        yield "Ceiling", f"none: {capacity.reason}"
        return
    value: float = getattr(capacity, capacity.ceiling)
    yield "Ceiling", f"{amount(value, unit)} ({capacity.ceiling})"
    if capacity.request is not None:
        yield "Requested", amount(capacity.request, unit)
    for name in ("p50", "p90"):
        room: float | None = getattr(capacity.headroom, name)
        when: str | None = getattr(capacity.full_on, name)
        if room is not None:
            full = (
                f"at {capacity.threshold:.0%} of the ceiling from {cell_time(when)} UTC on"
                if when
                else f"not at {capacity.threshold:.0%} of the ceiling within these rows"
            )
            yield f"Headroom at {name}", f"{amount(room, unit)}; {full}"


def amount(value: float, unit: str) -> str:
    """Return a value with its unit, for reading."""
    if unit == "bytes":
        return f"{value / 1e9:,.3f} GB"
    return f"{value:,.3f} {unit}" if unit == "cores" else f"{value:g}"
