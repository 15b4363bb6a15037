"""Prophet in the contest: the whole panel at once, with failures as data."""

from pathlib import Path

import numpy as np
import pytest

from foresail.contenders import ProphetContender, ProphetSettings
from foresail.errors import UsageError
from foresail.horizons import QUANTILES
from foresail.panel import Panel, SeriesInfo
from foresail.panel_prophet import PanelProphet

HOURS = np.arange(10 * 24)
DS = np.datetime64("2026-01-01", "s") + HOURS * np.timedelta64(1, "h")


def daily(*, seed: int) -> np.ndarray:
    """Return ten days of a daily rhythm around five cores."""
    rhythm = np.sin(HOURS / 24 * 2 * np.pi)
    return np.asarray(5 + rhythm + np.random.default_rng(seed).normal(0, 0.1, len(HOURS)))


def panel_of(*rows: np.ndarray) -> Panel:
    """Return a panel of these rows."""
    return Panel(DS, np.stack(rows), tuple(SeriesInfo(f"s{i}", "cpu") for i in range(len(rows))))


def test_a_daily_rhythm_is_continued() -> None:
    """The p50 of the next day follows the sine within three sigma of its noise."""
    outcome = ProphetContender(ProphetSettings()).forecast(panel_of(daily(seed=1)), hours=24)
    expected = 5 + np.sin(np.arange(240, 264) / 24 * 2 * np.pi)
    assert np.abs(outcome.quantiles[0, :, 1] - expected).max() < 0.3
    assert (np.diff(outcome.quantiles, axis=2) >= 0).all()


def test_it_forecasts_what_the_engine_forecasts() -> None:
    """The quantiles are those of `PanelProphet` with the same settings, holidays included."""
    settings = ProphetSettings(changepoint_prior_scale=0.2, holidays_country="DE")
    panel = panel_of(daily(seed=1), daily(seed=2))
    engine = PanelProphet(changepoint_prior_scale=0.2).add_country_holidays("DE").fit(panel)
    np.testing.assert_array_equal(
        ProphetContender(settings).forecast(panel, hours=30).quantiles,
        engine.predict(30, QUANTILES),
    )


def test_a_seasonality_that_is_forbidden_is_not_fitted() -> None:
    """Without a daily shape the forecast is a line."""
    outcome = ProphetContender(ProphetSettings(daily_seasonality="false")).forecast(
        panel_of(daily(seed=1)), hours=24
    )
    assert np.abs(np.diff(outcome.quantiles[0, :, 1], n=2)).max() < 1e-9


def test_a_series_forecast_does_not_depend_on_its_neighbours() -> None:
    """Alone or among others, the numbers are the same but for rounding."""
    contender = ProphetContender(ProphetSettings())
    both = panel_of(daily(seed=2), daily(seed=1))
    np.testing.assert_allclose(
        contender.forecast(both, hours=5).quantiles[1],
        contender.forecast(both.select([1]), hours=5).quantiles[0],
        rtol=1e-10,
    )


def test_the_model_it_hands_out_forecasts_the_same_again(tmp_path: Path) -> None:
    """Saved and loaded, of chosen rows, it continues the panel as the contender did."""
    outcome = ProphetContender(ProphetSettings()).forecast(
        panel_of(daily(seed=1), daily(seed=2)), hours=24
    )
    assert outcome.model
    outcome.model.select([1]).save(tmp_path / "model")
    again = PanelProphet.load(tmp_path / "model").predict(24, QUANTILES)
    np.testing.assert_allclose(again[0], outcome.quantiles[1], rtol=1e-10)


@pytest.mark.parametrize(
    ("y", "reason"),
    [(np.nan, "has 1 value; a fit needs two"), (np.inf, "holds an infinite value")],
)
def test_what_does_not_fit_is_data(y: float, reason: str) -> None:
    """A series that cannot be fitted fails alone, with a sentence; the other is forecast."""
    odd = np.full(len(HOURS), y)
    odd[5] = 1.0
    outcome = ProphetContender(ProphetSettings()).forecast(panel_of(odd, daily(seed=1)), hours=2)
    assert list(outcome.failures) == [0]
    assert outcome.failures[0].startswith(f"prophet: {reason}")
    assert np.isnan(outcome.quantiles[0]).all()
    assert np.isfinite(outcome.quantiles[1]).all()


def test_a_forecast_beyond_all_numbers_is_a_failure() -> None:
    """A line that passes the largest float within the day leaves no half forecast behind."""
    steep = np.linspace(0, 1.7e308, len(HOURS))
    with np.errstate(over="ignore", invalid="ignore"):  # numpy tells, too
        outcome = ProphetContender(ProphetSettings()).forecast(
            panel_of(steep, daily(seed=1)), hours=24
        )
    assert outcome.failures == {0: "prophet: the forecast is not finite"}
    assert np.isnan(outcome.quantiles[0]).all()
    assert np.isfinite(outcome.quantiles[1]).all()


def test_every_series_is_counted_once() -> None:
    """Progress adds up to the panel, those that cannot be fitted included."""
    counted: list[int] = []
    empty = np.full(len(HOURS), np.nan)
    contender = ProphetContender(ProphetSettings(), on_series=counted.append)
    contender.forecast(panel_of(daily(seed=1), empty, np.full(len(HOURS), 3.0)), hours=1)
    assert sum(counted) == 3


@pytest.mark.parametrize("word", ["yes", "True", ""])
def test_a_seasonality_is_one_of_three_words(word: str) -> None:
    """Prophet would take any other text for true."""
    with pytest.raises(UsageError, match="yearly_seasonality must be auto, true or false"):
        ProphetSettings(yearly_seasonality=word)


def test_the_prior_scale_is_positive() -> None:
    """Zero would divide."""
    with pytest.raises(UsageError, match="must be above 0 and finite, got 0"):
        ProphetSettings(changepoint_prior_scale=0)


def test_an_unknown_country_is_refused_before_anything_is_fitted() -> None:
    """No series could be fitted with it."""
    assert ProphetSettings(holidays_country="DE").holidays_country == "DE"
    with pytest.raises(UsageError, match="no holidays are known for 'Atlantis'"):
        ProphetSettings(holidays_country="Atlantis")
