"""The columns of a forecast, before they are written as CSV, XLSX or JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np

from foresail.panel import FloatArray
from foresail_serving.answers.answer import Forecast
from foresail_serving.answers.periods import Periods
from foresail_serving.answers.schemas import Measured
from foresail_serving.answers.table import Table
from foresail_serving.answers.window import plain

Kind = Literal["utc", "local", "value", "ratio", "share", "count", "number", "text"]
"""`value` is in the unit of the series, `utc` and `local` are times as `CELL_TIME`."""
Cell = str | int | float | None
CELL_TIME = "%Y-%m-%d %H:%M:%S"
QUANTILE_NAMES = ("p10", "p50", "p90")
_MIDDLE = QUANTILE_NAMES.index("p50")
KINDS: Mapping[str, Kind] = {
    "ds": "utc",
    "ds_local": "local",
    "utc_offset": "number",
    "hours": "count",
    "p10": "value",
    "p50": "value",
    "p90": "value",
    "planning_low": "value",
    "planning_high": "value",
    "band": "value",
    "peak_p50": "value",
    "peak_p90": "value",
    "peak_p90_at": "utc",
    "peak_p90_at_local": "local",
    "ceiling": "value",
    "headroom_p50": "value",
    "headroom_p90": "value",
    "full_on_p50": "utc",
    "full_on_p90": "utc",
    "full_on_p50_local": "local",
    "full_on_p90_local": "local",
    "code": "count",
    "coverage": "share",
    "vs_naive": "ratio",
    "windows": "count",
    "lead_hour": "count",
    "trained_until": "utc",
}
"""Of every column that is not text."""
_SINGLE = (
    "ds",
    "ds_local",
    "utc_offset",
    "hours",
    "agg",
    "quantiles_of",
    *QUANTILE_NAMES,
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
"""In the order of a file of one series; those that nobody asked for are left out."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: As in the header of a CSV.
        cells: One a row; None where there is nothing to say. Names are as they came.
    """

    name: str
    cells: Sequence[Cell]

    @property
    def kind(self) -> Kind:
        """Return what its cells are."""
        return KINDS.get(self.name, "text")


def period_cells(periods: Periods, *, zoned: bool) -> dict[str, Sequence[Cell]]:
    """Return what stands in each row about its period alone, by the name of the column.

    Args:
        periods: The rows.
        zoned: Whether a time zone was asked for.
    """
    found: dict[str, Sequence[Cell]] = {"ds": [cell_time(stamp) for stamp in periods.ds]}
    if zoned:
        clock = len("2026-11-21T09:00:00")
        found["ds_local"] = [cell_time(stamp[:clock]) for stamp in periods.local]
        found["utc_offset"] = [_hours(stamp[clock:]) for stamp in periods.local]
    if periods.step != "1h":
        found["hours"] = periods.lengths
        found["agg"] = [periods.aggregate] * len(periods)
    return found


def forecast_columns(forecast: Forecast) -> list[Column]:
    """Return the columns of a file of one series, one row for every period asked."""
    periods = period_cells(forecast.periods, zoned=forecast.body.local is not None)
    known = {**periods, **answer_cells(forecast)}
    return [Column(name, known[name]) for name in _SINGLE if name in known]


def answer_cells(forecast: Forecast) -> dict[str, Sequence[Cell]]:
    """Return what an answer says of each period, by the name of the column."""
    body, table = forecast.body, forecast.table()
    rows = len(table.starts)
    once: dict[str, Cell] = {
        "unit": body.unit,
        "series": body.series,
        "metric": body.metric,
        "stat": body.stat,
        "status": body.status,
        "code": body.code,
        "reason": body.reason,
        **_promised(forecast),
    }
    if body.step != "1h":
        once["quantiles_of"] = body.quantiles_of
    return {
        **_quantiles(table, low=body.planning_range.low, high=body.planning_range.high),
        **{name: [cell] * rows for name, cell in once.items()},
        "model": table.models,
        "lead_hour": table.leads,
    }


def cell_time(stamp: str | None) -> str | None:
    """Return an ISO 8601 instant in UTC as it stands in a cell."""
    return None if stamp is None else stamp.replace("T", " ").removesuffix("Z")


def time_of(stamp: datetime) -> str:
    """Return an instant as it stands in a cell."""
    return stamp.astimezone(UTC).strftime(CELL_TIME)


def _hours(offset: str) -> float:
    """Return `+05:30` as 5.5: as text it would look like a formula."""
    hours, minutes = offset[1:].split(":")[:2]
    return float(f"{offset[0]}1") * (int(hours) + int(minutes) / 60)


def _quantiles(table: Table, *, low: float, high: float) -> dict[str, Sequence[Cell]]:
    """Return the quantiles that were asked, and beside the p50 what a plan may assume of it."""
    found: dict[str, Sequence[Cell]] = {
        QUANTILE_NAMES[column]: _cells(table.values[:, column]) for column in table.columns
    }
    if _MIDDLE in table.columns:
        middle = table.values[:, _MIDDLE].tolist()
        for name, factor in (("planning_low", low), ("planning_high", high)):
            found[name] = [None if v != v else plain(v * factor) for v in middle]  # noqa: PLR0124  # NaN
    return found


def _cells(values: FloatArray) -> list[Cell]:
    cells: list[Cell] = values.tolist()
    for row in np.flatnonzero(np.isnan(values)).tolist():
        cells[row] = None
    return cells


def _promised(forecast: Forecast) -> dict[str, Cell]:
    """Return coverage, error by the naive's and windows; empty where they are unmeasured."""
    match forecast.body.quality:
        case Measured(coverage=coverage, vs_naive=vs_naive, windows=windows):
            return {"coverage": coverage, "vs_naive": vs_naive, "windows": windows}
        case _:
            return {"coverage": None, "vs_naive": None, "windows": None}
