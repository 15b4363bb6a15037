"""Prophet's uncertainty without its sampling: quantiles by table, and paths shared by all series.

Prophet draws the values ``h`` steps after a series' last one as

    yhat_h + slope |1 + mult_h| sum_{i<=h} x_i (h - i + 1/2) + sigma eps

with ``x_i`` a Laplace(0, 1) change of slope that comes with chance ``p`` and ``eps`` standard
normal (`Prophet.sample_predictive_trend_vectorized`, prophet 1.5). Here ``h`` counts from the
series' own last value. Prophet counts from the first row that it is asked for, so that its band
depends on the question.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foresail.errors import UsageError
from foresail.panel import FloatArray
from foresail.panel_prophet.quantile_table import Place, quantile_table

IntArray = NDArray[np.integer]
RowArray = NDArray[np.intp]

_ELEMENTS = 16_384  # worked on at a time: what fits a core's cache
_COLUMNS = 512
_TINY = np.finfo(np.float64).tiny


def quantiles(  # noqa: PLR0913  # the law has that many parameters
    yhat: FloatArray,
    *,
    sigma: FloatArray,
    slope: FloatArray,
    swing: FloatArray | None,
    p: FloatArray,
    first_step: IntArray,
    levels: Sequence[float],
) -> FloatArray:
    """Return quantiles of Prophet's predictive law.

    Against the law itself they are good to about 1e-3 of a band's width, and each series' are the
    same whatever other series are asked for with it.

    Args:
        yhat: Forecasts, shape ``(B, H)``, in any unit.
        sigma: Standard deviation of the noise, in the same unit, not negative, shape ``(B,)``.
        slope: Mean size of a change of slope, in that unit a step, shape ``(B,)``: Prophet's
            ``mean|delta| + 1e-8`` times the step in scaled time; 0 for flat growth.
        swing: ``1 + mult`` of multiplicative terms, shape ``(B, H)``; its sign does not matter.
            None stands for 1.
        p: Chance of a change at each step, shape ``(B,)``; above 1 counts as 1.
        first_step: Steps from the last value to column 0, at least 1, shape ``(B,)``.
        levels: Each strictly between 0 and 1.

    Returns:
        Shape ``(B, H, levels)``, ascending along the last axis if the levels are.

    Raises:
        UsageError: If a level is not strictly between 0 and 1.
    """
    for level in levels:
        if not 0 < level < 1:
            raise UsageError(f"a quantile's level is between 0 and 1, got {level}; use e.g. 0.9")
    found = np.empty((*yhat.shape, len(levels)))
    p = np.minimum(p, 1.0)
    for rows, columns, shared in _blocks(p, first_step, yhat.shape[1]):
        law = rows[:1] if shared else rows
        place = Place.of(p[law], first_step[law], columns)
        span = slice(columns.start, columns.stop)
        own_swing = None if swing is None else swing[rows, span]
        for at, half in _halves(levels, place, sigma[rows], slope[rows], own_swing):
            found[rows, span, at] = yhat[rows, span] + half
    return found


def _halves(
    levels: Sequence[float],
    place: Place,
    sigma: FloatArray,
    slope: FloatArray,
    swing: FloatArray | None,
) -> Iterator[tuple[int, FloatArray | float]]:
    """Give each level's index and the distance of its quantile from the forecast."""
    changes = slope[:, None] * place.deviation
    # logarithms of few numbers instead of all; a part that is absent is only very small
    log_ratio = np.log(np.maximum(sigma, _TINY) / np.maximum(slope, _TINY))[:, None] - np.log(
        np.maximum(place.deviation, _TINY)
    )
    if swing is not None:
        size = np.maximum(np.abs(swing), _TINY)
        changes *= size
        log_ratio -= np.log(size)
    deviation = np.sqrt(np.square(sigma)[:, None] + np.square(changes))
    upper: dict[float, FloatArray] = {}
    for at, level in enumerate(levels):
        if level == 0.5:
            yield at, 0.0
            continue
        side = round(max(level, 1 - level), 12)
        if side not in upper:
            upper[side] = deviation * quantile_table(side).at(place, log_ratio)
        yield at, upper[side] if level > 0.5 else -upper[side]


def _blocks(
    p: FloatArray, first_step: IntArray, hours: int
) -> Iterator[tuple[RowArray, range, bool]]:
    """Give series to work on together, the columns, and whether the series share their law."""
    # a complex number sorts by both of its parts
    law = p + 1j * first_step
    _, group, size = np.unique(law, return_inverse=True, return_counts=True)
    order = np.argsort(group, kind="stable")
    cuts = np.cumsum(size)
    many = size >= 24
    parts = [(order[end - n : end], True) for end, n in zip(cuts[many], size[many], strict=True)]
    parts.append((np.flatnonzero(~many[group]), False))
    for rows, shared in parts:
        for column in range(0, hours, _COLUMNS):
            columns = range(column, min(column + _COLUMNS, hours))
            stride = max(1, _ELEMENTS // len(columns))
            for row in range(0, len(rows), stride):
                yield rows[row : row + stride], columns, shared
