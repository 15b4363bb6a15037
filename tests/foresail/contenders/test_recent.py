"""Rules whose forecast is the distribution of recent values."""

import numpy as np
import pytest
from factories.panels import panel_of

from foresail.contenders import Contender, HourQuantiles, RecentQuantiles
from foresail.panel import FloatArray

NAN = np.nan
DAY = np.arange(24.0)
LEVELS = (0.1, 0.5, 0.9)
RULES: tuple[Contender, ...] = (
    RecentQuantiles(2),
    RecentQuantiles(7),
    RecentQuantiles(28),
    HourQuantiles(7),
    HourQuantiles(28),
)
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


def quantiles(rule: Contender, values: FloatArray, *, hours: int = 50) -> FloatArray:
    """Return the forecast, after a look at what every forecast must be."""
    found = rule.forecast(panel_of(values), hours=hours).quantiles
    assert found.shape == (len(values), hours, 3)
    assert np.isfinite(found).all()
    assert (np.diff(found, axis=2) >= 0).all()
    return found


def level(rule: Contender, history: FloatArray) -> list[float]:
    """Return p10, p50 and p90 of one series, after a look that they are the same for all hours."""
    found = quantiles(rule, history[None])[0]
    assert (found == found[0]).all()
    three: list[float] = found[0].tolist()
    return three


def noise(rows: int, days: int, *, seed: int = 0) -> FloatArray:
    """Return random values with gaps: single ones, and in every third row an outage at the end."""
    rng = np.random.default_rng(seed)
    values = rng.normal(5, 1, (rows, days * 24))
    values[rng.random(values.shape) < 0.1] = NAN
    values[::3, -100:] = NAN
    values[:, 0] = 5.0
    return values


def test_they_are_served_by_these_names() -> None:
    """The name stands in every forecast that was won."""
    assert [rule.name for rule in RULES] == [
        "recent_2d",
        "recent_7d",
        "recent_28d",
        "hour_quantiles_7d",
        "hour_quantiles_28d",
    ]


def test_the_quantiles_are_those_of_the_last_days() -> None:
    """Of 0 to 40 and seven 20s, p10 is 4.7 and p90 35.3; what was before does not count."""
    two_days = np.concatenate([np.full(7, 20.0), np.arange(41.0)])
    history = np.concatenate([np.full(100, 1e6), two_days])
    np.testing.assert_allclose(level(RecentQuantiles(2), history), [4.7, 20.0, 35.3])


def test_gaps_do_not_count() -> None:
    """Of the 21 hours known of two days, 0 to 20, the quantiles are 2, 10 and 18."""
    history = np.concatenate([np.full(50, 99.0), np.full(48, NAN)])
    history[-48:-6:2] = np.arange(21.0)
    np.testing.assert_allclose(level(RecentQuantiles(2), history), [2.0, 10.0, 18.0])


def test_half_a_day_of_values_is_enough() -> None:
    """After an outage of 36 hours, 12 of two days speak; after 37 hours, 59 of four days do."""
    history = np.concatenate([np.arange(60.0), np.full(36, NAN)])
    np.testing.assert_allclose(level(RecentQuantiles(2), history), [49.1, 53.5, 57.9])
    history = np.append(history, NAN)
    np.testing.assert_allclose(level(RecentQuantiles(2), history), [6.8, 30.0, 53.2])


def test_the_days_double_until_something_is_known() -> None:
    """After 15 days of outage, two days become 16: the 24 hours before it, and no earlier one."""
    history = np.concatenate([np.full(24, 1e6), DAY, np.full(15 * 24, NAN)])
    np.testing.assert_allclose(level(RecentQuantiles(2), history), [2.3, 11.5, 20.7])


def test_few_values_in_all_are_all_that_is_known() -> None:
    """With three values in history, their quantiles are the forecast of the week too."""
    history = np.full(60 * 24, NAN)
    history[[3, 500, 1000]] = [1.0, 3.0, 2.0]
    for rule in RULES:
        np.testing.assert_allclose(level(rule, history), [1.2, 2.0, 2.8])


@every_rule
@pytest.mark.parametrize("place", [0, 700, 1439])
def test_a_single_value_is_repeated(rule: Contender, place: int) -> None:
    """One value among gaps is p10, p50 and p90."""
    history = np.full(60 * 24, NAN)
    history[place] = 7.0
    assert level(rule, history) == [7.0, 7.0, 7.0]


@every_rule
@pytest.mark.parametrize("length", [1, 2, 11, 12, 23, 24, 25, 49, 167, 400, 3000])
def test_a_constant_is_forecast_as_itself(rule: Contender, length: int) -> None:
    """Whatever the length of history, the three quantiles are the constant, to the last digit."""
    assert level(rule, np.full(length, 0.1)) == [0.1, 0.1, 0.1]


def test_an_hour_pools_the_one_before_and_the_one_after() -> None:
    """Over a single day each hour has three samples, round the clock."""
    found = quantiles(HourQuantiles(1), DAY[None])[0]
    np.testing.assert_allclose(found[1], [0.2, 1.0, 1.8])
    np.testing.assert_allclose(found[22], [21.2, 22.0, 22.8])
    # hours 23, 0, 1 and hours 22, 23, 0
    np.testing.assert_allclose(found[0], [0.2, 1.0, 18.6])
    np.testing.assert_allclose(found[23], [4.4, 22.0, 22.8])


def test_the_hours_repeat_daily() -> None:
    """The same hour of every day ahead has the same quantiles."""
    found = quantiles(HourQuantiles(7), noise(4, 30), hours=60)
    np.testing.assert_array_equal(found[:, 24:48], found[:, :24])
    np.testing.assert_array_equal(found[:, 48:], found[:, :12])


@pytest.mark.parametrize("days", [7, 28])
def test_an_hour_has_the_quantiles_of_its_samples_of_these_days(days: int) -> None:
    """The samples are the known values, three a day, of the last `days` days and no earlier one."""
    history = noise(2, 40, seed=1)[1]
    history[: -days * 24] = 1e6
    expected = np.nanquantile(history[-days * 24 :].reshape(days, 24)[:, [9, 10, 11]], LEVELS)
    np.testing.assert_allclose(quantiles(HourQuantiles(days), history[None])[0, 10], expected)


def test_the_day_need_not_end_at_midnight() -> None:
    """The hour of the day is counted from the end of history."""
    history = np.tile(DAY, 30)[:-5]
    middle = quantiles(HourQuantiles(28), history[None], hours=4)[0, :, 1]
    np.testing.assert_array_equal(middle, [19.0, 20.0, 21.0, 22.0])


def test_an_hour_with_fewer_than_three_samples_is_as_all_hours() -> None:
    """Six hours of history know their inner four by themselves, the others by all six."""
    history = np.array([0.0, 10.0, 20.0, 30.0, 40.0, 50.0])
    found = quantiles(HourQuantiles(7), history[None], hours=24)[0]
    np.testing.assert_allclose(found[[0, 17, 18, 23]], [[5.0, 25.0, 45.0]] * 4)
    np.testing.assert_allclose(found[19:23, 1], [10.0, 20.0, 30.0, 40.0])


def test_an_hour_that_is_always_a_gap_is_as_its_neighbours() -> None:
    """Two of its three samples a day are still there."""
    history = np.tile(np.where(DAY == 10, NAN, DAY), 7)
    np.testing.assert_allclose(quantiles(HourQuantiles(7), history[None])[0, 10], [9.0, 10.0, 11.0])


def test_a_week_of_outage_leaves_the_level_of_two() -> None:
    """No hour has a sample, so all take the quantiles of the last 14 days."""
    history = np.concatenate([np.tile(DAY + 100, 7), np.tile(DAY, 7), np.full(7 * 24, NAN)])
    expected = np.quantile(DAY.repeat(7), LEVELS)
    np.testing.assert_allclose(level(HourQuantiles(7), history), expected)


@every_rule
def test_a_series_is_forecast_alike_wherever_it_stands(rule: Contender) -> None:
    """Among 299 others, alone, or in another order, gaps and outages included."""
    values = noise(300, 40, seed=2)
    order = np.random.default_rng(3).permutation(300)
    found = quantiles(rule, values)
    np.testing.assert_array_equal(quantiles(rule, values[order]), found[order])
    np.testing.assert_array_equal(quantiles(rule, values[[299]]), found[[299]])


@every_rule
def test_another_unit_is_the_same_forecast(rule: Contender) -> None:
    """Bytes instead of gigabytes, above another zero: the forecast is as much larger and higher."""
    values = noise(6, 40, seed=4)
    np.testing.assert_allclose(
        quantiles(rule, values * 1e9 + 1e10), quantiles(rule, values) * 1e9 + 1e10, rtol=1e-12
    )


@every_rule
def test_upside_down_p10_and_p90_change_places(rule: Contender) -> None:
    """The forecast of -y is that of y, mirrored."""
    values = noise(6, 40, seed=5)
    np.testing.assert_allclose(quantiles(rule, -values), -quantiles(rule, values)[:, :, ::-1])


@pytest.mark.parametrize(("rule", "samples"), list(zip(RULES, (48, 168, 672, 21, 84), strict=True)))
def test_noise_is_covered_by_what_the_samples_span(rule: Contender, samples: int) -> None:
    """Of independent hours, m samples' band holds 80 % times (m - 1) / (m + 1), now and later."""
    values = np.random.default_rng(6).normal(100, 1, (200, 60 * 24))
    past, future = values[:, : 30 * 24], values[:, 30 * 24 :]
    found = quantiles(rule, past, hours=720)
    inside = (future >= found[:, :, 0]) & (future <= found[:, :, 2])
    promised = 0.8 * (samples - 1) / (samples + 1)
    assert inside[:, :120].mean() == pytest.approx(promised, abs=0.015)
    assert inside[:, 600:].mean() == pytest.approx(promised, abs=0.015)


@every_rule
def test_an_empty_panel_has_an_empty_forecast(rule: Contender) -> None:
    """No series is no error."""
    assert quantiles(rule, np.zeros((0, 100))).shape == (0, 50, 3)
