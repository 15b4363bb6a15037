"""The law of the spread against integrals and closed forms."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from foresail.panel import FloatArray
from foresail.panel_prophet.spread import LIMIT, MIDDLE, RATIOS, spread_quantiles, sum_of_squares

LEVELS = (0.6, 0.9, 0.975, 0.995)


def inverted(p: float, steps: int, ratio: float, level: float) -> float:
    """Return the quantile by Gil-Pelaez inversion of the product, at unit total deviation."""
    total = np.sqrt(1 + ratio**2)
    weights = np.arange(steps) + 0.5
    weights /= np.sqrt(2 * p * (weights**2).sum())
    gap = 0.01 / total
    w = (np.arange(int(9 / ratio / gap)) + 0.5) * gap
    terms = gap / np.pi / w * np.exp(-0.5 * (ratio * w) ** 2)
    for weight in weights:
        terms *= 1 - p + p / (1 + (w * weight) ** 2)
    return float(brentq(lambda z: 0.5 + terms @ np.sin(w * z) - level, 0, 50 * total)) / total


def laplace_plus_normal(z: FloatArray, size: float, sigma: FloatArray) -> FloatArray:
    """Return P(L + N <= z) for a Laplace of this size and a normal of this deviation, z > 0."""
    tilt = 0.5 * (sigma / size) ** 2
    near = np.exp(tilt - z / size) * ndtr(z / sigma - sigma / size)
    far = np.exp(tilt + z / size) * ndtr(-z / sigma - sigma / size)
    return np.asarray(ndtr(z / sigma) - 0.5 * (near - far))


def test_the_sum_of_squares_is_the_sum_of_the_squares() -> None:
    """The closed form is (1/2)^2 + (3/2)^2 + ... + (steps - 1/2)^2."""
    assert sum_of_squares(np.array([1.0, 2.0, 3.0])).tolist() == [0.25, 2.5, 8.75]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("p", "steps"), [(25 / 719, 168), (25 / 719, 3), (0.5, 20), (0.004, 24)])
def test_quantiles_equal_a_direct_inversion(p: float, steps: int, level: float) -> None:
    """Off by less than 1e-4 of the spread's standard deviation."""
    found = spread_quantiles(np.array([-steps * np.log1p(-p)]), steps=steps, level=level)[0]
    for at in (30, 36, 40, 50):
        expected = inverted(p, steps, RATIOS[at], level)
        assert found[at] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("level", [MIDDLE, *LEVELS, 0.9999])
@pytest.mark.parametrize("p", [1e-5, 0.03, 0.4, 0.9, 1 - 1e-9])
def test_one_step_is_a_laplace_with_chance_p_and_noise(p: float, level: float) -> None:
    """The closed form of the mixture has the level at the quantile, to 3e-5, for every ratio."""
    found = spread_quantiles(np.array([-np.log1p(-p)]), steps=1, level=level)[0]
    size = 1 / np.sqrt(2 * p)
    seen = 20 * size > RATIOS  # beyond, the closed form overflows
    sigma = RATIOS[seen]
    z = found[seen] * np.sqrt(1 + sigma**2)
    reached = (1 - p) * ndtr(z / sigma) + p * laplace_plus_normal(z, size, sigma)
    np.testing.assert_allclose(reached, level, atol=3e-5)


def test_many_steps_approach_the_limit() -> None:
    """At equal expected changes 512 steps and infinitely many differ by less than 1e-4."""
    changes = np.geomspace(0.01, 30, 12)
    many = spread_quantiles(changes, steps=512, level=0.9)
    limit = spread_quantiles(changes, steps=LIMIT, level=0.9)
    assert np.abs(many - limit)[:, RATIOS > 0.1].max() < 1e-4


def test_much_noise_leaves_a_normal_law() -> None:
    """At a hundred times the changes' deviation the quantile is the normal one."""
    found = spread_quantiles(np.array([0.1, 1, 10.0]), steps=24, level=0.9)
    assert found[:, -1] == pytest.approx(1.2815515655446004, abs=1e-5)


def test_without_a_change_almost_surely_the_quantile_is_that_of_the_noise() -> None:
    """With a chance of 5 % of any change the inner levels hardly know of it."""
    changes, narrow = -np.log(0.95), RATIOS < 1e-3
    found = spread_quantiles(np.array([changes]), steps=5, level=0.9)[0, narrow]
    within = ndtri(0.5 + 0.4 / 0.95)  # of the noise's law, since changes reach far beyond it
    np.testing.assert_allclose(found, within * RATIOS[narrow], rtol=2e-3)


def test_quantiles_grow_with_the_level_and_the_noise_share_is_bounded() -> None:
    """They ascend with the level for every ratio and any number of changes."""
    changes = np.geomspace(1e-5, 1000, 30)
    by_level = [spread_quantiles(changes, steps=30, level=level) for level in LEVELS]
    assert (np.diff(by_level, axis=0) > 0).all()
