"""Which hours are held out."""

from collections.abc import Sequence

import numpy as np
import pytest

from foresail.evaluation.eligibility import Eligibility
from foresail.evaluation.windows import (
    LONG_SPACING,
    PATIENCE_DAYS,
    SPACING,
    Window,
    entrants,
    plan_windows,
)
from foresail.horizons import HORIZONS, NEXT_DAY, NEXT_WEEK, Horizon
from foresail.panel import FloatArray

DAY, WEEK, MONTH = 24, 168, 720
EVERYTHING = Eligibility(HORIZONS, {})


def planned(
    values: FloatArray, horizons: Sequence[Horizon] = HORIZONS, *, windows: int = 3
) -> list[tuple[int, int]]:
    """Return days before the end of history and length of each window; all series may be asked."""
    plan = plan_windows(values, [EVERYTHING] * len(values), horizons, windows=windows)
    return [(values.shape[1] - window.origin, window.hours) for window in plan]


def history(days: int, *, series: int = 1) -> FloatArray:
    """Return so many days without a gap."""
    return np.ones((series, days * DAY))


def begun(values: FloatArray, row: int, *, day: int) -> FloatArray:
    """Return the values with a series that begins on a day."""
    values[row, : day * DAY] = np.nan
    return values


def test_short_horizons_have_more_windows() -> None:
    """A month has 3 windows, a week one more, a day twice as many; the month's come first."""
    lengths = [hours for _, hours in planned(history(90))]
    assert lengths == [MONTH] * 3 + [WEEK] * 4 + [DAY] * 6


def test_origins_lie_the_tables_days_before_the_latest() -> None:
    """The latest window ends with the history, and the others so many days before it."""
    month = [(MONTH + days * DAY, MONTH) for days in LONG_SPACING[:3]]
    week = [(WEEK + days * DAY, WEEK) for days in LONG_SPACING[:4]]
    day = [(DAY + days * DAY, DAY) for days in SPACING[:6]]
    assert planned(history(90)) == month + week + day


def test_beyond_the_table_windows_go_on_a_week_apart() -> None:
    """Of ten the eighth lies 21 days before the latest, the last two a week and two further."""
    found = planned(history(90), (NEXT_DAY,), windows=5)
    assert found[-3:] == [(24 + 21 * 24, 24), (24 + 28 * 24, 24), (24 + 35 * 24, 24)]
    assert len(found) == len(SPACING) + 2


def test_one_window_is_the_latest() -> None:
    """A month gets one window, which ends with the history."""
    assert planned(history(90), windows=1)[:2] == [(MONTH, MONTH), (WEEK, WEEK)]


def test_windows_move_closer_in_a_short_history() -> None:
    """In 45 days a month has room for two origins a day apart: the earlier one knows two weeks."""
    assert planned(history(45))[:2] == [(720, MONTH), (744, MONTH)]
    assert planned(history(45))[2][1] == WEEK


def test_a_week_holds_days_out_alone() -> None:
    """In seven days the days are held out one by one, back to the third day."""
    assert planned(history(7)) == [(24, DAY), (48, DAY), (72, DAY), (96, DAY), (120, DAY)]


def test_two_weeks_hold_one_week_out() -> None:
    """A window of a week needs a week before it."""
    assert [hours for _, hours in planned(history(14)) if hours == WEEK] == [WEEK]
    assert planned(history(13))[0][1] == DAY


def test_two_days_hold_nothing_out() -> None:
    """Too short a history is unmeasured."""
    assert planned(history(2)) == []


def test_three_days_hold_the_last_one_out() -> None:
    """A window of a day needs two days before it."""
    assert planned(history(3)) == [(24, DAY)]


def test_a_horizon_that_nobody_may_be_asked_for_is_not_measured() -> None:
    """Series that get no month need no windows of a month, those of a week stay."""
    fits = [Eligibility((NEXT_DAY, NEXT_WEEK), {}), Eligibility((NEXT_DAY,), {})]
    plan = plan_windows(history(90, series=2), fits, HORIZONS, windows=3)
    assert [window.hours for window in plan] == [WEEK] * 4 + [DAY] * 6


def test_nobody_to_be_asked_leaves_nothing_to_measure() -> None:
    """Without a series that may be asked there is no window, nor without a series."""
    fits = [Eligibility((), {})]
    assert plan_windows(history(90), fits, HORIZONS, windows=3) == ()
    assert plan_windows(history(90, series=0), [], HORIZONS, windows=3) == ()


def test_series_that_are_not_asked_for_a_horizon_do_not_plan_it() -> None:
    """Three new series beside an old one leave the month's windows where they were."""
    values = history(90, series=4)
    for row in range(3):
        begun(values, row, day=87)
    fits = [Eligibility((NEXT_DAY,), {})] * 3 + [EVERYTHING]
    plan = plan_windows(values, fits, HORIZONS, windows=3)
    expected = [(90 - days) * DAY - MONTH for days in LONG_SPACING[:3]]
    assert [window.origin for window in plan if window.hours == MONTH] == expected


def test_half_of_the_series_must_have_what_a_window_needs() -> None:
    """Where two of three began seven days ago, a panel of 90 days is planned as one of seven."""
    young = begun(begun(history(90, series=3), 0, day=83), 1, day=83)
    assert planned(young, (NEXT_DAY,)) == planned(history(7), (NEXT_DAY,))
    old = begun(history(90, series=3), 0, day=83)
    assert planned(old, (NEXT_DAY,)) == planned(history(90), (NEXT_DAY,))


def test_an_outage_moves_origins_back() -> None:
    """Two days that nobody saw: the latest window goes back by days, and so do those it meets."""
    values = history(90)
    values[:, -2 * DAY :] = np.nan
    assert [back for back, _ in planned(values, (NEXT_DAY,))][:4] == [72, 96, 120, 144]


def test_an_outage_of_most_series_moves_origins_back() -> None:
    """A fourth of the series is enough for a window, less is not."""
    values = history(90, series=8)
    values[:6, -DAY:] = np.nan
    assert planned(values, (NEXT_DAY,))[0] == (24, DAY)
    values[:7, -DAY:] = np.nan
    assert planned(values, (NEXT_DAY,))[0] == (48, DAY)


def test_an_outage_may_be_too_long_to_wait_for() -> None:
    """The latest of six origins finds nothing within its patience; the others come after it all."""
    values = history(90)
    values[:, -PATIENCE_DAYS * DAY :] = np.nan
    days = [back // DAY for back, _ in planned(values, (NEXT_DAY,))]
    assert days == [PATIENCE_DAYS + 1 + i for i in range(5)]
    assert planned(np.full((1, 90 * DAY), np.nan), (NEXT_DAY,)) == []


def test_no_two_windows_of_a_horizon_share_an_origin() -> None:
    """Whatever the gaps and beginnings, they come the latest first, whole days apart."""
    rng = np.random.default_rng(0)
    for days in (5, 11, 30, 47, 90):
        values = np.where(rng.random((6, days * DAY)) < 0.4, np.nan, 1.0)
        begun(values, 0, day=days // 2)
        plan = plan_windows(values, [EVERYTHING] * 6, HORIZONS, windows=3)
        for horizon in HORIZONS:
            origins = [w.origin for w in plan if w.hours == horizon.hours]
            assert (np.diff(origins) <= -DAY).all()
            assert (np.diff(origins) % DAY == 0).all()


@pytest.mark.parametrize(("hours", "needed"), [(DAY, 2), (WEEK, 7), (MONTH, 14)])
def test_a_young_series_does_not_enter(hours: int, needed: int) -> None:
    """Before a day's window it must have begun two days, before a week's one week, then two."""
    values = begun(begun(history(60, series=3), 0, day=20 - needed), 1, day=20 - needed)
    values[1, (20 - needed) * DAY] = np.nan
    ends = [h.hours for h in HORIZONS if h.hours <= hours]
    assert entrants(values, Window(20 * DAY, hours), ends).tolist() == [0, 2]


def test_a_series_without_a_value_does_not_enter() -> None:
    """Nor one whose values all come later."""
    values = begun(begun(history(20, series=3), 0, day=20), 1, day=10)
    assert entrants(values, Window(10 * DAY, DAY), [DAY]).tolist() == [2]


def test_a_window_must_have_been_seen_in_each_of_its_segments() -> None:
    """Half of the first day and half of the week's other six: one hour less does not enter."""
    values = history(20, series=5)
    origin = 10 * DAY
    values[1, origin : origin + 12] = np.nan
    values[2, origin : origin + 13] = np.nan
    values[3, origin + 24 : origin + 24 + 72] = np.nan
    values[4, origin + 24 : origin + 24 + 73] = np.nan
    assert entrants(values, Window(origin, WEEK), [DAY, WEEK]).tolist() == [0, 1, 3]
