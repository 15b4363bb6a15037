"""A small bundle for the registry's tests: one Prophet series, one naive, one refused."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foresail.bundle import HorizonEntry, Manifest, Quality, Segment, SeriesEntry
from foresail.bundle.writer import Publication, write_bundle
from foresail.codes import Code
from foresail.panel import HOUR, Panel, SeriesInfo
from foresail.panel_prophet import PanelProphet
from foresail.times import to_numpy

TRAINED_UNTIL = datetime(2026, 11, 21, 8, tzinfo=UTC)
PROPHET, NAIVE, REFUSED = "prod/namespace/shop", "prod/cluster", "prod/workload/shop/job/new"
STEPS = 192
"""Hours stored: next_day and a week of slack."""


def write_registry_bundle(
    folder: Path,
    *,
    metric: str = "cpu",
    trained_until: datetime = TRAINED_UNTIL,
    level: float = 10.0,
    fitted: bool = False,
    fitted_until: datetime | None = None,
    fitted_metric: str = "",
) -> Manifest:
    """Write the bundle; `level` tells bundles apart, `fitted` adds the fit of Prophet's series.

    A bundle whose fit is of another time or metric than its forecast is damaged on purpose.
    """
    model = fitted_model(fitted_metric or metric, fitted_until or trained_until, level)
    history = np.vstack([_history(level, trained_until)] * 3)
    history[2, :-20] = np.nan
    forecast = np.zeros((3, STEPS, 3))
    for row in (0, 1):
        day = history[row, -24:]
        middle = np.resize(day, STEPS)
        forecast[row] = np.column_stack([middle - 1, middle, middle + 2])
    return write_bundle(
        folder,
        Publication(
            metric=metric,
            trained_until=trained_until,
            quantiles=(0.1, 0.5, 0.9),
            horizons={"next_day": 24},
            index=[
                _entry(PROPHET, metric, "prophet"),
                _entry(NAIVE, metric, "seasonal_naive_24h"),
                _entry(REFUSED, metric, None),
            ],
            forecast=forecast,
            history=history,
            history_digest="d" * 64,
            recipe={"prophet": {"changepoint_prior_scale": 0.05}, "seed": 0},
            models={"prophet": model} if fitted else {},
            versions={"foresail": "0.1.0"},
        ),
    )


def _history(level: float, until: datetime) -> NDArray[np.float64]:
    hours = (to_numpy(until).astype("datetime64[h]").astype(np.int64)) - np.arange(672, 0, -1)
    return level + 3 * np.sin(2 * np.pi * (hours % 24) / 24)


def _entry(series: str, metric: str, model: str | None) -> SeriesEntry:
    if model is None:
        refused = HorizonEntry(
            winner=None, code=int(Code.TOO_LITTLE_HISTORY), reason="20 hourly values, 48 needed"
        )
        return SeriesEntry(series=series, metric=metric, hours=0, horizons={"next_day": refused})
    quality = Quality(windows=3, coverage=0.8, sql=0.5, mase=0.6, naive_sql=0.7, naive_mase=1.0)
    return SeriesEntry(
        series=series,
        metric=metric,
        unit="cores",
        hours=STEPS,
        horizons={"next_day": HorizonEntry(winner=model, quality=quality)},
        segments=(Segment(until_hours=STEPS, model=model),),
    )


@cache
def fitted_model(
    metric: str = "cpu", until: datetime = TRAINED_UNTIL, level: float = 10.0
) -> PanelProphet:
    """Return the fit that a bundle holds: one series, its history up to the first stored hour."""
    ds = to_numpy(until) + HOUR * np.arange(-672, 0)
    panel = Panel(ds, _history(level, until)[None], (SeriesInfo(PROPHET, metric, unit="cores"),))
    return PanelProphet(daily_seasonality=True, weekly_seasonality=False).fit(panel)
