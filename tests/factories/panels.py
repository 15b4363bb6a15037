"""Panels out of plain arrays."""

import numpy as np

from foresail.panel import FloatArray, Panel, SeriesInfo


def panel_of(values: FloatArray) -> Panel:
    """Return a panel of rows of hourly values that starts on New Year."""
    ds = np.datetime64("2026-01-01", "s") + np.arange(values.shape[1]) * np.timedelta64(1, "h")
    return Panel(ds, values, tuple(SeriesInfo(f"s{i}", "cpu") for i in range(len(values))))
