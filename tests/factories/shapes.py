"""Series whose shape leads forecasts astray, by name; the same at every call.

All share one grid of 60 days, which ends at noon of the Sunday on which Europe's clocks went
forward; America's had done so three weeks before. A shape does not depend on those beside it.
"""

from collections.abc import Callable, Sequence

import numpy as np

from foresail.panel import HOUR, FloatArray, Panel, SeriesInfo, TimeArray

Shape = Callable[[np.random.Generator], FloatArray]

LENGTH = 60 * 24
DS: TimeArray = np.datetime64("2026-03-29T12:00:00", "s") - HOUR * np.arange(LENGTH - 1, -1, -1)
HOUR_OF_DAY = np.asarray((DS - DS.astype("datetime64[D]")) // HOUR, dtype=np.int64)
DAYS = np.arange(LENGTH) / 24
RHYTHM = 1.0 + 0.4 * np.sin(2 * np.pi * HOUR_OF_DAY / 24)
"""A day's: 1.4 times the level at 6 o'clock, 0.6 times at 18."""
BERLIN_FORWARD = np.datetime64("2026-03-29T01:00:00", "s")
NEW_YORK_FORWARD = np.datetime64("2026-03-08T07:00:00", "s")
SPIKE = 50.0
LIMIT = 4.0
GIB = 2.0**30


def _steady(rng: np.random.Generator) -> FloatArray:
    return 1.0 + 0.02 * rng.normal(size=LENGTH)


def _recent_step(rng: np.random.Generator) -> FloatArray:
    """One core, and two since four days."""
    return _steady(rng) + (DAYS >= 56)


def _short_history(rng: np.random.Generator) -> FloatArray:
    """48 hours at one core."""
    return np.where(DAYS >= 58, 1.0 + 0.01 * rng.normal(size=LENGTH), np.nan)


def _shrinking(rng: np.random.Generator) -> FloatArray:
    """Five cores that fall to a fifth of one."""
    return np.linspace(5.0, 0.2, LENGTH) + 0.05 * rng.normal(size=LENGTH)


def _single_spike(rng: np.random.Generator) -> FloatArray:
    y = _steady(rng)
    y[1000] = SPIKE
    return y


def _late_spike(rng: np.random.Generator) -> FloatArray:
    """Two hours ago, so that nobody knows whether it stays."""
    y = _steady(rng)
    y[-2] = SPIKE
    return y


def _sawtooth_leak(rng: np.random.Generator) -> FloatArray:
    """Memory that rises from one GiB to three within six days, and starts anew."""
    return GIB * (1.0 + (DAYS + 2) % 6 / 3 + 0.01 * rng.normal(size=LENGTH))


def _nightly_off(rng: np.random.Generator) -> FloatArray:
    """Two cores from 6 to 22 o'clock, nothing at night."""
    on = (HOUR_OF_DAY >= 6) & (HOUR_OF_DAY < 22)
    return np.where(on, 2.0 + 0.1 * rng.normal(size=LENGTH), 0.0)


def _constant(_: np.random.Generator) -> FloatArray:
    return np.full(LENGTH, 0.25)


def _all_zero(_: np.random.Generator) -> FloatArray:
    return np.zeros(LENGTH)


def _saturated(rng: np.random.Generator) -> FloatArray:
    """Growth into the limit, and at it since 20 days."""
    wanted = np.minimum(1.0 + 3.0 * DAYS / 40, LIMIT)
    return np.minimum(wanted, LIMIT) - 0.01 * np.abs(rng.normal(size=LENGTH))


def _office(rng: np.random.Generator, *, hours_east: int, forward: np.datetime64) -> FloatArray:
    """Four cores from 9 to 17 o'clock on a clock that went forward at a moment, else half a one."""
    local = (HOUR_OF_DAY + hours_east + (forward <= DS)) % 24
    busy = (local >= 9) & (local < 17)
    return np.where(busy, 4.0, 0.5) + 0.05 * rng.normal(size=LENGTH)


def _dst_day(rng: np.random.Generator) -> FloatArray:
    return _office(rng, hours_east=1, forward=BERLIN_FORWARD)


def _dst_three_weeks_ago(rng: np.random.Generator) -> FloatArray:
    return _office(rng, hours_east=-5, forward=NEW_YORK_FORWARD)


def _new_level_after_gap(rng: np.random.Generator) -> FloatArray:
    """One core, five days of silence, three cores for six days."""
    y = _steady(rng) + 2.0 * (DAYS >= 54)
    y[(DAYS >= 49) & (DAYS < 54)] = np.nan
    return y


def _steady_growth(rng: np.random.Generator) -> FloatArray:
    """One core that becomes four, as much every day."""
    return np.linspace(1.0, 4.0, LENGTH) + 0.05 * rng.normal(size=LENGTH)


def _late_growth(rng: np.random.Generator) -> FloatArray:
    """One core, and a fifth of one more every day since five days."""
    return _steady(rng) + 0.2 * np.maximum(DAYS - 55, 0.0)


def _with_rhythm(shape: Shape) -> Shape:
    """Return the shape with a rhythm of the day, by which a model may win that then errs."""
    return lambda rng: shape(rng) * RHYTHM


SHAPES: dict[str, Shape] = {
    "recent_step": _recent_step,
    "short_history": _short_history,
    "shrinking": _shrinking,
    "single_spike": _single_spike,
    "late_spike": _late_spike,
    "sawtooth_leak": _sawtooth_leak,
    "nightly_off": _nightly_off,
    "constant": _constant,
    "all_zero": _all_zero,
    "saturated": _saturated,
    "dst_day": _dst_day,
    "dst_three_weeks_ago": _dst_three_weeks_ago,
    "new_level_after_gap": _new_level_after_gap,
    "steady_growth": _steady_growth,
    "late_growth": _late_growth,
    "daily_recent_step": _with_rhythm(_recent_step),
    "daily_late_spike": _with_rhythm(_late_spike),
    "daily_steady_growth": _with_rhythm(_steady_growth),
    "daily_late_growth": _with_rhythm(_late_growth),
}


def series(name: str, *, seed: int = 0) -> FloatArray:
    """Return one shape, shape `(1440,)`; NaN is a gap, nothing is negative."""
    y = SHAPES[name](np.random.default_rng([seed, *name.encode()]))
    return np.asarray(np.maximum(y, 0.0))


def panel(names: Sequence[str] = tuple(SHAPES), *, seed: int = 0) -> Panel:
    """Return the panel of these shapes, from the first hour that one of them knows."""
    values = np.stack([series(name, seed=seed) for name in names])
    first = int(np.isfinite(values).any(axis=0).argmax())
    return Panel(DS[first:], values[:, first:], tuple(info(name) for name in names))


def info(name: str) -> SeriesInfo:
    """Return what is known of a shape: a workload's cpu, but memory where it leaks."""
    metric, unit = ("memory", "bytes") if name == "sawtooth_leak" else ("cpu", "cores")
    return SeriesInfo(
        name,
        metric,
        unit=unit,
        labels={"scope": "workload", "workload": name},
        capacity={"limit": LIMIT} if name == "saturated" else {},
    )
