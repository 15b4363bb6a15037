"""The solver as the backend of one ordinary Prophet."""

import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest
from prophet import Prophet
from prophet.serialize import model_from_json, model_to_json

from foresail.panel import Panel, SeriesInfo
from foresail.panel_prophet import PanelProphet
from foresail.panel_prophet.backend import solved_here

pytestmark = pytest.mark.filterwarnings(r"ignore::DeprecationWarning:prophet.*")


def frame() -> pd.DataFrame:
    """Return a month of hours with daily waves and a bend."""
    rng = np.random.default_rng(7)
    hours = np.arange(24 * 30)
    y = 5 + 0.004 * np.maximum(hours - 300, 0) + np.sin(hours * np.pi / 12)
    ds = pd.date_range("2026-01-05", periods=hours.size, freq="h")
    return pd.DataFrame({"ds": ds, "y": y + 0.2 * rng.normal(size=hours.size)})


def both(**keywords: Any) -> tuple[Prophet, Prophet]:
    """Return the same model fitted here and by Stan."""
    here = solved_here(Prophet(uncertainty_samples=0, **keywords)).fit(frame())
    return here, Prophet(uncertainty_samples=0, **keywords).fit(frame())


@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"growth": "flat"},
        {"seasonality_mode": "multiplicative"},
        {"n_changepoints": 0},
        {"changepoint_prior_scale": 0.5},
    ],
    ids=str,
)
def test_it_finds_what_stan_finds_or_better(keywords: dict[str, Any]) -> None:
    """Parameters have Stan's shapes, `lp__` is no lower, and the forecast is Stan's."""
    here, stan = both(**keywords)
    assert {n: v.shape for n, v in here.params.items()} == {
        n: v.shape for n, v in stan.params.items()
    }
    assert here.params["lp__"].item() >= stan.params["lp__"].item() - 1e-3
    future = here.make_future_dataframe(72, freq="h", include_history=False)
    noise = here.params["sigma_obs"].item() * here.y_scale
    assert np.abs(here.predict(future)["yhat"] - stan.predict(future)["yhat"]).max() < 0.3 * noise


def test_it_answers_as_the_panel_does() -> None:
    """One Prophet with this backend and the same series in a panel forecast the same."""
    here = solved_here(Prophet(uncertainty_samples=0)).fit(frame())
    panel = Panel(
        frame()["ds"].to_numpy().astype("datetime64[s]"),
        frame()["y"].to_numpy()[None],
        (SeriesInfo("shop", "cpu"),),
    )
    future = here.make_future_dataframe(48, freq="h", include_history=False)
    expected = PanelProphet().fit(panel).predict(48, (0.5,))[0, :, 0]
    assert here.predict(future)["yhat"].to_numpy() == pytest.approx(expected, rel=1e-9)


def test_stamps_may_be_irregular() -> None:
    """One series has a design of its own, whatever its stamps."""
    some = frame().sample(300, random_state=1)
    here = solved_here(Prophet(uncertainty_samples=0)).fit(some)
    stan = Prophet(uncertainty_samples=0).fit(some)
    assert here.params["lp__"].item() >= stan.params["lp__"].item() - 1e-3


def test_the_fitted_model_is_an_ordinary_one() -> None:
    """It is written, read and asked like any Prophet."""
    here = solved_here(Prophet()).fit(frame())
    again = model_from_json(model_to_json(here))
    again.uncertainty_samples = here.uncertainty_samples = 0
    future = here.make_future_dataframe(24, freq="h")
    assert again.predict(future)["yhat"].to_numpy() == pytest.approx(
        here.predict(future)["yhat"].to_numpy(), rel=1e-10
    )


def test_logistic_growth_is_left_to_stan_and_said(caplog: pytest.LogCaptureFixture) -> None:
    """Stan fits what the solver does not do, and the log names it."""
    with caplog.at_level(logging.WARNING, "foresail.panel_prophet.backend"):
        model = solved_here(Prophet(growth="logistic")).fit(frame().assign(cap=20.0))
    assert "does not do logistic" in caplog.text
    assert np.isfinite(model.params["k"]).all()
