"""Seasonality that scales the trend."""

import numpy as np
import pytest

from foresail.panel import FloatArray
from foresail.panel_prophet.multiplicative import Layout, solve_multiplicative

ROWS, BENDS = 300, 6
T = np.linspace(0, 1, ROWS)
DESIGN = np.column_stack(
    [
        T,
        np.ones(ROWS),
        np.sin(40 * np.pi * T),
        np.cos(40 * np.pi * T),
        np.sin(14 * np.pi * T),
        np.maximum(T[:, None] - np.linspace(0.1, 0.8, BENDS), 0),
    ]
)
TREND = np.array([True, True, False, False, False] + [True] * BENDS)
TIMES = np.array([False, False, True, True, False] + [False] * BENDS)
LAYOUT = Layout(TREND, TIMES, np.array([0.04, 0.04, 0.01, 0.01, 0.01]), 0.05)


def mean_of(theta: FloatArray) -> FloatArray:
    """Return the model's mean on every row."""
    part = DESIGN * theta
    factor = 1 + part[:, TIMES].sum(axis=1)
    return np.asarray(part[:, TREND].sum(axis=1) * factor + part[:, 4])


def objective(theta: FloatArray, s2: float, y: FloatArray) -> float:
    """Return the negative log posterior from the rows themselves."""
    rss = float(((y - mean_of(theta)) ** 2).sum())
    priors = 0.5 * (LAYOUT.precision * theta[:5] ** 2).sum() + np.abs(theta[5:]).sum() / 0.05
    return float(rss / (2 * s2) + ROWS / 2 * np.log(s2) + 2 * s2 + priors)


def series(seed: int) -> FloatArray:
    """Return one series of a known model, with one bend."""
    rng = np.random.default_rng(seed)
    truth = np.array([0.4, 0.3, 0.3, -0.2, 0.1, *np.zeros(BENDS)])
    truth[5 + rng.integers(BENDS)] = -0.5
    return mean_of(truth) + 0.03 * rng.normal(size=ROWS)


def test_the_result_is_a_minimum_of_the_true_objective() -> None:
    """No small step in any direction lowers it, and `log_posterior` is its negative."""
    ys = [series(seed) for seed in range(5)]
    start = np.zeros((DESIGN.shape[1], 5))
    start[1] = [y.mean() for y in ys]
    found = solve_multiplicative([(DESIGN, np.stack(ys, axis=1))], LAYOUT, start)
    rng = np.random.default_rng(0)
    assert found.accepted.all()
    assert not found.unique.any()
    for i, y in enumerate(ys):
        theta, s2 = found.theta[:, i], float(found.variance[i])
        here = objective(theta, s2, y)
        assert -found.log_posterior[i] == pytest.approx(here, abs=1e-6)
        for size in np.repeat([1e-5, 1e-3], 50):
            step = size * rng.normal(size=theta.size) * (rng.uniform(size=theta.size) < 0.4)
            assert objective(theta + step, s2, y) >= here - 1e-9


def test_a_true_model_is_recovered() -> None:
    """With little noise the waves' sizes come out as they went in."""
    y = series(3)
    start = np.zeros((DESIGN.shape[1], 1))
    start[1] = y.mean()
    found = solve_multiplicative([(DESIGN, y[:, None])], LAYOUT, start)
    assert found.theta[2:5, 0] == pytest.approx([0.3, -0.2, 0.1], abs=0.02)
    assert np.sqrt(found.variance[0]) == pytest.approx(0.03, rel=0.1)


def test_series_of_several_designs_are_solved_as_each_alone() -> None:
    """Lock step, and how many share a design, change nothing."""
    ys = np.stack([series(seed) for seed in range(20)], axis=1)
    start = np.zeros((DESIGN.shape[1], 20))
    start[1] = ys.mean(axis=0)
    short = slice(40, ROWS)
    parts = [(DESIGN, ys[:, :17]), (DESIGN[short], ys[short, 17:18]), (DESIGN, ys[:, 18:])]
    together = solve_multiplicative(parts, LAYOUT, start)
    for i, (rows, at) in enumerate([(slice(ROWS), 3), (short, 17), (slice(ROWS), 19)]):
        alone = solve_multiplicative(
            [(DESIGN[rows], ys[rows, at : at + 1])], LAYOUT, start[:, at : at + 1]
        )
        assert alone.theta[:, 0] == pytest.approx(together.theta[:, at], abs=1e-7), i


def test_a_point_that_is_not_stationary_is_not_accepted() -> None:
    """`kkt` is that of the true objective: from a bad start with no time to move it is large."""
    y = series(1)
    start = np.zeros((DESIGN.shape[1], 1))
    start[1] = y.mean()
    good = solve_multiplicative([(DESIGN, y[:, None])], LAYOUT, start)
    slope = np.zeros(DESIGN.shape[1])
    theta, s2 = good.theta[:, 0], float(good.variance[0])
    for i in range(slope.size):
        step = np.zeros(slope.size)
        step[i] = 1e-6
        slope[i] = (objective(theta + step, s2, y) - objective(theta - step, s2, y)) / 2e-6
    held = np.concatenate([np.ones(5, dtype=bool), theta[5:] != 0])
    assert np.abs(slope[held]).max() * LAYOUT.tau == pytest.approx(0.0, abs=1e-3)
    assert good.kkt[0] < 1e-4
