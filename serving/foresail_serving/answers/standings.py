"""How near every series of one metric comes to its ceiling, over a whole panel at once.

The figures are those of the single answers: `answers.room` tells the same hour and the same room.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foresail.capacity import Ceiling, ceiling_of
from foresail.horizons import Horizon
from foresail.panel import FloatArray
from foresail_serving.answers.moment import Moment
from foresail_serving.answers.window import significant
from foresail_serving.snapshot import Found, Snapshot

_HOUR = timedelta(hours=1)
_BLOCK = 512
"""Series at a time: a month of more of them would be a tenth of the server's memory."""
_ROUNDING = 1e-6
"""More than seven significant digits can change a value by, as a share of it."""
_KEPT = 12


@dataclass(frozen=True, slots=True)
class Standings:
    """All series of one metric and stat at one horizon, by id; n rows, columns p50 and p90.

    Attributes:
        found: The series.
        names: Their ids as a search compares them.
        scopes: Their scopes.
        clusters: All clusters, ascending.
        namespaces: All namespaces, ascending.
        peak: Highest value of the window, shape `(n, 2)`; NaN where there is no forecast.
        room: Share of the ceiling that the peak leaves, shape `(n, 2)`, negative beyond it; NaN
            where there is no forecast or no ceiling.
        full: Hours from now to the first one that reaches the threshold, shape `(n, 2)`; infinite
            where none does.
        has_ceiling: Whether one is known, shape `(n,)`.
    """

    found: tuple[Found, ...]
    names: tuple[str, ...]
    scopes: tuple[str, ...]
    clusters: tuple[str, ...]
    namespaces: tuple[str, ...]
    peak: FloatArray
    room: FloatArray
    full: FloatArray
    has_ceiling: NDArray[np.bool_]


class StandingsCache:
    """Keeps the standings of the present hour and snapshot, a few of them.

    It is meant for worker threads: a second one waits for the first.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: tuple[Snapshot, datetime] | None = None
        self._kept: OrderedDict[tuple[str, str, str], Standings] = OrderedDict()

    def has(self, moment: Moment, *, metric: str, stat: str, horizon: Horizon) -> bool:
        """Return whether they are there, so that `get` computes nothing."""
        with self._lock:
            if self._of is None or self._of[0] is not moment.snapshot or self._of[1] != moment.hour:
                return False
            return (metric, stat, horizon.name) in self._kept

    def get(self, moment: Moment, *, metric: str, stat: str, horizon: Horizon) -> Standings:
        """Return the standings of a metric that is served; computed once."""
        key = (metric, stat, horizon.name)
        with self._lock:
            of = (moment.snapshot, moment.hour)
            if self._of is None or self._of[0] is not of[0] or self._of[1] != of[1]:
                self._of = of
                self._kept.clear()
            found = self._kept.get(key)
            if found is None:
                found = standings(moment, metric=metric, stat=stat, horizon=horizon)
                self._kept[key] = found
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
        return found


def standings(moment: Moment, *, metric: str, stat: str, horizon: Horizon) -> Standings:
    """Return how all series of a metric stand at a horizon, from this hour on."""
    found = tuple(
        item
        for item in moment.snapshot.series
        if item.entry.metric == metric and item.entry.stat == stat
    )
    ceilings = np.array([_ceiling(item) for item in found])
    blocks = [
        _block(
            found[begin : begin + _BLOCK],
            ceilings[begin : begin + _BLOCK],
            moment=moment,
            horizon=horizon,
        )
        for begin in range(0, len(found), _BLOCK)
    ]
    peak, full = (
        np.concatenate([block[part] for block in blocks]) if blocks else np.empty((0, 2))
        for part in (0, 1)
    )
    return Standings(
        found,
        tuple(item.entry.series.casefold() for item in found),
        tuple(item.entry.labels.get("scope", "") for item in found),
        _all(found, "cluster"),
        _all(found, "namespace"),
        peak,
        (ceilings[:, None] - peak) / ceilings[:, None] if blocks else peak,
        full,
        np.isfinite(ceilings),
    )


def _all(found: Sequence[Found], label: str) -> tuple[str, ...]:
    return tuple(sorted({i.entry.labels[label] for i in found if label in i.entry.labels}))


def _ceiling(found: Found) -> float:
    ceiling = ceiling_of(found.entry.capacity, scope=found.entry.labels.get("scope", ""))
    return ceiling.value if isinstance(ceiling, Ceiling) else np.nan


def _block(
    found: Sequence[Found], ceilings: FloatArray, *, moment: Moment, horizon: Horizon
) -> tuple[FloatArray, FloatArray]:
    """Return peaks and hours to full of some series of one model, `(n, 2)` each."""
    bundle = found[0].served.bundle
    peak, full = np.full((len(found), 2), np.nan), np.full((len(found), 2), np.inf)
    now = (moment.hour - bundle.manifest.trained_until) // _HOUR
    first, last = max(now, 0), min(now + horizon.hours, bundle.manifest.steps)
    if first >= last:
        return peak, full
    values = bundle.forecast[[item.row for item in found], first:last, 1:]
    there = np.arange(first, last) < np.array([_hours(item, horizon) for item in found])[:, None]
    some = there.any(axis=1)
    highest = np.where(there[..., None], values, -np.inf).max(axis=1)
    peak[some] = significant(highest[some])
    limits = moment.settings.full_threshold * ceilings
    near = some & (highest[:, 1] >= limits - _ROUNDING * np.abs(limits))
    full[near] = _hours_to_full(values[near], there[near], limits[near]) + first - now
    return peak, full


def _hours(found: Found, horizon: Horizon) -> int:
    """Return how many stored hours may be answered with at a horizon; 0 where it abstains."""
    known = found.entry.horizons.get(horizon.name)
    return found.entry.hours if known is not None and known.winner is not None else 0


def _hours_to_full(
    values: NDArray[np.floating[Any]], there: NDArray[np.bool_], limits: FloatArray
) -> FloatArray:
    """Return the first place along the hours at which a limit is reached, infinite if at none.

    Args:
        values: Shape `(n, hours, 2)`.
        there: Which hours hold a forecast, shape `(n, hours)`.
        limits: Shape `(n,)`.
    """
    slack = _ROUNDING * np.abs(limits)
    surely, perhaps = (
        _first((values >= limit[:, None, None]) & there[..., None])
        for limit in (limits + slack, limits - slack)
    )
    # rounded as the answers are, since 8.4999999 is an 8.5 to whoever reads it; but rounding all
    # values takes longer than everything else together
    unsure = (surely != perhaps).any(axis=1)
    exact = significant(values[unsure]) >= limits[unsure, None, None]
    surely[unsure] = _first(exact & there[unsure, :, None])
    return surely


def _first(reached: NDArray[np.bool_]) -> FloatArray:
    """Return the first place along axis 1 that holds, infinite where none does."""
    return np.where(reached.any(axis=1), reached.argmax(axis=1).astype(np.float64), np.inf)
