"""Prophet's rules for seasonalities, features and regressors."""

from typing import Any

import numpy as np
import pytest

from foresail.errors import BadInput
from foresail.panel_prophet import design
from foresail.panel_prophet.specification import Holiday, Specification

HOURS = np.datetime64("2025-12-20T00:00:00") + np.arange(240) * np.timedelta64(1, "h")


@pytest.mark.parametrize(
    ("days", "step", "names"),
    [
        (1.9, 1 / 24, []),
        (2, 1 / 24, ["daily"]),
        (13.9, 1 / 24, ["daily"]),
        (14, 1 / 24, ["weekly", "daily"]),
        (729, 1 / 24, ["weekly", "daily"]),
        (730, 1 / 24, ["yearly", "weekly", "daily"]),
        (800, 1, ["yearly", "weekly"]),
        (800, 7, ["yearly"]),
    ],
)
def test_auto_needs_two_periods_and_a_finer_step(
    days: float, step: float, names: list[str]
) -> None:
    """A seasonality is on once the history holds it twice and sees inside it."""
    found = design.seasonalities_of(Specification(), days=days, least_step_days=step)
    assert [s.name for s in found] == names


@pytest.mark.parametrize(
    ("word", "order"), [(True, 3), (5, 5), (1, 1), (False, None), (0, None), ("auto", 3)]
)
def test_a_word_or_an_order_decides_weekly(word: Any, order: int | None) -> None:
    """True is Prophet's own order, a number is an order, False and 0 are none."""
    found = design.seasonalities_of(
        Specification(weekly_seasonality=word, daily_seasonality=False),
        days=60,
        least_step_days=1 / 24,
    )
    assert [s.fourier_order for s in found] == ([] if order is None else [order])


def test_an_added_seasonality_of_a_built_in_name_replaces_auto() -> None:
    """`auto` gives way to an added one of its name, which keeps its place."""
    added = Specification().with_seasonality("weekly", period=7, fourier_order=9)
    found = design.seasonalities_of(added, days=60, least_step_days=1 / 24)
    assert [(s.name, s.fourier_order) for s in found] == [("weekly", 9), ("daily", 4)]


def test_waves_count_days_since_1970() -> None:
    """The first daily pair is the sine and cosine of the hour of the day."""
    (daily,) = design.seasonalities_of(
        Specification(weekly_seasonality=False), days=5, least_step_days=1 / 24
    )
    columns = design.fourier(HOURS, daily)
    assert columns.shape == (240, 8)
    assert columns[:3, 0] == pytest.approx(np.sin(2 * np.pi * np.arange(3) / 24), abs=1e-9)
    assert columns[:3, 1] == pytest.approx(np.cos(2 * np.pi * np.arange(3) / 24), abs=1e-9)


def test_a_holiday_is_a_column_for_each_day_of_its_window() -> None:
    """The columns are 1 on all rows of their day and sorted by name."""
    holidays = (Holiday("xmas", np.datetime64("2025-12-25"), -1, 1, 10.0),)
    features = design.features_of(Specification(), (), HOURS, regressors={}, holidays=holidays)
    assert features.names == ("xmas_delim_+0", "xmas_delim_+1", "xmas_delim_-1")
    assert features.values.sum(axis=0).tolist() == [24, 24, 24]
    assert features.values[5 * 24, 0] == 1


def test_columns_of_another_grid_follow_the_fit() -> None:
    """A holiday the other grid lacks is zero there; one the fit lacks is left out."""
    of = {
        name: design.features_of(
            Specification(),
            (),
            HOURS,
            regressors={},
            holidays=(Holiday(name, np.datetime64("2025-12-25")),),
        )
        for name in ("a", "b")
    }
    assert design.columns_again(of["a"], of["b"]).tolist() == np.zeros((240, 1)).tolist()
    assert design.columns_again(of["a"], of["a"])[:, 0].sum() == 24


@pytest.mark.parametrize(
    ("values", "word", "expected"),
    [
        ([0.0, 1, 1, 0], "auto", (0.0, 1.0)),
        ([0.0, 2, 2, 0], "auto", (1.0, np.std([0, 2, 2, 0], ddof=1))),
        ([0.0, 1, 1, 0], True, (0.5, np.std([0, 1, 1, 0], ddof=1))),
        ([3.0, 3, 3, 3], True, (0.0, 1.0)),
        ([1.0, 5, 9, 2], False, (0.0, 1.0)),
    ],
)
def test_a_regressor_is_standardised_unless_it_is_a_switch(
    values: list[float], word: Any, expected: tuple[float, float]
) -> None:
    """`auto` leaves zeros and ones alone, and nothing touches a constant."""
    assert design.standardization(np.array(values), standardize=word) == pytest.approx(expected)


def test_everything_wrong_with_regressors_is_said_at_once() -> None:
    """Missing, of another length and with gaps are named together."""
    specification = Specification()
    for name in ("a", "b", "c"):
        specification = specification.with_regressor(name)
    given = {"b": np.zeros(3), "c": np.array([0.0, np.nan])}
    with pytest.raises(BadInput, match=r"'a' is missing.*'b' has shape.*'c' has gaps"):
        design.check_regressors(specification, given, rows=2)
