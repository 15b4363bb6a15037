"""Judging a staged panel."""

from datetime import UTC, datetime

import numpy as np
import pytest

from foresail.codes import Code
from foresail.errors import BadInput, UsageError
from foresail.panel import Panel, SeriesInfo
from foresail.quality import judge_panel

NAN = np.nan
NOW = datetime(2026, 1, 1, 4, 30, tzinfo=UTC)
DS = np.datetime64("2026-01-01T00", "s") + np.arange(5) * np.timedelta64(3600, "s")


def panel(metric: str = "cpu", **rows: list[float]) -> Panel:
    """Return a panel of five hours."""
    index = tuple(SeriesInfo(name, metric) for name in rows)
    return Panel(DS, np.array(list(rows.values()), dtype=float), index)


@pytest.mark.parametrize(
    ("values", "code", "reason"),
    [
        ([1, 1, np.inf, 1, 1], Code.INFINITE_VALUES, "1 values are infinite, the first at 2026-01"),
        ([1, -2, -1, 1, 1], Code.NEGATIVE_USAGE, "2 values are below zero, the least -2"),
        (
            [1, 1e300, 1, 1, 1],
            Code.OUT_OF_RANGE,
            "1 values are above 1e+08, the highest 1e+300;",
        ),
        ([NAN, NAN, NAN, NAN, NAN], Code.EMPTY_SERIES, "no value up to the last hour known"),
    ],
)
def test_a_series_that_breaks_a_rule_is_refused_and_the_others_go_on(
    values: list[float], code: Code, reason: str
) -> None:
    """With its code and a sentence with its figures."""
    judged = judge_panel(panel(a=values, b=[1, NAN, 1, 1, 1]), now=NOW)
    assert [info.series for info in judged.panel.index] == ["b"]
    assert [(r.key.series, r.code) for r in judged.refusals] == [("a", code)]
    assert reason in judged.refusals[0].reason


def test_values_after_the_present_refuse_a_series_before_anything_else() -> None:
    """A clock that is ahead must not move a forecast."""
    early = datetime(2026, 1, 1, 2, 30, tzinfo=UTC)
    judged = judge_panel(panel(a=[1, 1, 1, 1, -1], b=[1, 1, 1, NAN, NAN]), now=early)
    assert [r.code for r in judged.refusals] == [Code.FUTURE_STAMPS]
    assert "the last 2026-01-01T04:00:00Z" in judged.refusals[0].reason


def test_what_lies_after_the_last_hour_known_is_not_even_judged() -> None:
    """Nothing later can change a forecast."""
    as_of = datetime(2026, 1, 1, 1, tzinfo=UTC)
    judged = judge_panel(panel(a=[1, 1, -1, np.inf, 1]), now=NOW, as_of=as_of)
    assert judged.refusals == ()
    assert judged.panel.values.tolist() == [[1, 1]]


def test_other_metrics_may_be_negative() -> None:
    """Only usage is known to be a quantity of something."""
    assert judge_panel(panel("queue_trend", a=[-1, 1, 1, 1, 1]), now=NOW).refusals == ()


def test_a_history_of_which_nothing_is_left_is_refused() -> None:
    """With the first reason, or the plain fact that there is no value yet."""
    with pytest.raises(BadInput, match="all 1 series are refused; the first is a cpu mean: 1 valu"):
        judge_panel(panel(a=[-1, 1, 1, 1, 1]), now=NOW)
    empty = Panel(np.empty(0, "datetime64[s]"), np.empty((0, 0)), ())
    with pytest.raises(BadInput, match="no value up to the last hour known"):
        judge_panel(empty, now=NOW)


def test_a_last_hour_ahead_of_the_present_is_refused() -> None:
    """It cannot be known."""
    with pytest.raises(UsageError, match="the last hour known cannot lie ahead"):
        judge_panel(panel(a=[1] * 5), now=NOW, as_of=datetime(2026, 2, 1, tzinfo=UTC))
