"""How much room a forecast leaves, and the first hour it is full."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from foresail.capacity import FullAt, NotFull, first_full, headroom

HOURS = np.array([10.0, 80.0, 85.0, 90.0, 20.0])


def test_headroom_is_left_in_the_fullest_hour() -> None:
    """Headroom is the ceiling minus the peak."""
    assert headroom(HOURS, ceiling=100.0) == 10.0


def test_headroom_beyond_the_ceiling_is_negative() -> None:
    """A peak above the ceiling is said, not cut to zero."""
    assert headroom(HOURS, ceiling=50.0) == -40.0


def test_full_is_the_first_hour_that_reaches_the_threshold() -> None:
    """85 of 100 is full at the default threshold, the hour before is not."""
    assert first_full(HOURS, ceiling=100.0) == FullAt(2)


def test_the_threshold_is_an_argument() -> None:
    """At 90 % the same forecast is full an hour later."""
    assert first_full(HOURS, ceiling=100.0, threshold=0.9) == FullAt(3)


def test_not_full_is_an_answer_with_a_code() -> None:
    """A forecast that stays below says so."""
    assert first_full(HOURS, ceiling=1000.0) == NotFull("not-within-horizon")


def test_no_hours_are_never_full() -> None:
    """An empty window is not full."""
    assert first_full(np.array([]), ceiling=1.0) == NotFull("not-within-horizon")


@given(
    st.lists(st.floats(0, 1e6, width=32), min_size=1, max_size=50),
    st.floats(0.01, 1e6),
    st.floats(0.01, 1.0),
)
def test_full_agrees_with_a_loop(hours: list[float], ceiling: float, threshold: float) -> None:
    """The first hour is the one that a plain loop finds."""
    found = next((i for i, v in enumerate(hours) if v >= threshold * ceiling), None)
    expected = NotFull() if found is None else FullAt(found)
    assert first_full(np.array(hours), ceiling=ceiling, threshold=threshold) == expected
