"""The backtest of a whole history: nothing after an origin is known there."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from factories.kinds import of, panel

from foresail.codes import Code
from foresail.contenders import Contender, Outcome, SeasonalNaive
from foresail.errors import BadInput
from foresail.evaluation.contest import run_contest
from foresail.evaluation.rolling import Rolling, rolling
from foresail.evaluation.rolling_summary import by_origin, ranking, summary
from foresail.horizons import NEXT_DAY, NEXT_MONTH, NEXT_WEEK
from foresail.panel import FloatArray, Panel

HOURS = 56 * 24


@dataclass(frozen=True)
class Mean:
    """A contender that answers the mean of the last day; fails for series of a given name."""

    fails_for: str = "nobody"
    calls: list[tuple[int, int, int]] = field(default_factory=list)
    name: str = "mean"

    def forecast(self, panel: Panel, *, hours: int) -> Outcome:
        """Answer the last day's mean with a band of one."""
        self.calls.append((len(panel.ds), len(panel), hours))
        level = np.nan_to_num(panel.values[:, -24:]).mean(axis=1)[:, None, None]
        quantiles = np.tile(level + np.array([-1.0, 0.0, 1.0]), (1, hours, 1))
        failed = {i: "no" for i, s in enumerate(panel.index) if s.series == self.fails_for}
        quantiles[list(failed)] = np.nan
        return Outcome(quantiles, failed)


def noise(rows: int = 2) -> FloatArray:
    """Return a level with noise of one: yesterday's shape says nothing about today's."""
    return 10 + np.random.default_rng(0).normal(0, 1, (rows, HOURS))


def backtest(history: Panel, *others: Contender, origins: int = 4) -> Rolling:
    """Run a week's backtest of the naive against others."""
    contenders = (SeasonalNaive(24), *others)
    return rolling(history, horizon=NEXT_WEEK, origins=origins, contenders=contenders)


def test_another_future_gives_the_same_forecast() -> None:
    """Values after an origin change nothing that was served or chosen up to it."""
    values = noise()
    shifted = values.copy()
    shifted[:, HOURS - 2 * 168 :] = 500 - 3 * shifted[:, HOURS - 2 * 168 :]
    before, after = backtest(of(values), Mean()), backtest(of(shifted), Mean())
    # the last but one origin knows all but the last two weeks
    np.testing.assert_array_equal(before.served[:3], after.served[:3])
    assert before.winners[:3] == after.winners[:3]
    np.testing.assert_array_equal(before.scale[:3], after.scale[:3])
    assert not np.array_equal(before.served[3], after.served[3])
    np.testing.assert_array_equal(before.sums.error[:, :2], after.sums.error[:, :2])


def test_a_contender_is_shown_no_hour_after_the_origin() -> None:
    """Its panels end at an origin, or at a window that the contest held out before one."""
    spy = Mean()
    result = backtest(of(noise()), spy)
    assert max(length for length, _, _ in spy.calls) == result.plan.starts[-1] == HOURS - 168


def test_what_is_served_is_what_a_contest_at_the_origin_serves() -> None:
    """The same forecast, by the same winner."""
    history = panel(days=56, kinds=("daily", "step", "weekly"))
    result = backtest(history, Mean(), origins=2)
    known = history.until(result.origins[0])
    alone = run_contest(
        known, horizons=(NEXT_WEEK,), contenders=(SeasonalNaive(24), Mean()), slack=0
    )
    np.testing.assert_array_equal(result.served[0], alone.forecast.astype(np.float32))
    assert result.winners[0] == tuple(e.horizons["next_week"].winner for e in alone.index)


def test_each_forecast_of_one_history_is_made_once() -> None:
    """Contests at weekly origins hold out the same weeks."""
    spy = Mean()
    backtest(of(noise()), spy, origins=4)
    assert len(spy.calls) == len(set(spy.calls))


def test_where_nothing_earlier_is_measured_the_naive_is_served() -> None:
    """The first origins of a short history have no held-out windows to choose by."""
    result = backtest(of(noise()[:, : 28 * 24]), Mean(), origins=3)
    assert result.winners[0] == ("seasonal_naive_24h", "seasonal_naive_24h")


def test_on_noise_the_mean_is_chosen_and_beats_the_naive() -> None:
    """With its windows measured before the origin, the better contender is served."""
    result = backtest(of(noise(6)), Mean())
    assert set(result.winners[-1]) == {"mean"}
    lines = {line.name: line for line in summary(result)}
    assert lines["seasonal_naive_24h"].relative_sql == 1.0
    assert lines["served"].relative_sql is not None
    assert lines["served"].relative_sql < 0.9


def test_the_table_is_the_geometric_mean_over_series_of_guarded_ratios() -> None:
    """Per series over all hours of all windows, 0.01 added to both."""
    result = backtest(of(noise(3)), Mean())
    y = np.stack([noise(3)[:, s : s + 168] for s in result.plan.starts])
    values = noise(3)
    scale = [
        np.abs(np.diff(values[:, :s].reshape(3, -1, 24), axis=1))[:, -28:].mean((1, 2))
        for s in result.plan.starts
    ]
    loss = []
    for contender in (SeasonalNaive(24), Mean()):
        q = np.stack(
            [
                np.maximum(contender.forecast(of(values[:, :s]), hours=168).quantiles, 0)
                for s in result.plan.starts
            ]
        )
        d = y[..., None] - q
        pinball = np.maximum(np.r_[0.1, 0.5, 0.9] * d, np.r_[-0.9, -0.5, -0.1] * d)
        loss.append((2 * pinball.mean((2, 3)) / np.array(scale)).mean(axis=0))
    oracle = np.exp(np.mean(np.log((loss[1] + 0.01) / (loss[0] + 0.01))))
    line = next(line for line in summary(result) if line.name == "mean")
    assert line.relative_sql == pytest.approx(oracle, rel=1e-10)


def test_a_failed_forecast_scores_as_the_naive_and_is_counted() -> None:
    """Its ratio is 1."""
    result = backtest(of(noise(), names=("a", "b")), Mean(fails_for="b"))
    np.testing.assert_array_equal(result.sums.sql[2, :, 1], result.sums.sql[1, :, 1])
    assert next(line.filled for line in summary(result) if line.name == "mean") == 0.5


def test_a_constant_series_is_reported_apart() -> None:
    """It has no scale; its band is measured, its error is not."""
    values = np.vstack([noise(1), np.full((1, HOURS), 3.0)])
    result = backtest(of(values), Mean())
    assert np.isnan(result.scale[:, 1]).all()
    assert summary(result)[0].series == 1
    assert result.constant.total(1).coverage[0, 1] == 1.0
    assert [one.row for one in ranking(result)] == [0]


def test_only_constant_series_leave_an_empty_table() -> None:
    """Nothing is measured, and nothing fails."""
    result = backtest(of(np.full((1, HOURS), 3.0)), Mean())
    assert [line.relative_sql for line in summary(result)] == [None, None, None]
    assert ranking(result) == ()


def test_a_series_that_begins_later_is_measured_from_then_on() -> None:
    """At the first origin it does not exist, at the next it is refused, later it is forecast."""
    values = noise()
    values[1, : HOURS - 3 * 168 - 24] = np.nan
    result = backtest(of(values), Mean())
    assert result.codes[:, 1].tolist() == [
        Code.EMPTY_SERIES,
        Code.TOO_LITTLE_HISTORY,
        Code.OK,
        Code.OK,
    ]
    assert result.sums.hours[0, :, 1].tolist() == [0, 168, 168, 168]
    assert result.sums.filled[0, :, 1].tolist() == [0, 168, 0, 0]
    assert np.isnan(result.served[:2, 1]).all()


def test_a_window_of_which_less_than_half_was_seen_is_not_measured() -> None:
    """An outage says nothing about a forecast."""
    values = noise()
    values[0, -100:] = np.nan
    result = backtest(of(values), Mean())
    assert result.sums.hours[0, :, 0].tolist() == [168, 168, 168, 0]


def test_each_origin_has_its_own_lines() -> None:
    """In the order of the origins, the served choice first."""
    result = backtest(of(noise()), Mean())
    origins = by_origin(result)
    assert [lines[0].name for lines in origins] == ["served"] * 4
    oracle = (result.sums.sql[2, 0] + 0.01) / (result.sums.sql[1, 0] + 0.01)
    assert origins[0][2].relative_sql == pytest.approx(np.exp(np.log(oracle).mean()))


def test_the_ranking_goes_from_best_to_worst() -> None:
    """Each with its windows and who served most of them."""
    ranked = ranking(backtest(of(noise(5)), Mean()))
    errors = [one.relative_sql for one in ranked]
    assert errors == sorted(errors)
    assert {one.windows for one in ranked} == {4}


def test_the_grid_before_the_first_value_does_not_count() -> None:
    """Hours without any value are no history."""
    values = np.full((1, 60 * 24), np.nan)
    values[0, -43 * 24 :] = 5.0
    with pytest.raises(BadInput, match=r"needs 1056 hours of history .* got 1032"):
        rolling(of(values), horizon=NEXT_MONTH, origins=1, contenders=(SeasonalNaive(24),))


def test_windows_in_which_nothing_was_seen_are_no_backtest() -> None:
    """The error says how many windows were tried."""
    values = noise(1)[:, : 24 * 10]
    values[0, -30:-1] = np.nan
    with pytest.raises(BadInput, match="no series was observed for half of any of the 1 windows"):
        rolling(of(values), horizon=NEXT_DAY, origins=1, contenders=(SeasonalNaive(24),))
