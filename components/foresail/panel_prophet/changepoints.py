"""Where the trend of each series may bend, by Prophet's rule on the series' own values."""

from dataclasses import dataclass

import numpy as np

from foresail.panel import BoolArray, FloatArray, IntArray, TimeArray
from foresail.panel_prophet.specification import Specification


@dataclass(frozen=True, slots=True)
class Spans:
    """Where series begin, end and may bend. Rows are rows of the grid; B series, S slots.

    Attributes:
        known: Rows with a value, shape `(B, T)`.
        first: First row with a value: time 0, shape `(B,)`.
        last: Last one: time 1, shape `(B,)`.
        rows: Number of values, shape `(B,)`.
        bends: Number of changepoints, shape `(B,)`; a series without any has Prophet's dummy at 0.
        bend_times: Changepoints in the series' own time, ascending, shape `(B, S)`; 1 if unused.
        bend_rows: First row with a value from which each counts, shape `(B, S)`; T if unused.
        dummy: Whether the one changepoint is Prophet's dummy, shape `(B,)`.
    """

    known: BoolArray
    first: IntArray
    last: IntArray
    rows: IntArray
    bends: IntArray
    bend_times: FloatArray
    bend_rows: IntArray
    dummy: BoolArray

    @property
    def length(self) -> FloatArray:
        """Return the rows between first and last value, shape `(B,)`."""
        return (self.last - self.first).astype(np.float64)


def slots(specification: Specification) -> int:
    """Return the most changepoints that a series can have, the dummy counted."""
    if specification.changepoints is not None:
        return max(1, len(specification.changepoints))
    return max(1, specification.n_changepoints)


def given_places(specification: Specification, ds: TimeArray) -> FloatArray | None:
    """Return the given changepoints as (fractional) rows of the grid; None if Prophet places them.

    Args:
        specification: The model.
        ds: The grid, at least two rows.
    """
    if specification.changepoints is None:
        return None
    seconds = ds.astype("datetime64[s]").astype(np.int64)
    given = np.array(specification.changepoints, dtype="datetime64[s]").astype(np.int64)
    return np.asarray((np.sort(given) - seconds[0]) / (seconds[1] - seconds[0]))


def spans_of(
    specification: Specification,
    known: BoolArray,
    given: FloatArray | None,
    *,
    trim: bool = False,
) -> Spans:
    """Return where series begin, end and may bend.

    Args:
        specification: The model.
        known: Rows with a value, two at least in each series, shape `(B, T)`.
        given: See `given_places`.
        trim: Of the given ones a series has those before its last value, as in a refit up to a
            cutoff; otherwise the last value may bear one too.
    """
    count, grid = known.shape
    rows = known.sum(axis=1)
    first = known.argmax(axis=1)
    last = grid - 1 - known[:, ::-1].argmax(axis=1)
    slot = np.arange(1, slots(specification) + 1)
    own = np.arange(count)[:, None] * grid
    flat = np.flatnonzero(known)
    if given is None:
        candidates = np.floor(rows * specification.changepoint_range).astype(np.int64)
        bends = np.clip(candidates - 1, 0, specification.n_changepoints)
        step = (candidates - 1) / np.maximum(bends, 1)
        rank = np.rint(slot * step[:, None]).astype(np.int64)
        rank = np.clip(rank, 0, rows[:, None] - 1)
        rank += np.append(0, np.cumsum(rows)[:-1])[:, None]
        places = (flat[rank] - own).astype(np.float64)
    else:
        reached = given < last[:, None] if trim else given <= last[:, None]
        bends = reached.sum(axis=1)
        filled = given if given.size else np.zeros(1)
        places = np.minimum(filled, last[:, None])
        rank = np.searchsorted(flat, np.ceil(places).astype(np.int64) + own)
    begins = flat[rank] - own
    dummy = bends == 0
    places[dummy, 0] = begins[dummy, 0] = first[dummy]
    bends = np.maximum(bends, 1)
    used = slot <= bends[:, None]
    times = (places - first[:, None]) / (last - first)[:, None]
    return Spans(
        known,
        first,
        last,
        rows,
        bends,
        np.where(used, times, 1.0),
        np.where(used, begins, grid),
        dummy,
    )
