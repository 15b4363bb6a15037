"""The peak and mean of a day or week out of its hours."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from foresail.bundle.days import Kind, basis, over_periods, period_quantiles
from foresail.panel import FloatArray

DAY = np.stack([np.full(24, 1.0), np.full(24, 2.0), np.full(24, 4.0)], axis=1)[None]
SCALE = np.array(1.0)


def quantiles(hours: FloatArray, factors: FloatArray, kind: Kind) -> FloatArray:
    """Return the quantiles of periods of like length, shape `(D, hours, 3)` given."""
    reduced, lowest = over_periods(hours, kind=kind), hours[..., 0].min(axis=-1)
    return period_quantiles(reduced, factors, SCALE, lowest, kind=kind)


def test_the_peak_lies_above_the_highest_middle() -> None:
    """Half a width, one and two of the 2 above a p50 of 2."""
    found = quantiles(DAY, np.array([0.5, 1.0, 2.0]), "peak")
    np.testing.assert_allclose(found, [[3.0, 4.0, 6.0]])


def test_the_mean_lies_about_the_mean_middle() -> None:
    """Half of the mean width of 3 is 1.5."""
    found = quantiles(DAY, np.array([-0.5, 0.0, 0.5]), "mean")
    np.testing.assert_allclose(found, [[1.25, 2.0, 2.75]])


def test_a_day_without_a_band_takes_its_width_from_the_scale() -> None:
    """A twentieth of the mean daily change."""
    found = quantiles(np.full((1, 24, 3), 2.0), np.array([-1.0, 0.0, 1.0]), "peak")
    np.testing.assert_allclose(found, [[1.95, 2.0, 2.05]])


def test_each_day_may_have_its_own_factors() -> None:
    """A week crosses two segments of leads."""
    two = np.repeat(DAY, 2, axis=0)
    found = quantiles(two, np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]), "peak")
    np.testing.assert_allclose(found[:, 1], [2.0, 4.0])


def test_what_is_never_below_zero_has_no_day_below_it() -> None:
    """A mean of 0.1 with a wide band ends at zero."""
    small = np.stack([np.zeros(24), np.full(24, 0.1), np.full(24, 1.0)], axis=1)[None]
    assert quantiles(small, np.array([-2.0, 0.0, 2.0]), "mean")[0, 0] == 0.0


@pytest.mark.parametrize(("kind", "middle"), [("peak", np.max), ("mean", np.mean)])
@given(hours=arrays(np.float64, (3, 24, 3), elements=st.floats(0, 1e6, width=32)))
def test_the_middle_is_that_of_the_hours(kind: Kind, middle: object, hours: FloatArray) -> None:
    """Of a peak the highest p50 of the hours, of a mean their mean p50."""
    hours = np.sort(hours, axis=-1)
    found, width = basis(over_periods(hours, kind=kind), SCALE, kind=kind)
    np.testing.assert_allclose(found, middle(hours[..., 1], axis=1))  # type: ignore[operator]
    assert (width >= 0.05).all()
