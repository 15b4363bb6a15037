"""Series, and Prophets really fitted to them."""

from typing import Any

import numpy as np

from foresail.panel import FloatArray, TimeArray
from foresail.panel_prophet.export import NO_REGRESSORS, history_frame, new_prophet
from foresail.panel_prophet.quiet import quiet_prophet
from foresail.panel_prophet.specification import Specification

START = np.datetime64("2025-12-20", "s")


def hours(rows: int) -> TimeArray:
    """Return so many hours; they pass Christmas and New Year's Day."""
    return START + np.arange(rows) * np.timedelta64(1, "h")


def rhythm(rows: int, *, seed: int = 1) -> FloatArray:
    """Return a daily rhythm on a rising line that bends in the middle."""
    t = np.arange(rows)
    line = 5 + 2 * t / rows + 3 * np.maximum(0, t / rows - 0.5)
    noise = np.random.default_rng(seed).normal(0, 0.2, rows)
    return np.asarray(line + np.sin(t / 24 * 2 * np.pi) + noise)


def really_fitted(
    specification: Specification,
    *,
    ds: TimeArray,
    y: FloatArray,
    regressors: Any = NO_REGRESSORS,
) -> Any:
    """Return what Prophet itself makes of a series."""
    with quiet_prophet():
        frame = history_frame(specification, ds=ds, y=y, regressors=regressors)
        return new_prophet(specification).fit(frame)
