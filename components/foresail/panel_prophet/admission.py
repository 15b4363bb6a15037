"""What may come in: stamps, levels, capacities, and which series any engine can fit."""

from collections.abc import Sequence

import numpy as np

from foresail.errors import BadInput, UsageError
from foresail.panel import FloatArray, IntArray, TimeArray
from foresail.panel_prophet import design
from foresail.panel_prophet.fitting import Design
from foresail.panel_prophet.spans import Coverage
from foresail.panel_prophet.specification import Specification

HOUR_SECONDS = 3_600


def ascending_steps(ds: TimeArray) -> IntArray:
    """Return the steps between stamps in seconds, shape `(T - 1,)`.

    Raises:
        BadInput: There are none, or they do not ascend.
    """
    if not ds.size:
        raise BadInput("the panel has no rows; give it a history")
    seconds: IntArray = ds.astype("datetime64[s]").astype(np.int64)
    steps: IntArray = seconds[1:] - seconds[:-1]
    if (steps <= 0).any():
        at = int(np.flatnonzero(steps <= 0)[0])
        raise BadInput(f"stamps must ascend, but {ds[at]} is followed by {ds[at + 1]}")
    return steps


def stamps_ahead(ds: TimeArray, hours: int) -> TimeArray:
    """Return the stamps of the hours after the last row, on the grid's own step.

    Raises:
        UsageError: `hours` is no whole number of steps, or none.
    """
    steps = np.diff(ds.astype("datetime64[s]").astype(np.int64))
    step = int(np.median(steps)) if steps.size else HOUR_SECONDS
    if hours < 1 or hours * HOUR_SECONDS % step:
        raise UsageError(
            f"hours must be at least 1 and a whole number of the grid's steps of {step} s, "
            f"got {hours}"
        )
    count = hours * HOUR_SECONDS // step
    return np.asarray(ds[-1] + np.arange(1, count + 1) * np.timedelta64(step, "s"))


def checked_levels(quantiles: Sequence[float]) -> tuple[float, ...]:
    """Return the levels.

    Raises:
        UsageError: They do not ascend, or one is not between 0 and 1.
    """
    levels = tuple(float(level) for level in quantiles)
    if not levels or any(not 0 < level < 1 for level in levels) or list(levels) != sorted(levels):
        raise UsageError(
            f"quantiles must be levels between 0 and 1 in ascending order, got {levels}"
        )
    return levels


def checked_caps(cap: FloatArray | None, series: int) -> FloatArray | None:
    """Return the capacities, one a series.

    Raises:
        BadInput: They have another shape.
    """
    if cap is None:
        return None
    caps = np.asarray(cap, dtype=np.float64)
    if caps.shape != (series,):
        raise BadInput(f"cap has shape {caps.shape}, expected one value a series: ({series},)")
    return caps


def seasonalities_of_all(
    specification: Specification, ds: TimeArray, covered: Coverage
) -> tuple[Design, ...]:
    """Return the seasonalities of every series, decided by its own values."""
    seconds = ds.astype("datetime64[s]").astype(np.int64)
    days = (seconds[covered.last] - seconds[covered.first]) / design.DAY
    step = (seconds[1] - seconds[0]) / design.DAY if seconds.size > 1 else 1.0
    apart = covered.nearest * step
    found: dict[tuple[bool, ...], Design] = {}
    chosen = []
    for span, nearest in zip(days.tolist(), apart.tolist(), strict=True):
        key = design.too_short(days=span, least_step_days=nearest)
        if key not in found:
            found[key] = design.seasonalities_of(specification, days=span, least_step_days=nearest)
        chosen.append(found[key])
    return tuple(chosen)


def refusals(
    specification: Specification, ds: TimeArray, covered: Coverage, *, trim: bool
) -> dict[int, str]:
    """Return row -> why no engine can fit it.

    Args:
        specification: The model.
        ds: Rows of the panel.
        covered: What is known of its series.
        trim: Given changepoints after a series' last value are left out, as in a refit up to a
            cutoff; otherwise they refuse the series.
    """
    found: dict[int, str] = {}
    for row in np.flatnonzero(covered.infinite).tolist():
        found[row] = "holds an infinite value; give finite numbers, and NaN for a gap"
    for row in np.flatnonzero(covered.count < 2).tolist():  # noqa: PLR2004  # Prophet's least
        count = covered.count[row]
        found[row] = f"has {count or 'no'} value{'' if count == 1 else 's'}; a fit needs two"
    if specification.changepoints:
        first, last = ds[covered.first], ds[covered.last]
        outside = first > specification.changepoints[0]
        if not trim:  # a refit keeps only those that it has reached
            outside |= last < specification.changepoints[-1]
        for row in np.flatnonzero(outside).tolist():
            found.setdefault(
                row, f"given changepoints fall outside its values, {first[row]} to {last[row]}"
            )
    return found
