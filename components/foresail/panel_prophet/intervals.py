"""Prophet's uncertainty without its sampling: quantiles by table, and paths shared by all series.

Prophet draws the value ``h`` steps after a series' last one as

    yhat_h + slope |1 + mult_h| sum_{i<=h} x_i (h - i + 1/2) + sigma eps

with ``x_i`` a Laplace(0, 1) change of slope that comes with chance ``p``, and ``eps`` standard
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
from foresail.panel_prophet.quantile_table import MANY, Place, quantile_table
from foresail.panel_prophet.spread import IntArray

_ELEMENTS = 16_384  # worked on at a time: what fits a core's cache
_COLUMNS = 512
_MEDIAN = 0.5
_TINY = np.finfo(np.float64).tiny


def quantiles(
    yhat: FloatArray,
    *,
    sigma: FloatArray,
    slope: FloatArray,
    swing: FloatArray | None,
    p: FloatArray,
    first_step: NDArray[np.integer],
    levels: Sequence[float],
) -> FloatArray:
    """Return quantiles of Prophet's predictive law.

    Between the levels 0.025 and 0.975 they differ from the law's own by less than 1e-3 of the
    band's width, or by less than 0.01 of its standard deviation where the noise is under a third
    of what changes of slope do. They do not depend on which other series are asked for.

    Args:
        yhat: Forecasts, shape ``(B, H)``, in any unit.
        sigma: Standard deviation of the noise, in the same unit, not negative, shape ``(B,)``.
        slope: Mean size of a change of slope, in that unit a step, not negative, shape ``(B,)``:
            Prophet's ``mean|delta| + 1e-8`` times the step in scaled time; 0 for flat growth.
        swing: ``1 + mult`` of multiplicative terms, shape ``(B, H)``; its sign does not matter.
            None stands for 1.
        p: Chance of a change at each step, not negative, shape ``(B,)``; above 1 counts as 1.
        first_step: Steps from the last value to column 0, at least 1, shape ``(B,)``.
        levels: Each strictly between 0 and 1.

    Returns:
        Shape ``(B, H, levels)``, ascending along the last axis if the levels are.

    Raises:
        UsageError: If a level is not strictly between 0 and 1.
    """
    for level in levels:
        if not 0 < level < 1:
            raise UsageError(f"a level lies strictly between 0 and 1, got {level}; use e.g. 0.9")
    found = np.empty((*yhat.shape, len(levels)))
    p = np.minimum(p, 1.0)
    steps = first_step.astype(np.intp)
    for rows, columns, shared in _pieces(p, steps, yhat.shape[1]):
        law = rows[:1] if shared else rows
        place = Place.of(p[law], steps[law], columns)
        span = slice(columns.start, columns.stop)
        own_swing = None if swing is None else swing[rows, span]
        offsets = _offsets(levels, place, sigma[rows], slope[rows], own_swing)
        for at, offset in enumerate(offsets):
            found[rows, span, at] = yhat[rows, span] + offset
    return found


def _pieces(
    p: FloatArray, first_step: IntArray, hours: int
) -> Iterator[tuple[IntArray, range, bool]]:
    """Give rows and columns to work on together, and whether the rows share ``p`` and step."""
    law = p + 1j * first_step  # a complex number sorts by both of its parts
    _, group, size = np.unique(law, return_inverse=True, return_counts=True)
    by_group = np.split(np.argsort(group, kind="stable"), np.cumsum(size)[:-1])
    parts = [(rows, True) for rows in by_group if len(rows) >= MANY]
    parts.append((np.flatnonzero(size[group] < MANY), False))
    for column in range(0, hours, _COLUMNS):
        columns = range(column, min(column + _COLUMNS, hours))
        together = max(1, _ELEMENTS // len(columns))
        for rows, shared in parts:
            for row in range(0, len(rows), together):
                yield rows[row : row + together], columns, shared


def _offsets(
    levels: Sequence[float],
    place: Place,
    sigma: FloatArray,
    slope: FloatArray,
    swing: FloatArray | None,
) -> Iterator[FloatArray | float]:
    """Give the distance of each level's quantile from the forecast, ``(B, H)``."""
    changes = slope[:, None] * place.deviation
    # the logarithm of a product as a sum: few numbers; a part that is absent counts as tiny
    log_noise = np.log(np.maximum(sigma, _TINY)) - np.log(np.maximum(slope, _TINY))
    log_ratio = log_noise[:, None] - np.log(np.maximum(place.deviation, _TINY))
    if swing is not None:
        size = np.abs(swing)
        changes *= size
        log_ratio -= np.log(np.maximum(size, _TINY))
    deviation = np.hypot(sigma[:, None], changes)  # squares of very large values overflow
    upper: dict[float, FloatArray] = {}
    for level in levels:
        if level == _MEDIAN:
            yield 0.0
            continue
        side = round(max(level, 1 - level), 12)  # 1 - 0.1 and 0.9 need not be the same number
        if side not in upper:
            upper[side] = deviation * quantile_table(side).at(place, log_ratio)
        yield upper[side] if level > _MEDIAN else -upper[side]


@dataclass(frozen=True, slots=True)
class Draws:
    """Standard draws for the paths of all series: what happens at an hour happens to all of them.

    Attributes:
        uniform: Decides whether the slope changes, shape ``(paths, hidden + steps)``.
        laplace: By how much, in mean sizes of a change, same shape.
        normal: Noise, in its standard deviations, same shape.
        hidden: Columns that lie before the first hour of the forecasts, for series that ended
            earlier than others.
    """

    uniform: FloatArray
    laplace: FloatArray
    normal: FloatArray
    hidden: int


def standardised_draws(paths: int, steps: int, *, seed: int, hidden: int = 0) -> Draws:
    """Draw for forecasts of ``steps`` columns.

    Args:
        paths: How many paths.
        steps: Columns of the longest forecast.
        seed: The same seed gives the same draws.
        hidden: The largest ``first_step - 1`` of the series.
    """
    source = np.random.default_rng(seed)
    shape = (paths, hidden + steps)
    return Draws(
        source.uniform(size=shape),
        source.laplace(size=shape),
        source.standard_normal(shape),
        hidden,
    )


def sample_paths(
    yhat: FloatArray,
    *,
    sigma: float,
    slope: float,
    swing: FloatArray | None,
    p: float,
    first_step: int,
    draws: Draws,
) -> FloatArray:
    """Return whole futures of one series, under the law of `quantiles`.

    Unlike quantiles, paths tell of several hours at once: a change of slope lasts.

    Args:
        yhat: Forecast, shape ``(H,)``; a shorter one is the beginning of a longer one.
        sigma: Standard deviation of the noise, in the same unit.
        slope: Mean size of a change of slope, in that unit a step; 0 for flat growth.
        swing: ``1 + mult`` of multiplicative terms with its sign, shape ``(H,)``; None stands
            for 1.
        p: Chance of a change at each step.
        first_step: Steps from the series' last value to column 0, at least 1.
        draws: The same for all series that are to be compared or added.

    Returns:
        Shape ``(paths, H)``.

    Raises:
        UsageError: If the draws cover too few steps.
    """
    start, stop = draws.hidden - (first_step - 1), draws.hidden + len(yhat)
    if start < 0 or stop > draws.uniform.shape[1]:
        raise UsageError(
            f"this series needs draws for {len(yhat)} steps and {first_step - 1} hidden ones, got "
            f"{draws.uniform.shape[1] - draws.hidden} and {draws.hidden}; draw more"
        )
    change = np.where(draws.uniform[:, start:stop] < p, draws.laplace[:, start:stop], 0.0)
    # a change comes in the middle of its step
    trend = np.cumsum(np.cumsum(change, axis=1) - change / 2, axis=1)[:, first_step - 1 :]
    trend *= slope if swing is None else slope * swing
    return np.asarray(yhat + trend + sigma * draws.normal[:, draws.hidden : stop])
