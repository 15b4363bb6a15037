"""Prophet in the contest: stock Prophet, in a pool, with failures as data."""

import json
from collections.abc import Iterator
from concurrent.futures import Executor

import numpy as np
import pytest

from foresail.contenders import ProphetContender, ProphetSettings
from foresail.contenders.pool import fitting_pool
from foresail.errors import UsageError
from foresail.panel import Panel, SeriesInfo

HOURS = np.arange(10 * 24)
DS = np.datetime64("2026-01-01", "s") + HOURS * np.timedelta64(1, "h")


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    """Return one pool for the module."""
    with fitting_pool(workers=1) as executor:
        yield executor


def daily(*, seed: int) -> np.ndarray:
    """Return ten days of a daily rhythm around five cores."""
    rhythm = np.sin(HOURS / 24 * 2 * np.pi)
    return np.asarray(5 + rhythm + np.random.default_rng(seed).normal(0, 0.1, len(HOURS)))


def panel_of(*rows: np.ndarray) -> Panel:
    """Return a panel of these rows."""
    return Panel(DS, np.stack(rows), tuple(SeriesInfo(f"s{i}", "cpu") for i in range(len(rows))))


def test_a_daily_rhythm_is_continued(pool: Executor) -> None:
    """The p50 of the next day follows the sine within three sigma of its noise."""
    outcome = ProphetContender(ProphetSettings(), pool).forecast(panel_of(daily(seed=1)), hours=24)
    expected = 5 + np.sin(np.arange(240, 264) / 24 * 2 * np.pi)
    assert np.abs(outcome.quantiles[0, :, 1] - expected).max() < 0.3
    assert (np.diff(outcome.quantiles, axis=2) >= 0).all()


def test_the_same_seed_draws_the_same_band_anywhere_in_the_panel(pool: Executor) -> None:
    """A series' band does not depend on its neighbours."""
    contender = ProphetContender(ProphetSettings(), pool, seed=3)
    both = panel_of(daily(seed=2), daily(seed=1))
    alone = both.select([1])
    np.testing.assert_array_equal(
        contender.forecast(both, hours=5).quantiles[1],
        contender.forecast(alone, hours=5).quantiles[0],
    )


def test_a_fitted_model_is_kept_as_prophets_own_json(pool: Executor) -> None:
    """The text holds a model that prophet.serialize reads back."""
    outcome = ProphetContender(ProphetSettings(), pool).forecast(
        panel_of(daily(seed=1)), hours=1, keep_models=True
    )
    assert json.loads(outcome.models[0])["growth"] == "linear"


def test_what_does_not_fit_is_data(pool: Executor) -> None:
    """A series of one value fails with a sentence; the other is forecast."""
    lonely = np.full(len(HOURS), np.nan)
    lonely[5] = 1.0
    outcome = ProphetContender(ProphetSettings(), pool).forecast(
        panel_of(lonely, daily(seed=1)), hours=2
    )
    assert list(outcome.failures) == [0]
    assert outcome.failures[0].startswith("Prophet did not fit")
    assert np.isnan(outcome.quantiles[0]).all()
    assert np.isfinite(outcome.quantiles[1]).all()


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
    """Prophet would fail in every single fit."""
    assert ProphetSettings(holidays_country="DE").holidays_country == "DE"
    with pytest.raises(UsageError, match="no holidays are known for 'Atlantis'"):
        ProphetSettings(holidays_country="Atlantis")
