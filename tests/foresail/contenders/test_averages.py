"""Means where gaps do not count."""

import numpy as np

from foresail.contenders.averages import known_mean, ratio, trailing_sums

NAN = np.nan


def test_a_window_ends_with_its_block() -> None:
    """Each block sums itself and those before it, as many as the window has or history holds."""
    blocks = np.array([[[1.0], [2.0], [4.0], [8.0]]])
    total, count = trailing_sums(blocks, window=2)
    np.testing.assert_array_equal(total[0, :, 0], [1, 3, 6, 12])
    np.testing.assert_array_equal(count[0, :, 0], [1, 2, 2, 2])


def test_a_window_longer_than_history_holds_all_of_it() -> None:
    """Nothing is taken away that was never there."""
    total, count = trailing_sums(np.array([[[1.0], [2.0]]]), window=28)
    np.testing.assert_array_equal(total[0, :, 0], [1, 3])
    np.testing.assert_array_equal(count[0, :, 0], [1, 2])


def test_gaps_are_not_counted() -> None:
    """A gap adds nothing to the sum or to the number; without any value there is no mean."""
    blocks = np.array([[[NAN, NAN], [4.0, NAN]]])
    np.testing.assert_array_equal(
        ratio(*trailing_sums(blocks, window=2)), [[[NAN, NAN], [4.0, NAN]]]
    )
    np.testing.assert_array_equal(known_mean(blocks, axis=2), [[[NAN], [4.0]]])
