"""What is believed before a panel has spoken: how contenders do, and who belongs into a blend.

Measured on the held-out windows of 320 virtual machines and 22 resource pools (docs/accuracy.md),
rounded. A panel's own windows outweigh it soon; it decides where there are none or few.
"""

import numpy as np

from foresail.panel import FloatArray

BLEND = "blend"
LEARNER = "booster"
EXPECTED = {
    "blend": (0.71, 0.76, 0.77),
    "booster": (0.74, 0.79, 0.83),
    "ets": (0.75, 0.80, 0.81),
    "hour_quantiles_7d": (0.88, 0.87, 0.82),
    "hour_quantiles_28d": (0.95, 0.90, 0.80),
    "recent_2d": (0.84, 0.90, 0.88),
    "recent_7d": (0.92, 0.92, 0.88),
    "recent_28d": (1.08, 1.00, 0.90),
    "last_day_mean": (1.00, 1.02, 1.00),
    "last_value": (1.20, 1.20, 1.20),
    "median_28d": (1.15, 1.05, 0.95),
    "daily_profile": (1.02, 1.00, 0.98),
    "hour_of_week_mean": (1.02, 1.02, 0.98),
    "seasonal_naive_168h": (1.10, 1.02, 1.00),
    "prophet": (1.40, 1.35, 1.40),
    "prophet_flat": (1.35, 1.20, 1.10),
    "prophet_no_week": (1.35, 1.20, 1.10),
}
"""Error relative to the seasonal naive's on the first day, the rest of the week, and beyond."""
MEMBERS = {
    "booster": (0.55, 0.50, 0.45),
    "ets": (0.40, 0.35, 0.25),
    "hour_quantiles_7d": (0.02, 0.05, 0.10),
    "hour_quantiles_28d": (0.02, 0.05, 0.20),
    "recent_2d": (0.01, 0.05, 0.01),
}
"""Weights of a blend where nothing was measured, in a large panel."""
ENOUGH_SERIES = 20
"""Series at which what learns from the panel has half of that weight."""


def expected(names: tuple[str, ...], *, segments: int) -> FloatArray:
    """Return the log of `EXPECTED`, shape `(C, S)`; 0 for a contender that it does not know."""
    table = [EXPECTED.get(name, (1.0,)) for name in names]
    return np.log([[row[min(s, len(row) - 1)] for s in range(segments)] for row in table])


def first_weights(names: tuple[str, ...], *, segment: int, series: int) -> FloatArray:
    """Return the weights of a blend's members before anything was measured; they add up to 1.

    Args:
        names: The members.
        segment: Of the leads.
        series: Size of the panel: from a few series a booster learns little.
    """
    weights = np.array([MEMBERS[name][min(segment, 2)] for name in names])
    learner = np.array([name == LEARNER for name in names])
    weights = np.where(learner, weights * series / (series + ENOUGH_SERIES), weights)
    return np.asarray(weights / weights.sum())
