"""Rules of one level."""

import numpy as np
from factories.panels import panel_of

from foresail.contenders import Contender, LastDayMean, LastValue, Median28d
from foresail.panel import FloatArray

NAN = np.nan


def p50(rule: Contender, *rows: FloatArray) -> list[float]:
    """Return the level forecast for each row, after a look that it is one level."""
    middle = rule.forecast(panel_of(np.stack(rows)), hours=50).quantiles[:, :, 1]
    assert (middle == middle[:, :1]).all()
    found: list[float] = middle[:, 0].tolist()
    return found


def test_they_are_served_by_these_names() -> None:
    """The name stands in every forecast that was won."""
    names = [LastValue().name, LastDayMean().name, Median28d().name]
    assert names == ["last_value", "last_day_mean", "median_28d"]


def test_the_last_value_is_the_last_known() -> None:
    """A gap at the end is passed over, be it an hour or days."""
    hours = np.arange(100.0)
    gap, days = hours.copy(), hours.copy()
    gap[-1:] = NAN
    days[-60:] = NAN
    assert p50(LastValue(), hours, gap, days) == [99.0, 98.0, 39.0]


def test_the_last_day_is_the_last_24_hours_of_the_panel() -> None:
    """The mean is of the known ones; without any, the last value stands."""
    hours = np.arange(48.0)
    some, none = hours.copy(), hours.copy()
    some[26:] = NAN
    none[24:] = NAN
    assert p50(LastDayMean(), hours, some, none) == [35.5, 24.5, 23.0]


def test_the_median_is_that_of_28_days() -> None:
    """What was before does not count, gaps do not, and without a value the last one stands."""
    long = np.concatenate([np.full(10 * 24, 50.0), np.arange(28 * 24.0)])
    gaps = np.where(np.arange(len(long)) % 2 == 0, long, NAN)
    none = np.where(np.arange(len(long)) < 10 * 24, long, NAN)
    assert p50(Median28d(), long, gaps, none) == [335.5, 335.0, 50.0]


def test_a_median_does_not_follow_a_spike() -> None:
    """One hour fifty times as high leaves the level and the band where they were."""
    values = np.random.default_rng(0).normal(10, 1, (1, 60 * 24))
    spiked = values.copy()
    spiked[0, -100] = 500.0
    rule = Median28d()
    before = rule.forecast(panel_of(values), hours=720).quantiles
    after = rule.forecast(panel_of(spiked), hours=720).quantiles
    np.testing.assert_allclose(after, before, atol=0.05)
