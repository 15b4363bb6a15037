"""Export: what we hand out is what Prophet would have left behind."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from factories.prophets import hours, really_fitted, rhythm

from foresail.errors import BadInput, UsageError
from foresail.panel import FloatArray
from foresail.panel_prophet.export import SeriesParameters, new_prophet, to_prophet
from foresail.panel_prophet.quiet import quiet_prophet
from foresail.panel_prophet.specification import Specification

# Prophet 1.5 calls pandas in ways that pandas 3.1 deprecates
pytestmark = [
    pytest.mark.filterwarnings("ignore:The inplace keyword in"),
    pytest.mark.filterwarnings("ignore:The 'convert_dates' keyword in"),
]

ROWS = 20 * 24
DS = hours(ROWS)
FUTURE = 48
HOLIDAYS = pd.DataFrame(
    {
        "holiday": ["sale", "sale", "move"],
        "ds": ["2025-12-24", "2026-01-10", "2026-01-02"],
        "lower_window": [-1, -1, 0],
        "upper_window": [1, 1, 0],
        "prior_scale": [3.0, 3.0, 10.0],
    }
)


def with_gaps() -> FloatArray:
    """Return a series that starts two days late and has a hole."""
    y = rhythm(ROWS)
    y[:48] = np.nan
    y[100:117] = np.nan
    return y


def with_temperature() -> Specification:
    """Return a specification with a continuous and a binary regressor."""
    return (
        Specification()
        .with_regressor("temperature", prior_scale=2, mode="multiplicative")
        .with_regressor("night")
    )


REGRESSORS = {
    "temperature": 20 + 5 * np.sin(np.arange(ROWS + FUTURE) / 50),
    "night": (np.arange(ROWS + FUTURE) % 24 < 7).astype(float),
}


@dataclass(frozen=True)
class Case:
    """A specification and the series it is fitted to."""

    specification: Specification
    y: FloatArray = field(default_factory=lambda: rhythm(ROWS))

    @property
    def regressors(self) -> dict[str, FloatArray]:
        """Return the columns it asks for, with their future."""
        return {one.name: REGRESSORS[one.name] for one in self.specification.regressors}

    def history(self) -> dict[str, FloatArray]:
        """Return the columns it asks for, on its history."""
        return {name: values[:ROWS] for name, values in self.regressors.items()}

    def future(self) -> pd.DataFrame:
        """Return the frame to predict on: the last day known and two days more."""
        later = hours(ROWS + FUTURE).astype("datetime64[ns]")
        return pd.DataFrame({"ds": later, **self.regressors}).iloc[ROWS - 24 :]


CASES = {
    "additive": Case(Specification()),
    "multiplicative": Case(
        Specification.from_keywords(seasonality_mode="multiplicative").with_seasonality(
            "half day", period=0.5, fourier_order=2, mode="additive"
        )
    ),
    "holidays": Case(
        Specification.from_keywords(
            holidays=HOLIDAYS, holidays_mode="multiplicative"
        ).with_country_holidays("US")
    ),
    "regressors": Case(with_temperature()),
    "flat": Case(Specification(growth="flat")),
    "minmax": Case(Specification(scaling="minmax")),
    "given changepoints": Case(
        Specification.from_keywords(changepoints=["2026-01-01", "2025-12-30 06:00"])
    ),
    "no changepoints": Case(Specification(n_changepoints=0)),
    "none given": Case(Specification.from_keywords(changepoints=[])),
    "gaps": Case(Specification(), with_gaps()),
    "constant": Case(Specification(), np.full(ROWS, 3.0)),
    "constant and flat": Case(Specification(growth="flat"), np.full(ROWS, 3.0)),
    "always zero": Case(Specification(scaling="minmax", n_changepoints=0), np.zeros(ROWS)),
    "nothing seasonal": Case(
        Specification.from_keywords(weekly_seasonality=False, daily_seasonality=False)
    ),
}


def parameters_of(model: Any) -> SeriesParameters:
    """Return the parameters that a real fit left."""
    with quiet_prophet():
        columns = model.make_all_seasonality_features(model.history)[0].columns
    params = {name: values[0] for name, values in model.params.items()}
    return SeriesParameters(
        k=params["k"][0],
        m=params["m"][0],
        delta=params["delta"],
        beta=dict(zip(columns, params["beta"], strict=True)),
        sigma=params["sigma_obs"][0],
        log_posterior=params.get("lp__", [np.nan])[0],
    )


def exported_of(case: Case, real: Any) -> Any:
    """Return the export of a real fit's own parameters."""
    return to_prophet(
        case.specification, parameters_of(real), ds=DS, y=case.y, regressors=case.history()
    )


def predicted(model: Any, case: Case) -> pd.DataFrame:
    """Return its forecast, with the same paths drawn each time."""
    np.random.seed(7)  # noqa: NPY002  # Prophet takes no other generator
    return model.predict(case.future())


@pytest.fixture(scope="module", params=list(CASES))
def pair(request: pytest.FixtureRequest) -> tuple[Case, Any, Any]:
    """Return a case, Prophet's own fit, and our export of the fit's parameters."""
    case = CASES[request.param]
    real = really_fitted(case.specification, ds=DS, y=case.y, regressors=case.history())
    return case, real, exported_of(case, real)


def test_an_export_predicts_what_the_fit_predicts(pair: tuple[Case, Any, Any]) -> None:
    """Every column agrees to 1e-10: yhat, bands and components."""
    case, real, exported = pair
    expected = predicted(real, case)
    answer = predicted(exported, case)
    assert list(answer.columns) == list(expected.columns)
    assert (answer["ds"] == expected["ds"]).all()
    np.testing.assert_allclose(
        answer.drop(columns="ds"), expected.drop(columns="ds"), rtol=1e-10, atol=1e-10
    )


def test_an_export_is_written_as_the_fit_is_written(pair: tuple[Case, Any, Any]) -> None:
    """Prophet's own JSON holds the same names and values, the parameters to Stan's digits."""
    from prophet.serialize import model_to_json  # noqa: PLC0415  # after it was imported quietly

    _, real, exported = pair
    expected, answer = json.loads(model_to_json(real)), json.loads(model_to_json(exported))
    fitted, ours = expected.pop("params"), answer.pop("params")
    assert answer == expected
    assert list(ours) == list(fitted)
    for name, values in fitted.items():
        np.testing.assert_allclose(ours[name], values, rtol=1e-5, atol=1e-6, err_msg=name)


def test_an_export_has_the_attributes_of_the_fit(pair: tuple[Case, Any, Any]) -> None:
    """Nothing is missing that a fitted Prophet carries, and parameters have its shapes."""
    _, real, exported = pair
    assert vars(exported).keys() == vars(real).keys()
    assert type(exported.params) is type(real.params)
    shapes = {name: values.shape for name, values in real.params.items()}
    assert {name: values.shape for name, values in exported.params.items()} == shapes


def test_an_export_survives_prophets_own_file(pair: tuple[Case, Any, Any]) -> None:
    """What model_from_json reads back predicts the same."""
    from prophet.serialize import model_from_json, model_to_json  # noqa: PLC0415  # as above

    case, _, exported = pair
    again = model_from_json(model_to_json(exported))
    np.testing.assert_allclose(
        predicted(again, case)["yhat"], predicted(exported, case)["yhat"], rtol=1e-10, atol=1e-10
    )


def test_an_export_can_be_cross_validated() -> None:
    """Prophet's diagnostics refit it at each cutoff, as they refit a fit of its own."""
    case = CASES["additive"]
    real = really_fitted(case.specification, ds=DS, y=case.y)
    from prophet.diagnostics import cross_validation  # noqa: PLC0415  # as above

    with quiet_prophet():
        expected, answer = (
            cross_validation(
                model, initial="15 days", period="2 days", horizon="2 days", disable_tqdm=True
            )
            for model in (real, exported_of(case, real))
        )
    np.testing.assert_array_equal(answer["yhat"], expected["yhat"])


def test_columns_that_have_no_coefficient_have_no_effect() -> None:
    """A column that is absent from the mapping gets the coefficient 0."""
    parameters = SeriesParameters(1.0, 0.5, np.zeros(25), {"daily_delim_2": 0.25}, 0.1, -1.0)
    model = to_prophet(Specification(), parameters, ds=DS, y=rhythm(ROWS))
    np.testing.assert_array_equal(model.params["beta"], [[0] * 6 + [0, 0.25] + [0] * 6])


def test_without_changepoints_the_one_delta_is_part_of_the_slope() -> None:
    """Prophet folds its dummy changepoint into k."""
    parameters = SeriesParameters(1.0, 0.5, np.array([0.25]), {}, 0.1, -1.0)
    model = to_prophet(Specification(n_changepoints=0), parameters, ds=DS, y=rhythm(ROWS))
    assert model.params["k"] == [[1.25]]
    assert model.params["delta"] == [[0.0]]


def test_parameters_of_another_history_are_refused() -> None:
    """Three bends do not belong to a history with 25 changepoints."""
    parameters = SeriesParameters(1.0, 0.5, np.zeros(3), {}, 0.1, -1.0)
    with pytest.raises(BadInput, match="has 25 changepoints, the parameters have 3"):
        to_prophet(Specification(), parameters, ds=DS, y=rhythm(ROWS))


def test_a_coefficient_without_a_column_is_refused_unless_it_is_zero() -> None:
    """A holiday outside the history has no column, and may only have no effect."""
    parameters = SeriesParameters(1.0, 0.5, np.zeros(25), {"x_delim_+0": 0.0}, 0.1, -1.0)
    assert to_prophet(Specification(), parameters, ds=DS, y=rhythm(ROWS)).params["m"] == [[0.5]]
    with pytest.raises(BadInput, match=r"a coefficient for 'x_delim_\+0'"):
        to_prophet(
            Specification(),
            replace(parameters, beta={"x_delim_+0": 0.1}),
            ds=DS,
            y=rhythm(ROWS),
        )


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.full(ROWS, np.nan), "less than 2 non-NaN rows"),
        (np.full(ROWS, np.inf), "Found infinity in column y"),
    ],
)
def test_a_series_that_prophet_refuses_is_bad_input(y: FloatArray, message: str) -> None:
    """Prophet's own reason is in the message."""
    parameters = SeriesParameters(1.0, 0.5, np.zeros(25), {}, 0.1, -1.0)
    with pytest.raises(BadInput, match=f"Prophet refuses the series: .*{message}"):
        to_prophet(Specification(), parameters, ds=DS, y=y)


def test_a_missing_regressor_is_named() -> None:
    """Prophet tells which column it lacks."""
    parameters = SeriesParameters(1.0, 0.5, np.zeros(25), {}, 0.1, -1.0)
    with pytest.raises(BadInput, match="Regressor 'night' missing"):
        to_prophet(Specification().with_regressor("night"), parameters, ds=DS, y=rhythm(ROWS))


@pytest.mark.parametrize(
    ("specification", "reason"),
    [
        (Specification(growth="logistic"), "logistic growth"),
        (Specification(mcmc_samples=10), "MCMC sampling"),
    ],
)
def test_only_what_the_parameters_can_say_is_exported(
    specification: Specification, reason: str
) -> None:
    """A logistic trend and sampled parameters are fitted by Prophet alone."""
    parameters = SeriesParameters(1.0, 0.5, np.zeros(25), {}, 0.1, -1.0)
    with pytest.raises(UsageError, match=f"^{reason} has no parameters to export"):
        to_prophet(specification, parameters, ds=DS, y=rhythm(ROWS))


def attributes(model: Any) -> dict[str, Any]:
    """Return what a Prophet holds, frames as plain values, without Stan's own object."""
    held = {name: value for name, value in vars(model).items() if name != "stan_backend"}
    return {
        name: value.to_dict("list")
        if isinstance(value, pd.DataFrame)
        else list(value)
        if isinstance(value, pd.Series)
        else value
        for name, value in held.items()
    }


def test_a_specification_builds_the_prophet_it_was_read_from() -> None:
    """Every attribute agrees with the Prophet that was built by hand."""
    keywords: dict[str, Any] = {
        "growth": "flat",
        "changepoints": ["2026-01-01 00:00", "2026-01-03 05:00"],
        "changepoint_range": 0.7,
        "yearly_seasonality": False,
        "weekly_seasonality": 4,
        "daily_seasonality": True,
        "holidays": HOLIDAYS,
        "seasonality_mode": "multiplicative",
        "seasonality_prior_scale": 5,
        "holidays_prior_scale": 4,
        "changepoint_prior_scale": 0.1,
        "mcmc_samples": 30,
        "interval_width": 0.9,
        "uncertainty_samples": 50,
        "scaling": "minmax",
        "holidays_mode": "additive",
    }
    with quiet_prophet() as prophet:
        expected = prophet.Prophet(**{**keywords, "holidays": HOLIDAYS.copy()})
        expected.add_seasonality("month", 30.5, 5)
        expected.add_seasonality("weekly", 7, 2, prior_scale=1, mode="additive")
        expected.add_regressor("load", standardize=False)
        expected.add_regressor("night", prior_scale=0.5, mode="additive")
        expected.add_country_holidays("DE")
    specification = (
        Specification.from_keywords(**keywords)
        .with_seasonality("month", period=30.5, fourier_order=5)
        .with_seasonality("weekly", period=7, fourier_order=2, prior_scale=1, mode="additive")
        .with_regressor("load", standardize=False)
        .with_regressor("night", prior_scale=0.5, mode="additive")
        .with_country_holidays("DE")
    )
    assert attributes(new_prophet(specification)) == attributes(expected)


def test_the_default_specification_builds_the_default_prophet() -> None:
    """No keyword of ours differs from Prophet's default."""
    with quiet_prophet() as prophet:
        expected = prophet.Prophet()
    assert attributes(new_prophet(Specification.from_keywords())) == attributes(expected)
