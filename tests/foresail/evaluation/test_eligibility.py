"""Which horizons a history can carry."""

import numpy as np

from foresail.codes import Code
from foresail.evaluation.eligibility import eligibility
from foresail.horizons import HORIZONS


def test_a_month_needs_fourteen_days() -> None:
    """Thirteen days carry a day and a week; the month is refused with a code and the figures."""
    found = eligibility(np.ones(13 * 24), HORIZONS)
    assert [h.name for h in found.allowed] == ["next_day", "next_week"]
    assert found.refused["next_month"].code == Code.HORIZON_TOO_LONG
    assert "needs 14 days of history, the series has 13.0" in found.refused["next_month"].reason


def test_fourteen_days_carry_a_month() -> None:
    """At fourteen days everything is allowed."""
    assert len(eligibility(np.ones(14 * 24), HORIZONS).allowed) == 3


def test_an_ended_series_is_not_forecast() -> None:
    """A week of silence is an end."""
    y = np.ones(30 * 24)
    y[-7 * 24 :] = np.nan
    found = eligibility(y, HORIZONS)
    assert {none.code for none in found.refused.values()} == {Code.SERIES_ENDED}


def test_a_day_of_history_is_too_little() -> None:
    """Fewer than 48 values carry nothing."""
    found = eligibility(np.ones(47), HORIZONS)
    assert found.refused["next_day"].code == Code.TOO_LITTLE_HISTORY


def test_mostly_gaps_is_not_forecast() -> None:
    """Half of the last 28 days must be there."""
    y = np.ones(60 * 24)
    y[-28 * 24 : -10 * 24] = np.nan
    assert eligibility(y, HORIZONS).refused["next_day"].code == Code.MOSTLY_GAPS


def test_no_value_is_an_empty_series() -> None:
    """All gaps have their own code."""
    assert eligibility(np.full(100, np.nan), HORIZONS).refused["next_day"].code == Code.EMPTY_SERIES


def test_silence_is_no_history() -> None:
    """Twelve days of values and three of silence are twelve days."""
    y = np.ones(15 * 24)
    y[-3 * 24 :] = np.nan
    assert [h.name for h in eligibility(y, HORIZONS).allowed] == ["next_day", "next_week"]


def test_a_stray_value_long_ago_is_no_history() -> None:
    """One value, eight days of nothing and six days of values are mostly gaps."""
    y = np.ones(14 * 24 + 1)
    y[1 : 8 * 24] = np.nan
    assert eligibility(y, HORIZONS).refused["next_month"].code == Code.MOSTLY_GAPS
