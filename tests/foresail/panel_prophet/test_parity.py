"""The engine is Prophet: the same data, the same objective, at least as good an optimum.

Stan's optimiser stops early, so that equal digits are neither to be had nor wanted. What is held
here, each by a bound: the model's data, its log posterior, its optimality, its forecasts and bands.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from factories import kinds, stan
from factories.stan import Recipe, Trial

from foresail.panel import FloatArray, Panel, TimeArray
from foresail.panel_prophet import PanelProphet
from foresail.panel_prophet.quiet import quiet_prophet

TESTS = Path(__file__).parents[2]
HOUR = np.timedelta64(1, "h")
ROWS = 60 * 24
LOAD = 3 + np.sin(np.arange(ROWS) / 40) + np.arange(ROWS) / 500
DEPLOYS = (np.arange(ROWS) % 200 < 5).astype(np.float64)
RECIPES = {
    "holidays": Recipe(
        {
            "holidays": [
                {"holiday": "sale", "ds": "2025-04-18", "lower_window": -1, "upper_window": 1},
                {"holiday": "sale", "ds": "2025-04-25", "lower_window": -1, "upper_window": 1},
                {"holiday": "audit", "ds": "2025-04-14", "lower_window": 0, "upper_window": 0},
                {"holiday": "never", "ds": "2031-01-01", "lower_window": 0, "upper_window": 0},
            ]
        }
    ),
    "country": Recipe(calls=(("add_country_holidays", {"country_name": "DE"}),)),
    "regressor": Recipe(calls=(("add_regressor", {"name": "load"}),), regressors={"load": LOAD}),
    "binary regressor": Recipe(
        calls=(("add_regressor", {"name": "deploys", "prior_scale": 0.5}),),
        regressors={"deploys": DEPLOYS},
    ),
    "raw regressor": Recipe(
        calls=(("add_regressor", {"name": "load", "standardize": False}),),
        regressors={"load": LOAD},
    ),
    "multiplicative regressor": Recipe(
        calls=(("add_regressor", {"name": "load", "mode": "multiplicative"}),),
        regressors={"load": LOAD},
    ),
    "custom seasonality": Recipe(
        calls=(("add_seasonality", {"name": "shift", "period": 1 / 3, "fourier_order": 2}),)
    ),
    "minmax": Recipe({"scaling": "minmax"}),
    "given changepoints": Recipe({"changepoints": ["2025-04-15", "2025-04-20", "2025-04-28"]}),
    "changepoints within one hour": Recipe(
        {"changepoints": ["2025-04-20T10:10", "2025-04-20T10:40", "2025-04-28T00:00"]}
    ),
    "empty changepoints": Recipe({"changepoints": []}),
    "no changepoints": Recipe({"n_changepoints": 0}),
    "many changepoints": Recipe({"n_changepoints": 60, "changepoint_range": 0.95}),
    "loose changepoints": Recipe({"changepoint_prior_scale": 0.5}),
    "flat": Recipe({"growth": "flat"}),
    "multiplicative": Recipe({"seasonality_mode": "multiplicative"}),
    "yearly forced": Recipe({"yearly_seasonality": True}),
    "few waves": Recipe(
        {"daily_seasonality": 2, "weekly_seasonality": False, "seasonality_prior_scale": 0.1}
    ),
    "no seasonality": Recipe({"daily_seasonality": False, "weekly_seasonality": False}),
}


@pytest.fixture(scope="module")
def three() -> Panel:
    """60 days of hours: a complete series, one with gaps of its own and one that starts late."""
    return kinds.panel(days=60, seed=7, kinds=("weekly", "gaps", "late_start"))


def assert_at_most(bound: float, figures: Iterable[tuple[str, float]]) -> None:
    """Fail with the worst series and its figure."""
    name, figure = max(figures, key=lambda pair: np.inf if np.isnan(pair[1]) else pair[1])
    assert figure <= bound, f"{name}: {figure:.3g} > {bound:.3g}"


def difference(ours: Any, theirs: Any) -> float:
    """Return the greatest difference of two arrays, infinite where their shapes differ."""
    a, b = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if a.shape != b.shape:
        return np.inf
    return float(np.abs(a - b).max()) if a.size else 0.0


def assert_prophets_data(design: Any, case: stan.Case, name: str) -> None:
    """Hold one series' design against what Prophet would hand to Stan, to 1e-12."""
    model, data = stan.prepared(case)
    features = data.X.drop(columns="zeros", errors="ignore")  # its dummy where there is none
    used = np.isin(data.X.columns, features.columns)
    assert tuple(design.columns) == tuple(features.columns), name
    assert tuple(design.multiplicative) == tuple(np.asarray(data.s_m)[used] == 1), name
    assert_at_most(
        1e-12,
        [
            (f"{name}: t", difference(design.t, data.t)),
            (f"{name}: changepoints", difference(design.changepoints_t, data.t_change)),
            (f"{name}: features", difference(design.features, features)),
            (f"{name}: prior scales", difference(design.prior_scales, np.array(data.sigmas)[used])),
            (f"{name}: y", difference(design.y_scaled, data.y)),
            (f"{name}: scale", abs(design.y_scale / model.y_scale - 1)),
            (f"{name}: floor", abs(design.floor - model.history["floor"].iloc[0]) / model.y_scale),
        ],
    )


def test_the_data_are_prophets(trials: Sequence[Trial]) -> None:
    """1: Time, features, changepoints and scales equal those of `Prophet.preprocess` to 1e-12."""
    for trial in trials:
        assert_prophets_data(trial.model.design(trial.row), trial.case, trial.name)


@pytest.mark.parametrize("option", RECIPES)
def test_the_data_are_prophets_under_every_option(
    option: str, three: Panel, fit_recipe: Callable[..., Any]
) -> None:
    """1: So they do with each option of the model, with gaps and with a late start."""
    recipe = RECIPES[option]
    model = fit_recipe(three, recipe)
    for row, info in enumerate(three.index):
        case = stan.case_of(three, row, recipe)
        assert_prophets_data(model.design(row), case, f"{info.series} with {option}")


@pytest.mark.parametrize("option", RECIPES)
def test_the_optimum_holds_under_every_option(
    option: str, three: Panel, fit_recipe: Callable[..., Any]
) -> None:
    """3, 4: With each option no log posterior is below Stan's less 1e-3, and KKT x tau <= 1e-5."""
    recipe = RECIPES[option]
    model = fit_recipe(three, recipe)
    for row, info in enumerate(three.index):
        case = stan.case_of(three, row, recipe)
        point = stan.engine_point(case, model.parameters(row))
        name = f"{info.series} with {option}"
        report = model.report[row]
        assert (report.engine, report.reason) == ("panel", ""), name
        assert_at_most(1e-3, [(name, stan.stan_log_posterior(case) - report.log_posterior)])
        assert_at_most(1e-3, [(name, abs(stan.formula(case, point) - report.log_posterior))])
        assert_at_most(1e-5, [(name, stan.kkt(case, point))])


def test_the_oracles_formula_is_stans(trials: Sequence[Trial]) -> None:
    """2: At Stan's own optimum the objective's formula gives Stan's `lp__` to 1e-3."""
    assert_at_most(
        1e-3,
        [
            (t.name, abs(stan.formula(t.case, stan.stan_point(t.case)) - lp))
            for t in trials
            for lp in [stan.stan_log_posterior(t.case)]
        ],
    )


def test_the_log_posterior_is_stans(trials: Sequence[Trial]) -> None:
    """2: The reported log posterior is what Stan itself gives to our parameters, to 1e-3."""
    assert_at_most(
        1e-3,
        [(t.name, abs(t.report.log_posterior - stan.log_density(t.case, t.point))) for t in trials],
    )


def test_the_reported_fit_is_the_one_handed_out(trials: Sequence[Trial]) -> None:
    """2: Report and parameters name one log posterior and one sigma."""
    for t in trials:
        parameters = t.model.parameters(t.row)
        assert parameters.log_posterior == t.report.log_posterior, t.name
        assert parameters.sigma == t.report.sigma, t.name


def test_every_series_is_fitted_by_the_panel(trials: Sequence[Trial]) -> None:
    """3: None of the ordinary series falls back to Stan or is left out."""
    assert {(t.report.engine, t.report.reason) for t in trials} == {("panel", "")}


@pytest.mark.parametrize(
    "keywords",
    [
        {"seasonality_prior_scale": 0.01},
        {"seasonality_prior_scale": 0.1},
        {"changepoint_prior_scale": 0.001},
        {"changepoint_prior_scale": 0.5},
        {"yearly_seasonality": True},
    ],
    ids=str,
)
def test_no_usual_setting_falls_back(keywords: dict[str, Any]) -> None:
    """3: Over the range that Prophet's guide tunes, 144 series need no Stan."""
    # a year's waves over a month are one line with the trend: almost without noise, Stan may help
    chosen = [k for k in kinds.KINDS if k != "low_noise" or "yearly_seasonality" not in keywords]
    fallen = [
        f"{one.series.series} of {days} days"
        for days in (7, 30, 60)
        for known in [kinds.panel(days=days, n=48, seed=days, kinds=chosen)]
        for one in PanelProphet(**keywords).fit(known).report
        if one.engine != "panel"
    ]
    assert fallen == []


def test_no_log_posterior_is_below_stans(trials: Sequence[Trial]) -> None:
    """3: On every series the log posterior is at least Stan's less 1e-3."""
    assert_at_most(
        1e-3, [(t.name, stan.stan_log_posterior(t.case) - t.report.log_posterior) for t in trials]
    )


def test_the_coefficients_are_optimal(trials: Sequence[Trial]) -> None:
    """4: The KKT residual x tau is at most 1e-5 wherever sigma is above 1e-4 of the scale."""
    assert_at_most(
        1e-5, [(t.name, stan.kkt(t.case, t.point)) for t in trials if t.report.sigma > 1e-4]
    )


def test_the_reported_residual_bounds_the_true_one(trials: Sequence[Trial]) -> None:
    """4: The report's own KKT figure obeys the same bound."""
    assert_at_most(1e-5, [(t.name, t.report.kkt) for t in trials if t.report.sigma > 1e-4])


def test_sigma_is_the_best_for_its_residuals(trials: Sequence[Trial]) -> None:
    """4: Sigma is the maximiser of the log posterior at its own residuals, to 1e-4."""
    assert_at_most(
        1e-4,
        [
            (t.name, abs(t.point.sigma_obs / stan.best_sigma(t.case, t.point) - 1))
            for t in trials
            if t.report.sigma > 1e-4
        ],
    )


def test_the_optimum_is_that_of_a_slow_solver(hourly_trials: Sequence[Trial]) -> None:
    """4: An independent exact solver, from above and from below, ends at our log posterior."""
    apart = []
    for t in hourly_trials:
        ends = [stan.fixed_point(t.case, sigma) for sigma in (1e-6, 1.0)]
        best = max(stan.formula(t.case, end) for end in ends)
        apart.append((t.name, abs(best - t.report.log_posterior)))
    assert_at_most(1e-3, apart)


def test_stan_gains_nothing_from_our_optimum(trials: Sequence[Trial]) -> None:
    """5: Stan's L-BFGS, started at our parameters, raises the log posterior by at most 1e-3."""
    assert_at_most(1e-3, [(t.name, stan.gain_of_restart(t.case, t.point)) for t in trials])


def test_forecasts_are_stans(hourly_trials: Sequence[Trial]) -> None:
    """6: The median over 168 h is Stan's yhat to 0.02 sigma in half, 0.3 in 9 of 10 series."""
    apart = []
    for t in hourly_trials:
        theirs = stan.yhat(stan.fitted(t.case), t.next_week)
        ours = t.model.predict(168, quantiles=(0.5,))[t.row, :, 0]
        rms = np.sqrt(np.mean((ours - theirs) ** 2)) / t.y_scale
        apart.append((rms / stan.stan_point(t.case).sigma_obs, t.name))
    apart.sort()
    assert np.median([figure for figure, _ in apart]) <= 0.02, apart[len(apart) // 2]
    assert np.quantile([figure for figure, _ in apart], 0.9) <= 0.3, apart[-8:]


LEVELS = (0.1, 0.5, 0.9)
BANDS = {
    "daily": 7,
    "bursts": 7,
    "trend": 30,
    "gaps": 30,
    "step": 60,
    "leak": 60,
    "saturation": 90,
    "late_start": 90,
}
"""Eight kinds, two of each window."""


@pytest.fixture(scope="module")
def banded(hourly_trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """The eight series whose bands are sampled."""
    return tuple(t for t in hourly_trials if BANDS.get(t.kind) == t.days)


def rms_of_bands(ours: FloatArray, theirs: FloatArray) -> float:
    """Return the rms difference of quantiles, shape `(steps, levels)`, in widths of the band."""
    width = theirs[:, -1:] - theirs[:, :1]
    return float(np.sqrt(np.mean(((ours - theirs) / width) ** 2)))


def hours_since_own_end(case: stan.Case, week: TimeArray) -> TimeArray:
    """Return the rows from a series' own last value to the end of a week."""
    last = stan.frame_of(case).dropna()["ds"].iloc[-1].to_numpy().astype("datetime64[s]")
    return np.arange(last + HOUR, week[-1] + HOUR, HOUR)


def test_bands_are_prophets(banded: Sequence[Trial]) -> None:
    """7: The quantiles are those of 20,000 of Prophet's samples, rms 0.01 of the band's width."""
    apart = []
    for t in banded:
        exported = t.model.to_prophet(t.report.series.series, metric="cpu")
        rows = hours_since_own_end(t.case, t.next_week)
        theirs = stan.sampled(exported, rows, LEVELS, seed=t.row)[-168:]
        ours = t.model.predict(168, quantiles=LEVELS)[t.row]
        apart.append((t.name, rms_of_bands(ours, theirs)))
    assert len(apart) == len(BANDS)
    assert_at_most(0.01, apart)


@pytest.mark.parametrize(
    "option",
    [
        "minmax",
        "given changepoints",
        "no changepoints",
        "many changepoints",
        "loose changepoints",
        "flat",
        "multiplicative",
    ],
)
def test_bands_are_prophets_under_every_option(
    option: str, three: Panel, fit_recipe: Callable[..., Any]
) -> None:
    """7: So they are with each option that shapes the band, for a series that ended early."""
    known = Panel(three.ds, three.values[:1].copy(), three.index[:1])
    known.values[0, -50:] = np.nan
    model = fit_recipe(known, RECIPES[option])
    week = known.ds[-1] + HOUR * np.arange(1, 169)
    rows = hours_since_own_end(stan.case_of(known, 0), week)
    theirs = stan.sampled(model.to_prophet("weekly-0", metric="cpu"), rows, LEVELS, seed=1)[-168:]
    assert len(rows) == 218
    assert_at_most(0.01, [(option, rms_of_bands(model.predict(168, quantiles=LEVELS)[0], theirs))])


def test_bands_do_not_move(hourly_trials: Sequence[Trial]) -> None:
    """7: Two calls give the same bands, bit by bit."""
    model = hourly_trials[0].model
    assert np.array_equal(model.predict(168), model.predict(168))


def test_an_exported_model_forecasts_the_same(hourly_trials: Sequence[Trial]) -> None:
    """8: Exported, written as JSON and read again, Prophet's yhat is our median to 1e-10."""
    apart = []
    for t in hourly_trials[::5]:
        with quiet_prophet():
            from prophet.serialize import model_from_json, model_to_json  # noqa: PLC0415  # noisy

            exported = t.model.to_prophet(t.report.series.series, metric="cpu", stat="mean")
            read = model_from_json(model_to_json(exported))
        ours = t.model.predict(168, quantiles=(0.5,))[t.row, :, 0]
        apart.append((t.name, difference(stan.yhat(read, t.next_week), ours) / t.y_scale))
    assert_at_most(1e-10, apart)


@pytest.mark.parametrize("option", RECIPES)
def test_an_exported_model_forecasts_the_same_under_every_option(
    option: str, three: Panel, fit_recipe: Callable[..., Any]
) -> None:
    """8: With each option an exported Prophet's yhat is our median to 1e-10 of the scale."""
    recipe = RECIPES[option]
    model = fit_recipe(three, recipe)
    week = three.ds[-1] + HOUR * np.arange(1, 169)
    later = {name: values[200:368] for name, values in recipe.regressors.items()}
    ours = model.predict(168, quantiles=(0.5,), regressors=later or None)[:, :, 0]
    apart = []
    for row, info in enumerate(three.index):
        exported = model.to_prophet(info.series, metric="cpu")
        theirs = stan.yhat(exported, week, later)
        apart.append((info.series, difference(ours[row], theirs) / exported.y_scale))
    assert_at_most(1e-10, apart)


def test_an_exported_model_holds_our_parameters(hourly_trials: Sequence[Trial]) -> None:
    """8: What is exported has the parameters and the log posterior of the fit."""
    t = hourly_trials[0]
    exported = t.model.to_prophet(t.report.series.series, metric="cpu")
    assert exported.params["lp__"].item() == t.report.log_posterior
    assert exported.params["sigma_obs"].item() == t.report.sigma
    assert np.array_equal(exported.params["delta"].ravel(), t.point.delta)
    assert np.array_equal(exported.params["beta"].ravel(), t.point.beta)


def scaled_difference(a: FloatArray, b: FloatArray, panel: Panel) -> list[tuple[str, float]]:
    """Return each series' greatest difference of two forecasts, as a share of its scale."""
    scale = np.nanmax(np.abs(panel.values), axis=1)
    apart = np.abs(a - b).max(axis=(1, 2)) / scale
    return [(info.series, float(share)) for info, share in zip(panel.index, apart, strict=True)]


@pytest.fixture(scope="module")
def fortyeight() -> Panel:
    """48 series of all kinds over 30 days."""
    return kinds.panel(days=30, n=48, seed=3)


def test_the_order_of_series_is_irrelevant(fortyeight: Panel) -> None:
    """9: The series in another order have the same forecasts to 1e-10 of their scale."""
    order = np.random.default_rng(0).permutation(len(fortyeight))
    straight = PanelProphet().fit(fortyeight).predict(24)
    mixed = PanelProphet().fit(fortyeight.select(order)).predict(24)
    assert_at_most(1e-10, scaled_difference(straight[order], mixed, fortyeight.select(order)))


def test_the_company_of_a_series_is_irrelevant(fortyeight: Panel) -> None:
    """9: In blocks of 1, 7 and 40 series the forecasts are the same to 1e-10 of their scale."""
    whole = PanelProphet().fit(fortyeight).predict(24)
    blocks = [range(1), range(1, 8), range(8, 48)]
    apart = np.concatenate([PanelProphet().fit(fortyeight.select(b)).predict(24) for b in blocks])
    assert_at_most(1e-10, scaled_difference(whole, apart, fortyeight))


THREADED = """
import sys
import numpy as np
from factories.kinds import panel
from foresail.panel_prophet import PanelProphet
np.save(sys.argv[1], PanelProphet().fit(panel(days=30, n=48, seed=3)).predict(24))
"""


def test_the_number_of_threads_is_irrelevant(fortyeight: Panel, tmp_path: Path) -> None:
    """9: With one thread and with two the forecasts are the same to 1e-10 of their scale."""
    found = []
    for threads in ("1", "2"):
        limits = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), threads)
        path = tmp_path / f"{threads}.npy"
        subprocess.run(
            [sys.executable, "-c", THREADED, str(path)],
            check=True,
            env={**os.environ, **limits, "PYTHONPATH": str(TESTS)},
        )
        found.append(np.load(path))
    assert_at_most(1e-10, scaled_difference(*found, fortyeight))


TWO_FIXED_POINTS = {
    "the lower is better": ("low_noise", 2, 4, 0.05, "below"),
    "the upper is better": ("low_noise", 2, 5, 0.05, "above"),
    "the lower is better, with a rhythm": ("saturation", 7, 1, 0.01, "below"),
    "the upper is better, with a rhythm": ("saturation", 3, 0, 0.02, "above"),
}
"""Kind, days, seed, changepoint_prior_scale, and from where the better optimum is reached."""


@pytest.mark.parametrize("which", TWO_FIXED_POINTS)
def test_the_better_of_two_fixed_points(which: str) -> None:
    """11: Where sigma has two fixed points, the one of the greater log posterior is returned."""
    kind, days, seed, tau, better = TWO_FIXED_POINTS[which]
    recipe = Recipe({"changepoint_prior_scale": tau})
    one = kinds.of(kinds.series(kind, days=days, seed=seed)[None])
    case = stan.case_of(one, 0, recipe)
    ends = {"below": stan.fixed_point(case, 1e-6), "above": stan.fixed_point(case, 1.0)}
    height = {end: stan.formula(case, point) for end, point in ends.items()}
    assert ends["above"].sigma_obs > 1.5 * ends["below"].sigma_obs
    assert max(height, key=height.__getitem__) == better
    assert min(height.values()) < max(height.values()) - 1

    report = recipe.build(PanelProphet).fit(one).report[0]

    assert report.log_posterior == pytest.approx(height[better], abs=1e-4)
    assert report.sigma == pytest.approx(ends[better].sigma_obs, rel=1e-4)
    assert not report.unique


def test_one_fixed_point_is_called_unique() -> None:
    """11: A week of a daily rhythm has one fixed point, and the report says so."""
    one = kinds.panel(days=7, kinds=("daily",))
    case = stan.case_of(one, 0)
    below, above = stan.fixed_point(case, 1e-6), stan.fixed_point(case, 1.0)
    assert below.sigma_obs == pytest.approx(above.sigma_obs, rel=1e-6)
    assert PanelProphet().fit(one).report[0].unique


def test_errors_on_unseen_hours_are_stans(trials: Sequence[Trial]) -> None:
    """12: Over a day that no fit has seen, the median ratio of MAE to Stan's is 1 +- 0.005."""
    ratios = []
    for t in trials:
        steps = len(t.future)
        theirs = stan.yhat(stan.fitted(t.case), t.next_week[:steps])
        ours = t.model.predict(24, quantiles=(0.5,))[t.row, :, 0]
        ratios.append(np.nanmean(np.abs(ours - t.future)) / np.nanmean(np.abs(theirs - t.future)))
    assert np.median(ratios) == pytest.approx(1, abs=0.005)
