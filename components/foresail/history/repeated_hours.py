"""The hour that the clocks repeat: which of its two passes a row without a zone belongs to."""

import numpy as np

from foresail.panel import BoolArray, IntArray, TimeArray

_NONE = np.timedelta64(0, "ns")
_YEARS_APART = np.timedelta64(1, "D")


def first_passes(
    local: TimeArray, *, twice: BoolArray, series: IntArray
) -> tuple[BoolArray, BoolArray]:
    """Tell the two passes of each repeated hour apart by the order of the rows.

    Each series must run forwards or backwards in time as a whole, as exports do. Its rows within a
    repeated time then run once through the hour, jump back, and run through it again.

    Args:
        local: Times by the clock on the wall, shape `(n,)`, in the order of the file.
        twice: Shape `(n,)`: which of them were twice.
        series: Shape `(n,)`: a number for each series.

    Returns:
        Which rows belong to the first pass, and which are told at all; both shape `(n,)`.
    """
    first, told = np.ones(len(local), dtype=bool), np.ones(len(local), dtype=bool)
    order = np.argsort(series, kind="stable")
    starts = np.flatnonzero(np.diff(series[order], prepend=series[order][:1] - 1))
    for rows in np.split(order, starts[1:]):
        if not twice[rows].any():
            continue
        steps = np.diff(local[rows][~twice[rows]])
        forwards, backwards = bool((steps > _NONE).any()), bool((steps < _NONE).any())
        if forwards == backwards:  # it runs both ways, or there is nothing to tell the way by
            told[rows[twice[rows]]] = False
            continue
        _tell(local, rows if forwards else rows[::-1], twice=twice, first=first, told=told)
    return first, told


def _tell(
    local: TimeArray, rows: IntArray, *, twice: BoolArray, first: BoolArray, told: BoolArray
) -> None:
    """Tell the passes of one series, whose rows are given in the order of time."""
    repeated = np.flatnonzero(twice[rows])
    breaks = (np.diff(repeated) > 1) | (np.diff(local[rows[repeated]]) > _YEARS_APART)
    for run in np.split(repeated, np.flatnonzero(breaks) + 1):
        times = local[rows[run]]
        jumps = np.flatnonzero(np.diff(times) <= _NONE)
        before, after = rows[: run[0]][-1:], rows[run[-1] + 1 :][:1]
        in_place = (local[before] < times.min()).all() and (local[after] > times.max()).all()
        if len(jumps) == 1 and in_place:
            first[rows[run[jumps[0] + 1 :]]] = False
        else:
            told[rows[run]] = False
