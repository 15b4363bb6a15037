"""The public holidays of a country, as Prophet takes them from the `holidays` package."""

from collections.abc import Iterable
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np

from foresail.errors import UsageError

_NAMED_YEARS = range(1995, 2045)
"""Years in which Prophet looks for the names that a country's holidays can have."""


def check_country(country: str) -> None:
    """Hold a country to those with known holidays.

    Raises:
        UsageError: The `holidays` package does not know it, or is not installed.
    """
    registry = _holidays().registry
    known = set(chain(*registry.COUNTRIES.values(), *registry.FINANCIAL.values()))
    if _code(country) not in known:
        raise UsageError(
            f"no holidays are known for {country!r}; use a country code such as DE, "
            "or leave it empty"
        )


def country_days(country: str, years: Iterable[int]) -> list[tuple[np.datetime64, str]]:
    """Return the holidays of a country in these years.

    The same days, names and order as `prophet.make_holidays.make_holidays_df`.

    Args:
        country: Code or name, such as `DE` or `Germany`.
        years: The years asked for.

    Returns:
        Day (`datetime64[D]`) and English name where the package has one; a day with two holidays
        stands twice.

    Raises:
        UsageError: The country is not known.
    """
    check_country(country)
    # without `expand` the package would add neighbouring years that an observed day falls in
    calendar = _calendar(country)(expand=False, language="en_US", years=list(years))
    return [
        (np.datetime64(day, "D"), str(name)) for day in calendar for name in calendar.get_list(day)
    ]


@lru_cache(maxsize=8)
def country_names(country: str) -> frozenset[str]:
    """Return every name that a holiday of this country can have.

    Raises:
        UsageError: The country is not known.
    """
    check_country(country)
    return frozenset(_calendar(country)(language="en_US", years=_NAMED_YEARS).values())


def _calendar(country: str) -> Any:  # noqa: ANN401  # holidays publishes no types
    return getattr(_holidays(), _code(country))


def _code(country: str) -> str:
    return "TR" if country == "TU" else country  # Prophet keeps an old code of Turkey alive


def _holidays() -> Any:  # noqa: ANN401  # as above
    try:
        import holidays  # noqa: PLC0415  # only where a country is asked for
        import holidays.registry  # noqa: PLC0415  # as above
    except ImportError as error:
        raise UsageError(
            "country holidays need the holidays package: pip install foresail[train]"
        ) from error
    return holidays
