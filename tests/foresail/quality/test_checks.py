"""The judge: every refusal has a code and a reason, and the others go on."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from foresail.codes import Code
from foresail.errors import BadInput, UsageError
from foresail.panel import SeriesKey
from foresail.quality import Judgement, check_some, judge

NOW = datetime(2026, 1, 10, tzinfo=UTC)


def judged(rows: list[tuple[str, str, str, float]], **columns: object) -> Judgement:
    """Judge rows of (series, metric, ds, y) beside a series that is always good."""
    good = [("good", "cpu", f"2026-01-01T0{h}:00Z", 1.0) for h in range(3)]
    frame = pd.DataFrame(rows + good, columns=["series", "metric", "ds", "y"])
    frame["ds"] = pd.to_datetime(frame["ds"], utc=True)
    return judge(frame.assign(**columns), now=NOW)


def code_and_reason(judgement: Judgement) -> tuple[Code, str]:
    """Return the only refusal; the good series must have gone on."""
    (refusal,) = judgement.refusals
    assert refusal.key.series == "bad"
    assert set(judgement.frame["series"]) == {"good"}
    return refusal.code, refusal.reason


def test_a_row_that_stands_twice_counts_once() -> None:
    """Identical repeats are dropped and counted; the series goes on."""
    rows = [("bad", "cpu", "2026-01-01T00:00Z", 1.0)] * 3
    judgement = judged(rows)
    assert judgement.refusals == ()
    assert judgement.repeats_dropped == 2


def test_repeats_are_counted_by_series() -> None:
    """Each statistic is a series of its own; those without any are not named."""
    rows = [("bad", "cpu", "2026-01-01T00:00Z", 1.0)] * 3
    rows += [("bad", "memory", "2026-01-01T00:00Z", 1.0)] * 2
    assert judged(rows).repeats == {SeriesKey("bad", "cpu"): 2, SeriesKey("bad", "memory"): 1}


def test_two_values_for_one_hour_refuse_the_series() -> None:
    """A conflict is never resolved by taking one of them."""
    rows = [("bad", "cpu", "2026-01-01T00:00Z", y) for y in (1.0, 2.0)]
    code, reason = code_and_reason(judged(rows))
    assert code == Code.CONFLICTING_DUPLICATES
    assert reason == "2026-01-01T00:00Z has the values 1 and 2; keep one of them"


def test_an_infinite_value_refuses_the_series() -> None:
    """Infinity is no measurement."""
    code, _ = code_and_reason(judged([("bad", "cpu", "2026-01-01T00:00Z", np.inf)]))
    assert code == Code.INFINITE_VALUES


def test_negative_usage_refuses_the_series() -> None:
    """CPU and memory cannot be below zero."""
    code, reason = code_and_reason(judged([("bad", "memory", "2026-01-01T00:00Z", -5.0)]))
    assert code == Code.NEGATIVE_USAGE
    assert "the least -5" in reason


def test_usage_that_no_cluster_has_refuses_the_series() -> None:
    """Another unit, or a counter without rate; in whatever unit the file is written."""
    code, reason = code_and_reason(judged([("bad", "cpu", "2026-01-01T00:00Z", 1e9)]))
    assert code == Code.OUT_OF_RANGE
    assert reason.startswith("1 values are above 1e+08, the highest 1e+09; cpu is measured in core")
    row = ("good", "cpu", "2026-01-01T00:00Z", 1e9)
    frame = pd.DataFrame([row], columns=["series", "metric", "ds", "y"]).assign(unit="nanocores")
    frame["ds"] = pd.to_datetime(frame["ds"], utc=True)
    assert judge(frame, now=NOW).frame["y"].tolist() == [1.0]


def test_another_metric_may_be_negative() -> None:
    """Only usage is known to be at or above zero."""
    assert judged([("bad", "temperature", "2026-01-01T00:00Z", -5.0)]).refusals == ()


def test_a_stamp_in_the_future_refuses_the_series() -> None:
    """A clock that runs ahead would move the horizon."""
    code, reason = code_and_reason(judged([("bad", "cpu", "2099-01-01T00:00Z", 1.0)]))
    assert code == Code.FUTURE_STAMPS
    assert "2099-01-01T00:00Z" in reason


def test_clocks_may_differ_by_minutes() -> None:
    """Five minutes ahead is not the future."""
    assert judged([("bad", "cpu", "2026-01-10T00:05Z", 1.0)]).refusals == ()


def test_a_series_without_a_value_is_refused() -> None:
    """Rows that are all gaps are an empty series."""
    code, _ = code_and_reason(judged([("bad", "cpu", "2026-01-01T00:00Z", np.nan)]))
    assert code == Code.EMPTY_SERIES


def test_units_are_brought_to_the_metrics_own() -> None:
    """250 millicores are a quarter of a core."""
    judgement = judged([("bad", "cpu", "2026-01-01T00:00Z", 250.0)], unit="millicores")
    rows = judgement.frame
    assert rows.loc[rows["series"] == "bad", "y"].tolist() == [0.25]
    assert "unit" not in rows


def test_an_unknown_unit_refuses_the_series() -> None:
    """The reason lists what would have been understood."""
    units = ["furlongs", "cores", "cores", "cores"]
    code, reason = code_and_reason(judged([("bad", "cpu", "2026-01-01T00:00Z", 1.0)], unit=units))
    assert code == Code.UNKNOWN_UNIT
    assert reason == "expected cpu in one of cores, millicores, nanocores, got 'furlongs'"


def test_what_came_after_as_of_is_not_judged() -> None:
    """A conflict later than the last hour known cannot refuse a series: it is not known yet."""
    frame = pd.DataFrame(
        {
            "series": "a",
            "metric": "cpu",
            "ds": pd.to_datetime(["2026-01-01T00:00Z", "2026-01-01T01:00Z", "2026-01-01T01:00Z"]),
            "y": [1.0, 2.0, np.inf],
        }
    )
    judgement = judge(frame, now=NOW, as_of=datetime(2026, 1, 1, tzinfo=UTC))
    assert judgement.frame["y"].tolist() == [1.0]
    assert judgement.refusals == ()


def test_rows_in_any_order_give_the_same_frame() -> None:
    """Unsorted input is sorted."""
    rows = [("bad", "cpu", f"2026-01-01T0{h}:00Z", float(h)) for h in (2, 0, 1)]
    frame = judged(rows).frame
    assert frame.loc[frame["series"] == "bad", "y"].tolist() == [0.0, 1.0, 2.0]


def test_a_gap_beside_a_value_is_no_conflict() -> None:
    """An hour that is written once as missing and once with its value has that value."""
    rows = [("bad", "cpu", "2026-01-01T00:00Z", y) for y in (np.nan, 2.0)]
    assert judged(rows).refusals == ()


def test_nothing_left_is_told_with_the_first_reason() -> None:
    """All may be refused; whoever needs a series asks `check_some`."""
    frame = pd.DataFrame(
        {"series": ["a"], "metric": ["cpu"], "ds": pd.to_datetime(["2026-01-01T00:00Z"]), "y": -1.0}
    )
    judgement = judge(frame, now=NOW)
    assert judgement.frame.empty
    with pytest.raises(BadInput, match="all 1 series are refused; the first is a cpu mean"):
        check_some(judgement)


def test_a_last_hour_in_the_future_is_refused() -> None:
    """Nothing can be known of tomorrow."""
    frame = pd.DataFrame(
        {"series": ["a"], "metric": ["cpu"], "ds": pd.to_datetime(["2026-01-01T00:00Z"]), "y": 1.0}
    )
    with pytest.raises(UsageError, match="the last hour known cannot lie ahead"):
        judge(frame, now=NOW, as_of=datetime(2026, 1, 11, tzinfo=UTC))
