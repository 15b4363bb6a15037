"""What is known of each series."""

import numpy as np

from foresail.panel_prophet.spans import coverage

NAN = np.nan


def test_every_fact_of_a_series_is_found() -> None:
    """Count, first, last, nearest, least, most and infinite, row by row."""
    values = np.array(
        [
            [1.0, 2.0, 3.0, 4.0],
            [NAN, 5.0, NAN, 2.0],
            [NAN, NAN, NAN, NAN],
            [7.0, 7.0, NAN, NAN],
            [0.0, np.inf, 1.0, 1.0],
        ]
    )
    found = coverage(values)
    assert found.count.tolist() == [4, 2, 0, 2, 4]
    assert found.first.tolist()[:2] == [0, 1]
    assert found.last.tolist()[:2] == [3, 3]
    assert found.nearest.tolist() == [1, 2, 1, 1, 1]
    assert found.least[[0, 1, 3]].tolist() == [1, 2, 7]
    assert found.most[[0, 1, 3]].tolist() == [4, 5, 7]
    assert found.constant.tolist() == [False, False, False, True, False]
    assert found.infinite.tolist() == [False, False, False, False, True]


def test_equal_masks_have_equal_marks() -> None:
    """A complete series has the empty mark; others differ exactly where their gaps do."""
    values = np.ones((4, 30))
    values[1, 3] = values[2, 3] = values[3, 4] = NAN
    mask = coverage(values).mask
    assert mask[0] == b""
    assert mask[1] == mask[2] != mask[3]


def test_blocks_do_not_show() -> None:
    """More series than a block holds are joined in their order."""
    values = np.random.default_rng(0).normal(size=(1100, 5))
    assert coverage(values).least.tolist() == values.min(axis=1).tolist()
