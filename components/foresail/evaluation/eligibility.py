"""Which horizons a series' history can carry."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foresail.codes import Code, NoForecast
from foresail.horizons import Horizon
from foresail.panel import FloatArray

MIN_VALUES = 48
ENDED_HOURS = 7 * 24
RECENT_HOURS = 28 * 24
MAX_GAP_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Eligibility:
    """What one series may be asked for.

    Attributes:
        allowed: Horizons, shortest first.
        refused: Horizon name -> why not.
    """

    allowed: tuple[Horizon, ...]
    refused: dict[str, NoForecast]


def eligibility(y: FloatArray, horizons: Sequence[Horizon]) -> Eligibility:
    """Return which horizons one series may be asked for.

    Args:
        y: Hourly values up to the last hour known, shape `(T,)`, NaN for gaps.
        horizons: Those asked for, shortest first.
    """
    known = np.flatnonzero(np.isfinite(y))
    none = _no_forecast(y, known)
    if none:
        return Eligibility((), {h.name: none for h in horizons})
    span = int(known[-1] - known[0] + 1)
    allowed = tuple(h for h in horizons if span >= h.min_history_hours)
    refused = {
        h.name: NoForecast(
            Code.HORIZON_TOO_LONG,
            f"{h.name} needs {h.min_history_hours / 24:g} days of history, the series has "
            f"{span / 24:.1f}; ask for a shorter horizon",
        )
        for h in horizons
        if h not in allowed
    }
    return Eligibility(allowed, refused)


def _no_forecast(y: FloatArray, known: np.ndarray) -> NoForecast | None:
    if not len(known):
        return NoForecast(Code.EMPTY_SERIES, "the series has no value")
    silent = len(y) - 1 - int(known[-1])
    if silent >= ENDED_HOURS:
        return NoForecast(
            Code.SERIES_ENDED, f"the last value is {silent / 24:.1f} days old; the series has ended"
        )
    if len(known) < MIN_VALUES:
        return NoForecast(
            Code.TOO_LITTLE_HISTORY,
            f"need {MIN_VALUES} hourly values, got {len(known)}; stage more history",
        )
    recent = min(len(y) - int(known[0]), RECENT_HOURS)
    missing = 1 - np.isfinite(y[-recent:]).mean()
    if missing > MAX_GAP_SHARE:
        return NoForecast(
            Code.MOSTLY_GAPS, f"{missing:.0%} of the last {recent / 24:.0f} days is missing"
        )
    return None
