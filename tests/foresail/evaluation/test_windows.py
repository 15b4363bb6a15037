"""Which hours are held out."""

import numpy as np

from foresail.evaluation.windows import plan_windows
from foresail.horizons import HORIZONS, NEXT_DAY

DAY = 24


def test_ninety_days_hold_three_months_out() -> None:
    """Origins are a week apart and the earliest still knows two weeks."""
    plan = plan_windows(np.ones(90 * DAY), HORIZONS, windows=3)
    assert plan
    assert (plan.hours, plan.backs) == (720, (720, 888, 1056))


def test_thirty_days_hold_weeks_out() -> None:
    """Where no month fits, the week is measured and the month is not."""
    plan = plan_windows(np.ones(30 * DAY), HORIZONS, windows=3)
    assert plan
    assert (plan.hours, plan.backs) == (168, (168, 336, 504))


def test_a_week_holds_days_out() -> None:
    """Day windows start a day apart."""
    plan = plan_windows(np.ones(7 * DAY), HORIZONS, windows=3)
    assert plan
    assert (plan.hours, plan.backs) == (24, (24, 48, 72))


def test_two_days_hold_nothing_out() -> None:
    """Too short a history is unmeasured."""
    assert plan_windows(np.ones(2 * DAY), HORIZONS, windows=3) is None


def test_the_time_before_the_first_value_does_not_count() -> None:
    """A new series in an old panel is planned by its own history."""
    y = np.ones(90 * DAY)
    y[: 83 * DAY] = np.nan
    plan = plan_windows(y, HORIZONS, windows=3)
    assert plan
    assert plan.hours == 24


def test_an_outage_moves_the_origin() -> None:
    """A window whose hours were not seen measures nothing; the origin goes back by days."""
    y = np.ones(10 * DAY)
    y[-24:] = np.nan
    plan = plan_windows(y, (NEXT_DAY,), windows=3)
    assert plan
    assert plan.backs == (48, 72, 96)


def test_days_are_spread_over_weeks_where_the_history_allows() -> None:
    """Three days in a row would all be the same weather."""
    plan = plan_windows(np.ones(30 * DAY), (NEXT_DAY,), windows=3)
    assert plan
    assert plan.backs == (24, 192, 360)
