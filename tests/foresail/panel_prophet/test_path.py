"""The lasso path of many series in lock step."""

import numpy as np
import pytest

from foresail.panel import FloatArray
from foresail.panel_prophet.path import best_variance, walk

TAU = 0.05


def problem(seed: int, *, size: int = 8, rows: int = 60) -> tuple[FloatArray, FloatArray, float]:
    """Return S, b and J(0) of one small regression."""
    rng = np.random.default_rng(seed)
    columns = rng.normal(size=(rows, size)) @ (np.eye(size) + 0.4)
    truth = np.where(rng.uniform(size=size) < 0.4, rng.normal(size=size), 0.0)
    y = columns @ truth + rng.uniform(0.05, 0.5) * rng.normal(size=rows)
    return columns.T @ columns, columns.T @ y, 0.5 * float(y @ y)


def coordinate_descent(form: FloatArray, linear: FloatArray, strength: float) -> FloatArray:
    """Minimise 1/2 x'Sx - b'x + strength |x|_1, slowly and surely."""
    x = np.zeros(linear.size)
    for _ in range(20_000):
        before = x.copy()
        for j in range(x.size):
            rest = linear[j] - form[j] @ x + form[j, j] * x[j]
            x[j] = np.sign(rest) * max(abs(rest) - strength, 0.0) / form[j, j]
        if np.abs(x - before).max() < 1e-13:
            break
    return x


def solve_one(seed: int, *, rows: float = 60.0) -> tuple[float, FloatArray, int]:
    """Return strength, delta and number of minima of one problem."""
    form, linear, start = problem(seed)
    point = walk(
        form[:, :, None],
        linear[:, None],
        np.array([start]),
        rows=np.array([rows]),
        tau=TAU,
        lowest=np.array([1e-9]),
    )
    return float(point.strength[0]), point.delta[:, 0], int(point.found[0])


def test_best_variance_is_the_root_of_its_equation() -> None:
    """4 s^4 + rows s^2 = rss at the sigma^2 returned."""
    rss, rows = np.array([0.0, 1e-9, 0.3, 500.0]), np.array([10.0, 1440.0, 60.0, 2.0])
    s2 = best_variance(rss, rows)
    assert 4 * s2**2 + rows * s2 == pytest.approx(rss, rel=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_the_point_solves_the_lasso_at_its_strength(seed: int) -> None:
    """At the strength returned, delta is what coordinate descent finds."""
    form, linear, _ = problem(seed)
    strength, delta, _ = solve_one(seed)
    assert delta == pytest.approx(coordinate_descent(form, linear, strength), abs=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_the_noise_agrees_with_its_own_residuals(seed: int) -> None:
    """At the strength returned, sigma^2 = tau * strength is the best one for the residuals."""
    form, linear, start = problem(seed)
    strength, delta, _ = solve_one(seed)
    rss = 2 * (start - linear @ delta + 0.5 * delta @ form @ delta)
    assert best_variance(np.asarray(rss), np.asarray(60.0)) == pytest.approx(TAU * strength)


def test_the_best_of_all_noise_levels_is_found() -> None:
    """No sigma^2 on a fine grid, with its own lasso solution, has a lower objective."""
    for seed in range(4):
        form, linear, start = problem(seed)
        strength, _, _ = solve_one(seed)
        values = {}
        for s2 in np.append(np.geomspace(1e-4, 10, 300), TAU * strength):
            x = coordinate_descent(form, linear, s2 / TAU)
            rss = 2 * (start - linear @ x + 0.5 * x @ form @ x)
            values[s2] = rss / (2 * s2) + 30 * np.log(s2) + 2 * s2 + np.abs(x).sum() / TAU
        assert values[TAU * strength] <= min(values.values()) + 1e-9


def test_series_walk_alone_as_they_walk_together() -> None:
    """A block of unlike series gives each the point that it gets alone."""
    every = [problem(seed) for seed in range(30)]
    point = walk(
        np.stack([p[0] for p in every], axis=2),
        np.stack([p[1] for p in every], axis=1),
        np.array([p[2] for p in every]),
        rows=np.full(30, 60.0),
        tau=TAU,
        lowest=np.full(30, 1e-9),
    )
    for seed in range(30):
        strength, delta, found = solve_one(seed)
        assert point.strength[seed] == pytest.approx(strength, rel=1e-12)
        assert point.delta[:, seed] == pytest.approx(delta, abs=1e-12)
        assert point.found[seed] == found


def test_the_inverse_is_that_of_the_support() -> None:
    """`inverse` times S is the identity on the support and zero elsewhere."""
    form, linear, start = problem(3)
    point = walk(
        form[:, :, None],
        linear[:, None],
        np.array([start]),
        rows=np.array([60.0]),
        tau=TAU,
        lowest=np.array([1e-9]),
    )
    held = point.sign[:, 0] != 0
    expected = np.zeros_like(form)
    expected[np.ix_(held, held)] = np.linalg.inv(form[np.ix_(held, held)])
    assert 0 < held.sum() < held.size
    assert point.inverse[:, :, 0] == pytest.approx(expected, abs=1e-10)


def test_without_changepoints_only_the_noise_is_left() -> None:
    """No columns at all: sigma^2 is the best one for J(0), and it is the only minimum."""
    point = walk(
        np.zeros((0, 0, 1)),
        np.zeros((0, 1)),
        np.array([7.0]),
        rows=np.array([50.0]),
        tau=TAU,
        lowest=np.array([1e-9]),
    )
    assert TAU * point.strength[0] == pytest.approx(best_variance(np.array(14.0), np.array(50.0)))
    assert point.found[0] == 1


def test_an_unused_changepoint_never_bends() -> None:
    """A column of zeros stays outside the support."""
    form, linear, start = problem(1)
    form[2] = form[:, 2] = linear[2] = 0.0
    point = walk(
        form[:, :, None],
        linear[:, None],
        np.array([start]),
        rows=np.array([60.0]),
        tau=TAU,
        lowest=np.array([1e-9]),
    )
    assert point.sign[2, 0] == 0
    assert np.isfinite(point.delta).all()
