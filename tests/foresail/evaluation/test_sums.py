"""The measures of a window, each against its one-line definition."""

import numpy as np
import pytest

from foresail.evaluation.sums import Sums, measure
from foresail.panel import FloatArray

RNG = np.random.default_rng(0)
Y = RNG.normal(10, 2, size=(3, 48))
Y[0, [3, 30]] = np.nan
Q = np.sort(RNG.normal(10, 2, size=(3, 48, 3)), axis=2)
SCALE = np.array([2.0, 0.5, 3.0])
NAIVE = np.full((3, 48, 3), 10.0) + np.array([-1.0, 0.0, 1.0])


def measured(y: FloatArray = Y, q: FloatArray = Q, scale: FloatArray = SCALE) -> Sums:
    """Measure the forecast of two days of three series."""
    return measure(y, q[:, : y.shape[1]], scale=scale, stand_in=NAIVE[:, : y.shape[1]])


def test_sql_is_the_mean_of_twice_the_pinball_loss_over_the_scale() -> None:
    """Mean over p10, p50, p90 and the observed hours."""
    d = Y[..., None] - Q
    oracle = np.nanmean(2 * np.maximum(np.r_[0.1, 0.5, 0.9] * d, np.r_[-0.9, -0.5, -0.1] * d), 1)
    np.testing.assert_allclose(measured().sql, oracle.mean(1) / SCALE, rtol=1e-12)
    np.testing.assert_allclose(2 * measured().mean_pinball, oracle / SCALE[:, None], rtol=1e-12)


def test_mase_and_bias_are_scaled_errors_of_the_median() -> None:
    """Positive bias means too high."""
    error = (Q[..., 1] - Y) / SCALE[:, None]
    np.testing.assert_allclose(measured().mase, np.nanmean(np.abs(error), axis=1), rtol=1e-12)
    np.testing.assert_allclose(measured().bias, np.nanmean(error, axis=1), rtol=1e-12)


def test_coverage_is_the_share_of_observed_hours_inside_the_band() -> None:
    """Gaps count on neither side."""
    oracle = [np.mean((q[:, 0] <= y) & (y <= q[:, 2])) for y, q in ((Y[i], Q[i]) for i in (1, 2))]
    np.testing.assert_allclose(measured().coverage[1:], oracle)
    np.testing.assert_array_equal(measured().hours, [46, 48, 48])


def test_peak_error_compares_the_highest_p90_of_a_day_with_the_highest_hour() -> None:
    """Summed over the days before the ratio is taken."""
    peak, high = (a[1].reshape(2, 24).max(axis=1) for a in (Y, Q[..., 2]))
    assert measured().peak_error[1] == pytest.approx(np.abs(high - peak).sum() / peak.sum())


def test_a_peak_is_sought_among_observed_hours_only() -> None:
    """A spike forecast for an hour that nobody saw is no error."""
    y, q = Y.copy(), Q.copy()
    y[1, 5], q[1, 5] = np.nan, 1e6
    assert measured(y, q).peak_error[1] < 1


def test_a_day_of_which_less_than_half_was_seen_has_no_peak() -> None:
    """The first day counts alone."""
    y = np.where(np.arange(48) < 35, Y, np.nan)
    peak, high = (a[1, :24].max() for a in (y, Q[..., 2]))
    assert measured(y).peak_error[1] == pytest.approx(abs(high - peak) / peak)


def test_a_missing_hour_scores_as_the_naive() -> None:
    """And is counted, where something came."""
    q = Q.copy()
    q[0, :12] = np.nan
    filled = np.where(np.isnan(q), NAIVE, q)
    np.testing.assert_array_equal(measured(q=q).sql, measured(q=filled).sql)
    np.testing.assert_array_equal(measured(q=q).filled, [11, 0, 0])


def test_without_a_scale_there_is_a_coverage_but_no_scaled_error() -> None:
    """A constant series is measured by its band alone."""
    found = measured(scale=np.array([2.0, np.nan, 3.0]))
    assert np.isnan([found.sql[1], found.mase[1], found.bias[1]]).all()
    assert np.isfinite(found.coverage).all()
    assert found.sql[0] == measured().sql[0]


def test_sums_join_exactly() -> None:
    """Two windows together measure what one of their hours measures."""
    halves = [measured(Y[:, a : a + 24], Q[:, a : a + 24]) for a in (0, 24)]
    joined = Sums.stack(halves, axis=0).total(0)
    for name in ("sql", "mase", "bias", "coverage", "peak_error", "mean_pinball"):
        np.testing.assert_allclose(getattr(joined, name), getattr(measured(), name), rtol=1e-12)


def test_masked_sums_are_zero_and_their_means_are_nothing() -> None:
    """No hour, no mean."""
    found = measured().where(np.array([True, False, True]))
    assert found.hours[1] == 0
    assert np.isnan([found.sql[1], found.coverage[1], found.peak_error[1]]).all()
    assert found.sql[0] == measured().sql[0]
