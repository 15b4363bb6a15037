"""Bands against Prophet's law, sampled and in closed form."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresail.errors import UsageError
from foresail.panel import FloatArray
from foresail.panel_prophet.intervals import Draws, quantiles, sample_paths, standardised_draws

LEVELS = (0.1, 0.5, 0.9)


def made(series: int, *, seed: int = 0, rows: int = 1440, **more: Any) -> dict[str, Any]:
    """Return the law of series whose histories have so many rows; `more` replaces parts."""
    chance = np.random.default_rng(seed)
    return {
        "sigma": np.exp(chance.normal(-3, 1, series)),
        "slope": np.exp(chance.normal(-2, 1.5, series)) / rows,
        "swing": None,
        "p": 25 / chance.integers(rows // 2, rows, series),
        "first_step": chance.integers(1, 40, series),
        "levels": LEVELS,
        **more,
    }


def one(**law: Any) -> dict[str, Any]:
    """Return the law of one series from plain numbers."""
    arrays = {"sigma": 1.0, "slope": 1.0, "p": 0.03, "first_step": 1} | law
    swing, levels = arrays.pop("swing", None), arrays.pop("levels", LEVELS)
    return {name: np.array([value]) for name, value in arrays.items()} | {
        "swing": swing,
        "levels": levels,
    }


def sampled(p: float, steps: FloatArray, samples: int, seed: int) -> FloatArray:
    """Return draws of the changes' part for a unit slope, `(samples, steps)`, from its sum."""
    chance = np.random.default_rng(seed)
    last = int(steps[-1])
    weights = np.maximum(steps - np.arange(1, last + 1)[:, None] + 0.5, 0)
    comes = chance.uniform(size=(samples, last)) < p
    return np.asarray((chance.laplace(size=(samples, last)) * comes) @ weights)


@pytest.mark.parametrize(
    ("rows", "hours"),
    [(168, 48), (720, 168), (1440, 336), (2160, 720), (25_920, 1152)],
    ids=["7 days", "30 days", "60 days", "90 days", "90 days of 5 minutes"],
)
@pytest.mark.parametrize("ratio", [0.1, 1.0])
def test_bands_agree_with_samples_of_the_law(rows: int, hours: int, ratio: float) -> None:
    """Against 20,000 samples the 80 % band is off by less than 1 % of its width (rms)."""
    p, steps = 25 / (rows - 1), np.unique(np.geomspace(1, hours, 40).astype(int)).astype(float)
    slope = 0.1 / (rows - 1)
    sigma = ratio * slope * np.sqrt(2 * p * hours**3 / 3)
    chance = np.random.default_rng(7)
    drawn = slope * sampled(p, steps, 20_000, rows)
    drawn += sigma * chance.standard_normal(drawn.shape)
    law = one(sigma=sigma, slope=slope, p=p, levels=(0.1, 0.9))
    found = quantiles(np.zeros((1, hours)), **law)[0, steps.astype(int) - 1]
    error = (found - np.quantile(drawn, (0.1, 0.9), axis=0).T) / np.diff(found)
    assert np.sqrt(np.mean(error**2)) < 0.01


def test_the_band_is_symmetric_about_the_forecast() -> None:
    """The 0.5 level is yhat itself; opposite levels are equally far from it."""
    yhat = np.linspace(-3, 50, 5 * 60).reshape(5, 60)
    found = quantiles(yhat, **made(5))
    assert (found[..., 1] == yhat).all()
    np.testing.assert_allclose(found[..., 2] - yhat, yhat - found[..., 0], rtol=1e-9)


def test_flat_growth_leaves_normal_noise() -> None:
    """With slope 0 the band is sigma times the normal quantile, at every step."""
    found = quantiles(np.full((1, 400), 10.0), **one(sigma=2.0, slope=0.0))
    np.testing.assert_allclose(found[0, :, 2], 10 + 2 * 1.2815515655446004, rtol=1e-15)


@pytest.mark.parametrize("part", ["sigma", "slope", "p"])
def test_an_absent_part_divides_nothing(part: str) -> None:
    """Zeros give finite bands without a warning; without noise and changes, no band at all."""
    assert np.isfinite(quantiles(np.zeros((1, 50)), **one(**{part: 0.0}))).all()
    nothing = one(**{"sigma": 0.0, "slope": 0.0, part: 0.0})
    assert (quantiles(np.ones((1, 50)), **nothing) == 1).all()


def test_noise_far_above_the_changes_is_all_there_is() -> None:
    """A band a thousand times wider than what changes do is the normal one."""
    found = quantiles(np.zeros((1, 24)), **one(sigma=1e6, levels=(0.975,)))
    np.testing.assert_allclose(found, 1e6 * 1.959963984540054, rtol=1e-6)


def test_without_noise_one_certain_change_is_a_laplace_law() -> None:
    """For p = 1 the first step is half a change: its 0.9 quantile is log(5) / 2 slopes."""
    found = quantiles(np.zeros((1, 1)), **one(sigma=0.0, slope=3.0, p=1.0))
    assert found[0, 0, 2] == pytest.approx(1.5 * np.log(5), rel=1e-4)


def test_without_noise_and_hardly_a_change_the_band_is_closed() -> None:
    """A change with a chance below 1 - 0.8 does not reach the 80 % band."""
    found = quantiles(np.zeros((1, 3)), **one(sigma=0.0, slope=1.0, p=0.01))
    assert np.abs(found).max() < 1e-4
    outer = quantiles(np.zeros((1, 3)), **one(sigma=0.0, slope=1.0, p=0.01, levels=(0.9999,)))
    assert (outer > 1).all()


def test_a_certain_chance_cannot_be_exceeded() -> None:
    """A p above 1, which few rows with many changepoints give, counts as 1."""
    above, one_exactly = (quantiles(np.zeros((1, 9)), **one(p=p)) for p in (1.7, 1.0))
    assert (above == one_exactly).all()


def test_a_series_that_ended_early_starts_further_out() -> None:
    """A first step of 25 equals asking from step 1 and cutting the first 24 columns."""
    whole = quantiles(np.zeros((1, 124)), **one(first_step=1))
    cut = quantiles(np.zeros((1, 100)), **one(first_step=25))
    np.testing.assert_allclose(cut, whole[:, 24:], rtol=1e-13)


def test_long_forecasts_are_those_of_their_steps() -> None:
    """Columns beyond a block of the work are no different from the same steps asked alone."""
    far = np.array([5, 511, 512, 700, 2999])
    whole = quantiles(
        np.zeros((30, 3000)), **made(30, p=np.full(30, 0.004), first_step=np.ones(30))
    )
    for step in far:
        law = made(30, p=np.full(30, 0.004), first_step=np.full(30, step + 1))
        alone = quantiles(np.zeros((30, 1)), **law)
        np.testing.assert_allclose(alone[:, 0], whole[:, step], rtol=1e-12)


def test_a_swing_scales_what_changes_do() -> None:
    """A swing of -2 is a slope twice as large; the noise stays."""
    swing = np.full((4, 30), -2.0)
    law = made(4)
    scaled = quantiles(np.zeros((4, 30)), **{**law, "swing": swing})
    steeper = quantiles(np.zeros((4, 30)), **{**law, "slope": 2 * law["slope"]})
    np.testing.assert_allclose(scaled, steeper, rtol=1e-9)


def test_a_swing_of_zero_leaves_noise() -> None:
    """Where the seasonal factor vanishes, so does the trend's uncertainty."""
    found = quantiles(np.zeros((1, 2)), **one(swing=np.array([[0.0, 1.0]]), slope=1.0))
    assert found[0, 0, 2] == pytest.approx(1.2815515655446004, rel=1e-15)
    assert found[0, 1, 2] > 1.3


@pytest.mark.parametrize("unit", [1e-9, 1e12])
def test_the_unit_is_the_callers(unit: float) -> None:
    """Bands of bytes are those of gibibytes times the factor."""
    yhat, law = np.ones((3, 20)), made(3)
    other = {**law, "sigma": unit * law["sigma"], "slope": unit * law["slope"]}
    np.testing.assert_allclose(
        quantiles(unit * yhat, **other), unit * quantiles(yhat, **law), rtol=1e-9
    )


@given(st.permutations(range(90)), st.integers(1, 89))
@settings(max_examples=20, deadline=None)
def test_order_and_company_do_not_matter(order: list[int], cut: int) -> None:
    """Each series gets the same numbers, however the panel is sorted or divided."""
    law = made(90, seed=3)
    for name, shared in (("p", 25 / 1439), ("first_step", 1)):
        law[name][:50] = shared  # a group large enough for a table of its own
    yhat = np.zeros((90, 40))
    whole = quantiles(yhat, **law)
    sizes = {name: value for name, value in law.items() if isinstance(value, np.ndarray)}
    for part in (order[:cut], order[cut:]):
        own = {**law, **{name: value[part] for name, value in sizes.items()}}
        np.testing.assert_allclose(quantiles(yhat[part], **own), whole[part], rtol=1e-12)


@given(
    st.floats(0, 10),
    st.floats(0, 10),
    st.floats(0, 1.5),
    st.integers(1, 500),
    st.lists(st.floats(0.001, 0.999), min_size=2, max_size=6, unique=True),
)
@settings(max_examples=60, deadline=None)
def test_quantiles_ascend_with_their_levels(
    sigma: float, slope: float, p: float, step: int, levels: list[float]
) -> None:
    """Whatever the law, finite and in order."""
    law = one(sigma=sigma, slope=slope, p=p, first_step=step, levels=tuple(sorted(levels)))
    found = quantiles(np.zeros((1, 2)), **law)
    assert np.isfinite(found).all()
    assert (np.diff(found) >= -1e-9 * np.abs(found).max()).all()


def test_bands_widen_with_the_horizon() -> None:
    """From step to step the band of a series never narrows."""
    found = quantiles(np.zeros((20, 1000)), **made(20, seed=5))
    width = found[..., 2] - found[..., 0]
    assert (np.diff(width, axis=1) > -1e-3 * width[:, 1:]).all()


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_a_level_outside_is_refused(level: float) -> None:
    """The error says what a level is, and which one came."""
    with pytest.raises(UsageError, match=f"strictly between 0 and 1, got {level}"):
        quantiles(np.zeros((1, 1)), **one(levels=(0.5, level)))


@pytest.mark.parametrize("shape", [(0, 5), (2, 0)])
def test_nothing_asked_is_nothing_answered(shape: tuple[int, int]) -> None:
    """No series, or no hours, give an empty array of the right shape."""
    assert quantiles(np.empty(shape), **made(shape[0])).shape == (*shape, 3)


def paths(draws: Draws, **law: Any) -> FloatArray:
    """Return paths around zero of the hours that the draws cover."""
    hours = draws.normal.shape[1] - draws.hidden
    law = {"sigma": 0.01, "slope": 0.001, "swing": None, "p": 0.03, "first_step": 1} | law
    return sample_paths(law.pop("yhat", np.zeros(hours)), **law, draws=draws)


def test_paths_follow_the_law_of_the_quantiles() -> None:
    """Quantiles over 60,000 paths are within 2 % of the band's width of those of the table."""
    yhat, swing = np.linspace(5, 6, 60), np.linspace(0.5, 1.5, 60)
    draws = standardised_draws(60_000, 60, seed=1, hidden=12)
    found = np.quantile(paths(draws, yhat=yhat, swing=swing, first_step=10), LEVELS, axis=0)
    law = one(sigma=0.01, slope=0.001, p=0.03, first_step=10, swing=swing[None])
    expected = quantiles(yhat[None], **law)[0].T
    assert (np.abs(found - expected) < 0.02 * (expected[2] - expected[0])).all()


def test_a_change_of_slope_comes_in_the_middle_of_its_step_and_lasts() -> None:
    """One change of size 1 at the first step moves the path by 1/2, 3/2, 5/2."""
    uniform, laplace = np.array([[0.0, 0.9, 0.9]]), np.ones((1, 3))
    draws = Draws(uniform, laplace, np.zeros((1, 3)), hidden=0)
    assert paths(draws, slope=2.0).tolist() == [[1.0, 3.0, 5.0]]


def test_hours_of_a_path_are_correlated() -> None:
    """Without noise two hours far out hang together as the double sum says."""
    found = paths(standardised_draws(20_000, 100, seed=2), sigma=0.0)
    weights = np.arange(100) + 0.5  # of the changes before hour 100; of hour 50 the last 50
    early = weights[:50]
    expected = (early * (early + 50)).sum() / np.sqrt((early**2).sum() * (weights**2).sum())
    assert np.corrcoef(found[:, 49], found[:, 99])[0, 1] == pytest.approx(expected, abs=0.02)


def test_series_of_the_same_draws_move_together() -> None:
    """A change of one series is a change of the other, at the same hour, also if it ended early."""
    draws = standardised_draws(2_000, 40, seed=3, hidden=24)
    one_series = paths(draws, sigma=0.0)
    other = paths(draws, sigma=0.0, slope=0.005, first_step=25)
    turns = np.diff(one_series, 2, axis=1)
    np.testing.assert_allclose(5 * turns, np.diff(other, 2, axis=1), atol=1e-12)


def test_hidden_steps_are_the_steps_of_a_longer_path() -> None:
    """A series that ended early follows the path that it would have had, cut."""
    draws = standardised_draws(10, 50, seed=4, hidden=8)
    late = paths(draws, first_step=9)
    moved = Draws(draws.uniform, draws.laplace, draws.normal, hidden=0)
    np.testing.assert_allclose(late, paths(moved)[:, 8:], rtol=1e-12)


def test_a_short_forecast_is_the_beginning_of_a_long_one() -> None:
    """The same draws serve forecasts of any length."""
    draws = standardised_draws(10, 50, seed=4)
    np.testing.assert_array_equal(paths(draws, yhat=np.zeros(7)), paths(draws)[:, :7])


def test_the_seed_decides() -> None:
    """The same seed gives the same draws, another seed others."""
    first, again, other = (standardised_draws(3, 4, seed=seed) for seed in (5, 5, 6))
    for name in ("uniform", "laplace", "normal"):
        assert (getattr(first, name) == getattr(again, name)).all()
        assert (getattr(first, name) != getattr(other, name)).all()


@pytest.mark.parametrize("wrong", [{"yhat": np.zeros(6)}, {"first_step": 4}])
def test_draws_that_are_too_few_are_refused(wrong: dict[str, Any]) -> None:
    """The error says how many steps, open and hidden, the series needs."""
    draws = standardised_draws(3, 5, seed=1, hidden=2)
    with pytest.raises(UsageError, match="got 5 and 2; draw more"):
        paths(draws, **wrong)


def test_paths_of_flat_growth_are_noise() -> None:
    """With slope 0 each hour is sigma times its normal draw."""
    draws = standardised_draws(4, 6, seed=9)
    np.testing.assert_allclose(paths(draws, slope=0.0, sigma=2.0), 2 * draws.normal, rtol=1e-15)
