"""The law of what may lie between a forecast and the value to come.

Prophet's spread ``h`` steps after the last value is the sum of what the changes of slope to come do
and of normal noise. In units of its own standard deviation its quantile depends on the level and on

- ``steps``: h;
- ``changes``: ``-h log(1 - p)``, about how many changes of slope come; ``exp(-changes)`` is the
  chance of none, when only noise is left;
- ``ratio``: the noise's standard deviation over that of the changes.

The characteristic function of the changes is known: a product over the steps. The survival function
follows by one sine transform on logarithmic axes of frequency and distance, exact for what is
smooth there (J. D. Talman, Journal of Computational Physics 29, 1978, 35-48), so that a narrow
noise and a wide tail cost the same.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.special import gamma, ndtr

from foresail.panel import FloatArray

IntArray = NDArray[np.intp]

# Frequencies are in radians per standard deviation of the changes' part, distances its inverse.
_GAP = 0.12  # between neighbours on both logarithmic axes
_POINTS = 180
_BIAS = 0.5  # power of the distance that makes the survival function vanish at both ends
_LOG_FREQUENCY = -7 + _GAP * np.arange(_POINTS)
_LOG_DISTANCE = 7 - _GAP * np.arange(_POINTS, 0, -1)
_DISTANCE = np.exp(_LOG_DISTANCE)

# Ratios from 1e-4 to 111: below, noise does not show; above, the changes do not.
_RATIO_STRIDE = 2  # of _GAP
RATIOS = np.exp(np.log(1e-4) + _RATIO_STRIDE * _GAP * np.arange(59))
LIMIT = 0
"""Stands for infinitely many steps."""
MIDDLE = 0.505
"""The lowest level whose quantiles lie on the lattice of distances for every ratio."""

_AROUND = np.arange(-2, 4)  # lattice points that interpolate between points 0 and 1
_ITERATIONS = 7
_TINY = np.finfo(np.float64).tiny


def sum_of_squares(steps: FloatArray) -> FloatArray:
    """Return the sum of (j - 1/2)^2 for j = 1 ... steps."""
    return steps * (4 * steps * steps - 1) / 12


def spread_quantiles(changes: FloatArray, *, steps: int, level: float) -> FloatArray:
    """Return quantiles of the spread in units of its own standard deviation.

    Args:
        changes: Expected changes, ``-steps * log(1 - p)``, positive, shape ``(M,)``.
        steps: Steps after the last value, or `LIMIT`.
        level: From `MIDDLE` to 0.9999.

    Returns:
        Shape ``(M, ratios)``, one column for each of `RATIOS`.
    """
    survival = _Survival.of(changes, steps)
    index = np.zeros((len(changes), len(RATIOS)), dtype=np.intp)
    for stride in 1 << np.arange(int(_POINTS).bit_length() - 1, -1, -1):
        probe = np.minimum(index + stride, _POINTS - 1)
        index = np.where(survival.above(probe, 1 - level), probe, index)
    return np.asarray(survival.between(index, 1 - level) / np.sqrt(1 + RATIOS**2))


@dataclass(frozen=True, slots=True)
class _Survival:
    """Chance that the spread exceeds a distance.

    With no change to come the spread is noise. With at least one it is compared with a normal law
    of the same variance; only the difference, small and smooth, is transformed and interpolated.

    Attributes:
        none: Chance of no change, ``(M, 1)``.
        wide: Standard deviation of the normal law for at least one change, ``(M, ratios)``.
        difference: Chance by which that law's exceeds the true one, times ``distance ** bias``,
            ``(M, ratios, points)``.
    """

    none: FloatArray
    wide: FloatArray
    difference: FloatArray

    @staticmethod
    def of(changes: FloatArray, steps: int) -> "_Survival":
        """Transform the characteristic functions for ``changes`` of shape ``(M,)``."""
        none = np.exp(-changes)[:, None]
        some = -np.expm1(-changes)[:, None]
        normal = np.exp(-np.exp(2 * _LOG_FREQUENCY) / (2 * some))
        excess = (_characteristic(changes, steps) - none) / some - normal
        excess *= np.exp(-_BIAS * _LOG_FREQUENCY)
        modes = fft.rfft(excess[:, None, :] * _noise_by_ratio(), axis=2)
        modes *= some[:, :, None] * _sine_kernel()
        difference = fft.irfft(np.conj(modes, out=modes), _POINTS, axis=2)
        return _Survival(none, np.sqrt(RATIOS**2 + 1 / some), difference)

    def above(self, index: IntArray, chance: float) -> NDArray[np.bool_]:
        """Return whether points of the lattice are exceeded with more than a chance."""
        distance = _DISTANCE[index]
        difference = np.take_along_axis(self.difference, index[:, :, None], axis=2)[:, :, 0]
        normal, _ = self._normal(distance)
        return np.asarray(normal - difference * distance**-_BIAS > chance)

    def between(self, index: IntArray, chance: float) -> FloatArray:
        """Return the distance exceeded with a chance, between points ``index`` and the next.

        Newton's method, kept inside by bisection: noise may be much narrower than the lattice.
        """
        first = np.clip(index, -_AROUND[0], _POINTS - 1 - _AROUND[-1])
        around = first[:, :, None] + _AROUND
        values = np.take_along_axis(self.difference, around, axis=2) * _DISTANCE[around] ** -_BIAS
        powers = np.moveaxis(values @ _polynomial_through(), 2, 0)
        low = (index - first).astype(np.float64)
        high = low + 1
        at = low + 0.5
        for _ in range(_ITERATIONS):
            distance = np.exp(_LOG_DISTANCE[first] + _GAP * at)
            difference, slope = _polynomial(powers, at)
            normal, density = self._normal(distance)
            excess = normal - difference - chance
            slope += _GAP * distance * density
            low, high = np.where(excess > 0, at, low), np.where(excess > 0, high, at)
            newton = at + excess / np.maximum(slope, _TINY)
            at = np.where((newton >= low) & (newton <= high), newton, (low + high) / 2)
        return np.asarray(np.exp(_LOG_DISTANCE[first] + _GAP * at))

    def _normal(self, distance: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the chance that the normal laws exceed a distance, and their density there."""
        some = 1 - self.none
        narrow, wide = distance / RATIOS, distance / self.wide
        chance = self.none * ndtr(-narrow) + some * ndtr(-wide)
        bell = self.none / RATIOS * np.exp(-0.5 * narrow * narrow)
        bell += some / self.wide * np.exp(-0.5 * wide * wide)
        return chance, bell / np.sqrt(2 * np.pi)


def _characteristic(changes: FloatArray, steps: int) -> FloatArray:
    """Return the characteristic function of the changes' part, at unit deviation."""
    frequency = np.exp(_LOG_FREQUENCY)
    if steps == LIMIT:
        # changes at the points of a Poisson process, each weighing the time that is left
        angle = frequency / np.sqrt(changes[:, None] * (2 / 3))
        return np.asarray(np.exp(changes[:, None] * (np.arctan(angle) / angle - 1)))
    chance = -np.expm1(-changes / steps)[:, None]
    deviation = np.sqrt(2 * chance * sum_of_squares(np.array(float(steps))))
    found = np.ones((len(changes), _POINTS))
    for weight in np.arange(steps) + 0.5:
        square = np.square(frequency * (weight / deviation))
        found *= (1 + (1 - chance) * square) / (1 + square)
    return found


@cache
def _noise_by_ratio() -> FloatArray:
    """Return the noise's characteristic function, ratio by frequency, as a view of one vector.

    Both axes are geometric with commensurable gaps, so the matrix has equal antidiagonals.
    """
    count = _POINTS + _RATIO_STRIDE * len(RATIOS)
    log_angle = _LOG_FREQUENCY[0] + np.log(RATIOS[0]) + _GAP * np.arange(count)
    noise = np.exp(-0.5 * np.exp(2 * log_angle))
    windows = np.lib.stride_tricks.sliding_window_view(noise, _POINTS)
    return windows[: _RATIO_STRIDE * len(RATIOS) : _RATIO_STRIDE]


@cache
def _sine_kernel() -> NDArray[np.complex128]:
    """Return the sine transform as a factor on the Fourier modes of the logarithmic axis."""
    mode = 2 * np.pi * np.arange(_POINTS // 2 + 1) / (_POINTS * _GAP)
    power = _BIAS + 1j * mode
    shift = np.exp(-1j * mode * (_LOG_FREQUENCY[0] + _LOG_DISTANCE[0]))
    return np.asarray(gamma(power) * np.sin(np.pi / 2 * power) * shift / np.pi)


@cache
def _polynomial_through() -> FloatArray:
    """Return what turns the values at `_AROUND` into the powers' coefficients, low ones first."""
    return np.asarray(np.linalg.inv(np.vander(_AROUND.astype(np.float64), increasing=True)).T)


def _polynomial(powers: FloatArray, at: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return a polynomial and its derivative."""
    value, slope = powers[-1], np.zeros_like(at)
    for power in powers[-2::-1]:
        slope = slope * at + value
        value = value * at + power
    return value, slope
