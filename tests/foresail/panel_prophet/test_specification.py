"""The specification: Prophet's keywords, checked at the door."""

import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foresail.errors import BadInput, UsageError
from foresail.panel_prophet.specification import Holiday, Regressor, Seasonality, Specification


def full() -> Specification:
    """Return a specification that uses everything."""
    return (
        Specification.from_keywords(
            changepoints=["2026-02-01"],
            holidays=[
                {"holiday": "sale", "ds": "2026-01-10", "lower_window": -1, "upper_window": 2}
            ],
            daily_seasonality=6,
        )
        .with_seasonality("month", period=30.5, fourier_order=5)
        .with_regressor("load")
        .with_country_holidays("DE")
    )


def test_the_defaults_are_prophets() -> None:
    """No keyword gives what the class itself gives."""
    assert Specification.from_keywords() == Specification()
    assert Specification().n_changepoints == 25
    assert Specification().changepoints is None


def test_an_unknown_keyword_is_named() -> None:
    """A misspelt keyword is told, with those that exist."""
    with pytest.raises(UsageError, match="no keyword 'groth'; it has growth, changepoints, n_"):
        Specification.from_keywords(groth="flat")


def test_what_prophet_adds_by_a_method_is_no_keyword() -> None:
    """Prophet's constructor takes no country."""
    with pytest.raises(UsageError, match="no keyword 'country_holidays'"):
        Specification.from_keywords(country_holidays="DE")


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"growth": "cubic"}, "growth must be one of linear, flat, logistic; got 'cubic'"),
        ({"scaling": "max"}, "scaling must be one of absmax, minmax; got 'max'"),
        ({"seasonality_mode": "both"}, "seasonality_mode must be one of additive, multiplicative"),
        ({"holidays_mode": "both"}, "holidays_mode must be one of"),
        ({"changepoint_range": 0}, "changepoint_range must be above 0 and at most 1, got 0.0"),
        ({"changepoint_range": 1.1}, "changepoint_range must be above 0 and at most 1, got 1.1"),
        ({"changepoint_range": "0.8"}, "changepoint_range must be a finite number, got '0.8'"),
        ({"n_changepoints": -1}, "n_changepoints must be a whole number of at least 0, got -1"),
        ({"n_changepoints": 2.5}, "n_changepoints must be a whole number"),
        ({"n_changepoints": True}, "n_changepoints must be a whole number"),
        ({"mcmc_samples": -1}, "mcmc_samples must be a whole number"),
        ({"uncertainty_samples": -1}, "uncertainty_samples must be a whole number"),
        ({"changepoint_prior_scale": 0}, "changepoint_prior_scale must be above 0, got 0"),
        ({"seasonality_prior_scale": -1}, "seasonality_prior_scale must be above 0"),
        ({"holidays_prior_scale": np.inf}, "holidays_prior_scale must be a finite number, got inf"),
        ({"interval_width": 1}, "interval_width must lie between 0 and 1, got 1.0"),
        ({"interval_width": 0}, "interval_width must lie between 0 and 1"),
        ({"weekly_seasonality": "yes"}, 'weekly_seasonality must be "auto", True, False or a F'),
        ({"daily_seasonality": -1}, "daily_seasonality must be"),
        ({"yearly_seasonality": 2.0}, "yearly_seasonality must be"),
        ({"stan_backend": "PYSTAN"}, "stan_backend must be None or \"CMDSTANPY\", got 'PYSTAN'"),
        ({"changepoints": "2026-01-01"}, "changepoints must be a sequence of dates"),
        ({"changepoints": ["soon"]}, "changepoints must be a date such as .*, got 'soon'"),
        ({"changepoints": [5]}, "changepoints must be a date such as 2026-12-25, got 5"),
        ({"changepoints": [pd.NaT]}, "changepoints must be a date .*, got NaT"),
        ({"changepoints": [np.datetime64("NaT")]}, "changepoints must be a date"),
    ],
)
def test_a_bad_value_is_named(keywords: dict[str, Any], message: str) -> None:
    """The message names the keyword, what it takes and what came."""
    with pytest.raises(UsageError, match=message):
        Specification.from_keywords(**keywords)


def test_the_holidays_mode_follows_the_seasonality_mode() -> None:
    """As in Prophet, unless it is given."""
    assert (
        Specification.from_keywords(seasonality_mode="multiplicative").holidays_mode
        == "multiplicative"
    )


def test_numpy_numbers_become_plain_ones() -> None:
    """A specification can be written as JSON whatever numbers it came from."""
    specification = Specification.from_keywords(
        n_changepoints=np.int64(5), daily_seasonality=np.int64(3), interval_width=np.float64(0.9)
    )
    assert '"n_changepoints": 5' in json.dumps(specification.to_json())
    assert type(specification.daily_seasonality) is int


def test_no_uncertainty_is_zero_samples() -> None:
    """Prophet takes False for 0."""
    samples = Specification.from_keywords(uncertainty_samples=False).uncertainty_samples
    assert samples == 0
    assert type(samples) is int


@pytest.mark.parametrize(
    "stamp",
    [
        "2026-01-03 05:00",
        "2026-01-03T05:00:00Z",
        datetime(2026, 1, 3, 5),  # noqa: DTZ001  # naive is UTC
        datetime(2026, 1, 3, 7, tzinfo=timezone(timedelta(hours=2))),
        datetime(2026, 1, 3, 5, 0, 0, 999, tzinfo=UTC),
        np.datetime64("2026-01-03T05:00:00.000000009", "ns"),
        pd.Timestamp("2026-01-03T05:00:00.000000009"),
    ],
)
def test_changepoints_are_seconds_in_utc(stamp: Any) -> None:
    """Any kind of date becomes the same second; zones are removed, fractions go."""
    expected = (np.datetime64("2026-01-03T05:00:00", "s"),)
    assert Specification.from_keywords(changepoints=[stamp]).changepoints == expected


@pytest.mark.parametrize(
    "dates",
    [
        pd.Series(pd.to_datetime(["2026-01-02", "2026-01-01"])),
        pd.DatetimeIndex(["2026-01-02", "2026-01-01"]),
        np.array(["2026-01-02", "2026-01-01"], dtype="datetime64[D]"),
        (date(2026, 1, 2), date(2026, 1, 1)),
    ],
)
def test_changepoints_come_in_any_sequence_and_leave_ascending(dates: Any) -> None:
    """Prophet sorts them too."""
    assert Specification.from_keywords(changepoints=dates).changepoints == (
        np.datetime64("2026-01-01", "s"),
        np.datetime64("2026-01-02", "s"),
    )


def test_no_changepoints_are_not_the_same_as_none_given() -> None:
    """An empty list forbids bends; None leaves them to Prophet."""
    assert Specification.from_keywords(changepoints=[]).changepoints == ()


def test_holidays_are_read_from_a_frame() -> None:
    """A missing window is no window, a missing scale is the general one; order is kept."""
    frame = pd.DataFrame(
        {
            "ds": pd.to_datetime(["2026-01-10 08:00", "2026-01-02 00:00"]),
            "holiday": ["sale", "move"],
            "lower_window": [-1, np.nan],
            "upper_window": [2, 3],
            "prior_scale": [np.nan, 2],
            "remark": ["", ""],
        }
    )
    assert Specification.from_keywords(holidays=frame, holidays_prior_scale=7).holidays == (
        Holiday("sale", np.datetime64("2026-01-10", "D"), -1, 2, 7.0),
        Holiday("move", np.datetime64("2026-01-02", "D"), 0, 0, 2.0),
    )


def test_holidays_are_read_from_rows() -> None:
    """Rows need no pandas."""
    rows = [{"holiday": "sale", "ds": date(2026, 1, 10)}]
    assert Specification.from_keywords(holidays=rows).holidays == (
        Holiday("sale", np.datetime64("2026-01-10", "D")),
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"ds": "2026-01-10"}, "each row of holidays needs holiday and ds, got {'ds'"),
        ({"holiday": "trend"}, "the holiday name 'trend' is reserved by Prophet"),
        ({"holiday": "yhat_lower"}, "the holiday name 'yhat_lower' is reserved"),
        ({"holiday": "a_delim_b"}, 'the name of a holiday cannot contain "_delim_"'),
        ({"holiday": np.nan}, "the name of a holiday must be a text, got nan"),
        ({"holiday": "x", "ds": pd.NaT}, "ds of the holiday 'x' must be a date"),
        ({"holiday": "x", "ds": "12/25/2026"}, "must be a date such as 2026-12-25"),
        ({"holiday": "x", "lower_window": 1}, "both lower_window and upper_window, or neither"),
        (
            {"holiday": "x", "lower_window": 1, "upper_window": 1},
            "the lower_window of 'x' must be 0 or below, got 1",
        ),
        (
            {"holiday": "x", "lower_window": -1, "upper_window": -1},
            "the upper_window of 'x' must be 0 or above, got -1",
        ),
        (
            {"holiday": "x", "lower_window": -0.5, "upper_window": 0},
            "a window of 'x' must be a whole number of days, got -0.5",
        ),
        ({"holiday": "x", "prior_scale": 0}, "the prior scale of 'x' must be above 0"),
    ],
)
def test_a_bad_holiday_is_named(row: dict[str, Any], message: str) -> None:
    """The message tells which holiday and what of it."""
    given = row if "holiday" not in row else {"ds": "2026-01-10", **row}
    with pytest.raises(UsageError, match=message):
        Specification.from_keywords(holidays=[given])


@pytest.mark.parametrize("table", [{"holiday": ["x"], "ds": ["2026-01-10"]}, "DE", 5])
def test_holidays_are_a_table(table: Any) -> None:
    """Columns in a dictionary, or a country, are no rows."""
    with pytest.raises(UsageError, match="holidays must be a data frame, or rows, with holiday"):
        Specification.from_keywords(holidays=table)


def test_a_holiday_has_one_prior_scale() -> None:
    """Prophet refuses two scales under one name, but only in the fit."""
    rows = [
        {"holiday": "sale", "ds": "2026-01-10", "prior_scale": 1},
        {"holiday": "sale", "ds": "2026-02-10", "prior_scale": 2},
    ]
    with pytest.raises(
        UsageError, match=r"'sale' has the prior scales 1.0 and 2.0; a name has one"
    ):
        Specification.from_keywords(holidays=rows)


def test_a_holiday_of_the_country_has_the_countrys_prior_scale() -> None:
    """An own row under a country's name must agree with the general scale."""
    rows = [{"holiday": "Labor Day", "ds": "2026-05-02", "prior_scale": 3}]
    specification = Specification.from_keywords(holidays=rows)
    with pytest.raises(UsageError, match=r"'Labor Day' has the prior scales 10.0 and 3.0"):
        specification.with_country_holidays("DE")


def test_an_added_seasonality_takes_prophets_defaults() -> None:
    """Scale and mode are those of the built-in seasonalities."""
    specification = Specification.from_keywords(
        seasonality_prior_scale=4, seasonality_mode="multiplicative"
    ).with_seasonality("month", period=30.5, fourier_order=5)
    assert specification.seasonalities == (Seasonality("month", 30.5, 5, 4.0, "multiplicative"),)


def test_an_added_regressor_takes_prophets_defaults() -> None:
    """The scale is that of holidays, the mode that of seasonalities."""
    specification = Specification.from_keywords(
        holidays_prior_scale=4, seasonality_mode="multiplicative"
    ).with_regressor("load")
    assert specification.regressors == (Regressor("load", 4.0, "auto", "multiplicative"),)


def test_adding_a_name_again_replaces_it_in_its_place() -> None:
    """As Prophet's dictionary does."""
    specification = (
        Specification()
        .with_seasonality("a", period=2, fourier_order=1)
        .with_seasonality("b", period=3, fourier_order=1)
        .with_seasonality("a", period=4, fourier_order=2)
    )
    assert [(one.name, one.period) for one in specification.seasonalities] == [("a", 4), ("b", 3)]


def test_a_built_in_seasonality_can_be_replaced() -> None:
    """Its name is reserved for everything else."""
    specification = Specification().with_seasonality("weekly", period=7, fourier_order=10)
    assert specification.seasonalities[0].fourier_order == 10
    with pytest.raises(UsageError, match="the regressor name 'weekly' is reserved"):
        Specification().with_regressor("weekly")


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ({"name": "holidays"}, "the seasonality name 'holidays' is reserved"),
        ({"name": "load"}, "the regressor name 'load' is already used for a seasonality"),
        ({"name": "sale"}, "the seasonality name 'sale' is already used for a holiday"),
        ({"name": "Labor Day"}, "'Labor Day' is already used for a holiday"),
        ({"period": 0}, "the period of 'x' must be above 0"),
        ({"fourier_order": 0}, "the Fourier order of 'x' must be a whole number of at least 1"),
        ({"prior_scale": 0}, "the prior scale of 'x' must be above 0, got 0"),
        ({"mode": "both"}, "the mode of 'x' must be one of"),
        ({"condition_name": "busy"}, "'x' has the condition 'busy'; .* not supported"),
    ],
)
def test_a_bad_seasonality_is_refused(added: dict[str, Any], message: str) -> None:
    """By Prophet's own rules, before anything is fitted."""
    with pytest.raises(UsageError, match=message):
        full().with_seasonality(**{"name": "x", "period": 2, "fourier_order": 1, **added})


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ({"name": "cap"}, "the regressor name 'cap' is reserved"),
        ({"name": ""}, "the name of a regressor must be a text"),
        ({"name": "month"}, "the regressor name 'month' is already used for a seasonality"),
        ({"name": "Labor Day"}, "'Labor Day' is already used for a holiday"),
        ({"prior_scale": -1}, "the prior scale of 'x' must be above 0"),
        ({"standardize": "yes"}, "standardize of 'x' must be \"auto\", True or False, got 'yes'"),
        ({"mode": "both"}, "the mode of 'x' must be one of"),
        ({"regressor_predictor": True}, "'x' has a regressor_predictor, which is not supported"),
    ],
)
def test_a_bad_regressor_is_refused(added: dict[str, Any], message: str) -> None:
    """By Prophet's own rules, before anything is fitted."""
    with pytest.raises(UsageError, match=message):
        full().with_regressor(**{"name": "x", **added})


def test_an_unknown_country_is_refused() -> None:
    """The message says what to write instead."""
    with pytest.raises(UsageError, match="no holidays are known for 'Atlantis'; use a country co"):
        Specification().with_country_holidays("Atlantis")


def test_a_country_cannot_take_a_name_in_use() -> None:
    """As in Prophet, whichever came first."""
    with pytest.raises(UsageError, match="'Labor Day' is already used for a holiday"):
        Specification().with_regressor("Labor Day").with_country_holidays("DE")


def test_the_keywords_read_back_as_the_same_specification() -> None:
    """Only what was added by methods is not among them."""
    specification = full()
    again = Specification.from_keywords(**specification.keywords())
    assert again.changepoints == specification.changepoints
    assert again.holidays == specification.holidays
    assert again.daily_seasonality == 6
    assert again.seasonalities == ()


def test_json_gives_the_same_specification_back() -> None:
    """Days, seconds and everything added survive."""
    specification = full()
    assert Specification.from_json(json.loads(json.dumps(specification.to_json()))) == specification
    assert Specification.from_json(Specification().to_json()) == Specification()


@pytest.mark.parametrize("plain", [{}, {**Specification().to_json(), "more": 1}])
def test_json_of_another_shape_is_bad_input(plain: dict[str, Any]) -> None:
    """A file that is not ours is told so."""
    with pytest.raises(BadInput, match="expected the specification of a Prophet, got"):
        Specification.from_json(plain)


@pytest.mark.parametrize(
    ("keywords", "reason"),
    [
        ({}, ""),
        ({"growth": "flat", "seasonality_mode": "multiplicative"}, ""),
        ({"growth": "logistic"}, "logistic growth"),
        ({"mcmc_samples": 100}, "MCMC sampling"),
    ],
)
def test_what_only_prophet_does_is_named(keywords: dict[str, Any], reason: str) -> None:
    """Everything else is solved for all series at once."""
    assert Specification.from_keywords(**keywords).unsupported() == reason


def test_a_specification_needs_none_of_prophets_libraries() -> None:
    """Reading keywords, windows and dates loads neither pandas, prophet nor holidays."""
    code = (
        "import sys\n"
        "from foresail.panel_prophet.specification import Specification as S\n"
        "rows = [{'holiday': 'x', 'ds': '2026-01-01'}]\n"
        "S.from_json(S.from_keywords(holidays=rows, changepoints=['2026-01-01']).to_json())\n"
        "print(sorted({'pandas', 'prophet', 'holidays', 'cmdstanpy'} & set(sys.modules)))\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"
