"""One forecast out of several."""

import numpy as np
import pytest

from foresail.evaluation.mixture import Mixture


def mixed(*members: tuple[list[float], float]) -> np.ndarray:
    """Return the mixture of one hour of one series: quantiles and weight of each member."""
    mixture = Mixture.of((1, 1, 3))
    for quantiles, weight in members:
        mixture.add(np.array([[quantiles]]), np.array([weight]))
    return np.asarray(mixture.quantiles()[0, 0])


def test_one_member_alone_is_itself() -> None:
    """Whatever its weight."""
    np.testing.assert_allclose(mixed(([1.0, 2.0, 5.0], 0.3)), [1.0, 2.0, 5.0])


def test_members_that_agree_on_the_middle_keep_their_mean_width() -> None:
    """Half-widths of 1 and 3, weighted alike, are 2."""
    np.testing.assert_allclose(
        mixed(([9.0, 10.0, 11.0], 1.0), ([7.0, 10.0, 13.0], 1.0)), [8.0, 10.0, 12.0]
    )


def test_members_that_disagree_make_the_band_wider() -> None:
    """Middles of 8 and 12 with half-widths of 3: sqrt(9 + 1.6424 x 4) about 10."""
    wide = np.sqrt(9 + 1.6424 * 4)
    np.testing.assert_allclose(
        mixed(([5.0, 8.0, 11.0], 0.5), ([9.0, 12.0, 15.0], 0.5)), [10 - wide, 10.0, 10 + wide]
    )


def test_weights_shift_the_middle() -> None:
    """Three parts of 8 and one of 12 are 9."""
    assert mixed(([8.0, 8.0, 8.0], 3.0), ([12.0, 12.0, 12.0], 1.0))[1] == pytest.approx(9.0)


def test_a_member_that_failed_is_left_out() -> None:
    """The other takes its weight; without any member there is no forecast."""
    failed = [np.nan] * 3
    np.testing.assert_allclose(mixed((failed, 0.9), ([1.0, 2.0, 3.0], 0.1)), [1.0, 2.0, 3.0])
    assert np.isnan(mixed((failed, 1.0))).all()


def test_the_digits_of_large_values_survive() -> None:
    """Bytes of a terabyte that agree to one byte keep a band of one byte."""
    tera = 2.0**40
    low, middle, high = mixed(([tera - 1, tera, tera + 1], 0.4), ([tera - 1, tera, tera + 1], 0.6))
    assert (low, middle, high) == (tera - 1, tera, tera + 1)
