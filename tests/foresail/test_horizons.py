"""Horizons by name."""

import pytest

from foresail import horizons
from foresail.errors import UsageError


def test_horizons_come_shortest_first_and_once() -> None:
    """Order and repetition in the list do not matter."""
    found = horizons.parse("next_month, next_day,next_day")
    assert [h.hours for h in found] == [24, 720]


def test_an_unknown_horizon_is_refused_with_the_known_ones() -> None:
    """The error names what could have been asked for."""
    with pytest.raises(UsageError, match="unknown horizon 'next_year'; use one of next_day"):
        horizons.by_name("next_year")


def test_no_horizon_is_no_request() -> None:
    """An empty list is refused."""
    with pytest.raises(UsageError, match="no horizon given"):
        horizons.parse(" , ")
