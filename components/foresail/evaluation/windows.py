"""Which hours are held out: origins that all series and all contenders share."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foresail.evaluation.eligibility import Eligibility
from foresail.horizons import Horizon
from foresail.panel import BoolArray, FloatArray, IntArray

WEEK = 168
DAY = 24
MIN_SHARE = 0.5
"""A window counts for a segment of its leads when at least this share of the hours was seen."""
ENOUGH = 0.25
"""Share of the series asked for a horizon that must take part in each of its windows."""
SPACING = (0, 1, 3, 5, 8, 12, 16, 21)
"""Days between the latest origin and the others, for a day ahead: young series have the latest."""
LONG_SPACING = (0, 5, 11, 17, 24, 31)
"""The same for longer horizons, whose windows overlap."""
FURTHER = 7
"""Days between those that the tables do not reach."""
PATIENCE_DAYS = 21
"""How far an origin moves back to find hours that were seen."""


@dataclass(frozen=True, slots=True)
class Window:
    """Hours held out: known is what lies before the origin, scored what follows it.

    Attributes:
        origin: Hours of the panel before it.
        hours: Its length.
    """

    origin: int
    hours: int


def plan_windows(
    values: FloatArray, fits: Sequence[Eligibility], horizons: Sequence[Horizon], *, windows: int
) -> tuple[Window, ...]:
    """Return the windows of each horizon, the longest horizon's first, the latest first.

    A day is held out twice as often as a month, a week once more: their windows are cheap and there
    is room for them. Origins are days apart; where history is short they move closer. One whose
    leads fall into an outage moves back until enough was seen.

    Args:
        values: Hourly values up to the last hour known, shape `(N, T)`, NaN for gaps.
        fits: What each series may be asked for.
        horizons: Shortest first.
        windows: How many the longest horizon gets.
    """
    found: list[Window] = []
    for place in range(len(horizons) - 1, -1, -1):
        rows = [row for row, fit in enumerate(fits) if horizons[place] in fit.allowed]
        if rows:
            ends = [h.hours for h in horizons[: place + 1]]
            count = (2 * windows, windows + 1, windows)[min(place, 2)]
            origins = _origins(values[rows], ends, wanted=count)
            found += [Window(origin, ends[-1]) for origin in origins]
    return tuple(found)


def entrants(values: FloatArray, window: Window, ends: Sequence[int]) -> IntArray:
    """Return the rows that take part in a window: enough known before it, and seen within it.

    Args:
        values: Shape `(N, T)`, NaN for gaps.
        window: The window.
        ends: Where its segments of leads end.
    """
    begun = np.isfinite(values).argmax(axis=1)
    known = np.isfinite(values[:, : window.origin]).any(axis=1)
    old = window.origin - begun >= _needed(window.hours)
    return np.flatnonzero(known & old & _seen_enough(values[:, window.origin :], ends))


def _needed(hours: int) -> int:
    """Return the hours of history that an origin must have: two weeks, one week or two days."""
    return 2 * WEEK if hours > WEEK else max(2 * DAY, hours)


def _seen_enough(after: FloatArray, ends: Sequence[int]) -> BoolArray:
    seen = np.isfinite(after[:, : ends[-1]])
    starts = [0, *ends[:-1]]
    parts = [seen[:, a:b].mean(axis=1) >= MIN_SHARE for a, b in zip(starts, ends, strict=True)]
    return np.asarray(np.all(parts, axis=0))


def _origins(values: FloatArray, ends: Sequence[int], *, wanted: int) -> list[int]:
    length, hours = values.shape[1], ends[-1]
    begun = np.sort(np.isfinite(values).argmax(axis=1))
    # where half of the series have the history that they need
    first = int(begun[(len(begun) - 1) // 2]) + _needed(hours)
    room = (length - hours - first) // DAY
    if room < 0 or wanted < 1:
        return []
    table = SPACING if hours <= DAY else LONG_SPACING
    further = [table[-1] + FURTHER * k for k in range(1, wanted - len(table) + 1)]
    spacing = np.array([*table[:wanted], *further])
    closer = np.minimum(spacing, np.round(spacing * room / max(spacing[-1], 1))).astype(np.int64)
    found: list[int] = []
    for days in np.unique(closer).tolist():
        latest = length - hours - days * DAY
        if found:
            latest = min(latest, found[-1] - DAY)
        for origin in range(latest, max(latest - PATIENCE_DAYS * DAY, first - 1), -DAY):
            if len(entrants(values, Window(origin, hours), ends)) >= ENOUGH * len(values):
                found.append(origin)
                break
    return found
