"""What may be served, whatever a model said."""

import numpy as np
import pytest

from foresail.evaluation.safety import ceilings_of, constants, within_reason
from foresail.panel import FloatArray, SeriesInfo

DAYS = 60
WAVE = np.tile(np.linspace(1.0, 3.0, 24), DAYS)
"""From 1 to 3 every day: a range of 2, so the p50 may go from 0.5 to 3.5, the band from 0 to 4."""
GROWN = np.repeat(np.linspace(1.0, 3.0, DAYS), 24)
"""From 1 to 3 in 60 days, a little every day: of its levels the highest is 3, the lowest 1.07."""


def held(
    forecast: object,
    history: FloatArray = WAVE,
    *,
    ceiling: float = np.nan,
    growth: bool = False,
    hours: int = 1,
) -> list[float]:
    """Return what is left of one series' quantiles at the last of so many hours."""
    quantiles = np.tile(np.array(forecast, dtype=np.float64), (1, hours, 1))
    served = within_reason(
        quantiles,
        history[None],
        ceilings=np.array([ceiling]),
        growth=np.full((1, hours), growth),
    )
    return served[0, -1].tolist()


def changed(history: FloatArray, at: slice, value: float) -> FloatArray:
    """Return a history with other values at some hours."""
    other = history.copy()
    other[at] = value
    return other


def test_a_forecast_within_reason_is_returned_as_it_came() -> None:
    """Not a bit of it changes."""
    rng = np.random.default_rng(0)
    quantiles = np.sort(rng.uniform(1.0, 3.0, (40, 720, 3)), axis=2)
    served = within_reason(
        quantiles,
        np.tile(WAVE, (40, 1)),
        ceilings=np.full(40, np.nan),
        growth=np.zeros((40, 720), dtype=bool),
    )
    np.testing.assert_array_equal(served, quantiles)


def test_the_middle_stays_within_one_and_a_half_ranges() -> None:
    """A p50 of 8 stops at 3.5, one of -7 at 0.5; the band moves with it and keeps its width."""
    assert held([7.8, 8.0, 8.3]) == pytest.approx([3.3, 3.5, 3.8])
    assert held([-7.2, -7.0, -6.9]) == pytest.approx([0.3, 0.5, 0.6])


def test_the_band_leaves_the_range_by_half_of_it() -> None:
    """A p90 of 9 stops at 4, a p10 of -9 at 0."""
    assert held([-9.0, 2.0, 9.0]) == [0.0, 2.0, 4.0]


def test_no_band_is_wider_than_two_ranges() -> None:
    """The p50 keeps a distance of one range on each side, also where the outer limits are far."""
    assert held([0.5, 3.0, 9.0]) == [1.0, 3.0, 4.0]
    far = held([0.0, 5.0, 9.0], GROWN, growth=True, hours=720)
    assert far == pytest.approx([3.068, 5.0, 6.932], abs=1e-3)


def test_without_growth_a_trend_stops_and_with_it_goes_on() -> None:
    """In 30 days a series of at most 3 may gain 3 beside its margin of 0.48: a p50 of 6.48."""
    assert held([5.0, 5.2, 5.5], GROWN, hours=720)[1] == pytest.approx(3.483, abs=1e-3)
    assert held([5.0, 5.2, 5.5], GROWN, growth=True, hours=720) == [5.0, 5.2, 5.5]
    far = held([49.0, 50.0, 51.0], GROWN, growth=True, hours=720)
    assert far == pytest.approx([5.483, 6.483, 6.966], abs=1e-3)


def test_growth_has_little_room_at_once() -> None:
    """Doubling in 30 days is 2.3 % a day: the next day's p50 stops at 3.48 + 0.07."""
    day = held([8.0, 8.0, 8.0], GROWN, growth=True, hours=24)
    assert day[1] == pytest.approx(3.483 + 0.070, abs=1e-3)


def test_growth_is_judged_hour_by_hour() -> None:
    """A trend that is proven for the first day only is held after it."""
    growth = np.array([[True, False]])
    served = within_reason(
        np.full((1, 2, 3), 3.485), GROWN[None], ceilings=np.array([np.nan]), growth=growth
    )
    assert served[0, :, 1] == pytest.approx([3.485, 3.483], abs=1e-3)


def test_growth_goes_on_in_its_own_direction_only() -> None:
    """What rose may rise on and not fall, what fell may fall on, down to zero, and not rise."""
    fallen = GROWN[::-1]
    assert held([0.1, 0.2, 0.3], GROWN, growth=True, hours=720)[1] == pytest.approx(0.585, abs=1e-3)
    assert held([0.1, 0.2, 0.3], fallen, growth=True, hours=720) == [0.1, 0.2, 0.3]
    assert held([5.0, 5.2, 5.5], fallen, growth=True, hours=720)[1] < 3.5


@pytest.mark.parametrize(
    "history",
    [
        pytest.param(WAVE, id="a daily rhythm"),
        pytest.param(np.where(np.arange(1440) < 1344, WAVE, WAVE + 2), id="a step four days ago"),
        pytest.param(np.maximum(GROWN, GROWN[-168]), id="growth of the last week"),
        pytest.param(GROWN[-34 * 24 :], id="too short to tell"),
        pytest.param(changed(GROWN, slice(-340, -240), np.nan), id="a week of gaps"),
        pytest.param(np.where(np.arange(1440) < 1104, GROWN, GROWN[1104]), id="growth that ended"),
    ],
)
def test_who_claims_growth_without_a_trend_is_held(history: FloatArray) -> None:
    """A rhythm, a step or a few days beat a flat forecast too; only five weeks in a row are one."""
    claimed = held([49.0, 50.0, 51.0], history, growth=True, hours=720)
    assert claimed == held([49.0, 50.0, 51.0], history, hours=720)


def test_growth_with_a_daily_rhythm_and_spikes_is_growth() -> None:
    """Neither changes the level of a week."""
    history = changed(GROWN * WAVE, slice(1100, 1102), 90.0)
    assert held([9.8, 10.0, 10.2], history, growth=True, hours=720) == [9.8, 10.0, 10.2]
    assert held([14.0, 15.0, 16.0], history, hours=720)[1] < 11.0


def test_one_huge_spike_is_no_licence() -> None:
    """Three hours at 150, even across midnight, leave the limits where they were."""
    spiked = changed(WAVE, slice(983, 986), 150.0)
    assert held([100.0, 100.0, 100.0], spiked)[1] == 3.5
    assert held([2.0, 2.0, 100.0], spiked) == [2.0, 2.0, 4.0]


def test_a_spike_of_the_last_hours_is_no_level_yet() -> None:
    """Three of the last 24 hours are not, four are."""
    assert held([50.0, 50.0, 50.0], changed(WAVE, slice(-3, None), 50.0))[1] == 3.5
    assert held([50.0, 50.0, 50.0], changed(WAVE, slice(-4, None), 50.0))[1] == 50.0
    assert held([0.0, 0.0, 0.0], changed(WAVE, slice(-3, None), 0.0))[1] == 0.5
    assert held([0.0, 0.0, 0.0], changed(WAVE, slice(-4, None), 0.0))[1] == 0.0


def test_a_weekly_job_is_a_level() -> None:
    """One hour a week is reached on three days and more."""
    weekly = WAVE.copy()
    weekly[50::168] = 9.0
    assert held([9.0, 9.0, 9.0], weekly) == [9.0, 9.0, 9.0]


@pytest.mark.parametrize(("days", "times"), [(13, 1), (14, 2), (20, 2), (21, 3)])
def test_a_short_history_shows_a_level_on_fewer_days(days: int, times: int) -> None:
    """Under two weeks one day is enough, under three weeks two: a weekly job always counts."""
    history = WAVE[: days * 24].copy()
    history[12 : 12 + 24 * (times - 1) : 24] = 9.0
    assert held([9.0, 9.0, 9.0], history)[1] == 3.5
    history[12 + 24 * (times - 1)] = 9.0
    assert held([9.0, 9.0, 9.0], history)[1] == 9.0


def test_gaps_say_nothing() -> None:
    """Days without a value, and the hours of a day that is not whole, change no level."""
    gappy = changed(WAVE, slice(30, 400), np.nan)[7:]
    assert held([7.8, 8.0, 8.3], gappy) == pytest.approx([3.3, 3.5, 3.8])
    assert held([7.8, 8.0, 8.3], changed(gappy, slice(-48, None), np.nan))[1] == 3.5


def test_one_hour_of_history_is_enough() -> None:
    """It holds the forecast to its value."""
    assert held([1.0, 2.0, 3.0], np.array([5.0])) == [5.0, 5.0, 5.0]


def test_usage_is_never_forecast_below_zero() -> None:
    """Cut at zero where the history never was below, quantile by quantile; elsewhere not."""
    low = WAVE - 1.0
    assert held([-0.9, -0.4, 0.2], low) == [0.0, 0.0, 0.2]
    assert held([-0.9, -0.4, 0.2], low - 0.01) == [-0.9, -0.4, 0.2]


def test_nothing_is_forecast_above_its_ceiling() -> None:
    """Each quantile is cut at 3.1; a ceiling that was passed gives way to the highest value."""
    assert held([2.9, 3.2, 3.4], ceiling=3.1) == [2.9, 3.1, 3.1]
    assert held([2.9, 3.2, 3.4], ceiling=2.0) == [2.9, 3.0, 3.0]
    assert held([2.9, 3.2, 3.4]) == [2.9, 3.2, 3.4]
    grown = held([4.9, 5.0, 5.2], GROWN, ceiling=3.1, growth=True, hours=720)
    assert grown == [3.1, 3.1, 3.1]


def test_a_spike_can_prove_that_a_ceiling_is_none() -> None:
    """One hour above it is enough."""
    assert held([2.9, 3.2, 3.4], changed(WAVE, slice(9, 10), 9.0), ceiling=2.0)[2] == 3.4


def test_a_series_that_failed_stays_without_forecast() -> None:
    """NaN pass, and touch no other series."""
    quantiles = np.array([[[np.nan] * 3], [[1.0, 2.0, 9.0]]])
    served = within_reason(
        quantiles,
        np.stack([WAVE, WAVE]),
        ceilings=np.array([2.0, np.nan]),
        growth=np.zeros((2, 1), dtype=bool),
    )
    assert np.isnan(served[0]).all()
    assert served[1, 0].tolist() == [1.0, 2.0, 4.0]


def test_quantiles_ascend_whatever_comes_in() -> None:
    """Of 600 forecasts far and near, those of a proven trend too."""
    rng = np.random.default_rng(1)
    quantiles = np.sort(rng.normal(2, 5, (600, 30, 3)), axis=2)
    served = within_reason(
        quantiles,
        np.tile(WAVE, (600, 1)) + rng.normal(0, 1, (600, 1)),
        ceilings=rng.choice([np.nan, 2.5], 600),
        growth=rng.random((600, 30)) < 0.5,
    )
    assert (np.diff(served, axis=2) >= 0).all()


def test_a_constant_is_one_value_for_28_days() -> None:
    """Gaps and what was before do not matter; one other value, or none at all, does."""
    flat = np.full(DAYS * 24, 3.0)
    old = changed(flat, slice(0, -672), 7.0)
    late = changed(flat, slice(-672, -671), 7.0)
    gappy = changed(flat, slice(-100, -20), np.nan)
    silent = changed(flat, slice(-672, None), np.nan)
    rows = np.stack([flat, old, late, gappy, silent, 0 * flat, flat * (1 + 1e-12 * WAVE)])
    expected = [3.0, 3.0, np.nan, 3.0, np.nan, 0.0, 3.0]
    np.testing.assert_allclose(constants(rows), expected, rtol=1e-9)


def test_a_short_history_can_be_constant() -> None:
    """All that is known counts where that is less than 28 days."""
    assert constants(np.full((1, 48), 0.25)).tolist() == [0.25]


def test_ceilings_are_allocatable_or_limit() -> None:
    """Allocatable for a node, the limit for a workload; a request is none."""
    capacity = {"allocatable": 36.0, "limit": 4.0, "request": 1.0}
    index = [
        SeriesInfo("a", "cpu", labels={"scope": "node"}, capacity=capacity),
        SeriesInfo("b", "cpu", labels={"scope": "workload"}, capacity=capacity),
        SeriesInfo("c", "cpu", labels={"scope": "workload"}, capacity={"request": 1.0}),
    ]
    np.testing.assert_array_equal(ceilings_of(index), [36.0, 4.0, np.nan])
