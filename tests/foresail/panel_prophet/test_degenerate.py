"""Series at the edge: each has its own answer or its own reason, and spoils no other.

10 of the rules of parity: constant, zero, ramp, huge, tiny and short series.
"""

from typing import Any, NamedTuple

import numpy as np
import pytest
from factories import kinds, stan
from factories.stan import Recipe

from foresail.errors import BadInput, NotFound, UsageError
from foresail.panel import FloatArray, Panel
from foresail.panel_prophet import PanelProphet

ROWS = 16 * 24
HOURS = np.arange(ROWS, dtype=np.float64)
AHEAD = ROWS + np.arange(48.0)
"""The hours of a forecast, counted as `HOURS`."""
DAILY = kinds.series("daily", days=16, seed=1)
CONSTANT = "constant: forecast as its constant"
ORDINARY = kinds.panel(days=16, seed=5, kinds=("weekly", "gaps"))


class Answer(NamedTuple):
    """What the engine says of one odd series between two ordinary ones."""

    report: Any
    parameters: Any
    forecast: FloatArray  # shape (48, 3): p10, p50, p90 of each hour
    case: stan.Case


@pytest.fixture(scope="module")
def ordinary_forecast() -> FloatArray:
    """The forecast of the two ordinary series by themselves."""
    return np.asarray(PanelProphet().fit(ORDINARY).predict(48))


@pytest.fixture
def ask(ordinary_forecast: FloatArray) -> Any:
    """Return the function that fits an odd series, and holds that the others do not notice."""

    def fit_between(odd: FloatArray) -> Answer:
        first, last = ORDINARY.values
        panel = kinds.of(np.array([first, odd, last]))
        model = PanelProphet().fit(panel)
        forecast = model.predict(48)
        scale = np.nanmax(ORDINARY.values, axis=1)[:, None, None]
        assert (np.abs(forecast[[0, 2]] - ordinary_forecast) / scale).max() <= 1e-10
        report = model.report[1]
        parameters = model.parameters(1) if report.engine == "panel" else None
        return Answer(report, parameters, forecast[1], stan.case_of(panel, 1))

    return fit_between


@pytest.mark.parametrize("level", [5.0, 1e12, 1e-9, -3.0])
def test_a_constant_stays_where_it_is(ask: Any, level: float) -> None:
    """A constant series is Prophet's special case: sigma 1e-9, no slope, the level for ever."""
    answer = ask(np.full(ROWS, level))
    assert (answer.report.engine, answer.report.reason) == ("panel", CONSTANT)
    assert answer.report.sigma == 1e-9
    assert (answer.parameters.k, answer.parameters.m) == (0.0, np.sign(level))
    assert answer.forecast == pytest.approx(np.full((48, 3), level), rel=1e-6)


def test_zero_stays_zero(ask: Any) -> None:
    """Nothing but zeros has Prophet's scale 1 and the level 0."""
    answer = ask(np.zeros(ROWS))
    assert (answer.report.engine, answer.report.reason) == ("panel", CONSTANT)
    assert (answer.parameters.k, answer.parameters.m, answer.parameters.sigma) == (0.0, 0.0, 1e-9)
    assert answer.forecast == pytest.approx(np.zeros((48, 3)), abs=1e-6)


def test_a_constant_is_exported_as_prophet_fits_it() -> None:
    """A constant series' exported model forecasts what the engine does."""
    panel = kinds.of(np.full((1, ROWS), 7.0))
    exported = PanelProphet().fit(panel).to_prophet("series-0", metric="cpu")
    ahead = panel.ds[-1] + np.arange(1, 49) * np.timedelta64(1, "h")
    assert stan.yhat(exported, ahead) == pytest.approx(np.full(48, 7.0), rel=1e-9)


def test_an_exact_ramp_goes_on(ask: Any) -> None:
    """A straight line without noise goes on to a millionth of its greatest value."""
    answer = ask(10 + 0.25 * HOURS)
    assert (answer.report.engine, answer.report.reason) == ("panel", "")
    expected = np.repeat((10 + 0.25 * AHEAD)[:, None], 3, axis=1)
    assert answer.forecast == pytest.approx(expected, abs=1e-6 * (10 + 0.25 * ROWS))


@pytest.mark.parametrize("factor", [1e12, 1e-9])
def test_bytes_and_nanocores_are_only_units(ask: Any, factor: float) -> None:
    """Values of 1e12 bytes and of 1e-9 cores are forecast as those near 1."""
    plain, scaled = ask(DAILY), ask(DAILY * factor)
    assert (scaled.report.engine, scaled.report.reason) == ("panel", "")
    assert scaled.report.sigma == pytest.approx(plain.report.sigma, rel=1e-8)
    assert scaled.forecast == pytest.approx(plain.forecast * factor, rel=1e-8)


@pytest.mark.parametrize("places", [(0, ROWS - 1), (ROWS - 2, ROWS - 1), (40, 43)])
def test_two_points_are_a_line(ask: Any, places: tuple[int, int]) -> None:
    """Two values have a finite forecast, on the line through them to 1 % of what it climbs."""
    a, b = places
    odd = np.full(ROWS, np.nan)
    odd[[a, b]] = 1.0, 2.0
    answer = ask(odd)
    assert (answer.report.engine, answer.report.reason) == ("panel", "")
    line = 1 + (AHEAD - a) / (b - a)
    assert np.isfinite(answer.forecast).all()
    assert np.abs(answer.forecast[:, 1] - line).max() <= 0.01 * np.abs(line).max()


@pytest.mark.parametrize("count", [3, 4, 10])
def test_a_few_values_reach_stans_optimum(ask: Any, count: int) -> None:
    """With 3, 4 or 10 values the log posterior is at least Stan's less 1e-3."""
    odd = np.full(ROWS, np.nan)
    odd[-count:] = DAILY[:count]
    answer = ask(odd)
    assert (answer.report.engine, answer.report.reason) == ("panel", "")
    assert np.isfinite(answer.forecast).all()
    assert answer.report.log_posterior >= stan.stan_log_posterior(answer.case) - 1e-3


INFINITE = "holds an infinite value; give finite numbers, and NaN for a gap"
UNFITTED = {
    "only gaps": (np.full(ROWS, np.nan), "has no values; a fit needs two"),
    "one value": (np.where(HOURS == 77, 3.0, np.nan), "has 1 value; a fit needs two"),
    "an infinite value": (np.where(HOURS == 77, np.inf, DAILY), INFINITE),
    "a minus infinite value": (np.where(HOURS == 77, -np.inf, DAILY), INFINITE),
}


@pytest.mark.parametrize("which", UNFITTED)
def test_what_prophet_refuses_has_a_reason_and_no_forecast(ask: Any, which: str) -> None:
    """A series that Prophet refuses is reported as such, and its forecast is NaN throughout."""
    odd, reason = UNFITTED[which]
    answer = ask(odd)
    assert (answer.report.engine, answer.report.reason) == ("none", reason)
    assert np.isnan(answer.report.log_posterior)
    assert np.isnan(answer.report.sigma)
    assert np.isnan(answer.forecast).all()


def spiked() -> FloatArray:
    """Return zeros with one spike."""
    return np.where(HOURS == 200, 100.0, 0.0)


ODD = {
    "a single spike": spiked(),
    "every other hour": np.where(HOURS % 2 == 0, DAILY, np.nan),
    "a value and a gap, then 5 hours": np.where(HOURS % 7 < 2, DAILY, np.nan),
    "ending early": np.where(HOURS < ROWS - 100, DAILY, np.nan),
    "a first value long before": np.where((HOURS == 0) | (HOURS > 250), DAILY, np.nan),
    "two levels": np.where(HOURS < 200, 1.0, 3.0),
    "one hour differs": np.where(HOURS == ROWS - 1, 5.0, 4.0),
    "nights are zero": np.where(HOURS % 24 < 8, 0.0, DAILY),
    "huge offset": 1e9 + DAILY,
    "below zero": -DAILY,
}


@pytest.mark.parametrize("which", ODD)
def test_odd_series_reach_stans_optimum(ask: Any, which: str) -> None:
    """An odd series has a finite forecast and a log posterior of at least Stan's less 1e-3."""
    answer = ask(ODD[which])
    assert (answer.report.engine, answer.report.reason) == ("panel", "")
    assert np.isfinite(answer.forecast).all()
    assert (np.diff(answer.forecast, axis=1) >= 0).all()
    assert answer.report.log_posterior >= stan.stan_log_posterior(answer.case) - 1e-3


def test_a_series_that_ended_is_forecast_from_the_panels_end() -> None:
    """A series without its last 100 hours is forecast for the same hours as the others."""
    panel = kinds.of(ODD["ending early"][None])
    model = PanelProphet().fit(panel)
    ahead = panel.ds[-1] + np.arange(1, 49) * np.timedelta64(1, "h")
    ours = model.predict(48)[0]
    exported = model.to_prophet("series-0", metric="cpu")
    assert np.abs(stan.yhat(exported, ahead) - ours[:, 1]).max() <= 1e-10 * np.nanmax(panel.values)


def test_a_panel_without_series_has_no_forecast() -> None:
    """No series in, none out."""
    model = PanelProphet().fit(Panel(ORDINARY.ds, np.empty((0, ROWS)), ()))
    assert model.report == ()
    assert model.predict(24).shape == (0, 24, 3)


LOADED = Recipe(calls=(("add_regressor", {"name": "load"}),))
LOAD = np.sin(HOURS / 30)


@pytest.mark.parametrize(
    ("regressors", "sentence"),
    [
        (None, "regressor 'load' is missing; give its 384 values"),
        ({"load": LOAD[:-1]}, r"regressor 'load' has shape \(383,\), expected \(384,\)"),
        ({"load": LOAD[None]}, r"regressor 'load' has shape \(1, 384\), expected \(384,\)"),
        ({"load": np.where(HOURS == 3, np.nan, LOAD)}, "regressor 'load' has gaps"),
    ],
    ids=["missing", "short", "a row", "a gap"],
)
def test_a_fit_says_which_regressor_is_wrong(regressors: Any, sentence: str) -> None:
    """A regressor that is missing, misshapen or has gaps is named before anything is fitted."""
    with pytest.raises(BadInput, match=sentence):
        LOADED.build(PanelProphet).fit(ORDINARY, regressors=regressors)


@pytest.mark.parametrize(
    ("regressors", "sentence"),
    [
        (None, "regressor 'load' is missing; give its 48 values"),
        ({"load": np.zeros(47)}, r"regressor 'load' has shape \(47,\), expected \(48,\)"),
    ],
    ids=["missing", "short"],
)
def test_a_forecast_says_which_regressor_is_wrong(regressors: Any, sentence: str) -> None:
    """A regressor whose future is missing or too short is named."""
    model = LOADED.build(PanelProphet).fit(ORDINARY, regressors={"load": LOAD})
    with pytest.raises(BadInput, match=sentence):
        model.predict(48, regressors=regressors)


def test_a_regressor_goes_into_the_forecast() -> None:
    """A series that is a regressor times 3 follows the regressor's future."""
    rng = np.random.default_rng(0)
    panel = kinds.of((10 + 3 * LOAD + 0.01 * rng.normal(size=ROWS))[None])
    model = LOADED.build(PanelProphet).fit(panel, regressors={"load": LOAD})
    future = np.where(np.arange(48) % 2 == 0, 1.0, -1.0)
    swing = np.diff(model.predict(48, regressors={"load": future})[0, :, 1])
    assert np.abs(swing) == pytest.approx(np.full(47, 6.0), rel=0.01)


def test_an_unknown_series_is_not_exported() -> None:
    """A name that the panel does not hold is refused by name."""
    model = PanelProphet().fit(ORDINARY)
    with pytest.raises(NotFound, match="nowhere cpu mean"):
        model.to_prophet("nowhere", metric="cpu")


def test_a_series_that_was_not_fitted_is_not_exported() -> None:
    """A series without a fit has no Prophet, and the error gives the report's reason."""
    model = PanelProphet().fit(kinds.of(np.array([DAILY, np.full(ROWS, np.nan)])))
    with pytest.raises(BadInput, match=r"series-1 .* has no values; a fit needs two"):
        model.to_prophet("series-1", metric="cpu")


def test_nothing_is_forecast_before_a_fit() -> None:
    """A model that has seen nothing says so."""
    with pytest.raises(UsageError, match=r"not fitted yet; call fit\(panel\) first"):
        PanelProphet().predict(24)


def test_given_changepoints_outside_a_series_leave_only_it_out() -> None:
    """Prophet wants changepoints inside a series' own time: one that starts later is left out."""
    late = np.where(HOURS < 300, np.nan, DAILY)
    model = PanelProphet(changepoints=["2025-03-06", "2025-03-10"]).fit(
        kinds.of(np.array([DAILY, late]))
    )
    assert [one.engine for one in model.report] == ["panel", "none"]
    assert model.report[1].reason.startswith("given changepoints fall outside its values")
    assert np.isfinite(model.predict(24)[0]).all()
    assert np.isnan(model.predict(24)[1]).all()
