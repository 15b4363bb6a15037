"""What the booster learns from."""

from collections.abc import Sequence

import numpy as np

from foresail.contenders import booster_training
from foresail.contenders.booster_training import Examples
from foresail.panel import FloatArray

SEGMENTS = ((0, 24), (24, 168), (168, 720))


def values_of(*, rows: int, days: int = 30) -> np.ndarray:
    """Return noise around ten."""
    return np.asarray(np.random.default_rng(0).normal(10, 1, (rows, days * 24)))


def examples(
    values: FloatArray, segments: Sequence[tuple[int, int]], *, seed: int = 0
) -> list[Examples]:
    """Return the examples of all series."""
    every = np.arange(len(values))
    return booster_training.examples(values, every, segments, first_hour=0, seed=seed)


def test_each_segment_learns_from_its_own_leads() -> None:
    """The leads of the examples, the third number from the end, lie within the segment."""
    learnt = examples(values_of(rows=10), SEGMENTS)
    for one, (start, stop) in zip(learnt, SEGMENTS, strict=True):
        assert start <= one.rows[:, -3].min()
        assert one.rows[:, -3].max() < stop


def test_the_number_of_examples_is_bounded() -> None:
    """2,000 series give about as many examples as are kept at most."""
    learnt = examples(values_of(rows=2000), SEGMENTS[:1])
    assert len(learnt[0].targets) < 1.05 * booster_training.KEPT_ROWS


def test_the_same_seed_draws_the_same_examples() -> None:
    """Two draws with one seed are equal, with another seed they are not."""
    values = values_of(rows=10)
    first, again, other = (
        examples(values, SEGMENTS[:1], seed=seed)[0].targets for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_gaps_are_never_a_target() -> None:
    """All targets are finite though a third of the values is missing."""
    values = values_of(rows=10)
    values[np.random.default_rng(1).uniform(size=values.shape) < 0.3] = np.nan
    learnt = examples(values, SEGMENTS)
    assert all(np.isfinite(one.targets).all() for one in learnt)


def test_a_wild_series_does_not_drown_the_others() -> None:
    """A series that wanders gives fewer examples than each of those that do not."""
    values = values_of(rows=400, days=40)
    values[::2] += np.random.default_rng(2).normal(0, 1, (200, 960)).cumsum(axis=1) * 5
    learnt = examples(values, SEGMENTS[2:])[0]
    wild = np.abs(learnt.targets) > 5
    assert wild.mean() < 0.4


def test_only_the_rows_asked_for_are_learnt_from() -> None:
    """In their order: the same as of a panel of these rows alone."""
    values = values_of(rows=12)
    rows = np.array([7, 2, 9])
    some = booster_training.examples(values, rows, SEGMENTS[:1], first_hour=0, seed=0)[0]
    alone = examples(values[rows], SEGMENTS[:1])[0]
    np.testing.assert_array_equal(some.rows, alone.rows)
    np.testing.assert_array_equal(some.targets, alone.targets)
