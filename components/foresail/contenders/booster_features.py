"""What the booster knows of a series at an origin, in numbers that do not depend on its unit.

Every value is written as centre + unit * z: the centre is the mean of the last day, the unit the
mean change from one day to the next, so that series of all sizes can be learnt from together.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foresail.contenders.averages import known_mean
from foresail.contenders.repetition import row_quantiles
from foresail.panel import FloatArray, IntArray

DAY = 24
WEEK = 168
MEMORY_DAYS = 28
MEMORY = MEMORY_DAYS * DAY
LOOKBACK = MEMORY + DAY
"""Hours of history that a snapshot reads: 28 days, and one more for the changes from day to day."""

Float32Array = NDArray[np.float32]

_RECENT = (1, 3, 6, 12, 48, WEEK, MEMORY)
"""Hours over which the level is taken; that of 24 hours is the centre, hence always zero."""
_LEVELS = {
    MEMORY: (0.0, 0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98, 1.0),
    WEEK: (0.0, 0.1, 0.5, 0.9, 1.0),
    DAY: (0.0, 0.1, 0.5, 0.9, 1.0),
}
_HOUR_LEVELS = (0.1, 0.5, 0.9)
_USUAL = (0.01, 0.99)
_REACH = 0.5
"""Ranges of the usual values by which a value may leave them."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Series as they look from one origin.

    Attributes:
        centre: Shape `(n,)`, in the series' unit.
        unit: Shape `(n,)`, above 0, in the series' unit.
        z: The last 28 days, centred and scaled, shape `(n, 672)`, NaN for gaps.
        summary: What holds for all leads: shape `(n, S)`.
        shape: What each hour of the day adds to the level, shrunken by how uncertain it is:
            `(n, 24)`; column h speaks of the hours h, 24 + h, ... after the origin.
        hourly: What is known of each hour of the day, about its shape: `(n, 24, K)`.
        week: Mean of the same hour of the last four weeks, `(n, 168)`.
    """

    centre: FloatArray
    unit: FloatArray
    z: Float32Array
    summary: Float32Array
    shape: Float32Array
    hourly: Float32Array
    week: Float32Array

    def expected(self, leads: IntArray) -> Float32Array:
        """Return the daily shape at these leads, in units about the centre, `(n, L)`."""
        return np.asarray(self.shape[:, leads % DAY])


def snapshot(values: FloatArray) -> Snapshot:
    """Describe series by their last 28 days.

    Args:
        values: Shape `(n, T)`, NaN for gaps; of a longer history the end is read.
    """
    window = _tamed(_last(values, LOOKBACK))
    recent = window[:, DAY:]
    mean = _mean(recent, axis=1)
    centre = _filled(_mean(recent[:, -DAY:], axis=1), mean, 0.0)
    deviation = _mean(np.abs(recent - mean[:, None]), axis=1)
    change = _mean(np.abs(recent - window[:, :-DAY]), axis=1)
    unit = np.where(change > 0, change, np.where(deviation > 0, deviation, 1.0))
    scaled = ((window - centre[:, None]) / unit[:, None]).astype(np.float32)
    z = scaled[:, DAY:]
    days = z.reshape(len(z), MEMORY_DAYS, DAY)
    shape, strength = _shape(days)
    known = _mean(days, axis=1)
    above = z[:, -DAY:] - np.where(np.isfinite(known), known, 0)
    summary = np.column_stack(
        [
            *_levels(z),
            *_spreads(scaled, days),
            *(_mean(above[:, -hours:], axis=1) for hours in (1, 3, 6)),
            -centre / unit,  # where zero lies: most series never go below it
            deviation / unit,
            strength,
        ]
    ).astype(np.float32)
    steps = np.abs(z - scaled[:, :-DAY]).reshape(days.shape)
    hourly = np.concatenate(
        [
            np.stack([known, _mean(days[:, -7:], axis=1), _mean(days[:, -3:], axis=1)], axis=2)
            - shape[:, :, None],
            _hour_quantiles(days) - shape[:, :, None],
            np.stack([shape, _mean(steps, axis=1)], axis=2),
        ],
        axis=2,
        dtype=np.float32,
        casting="same_kind",
    )
    week = _mean(z.reshape(len(z), 4, WEEK), axis=1).astype(np.float32)
    return Snapshot(centre, unit, z, summary, shape, hourly, week)


def lead_rows(seen: Snapshot, leads: IntArray, *, first_hour: int) -> Float32Array:
    """Return one row of numbers per series and lead, shape `(n, L, F)`.

    Args:
        seen: The series at the origin.
        leads: Hours after the first one to forecast, so that 0 is the hour after the history ends.
        first_hour: That first hour, counted from 1970-01-01 00:00 UTC.
    """
    of_hour, of_week = leads % DAY, leads % WEEK
    ago = seen.z[:, MEMORY - WEEK + (of_week + np.array([[-1], [0], [1]])) % WEEK]
    about: list[np.ndarray] = [
        seen.week[:, of_week],
        seen.z[:, MEMORY - DAY + of_hour],
        seen.z[:, MEMORY - 2 * DAY + of_hour],
        ago[:, 1],
        seen.z[:, MEMORY - 2 * WEEK + of_week],
        _mean(ago, axis=1),
    ]
    time = first_hour + leads
    clock = np.stack([leads, time % DAY, (time // DAY + 3) % 7], axis=1)
    parts = [
        np.broadcast_to(seen.summary[:, None], (len(seen.z), len(leads), seen.summary.shape[1])),
        seen.hourly[:, of_hour],
        np.stack(about, axis=2) - seen.expected(leads)[:, :, None],
        np.broadcast_to(clock[None], (len(seen.z), len(leads), 3)),
    ]
    return np.concatenate(parts, axis=2, dtype=np.float32)


def _tamed(window: FloatArray) -> FloatArray:
    """Return the values with spikes cut: far beyond what all but a few hours of 28 days were.

    A level lasts and is seen after seven hours; one spike within the last day would move its mean.
    """
    # less a value of its own: 32 bits are plenty for differences
    middle = _filled(window[:, -1], _mean(window, axis=1), 0.0)[:, None]
    usual = row_quantiles((window[:, DAY:] - middle).astype(np.float32), _USUAL)
    low, high = usual.T[:, :, None] + middle
    reach = _REACH * (high - low)
    return np.where(np.isfinite(reach), np.clip(window, low - reach, high + reach), window)


def _mean(values: np.ndarray, *, axis: int) -> FloatArray:
    return known_mean(values, axis=axis).squeeze(axis)


def _last(values: FloatArray, hours: int) -> FloatArray:
    """Return the last hours, with gaps in front where the history is shorter."""
    short = hours - values.shape[1]
    if short <= 0:
        return values[:, -hours:]
    return np.pad(values, ((0, 0), (short, 0)), constant_values=np.nan)


def _filled(first: FloatArray, second: FloatArray, last: float) -> FloatArray:
    chosen = np.where(np.isfinite(first), first, second)
    return np.where(np.isfinite(chosen), chosen, last)


def _levels(z: Float32Array) -> list[FloatArray]:
    """Return means and quantiles of the recent past, each `(n,)`."""
    means = [_mean(z[:, -hours:], axis=1) for hours in _RECENT]
    weeks = _mean(z.reshape(len(z), 4, WEEK), axis=2)
    quantiles = [
        column
        for hours, levels in _LEVELS.items()
        for column in row_quantiles(z[:, -hours:], levels).T
    ]
    return [*means, *weeks[:, :3].T, weeks[:, 3] - weeks[:, 2], *quantiles]


def _spreads(scaled: Float32Array, days: Float32Array) -> list[FloatArray]:
    """Return spreads, autocorrelations and how much the days differ, each `(n,)`."""
    z = scaled[:, DAY:]
    about = scaled - _mean(z, axis=1)[:, None]
    variance = _mean(about[:, DAY:] ** 2, axis=1)
    daily = _mean(days, axis=2)
    off = daily - _mean(daily, axis=1)[:, None]
    between = _mean(off**2, axis=1)
    return [
        *(_deviation(z[:, -hours:]) for hours in (DAY, WEEK)),
        *(
            _share(_mean(about[:, DAY + lag :] * about[:, DAY:-lag], axis=1), variance)
            for lag in (1, DAY, WEEK)
        ),
        np.sqrt(between),
        _mean(np.abs(np.diff(daily, axis=1)), axis=1),
        _share(_mean(off[:, 1:] * off[:, :-1], axis=1), between),
        _mean(np.abs(np.diff(z, axis=1)), axis=1),
        np.isfinite(z).mean(axis=1),
        *row_quantiles(daily, _HOUR_LEVELS).T,
    ]


def _deviation(z: Float32Array) -> FloatArray:
    return np.asarray(np.sqrt(_mean((z - _mean(z, axis=1)[:, None]) ** 2, axis=1)))


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Return part / whole; 0 where there is nothing to share."""
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)


def _shape(days: Float32Array) -> tuple[Float32Array, FloatArray]:
    """Return the shrunken daily shape `(n, 24)` and its deviation `(n,)`.

    A mean of 28 noisy days has a shape even where there is none; what the noise alone would show
    is taken off, as James and Stein do.
    """
    mean = _mean(days, axis=1)
    shape = mean - _mean(mean, axis=1)[:, None]
    noise = days - _mean(days, axis=2)[:, :, None] - shape[:, None]
    counts = np.maximum(np.isfinite(days).sum(axis=1).mean(axis=1), 1.0)
    by_chance = _mean(noise.reshape(len(days), -1) ** 2, axis=1) / counts
    variance = _mean(shape**2, axis=1)
    kept = np.maximum(_share(variance - by_chance, variance), 0.0)
    shrunken = np.where(np.isfinite(shape), shape * kept[:, None], 0.0)
    return shrunken.astype(np.float32), np.asarray(kept * np.sqrt(variance))


def _hour_quantiles(days: Float32Array) -> FloatArray:
    """Return quantiles of each hour of the day, `(n, 24, 3)`."""
    by_hour = days.transpose(0, 2, 1).reshape(-1, MEMORY_DAYS)
    return row_quantiles(by_hour, _HOUR_LEVELS).reshape(len(days), DAY, len(_HOUR_LEVELS))
