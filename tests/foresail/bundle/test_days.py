"""A day's peak and mean out of its hours."""

import numpy as np

from foresail.bundle.days import day_quantiles

DAY = np.stack([np.full(24, 1.0), np.full(24, 2.0), np.full(24, 4.0)], axis=1)[None, None]
SCALE = np.array([1.0])


def test_the_peak_lies_above_the_highest_middle() -> None:
    """Half a width, one and two of the 2 above a p50 of 2."""
    found = day_quantiles(DAY, np.array([[0.5, 1.0, 2.0]]), SCALE, kind="peak")
    np.testing.assert_allclose(found, [[[3.0, 4.0, 6.0]]])


def test_the_mean_lies_about_the_mean_middle() -> None:
    """Half of the mean width of 3 is 1.5."""
    found = day_quantiles(DAY, np.array([[-0.5, 0.0, 0.5]]), SCALE, kind="mean")
    np.testing.assert_allclose(found, [[[1.25, 2.0, 2.75]]])


def test_a_day_without_a_band_takes_its_width_from_the_scale() -> None:
    """A twentieth of the mean daily change."""
    flat = np.full((1, 1, 24, 3), 2.0)
    found = day_quantiles(flat, np.array([[-1.0, 0.0, 1.0]]), SCALE, kind="peak")
    np.testing.assert_allclose(found, [[[1.95, 2.0, 2.05]]])


def test_each_day_may_have_its_own_factors() -> None:
    """A week crosses two segments of leads."""
    two = np.repeat(DAY, 2, axis=1)
    factors = np.array([[[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]])
    found = day_quantiles(two, factors, SCALE, kind="peak")
    np.testing.assert_allclose(found[0, :, 1], [2.0, 4.0])


def test_what_is_never_below_zero_has_no_day_below_it() -> None:
    """A mean of 0.1 with a wide band ends at zero."""
    small = np.stack([np.zeros(24), np.full(24, 0.1), np.full(24, 1.0)], axis=1)[None, None]
    found = day_quantiles(small, np.array([[-2.0, 0.0, 2.0]]), SCALE, kind="mean")
    assert found[0, 0, 0] == 0.0
