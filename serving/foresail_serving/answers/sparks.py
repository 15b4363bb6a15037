"""Sparklines: the last days and the coming ones of a series in a few points."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from foresail.bundle.schema import HISTORY_HOURS
from foresail.horizons import NEXT_DAY, NEXT_MONTH, NEXT_WEEK, Horizon
from foresail.panel import FloatArray
from foresail.times import isoformat
from foresail_serving.answers.schemas import Instant
from foresail_serving.snapshot import Found

_HOUR = timedelta(hours=1)
_DIGITS = 4
_SHAPES = {NEXT_DAY.name: (72, 2), NEXT_WEEK.name: (168, 6), NEXT_MONTH.name: (672, 24)}
"""Hours of history, and hours to a point: 60 points at most, and the rhythm still shows."""


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SparkGrid(_Body):
    """Where the points of all sparklines of a page lie."""

    start: Instant = Field(description="Where the first point begins.")
    step_hours: int = Field(description="Hours to a point.")
    now: int = Field(description="The point that begins at the present hour.")


class Spark(_Body):
    """The highest hour within each point; null where there is none."""

    history: tuple[float | None, ...]
    p50: tuple[float | None, ...]
    p90: tuple[float | None, ...]


def spark_grid(horizon: Horizon, *, hour: datetime) -> SparkGrid:
    """Return the points of a horizon's sparklines at this hour."""
    before, step = _SHAPES[horizon.name]
    return SparkGrid(start=isoformat(hour - before * _HOUR), step_hours=step, now=before // step)


def sparks(found: Sequence[Found], horizon: Horizon, *, hour: datetime) -> list[Spark]:
    """Return the sparklines of some series."""
    before, step = _SHAPES[horizon.name]
    return [
        _spark(item, before=before, ahead=horizon.hours, step=step, hour=hour) for item in found
    ]


def _spark(found: Found, *, before: int, ahead: int, step: int, hour: datetime) -> Spark:
    bundle = found.served.bundle
    now = (hour - bundle.manifest.trained_until) // _HOUR
    past = _cut(bundle.history[found.row], now - before + HISTORY_HOURS, before + ahead)
    stored = bundle.forecast[found.row, : found.entry.hours]
    p50, p90 = (_cut(stored[:, column], now - before, before + ahead) for column in (1, 2))
    return Spark(history=_points(past, step), p50=_points(p50, step), p90=_points(p90, step))


def _cut(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float32]], first: int, hours: int
) -> FloatArray:
    """Return `hours` values from a place on, NaN before and after what is stored."""
    out = np.full(hours, np.nan)
    begin, end = max(first, 0), min(first + hours, len(values))
    if begin < end:
        out[begin - first : end - first] = values[begin:end]
    return out


def _points(values: FloatArray, step: int) -> tuple[float | None, ...]:
    """Return the highest value of every `step` hours, to four digits; None where there is none."""
    highest = np.fmax.reduce(values.reshape(-1, step), axis=1)
    return tuple(
        None if np.isnan(value) else float(f"{value:.{_DIGITS}g}") for value in highest.tolist()
    )
