"""Several forecasts averaged, quantile by quantile."""

import numpy as np
import pytest

from foresail.contenders import blend
from foresail.errors import BadInput

NAN = np.nan
LOW = np.broadcast_to(np.array([1.0, 2.0, 3.0]), (2, 4, 3))
HIGH = np.broadcast_to(np.array([11.0, 22.0, 43.0]), (2, 4, 3))


def test_quantiles_are_averaged_level_by_level() -> None:
    """The p10 is the weighted mean of the p10s; weights count relative to their sum."""
    mixed = blend([LOW, HIGH], np.array([3.0, 1.0]))
    np.testing.assert_allclose(mixed, np.broadcast_to([3.5, 7.0, 13.0], (2, 4, 3)))


def test_each_series_has_its_own_weights() -> None:
    """Weights of shape (N, C) are a row per series."""
    mixed = blend([LOW, HIGH], np.array([[1.0, 0.0], [0.5, 0.5]]))
    np.testing.assert_allclose(mixed[0], LOW[0])
    np.testing.assert_allclose(mixed[1], np.broadcast_to([6.0, 12.0, 23.0], (4, 3)))


def test_a_member_without_a_forecast_leaves_its_weight_to_the_others() -> None:
    """NaN drops out of its series, and of no other."""
    broken = HIGH.copy()
    broken[1] = NAN
    mixed = blend([LOW, broken], np.array([0.5, 0.5]))
    np.testing.assert_allclose(mixed[0], np.broadcast_to([6.0, 12.0, 23.0], (4, 3)))
    np.testing.assert_allclose(mixed[1], LOW[1])


def test_a_member_is_in_for_all_hours_or_for_none() -> None:
    """One NaN hour takes a member out, so that a forecast does not jump where its members end."""
    broken = HIGH.copy()
    broken[1, 3, 0] = NAN
    np.testing.assert_allclose(blend([LOW, broken], np.array([0.5, 0.5]))[1], LOW[1])


def test_without_members_there_is_no_forecast() -> None:
    """A series whose members with a weight are all gone is NaN, for its caller to explain."""
    broken = HIGH.copy()
    broken[1] = NAN
    mixed = blend([LOW, broken], np.array([0.0, 1.0]))
    np.testing.assert_allclose(mixed[0], HIGH[0])
    assert np.isnan(mixed[1]).all()


def test_many_series_are_blended_alike() -> None:
    """More series than are taken at once agree with the plain sum, and stay ascending."""
    members = np.sort(np.random.default_rng(0).normal(0, 1, (3, 700, 5, 3)), axis=3)
    weights = np.random.default_rng(1).dirichlet([1, 1, 1], 700)
    mixed = blend(list(members), weights)
    np.testing.assert_allclose(mixed, np.einsum("cnhq,nc->nhq", members, weights), atol=1e-12)
    assert (np.diff(mixed, axis=2) >= 0).all()


def test_members_have_one_shape() -> None:
    """Forecasts of different panels or lengths cannot be averaged."""
    with pytest.raises(BadInput, match="a blend needs forecasts of one shape, got"):
        blend([LOW, HIGH[:, :2]], np.ones(2))
    with pytest.raises(BadInput, match="of one shape, got none"):
        blend([], np.ones(0))


def test_weights_fit_the_members() -> None:
    """One per member, or one per series and member."""
    with pytest.raises(BadInput, match=r"weights have shape \(3,\), expected \(2,\) or \(2, 2\)"):
        blend([LOW, HIGH], np.ones(3))


@pytest.mark.parametrize("weight", [-0.1, NAN, np.inf])
def test_a_weight_is_a_share(weight: float) -> None:
    """Less than nothing, or an unknown share, cannot be given."""
    with pytest.raises(BadInput, match="a weight must be finite and at least 0"):
        blend([LOW, HIGH], np.array([1.0, weight]))
