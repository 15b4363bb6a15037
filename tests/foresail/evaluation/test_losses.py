"""The losses, each against its one-line definition."""

import numpy as np

from foresail.evaluation.losses import inside, naive_scale, quantile_loss


def test_scale_is_the_mean_daily_change_of_28_days() -> None:
    """Mean |y(t) - y(t-24)| over the last 672 hours."""
    y = np.random.default_rng(0).normal(5, 1, (2, 1000))
    expected = np.abs(y[:, -672:] - y[:, -696:-24]).mean(axis=1)
    np.testing.assert_allclose(naive_scale(y), expected)


def test_a_constant_series_has_no_scale() -> None:
    """Zero change is NaN, so that nothing is divided by it."""
    assert np.isnan(naive_scale(np.ones((1, 100)))).all()


def test_a_gap_is_left_out_of_the_scale() -> None:
    """Only pairs of two values count."""
    y = np.tile(np.array([0.0, 2.0]), (1, 24)).repeat(24, axis=1)[:, : 3 * 24]
    y[0, 30] = np.nan
    assert naive_scale(y)[0] == 2.0


def test_quantile_loss_is_twice_the_pinball_loss() -> None:
    """Y = 10 with 8, 9, 12: 2 x mean of 0.2, 0.5 and 0.2."""
    loss = quantile_loss(np.array([[10.0]]), np.array([[[8.0, 9.0, 12.0]]]))
    np.testing.assert_allclose(loss, [[2 * (0.1 * 2 + 0.5 * 1 + 0.1 * 2) / 3]])


def test_inside_counts_the_edges() -> None:
    """A value on p10 or p90 is inside; a gap is neither in nor out."""
    y = np.array([[1.0, 3.0, 3.1, np.nan]])
    quantiles = np.tile([1.0, 2.0, 3.0], (1, 4, 1))
    np.testing.assert_array_equal(inside(y, quantiles), [[1, 1, 0, np.nan]])
