"""Country holidays: the days that Prophet takes, without its frames."""

import numpy as np
import pytest

from foresail.errors import UsageError
from foresail.panel_prophet.country_holidays import check_country, country_days, country_names
from foresail.panel_prophet.quiet import quiet_prophet


@pytest.mark.parametrize("country", ["DE", "US", "UnitedStates", "TR", "TU", "IN", "JP", "NYSE"])
def test_the_days_are_prophets(country: str) -> None:
    """Days, names and their order are those of make_holidays_df, leap day and all."""
    with quiet_prophet():
        from prophet.make_holidays import make_holidays_df  # noqa: PLC0415  # quietly

        frame = make_holidays_df([2026, 2024], country)
    expected = list(zip(frame["ds"].to_numpy(dtype="datetime64[D]"), frame["holiday"], strict=True))
    assert country_days(country, [2026, 2024]) == expected


def test_two_holidays_of_one_day_are_two_rows() -> None:
    """Ascension and Labour Day met in 2008."""
    day = np.datetime64("2008-05-01", "D")
    names = [name for when, name in country_days("DE", [2008]) if when == day]
    assert names == ["Ascension Day", "Labor Day"]


def test_the_names_are_prophets() -> None:
    """They are what a name of one's own must not be."""
    with quiet_prophet():
        from prophet.make_holidays import get_holiday_names  # noqa: PLC0415  # quietly

        assert country_names("FR") == get_holiday_names("FR")


@pytest.mark.parametrize("country", ["Atlantis", "de", "HolidayBase", "country_holidays", ""])
def test_what_is_no_country_is_refused(country: str) -> None:
    """Other names of the holidays package are no countries either."""
    with pytest.raises(UsageError, match=f"no holidays are known for '{country}'"):
        check_country(country)
