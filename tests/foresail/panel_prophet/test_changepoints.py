"""Where the trend may bend."""

import numpy as np
import pytest

from foresail.panel_prophet.changepoints import given_places, slots, spans_of
from foresail.panel_prophet.specification import Specification

HOURS = np.datetime64("2026-01-05T00:00:00") + np.arange(100) * np.timedelta64(1, "h")


def test_changepoints_stand_on_values_in_the_first_part() -> None:
    """25 of them, evenly over the first 80 % of the values, the first value left out."""
    spans = spans_of(Specification(), np.ones((1, 100), dtype=bool), None)
    expected = np.linspace(0, 79, 26).round()[1:]
    assert spans.bend_rows[0].tolist() == expected.tolist()
    assert spans.bend_times[0] == pytest.approx(expected / 99, abs=1e-15)


def test_a_gap_moves_them() -> None:
    """They count values, not rows."""
    known = np.ones((1, 100), dtype=bool)
    known[0, 10:40] = False
    spans = spans_of(Specification(n_changepoints=2), known, None)
    rows = np.flatnonzero(known[0])
    assert spans.bend_rows[0].tolist() == rows[[28, 55]].tolist()


@pytest.mark.parametrize(("values", "count"), [(100, 25), (32, 24), (10, 7), (4, 2), (3, 1)])
def test_few_values_have_fewer(values: int, count: int) -> None:
    """Never more than floor(0.8 n) - 1."""
    known = np.zeros((1, 100), dtype=bool)
    known[0, 5 : 5 + values] = True
    spans = spans_of(Specification(), known, None)
    assert spans.bends[0] == count
    assert (spans.bend_times[0, count:] == 1).all()
    assert (spans.bend_rows[0, count:] == 100).all()


@pytest.mark.parametrize("changepoints", [0, 25])
def test_without_any_there_is_prophets_dummy_at_the_start(changepoints: int) -> None:
    """One changepoint at time 0, for two values and for none asked alike."""
    known = np.zeros((1, 100), dtype=bool)
    known[0, [7, 9]] = True
    spans = spans_of(Specification(n_changepoints=changepoints), known, None)
    assert spans.bends[0] == 1
    assert spans.bend_times[0, 0] == 0
    assert spans.bend_rows[0, 0] == 7


def test_given_ones_keep_their_time() -> None:
    """A changepoint between rows counts from the next value on, at its own time."""
    asked = Specification.from_keywords(changepoints=["2026-01-05T10:30", "2026-01-06T00:00"])
    given = given_places(asked, HOURS)
    spans = spans_of(asked, np.ones((1, 100), dtype=bool), given)
    assert slots(asked) == 2
    assert spans.bend_times[0] == pytest.approx([10.5 / 99, 24 / 99])
    assert spans.bend_rows[0].tolist() == [11, 24]


def test_given_ones_after_the_last_value_are_left_out() -> None:
    """A refit up to a cutoff keeps those before it."""
    asked = Specification.from_keywords(changepoints=["2026-01-05T10:00", "2026-01-08T00:00"])
    known = np.ones((1, 100), dtype=bool)
    known[0, 50:] = False
    spans = spans_of(asked, known, given_places(asked, HOURS), trim=True)
    assert spans.bends[0] == 1
    assert spans.bend_rows[0].tolist() == [10, 100]


def test_a_given_one_may_stand_on_the_last_value() -> None:
    """Prophet counts it, though it can bend nothing; only a refit leaves it out."""
    asked = Specification.from_keywords(changepoints=[HOURS[40], HOURS[-1]])
    known = np.ones((1, 100), dtype=bool)
    assert spans_of(asked, known, given_places(asked, HOURS)).bends[0] == 2
    assert spans_of(asked, known, given_places(asked, HOURS), trim=True).bends[0] == 1
