"""Which hours are held out: origins shared by all contenders, planned per series."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foresail.horizons import Horizon
from foresail.panel import FloatArray

WEEK = 168
DAY = 24
MIN_SHARE = 0.5
"""A window counts for a segment of its leads when at least this share of the hours was seen."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The held-out windows of one series.

    Attributes:
        hours: Length of each window.
        backs: Hours between each window's start and the end of history, the latest window first.
    """

    hours: int
    backs: tuple[int, ...]


def plan_windows(y: FloatArray, horizons: Sequence[Horizon], *, windows: int) -> Plan | None:
    """Return the windows that one series' history can hold out, or None.

    One set of origins measures every horizon: each window is as long as the longest horizon for
    which `windows` of them fit while the earliest origin still knows two weeks (month), one week
    (week) or two days (day). Origins start a week apart - where only days can be held out and the
    history is too short for that, a day apart; an origin whose leads fall into an outage moves back
    by days until enough was seen.

    Args:
        y: Hourly values up to the last hour known, shape `(T,)`, NaN for gaps.
        horizons: Those that the series may be asked for, shortest first.
        windows: How many are wanted.
    """
    seen = np.isfinite(y)
    span = len(y) - int(seen.argmax())
    for count in range(len(horizons), 0, -1):
        ends = [h.hours for h in horizons[:count]]
        for stride in (WEEK, DAY) if ends[-1] < WEEK else (WEEK,):
            backs = _backs(seen, span, ends, stride=stride, windows=windows)
            if len(backs) == windows:
                return Plan(ends[-1], tuple(backs))
    return None


def _backs(
    seen: np.ndarray, span: int, ends: Sequence[int], *, stride: int, windows: int
) -> list[int]:
    longest = ends[-1]
    known = {True: 2 * WEEK, False: max(2 * DAY, longest)}[longest > WEEK]
    backs: list[int] = []
    for back in range(longest, span - known + 1, DAY):
        spaced = not backs or back - backs[-1] >= stride
        if spaced and _seen_enough(seen[len(seen) - back :][:longest], ends):
            backs.append(back)
        if len(backs) == windows:
            break
    return backs


def _seen_enough(window: np.ndarray, ends: Sequence[int]) -> bool:
    starts = [0, *ends[:-1]]
    return all(window[a:b].mean() >= MIN_SHARE for a, b in zip(starts, ends, strict=True))
