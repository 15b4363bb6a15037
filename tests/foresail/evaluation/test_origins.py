"""Where a backtest of a whole history starts its forecasts."""

import pytest

from foresail.errors import BadInput, UsageError
from foresail.evaluation.origins import plan_origins
from foresail.horizons import NEXT_DAY, NEXT_MONTH, NEXT_WEEK


def test_windows_follow_each_other_up_to_the_end() -> None:
    """Six weeks at the end of ninety days, the last of them ending with the history."""
    plan = plan_origins(90 * 24, horizon=NEXT_WEEK, origins=6)
    assert plan.starts == (1152, 1320, 1488, 1656, 1824, 1992)
    assert plan.starts[-1] + 168 == 90 * 24
    assert (plan.spacing, plan.notes) == (168, ())


def test_a_horizon_that_does_not_fit_that_often_gives_fewer_origins() -> None:
    """Five weeks fit into six when one is known before; none of them overlap, and it is said."""
    plan = plan_origins(42 * 24, horizon=NEXT_WEEK, origins=6)
    assert plan.starts == (168, 336, 504, 672, 840)
    assert plan.notes == ("The history holds 5 of the 6 origins asked for.",)


def test_where_fewer_than_three_would_fit_they_overlap_and_it_is_said() -> None:
    """Two months fit into ninety days; six of them start a week apart."""
    plan = plan_origins(90 * 24, horizon=NEXT_MONTH, origins=6)
    assert (len(plan.starts), plan.spacing) == (6, 168)
    (note,) = plan.notes
    assert note.startswith("The windows overlap: they start 7 days apart and last 30,")


def test_where_not_even_a_day_lies_between_them_there_are_fewer() -> None:
    """Sixteen days hold three weeks that start a day apart, once a week is known."""
    plan = plan_origins(16 * 24, horizon=NEXT_WEEK, origins=6)
    assert plan.starts == (168, 192, 216)
    assert plan.notes[0] == "The history holds 3 of the 6 origins asked for."


def test_one_origin_is_the_last() -> None:
    """Two days to learn from and one to be measured are enough."""
    plan = plan_origins(72, horizon=NEXT_DAY, origins=1)
    assert (plan.starts, plan.spacing, plan.notes) == ((48,), 0, ())


def test_one_origin_of_several_has_no_spacing() -> None:
    """Nothing overlaps with itself."""
    plan = plan_origins(72, horizon=NEXT_DAY, origins=4)
    assert (plan.starts, plan.spacing) == ((48,), 0)
    assert plan.notes == ("The history holds 1 of the 4 origins asked for.",)


def test_too_short_a_history_names_the_hours_it_needs() -> None:
    """A month needs two weeks before it."""
    with pytest.raises(
        BadInput, match=r"next_month needs 1056 hours of history \(336 to learn .* got 1055"
    ):
        plan_origins(1055, horizon=NEXT_MONTH, origins=6)


def test_no_origin_is_no_backtest() -> None:
    """The error says how many there must be."""
    with pytest.raises(UsageError, match="at least 1 origin, got 0"):
        plan_origins(2160, horizon=NEXT_DAY, origins=0)
