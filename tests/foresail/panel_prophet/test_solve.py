"""The batched solver, from statistics and priors alone."""

import numpy as np
import pytest

from foresail.panel import FloatArray
from foresail.panel_prophet.solve import Problem, polish, solve
from foresail.panel_prophet.statistics import OwnGram, SharedGram

ROWS, BENDS, SMOOTH = 200, 10, 6
TAU = 0.05
PRECISION = np.array([1 / 25, 1 / 25, 0.01, 0.01, 0.01, 0.01])


def design() -> FloatArray:
    """Return columns slope, level, two waves and bends."""
    t = np.linspace(0, 1, ROWS)
    waves = [f(2 * np.pi * k * 9 * t) for k in (1, 2) for f in (np.sin, np.cos)]
    bends = np.maximum(t[:, None] - np.linspace(0.08, 0.8, BENDS), 0)
    return np.column_stack([t, np.ones(ROWS), *waves, bends])


def values(seed: int) -> FloatArray:
    """Return one scaled series with two bends and a wave."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=SMOOTH + BENDS) * np.repeat([0.3, 0.0], [SMOOTH, BENDS])
    truth[SMOOTH + rng.integers(BENDS, size=2)] = rng.normal(size=2)
    y = design() @ truth + rng.choice([0.3, 0.03, 1e-3]) * rng.normal(size=ROWS)
    return y / np.abs(y).max()


def problem_of(ys: FloatArray, *, own: bool) -> Problem:
    """Return the statistics of these series, measured from their means."""
    z, mean = design(), ys.mean(axis=1)
    gram = z.T @ z
    base = np.zeros((z.shape[1], len(ys)))
    base[1] = mean
    centred = ys - mean[:, None]
    return Problem(
        gram=OwnGram(np.repeat(gram[:, :, None], len(ys), axis=2), PRECISION)
        if own
        else SharedGram(gram, PRECISION),
        moments=z.T @ centred.T,
        power=(centred**2).sum(axis=1),
        base=base,
        rows=np.full(len(ys), float(ROWS)),
        precision=PRECISION,
        tau=TAU,
    )


def objective(theta: FloatArray, s2: float, y: FloatArray) -> float:
    """Return the negative log posterior from the rows themselves."""
    residual = y - design() @ theta
    return float(
        residual @ residual / (2 * s2)
        + ROWS / 2 * np.log(s2)
        + 2 * s2
        + 0.5 * (PRECISION * theta[:SMOOTH] ** 2).sum()
        + np.abs(theta[SMOOTH:]).sum() / TAU
    )


YS = np.stack([values(seed) for seed in range(40)])


@pytest.mark.parametrize("own", [False, True])
def test_the_log_posterior_is_that_of_the_rows(*, own: bool) -> None:
    """`log_posterior` is the objective's negative, summed over the rows."""
    found = solve(problem_of(YS, own=own))
    for i, y in enumerate(YS):
        assert -found.log_posterior[i] == pytest.approx(
            objective(found.theta[:, i], found.variance[i], y), abs=1e-6
        )


@pytest.mark.parametrize("own", [False, True])
def test_no_step_in_any_direction_lowers_the_objective(*, own: bool) -> None:
    """Random steps of every size from the solution never gain."""
    found, rng = solve(problem_of(YS, own=own)), np.random.default_rng(1)
    for i, y in enumerate(YS):
        theta, s2 = found.theta[:, i], float(found.variance[i])
        here = objective(theta, s2, y)
        for size in (1e-5, 1e-3, 1e-1):
            step = size * rng.normal(size=theta.size) * (rng.uniform(size=theta.size) < 0.3)
            assert objective(theta + step, s2 * np.exp(size * rng.normal()), y) >= here - 1e-9


def test_shared_and_own_statistics_have_one_answer() -> None:
    """A Gram matrix of their own and a shared one lead to the same parameters."""
    shared, own = solve(problem_of(YS, own=False)), solve(problem_of(YS, own=True))
    assert shared.theta == pytest.approx(own.theta, abs=1e-9)
    assert shared.variance == pytest.approx(own.variance, rel=1e-9)


@pytest.mark.parametrize("own", [False, True])
def test_every_solution_holds_the_conditions(*, own: bool) -> None:
    """`kkt` is below 1e-8 for ordinary noise, and every solution is accepted."""
    found = solve(problem_of(YS, own=own))
    assert found.accepted.all()
    assert found.kkt[found.variance > 1e-7].max() < 1e-8


def test_a_series_is_solved_alone_as_among_others() -> None:
    """Order and company change nothing beyond 1e-12."""
    together = solve(problem_of(YS, own=False))
    backwards = solve(problem_of(YS[::-1], own=False))
    assert backwards.theta[:, ::-1] == pytest.approx(together.theta, abs=1e-12)
    for i in (0, 7, 39):
        alone = solve(problem_of(YS[i : i + 1], own=False))
        assert alone.theta[:, 0] == pytest.approx(together.theta[:, i], abs=1e-12)


def test_a_support_that_is_one_off_is_mended() -> None:
    """With a bend too many, and with its smallest missing, `polish` comes back to the solution."""
    problem, known = problem_of(YS[:6], own=True), solve(problem_of(YS[:6], own=True))
    bends = np.abs(known.theta[SMOOTH:])
    series = np.arange(6)
    more, less = known.sign.copy(), known.sign.copy()
    more[bends.argmin(axis=0), series] = 1.0
    less[np.where(bends > 0, bends, np.inf).argmin(axis=0), series] = 0.0
    for sign in (more, less):
        start = known.select(np.arange(6))
        start.theta, start.sign = problem.base.copy(), sign
        found = polish(problem, start)
        assert found.theta == pytest.approx(known.theta, abs=1e-8)
        assert found.log_posterior == pytest.approx(known.log_posterior, abs=1e-8)


def test_parameters_that_only_their_priors_decide_are_found() -> None:
    """A feature that is zero on all rows, and one given twice, do not stop the solver."""
    z = design()
    z[:, 2], z[:, 5] = 0.0, z[:, 4]
    mean = YS.mean(axis=1)
    base = np.zeros((z.shape[1], len(YS)))
    base[1] = mean
    centred = YS - mean[:, None]
    found = solve(
        Problem(
            gram=SharedGram(z.T @ z, PRECISION),
            moments=z.T @ centred.T,
            power=(centred**2).sum(axis=1),
            base=base,
            rows=np.full(len(YS), float(ROWS)),
            precision=PRECISION,
            tau=TAU,
        )
    )
    assert found.accepted.all()
    assert found.theta[2] == pytest.approx(0.0, abs=1e-9)
    assert found.theta[4] == pytest.approx(found.theta[5], abs=1e-7)
