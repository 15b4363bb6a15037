"""Weights of a blend, learnt from what its members said."""

import numpy as np
import pytest

from foresail.evaluation.weights import FAITH, MAX_PAIRS, SOFTENING, Sample, learn_weights
from foresail.horizons import QUANTILES
from foresail.panel import FloatArray

EVEN = np.array([0.5, 0.5])
MANY = int(10 * FAITH)
"""Pairs that speak much louder than what was believed before."""
BAND = np.array([-1.2816, 0.0, 1.2816])
"""Distances of p10, p50 and p90 from the middle, of normal errors with deviation one."""


def sample(*offsets: float, pairs: int = 200, seed: int = 0) -> Sample:
    """Return members whose forecast of normal noise lies so far beside its true quantiles."""
    y = np.random.default_rng(seed).normal(0, 1, (pairs, 24))
    said = np.array(offsets)[:, None, None, None] + BAND
    return Sample(np.broadcast_to(said, (len(offsets), pairs, 24, 3)).copy(), y)


def test_the_best_member_gets_the_weight() -> None:
    """One of three is right and the others are three deviations off: it has nearly all."""
    first = np.array([0.2, 0.6, 0.2])
    weights = learn_weights(sample(3.0, 3.0, 0.0, pairs=MANY), first)
    assert weights[2] > 0.9
    assert weights[1] / weights[0] == pytest.approx(3.0)


def test_members_that_err_to_opposite_sides_share_the_weight() -> None:
    """One deviation too high and one too low make a forecast that is right."""
    weights = learn_weights(sample(1.0, -1.0, pairs=MANY), np.array([0.8, 0.2]))
    assert weights == pytest.approx([0.5, 0.5], abs=0.06)


def test_members_that_say_the_same_keep_their_weights() -> None:
    """There is nothing to learn."""
    first = np.array([0.7, 0.2, 0.1])
    assert learn_weights(sample(2.0, 2.0, 2.0), first) == pytest.approx(first)


def test_first_weights_hold_where_nothing_was_measured() -> None:
    """Neither without a pair nor with gaps alone is anything learnt."""
    first = np.array([0.9, 0.1])
    one = sample(3.0, 0.0)
    unseen = Sample(one.quantiles, np.full_like(one.y, np.nan))
    assert learn_weights(unseen, first).tolist() == [0.9, 0.1]
    assert learn_weights(one.some(np.array([], dtype=np.int64)), first).tolist() == [0.9, 0.1]


def least(one: Sample, first: FloatArray) -> float:
    """Return which share of two members' first has the least mean log loss and distance."""
    levels, shares = np.array(QUANTILES), np.linspace(0.001, 0.999, 999)
    pull, found = FAITH / len(one.y), []
    for share in shares:
        weights = np.array([share, 1 - share])
        miss = one.y[:, :, None] - np.tensordot(weights, one.quantiles, axes=1)
        loss = 2 * np.maximum(levels * miss, (levels - 1) * miss).mean(axis=(1, 2))
        distance = weights @ np.log(weights / first)
        found.append(np.log(loss + SOFTENING).mean() + pull * distance)
    return float(shares[np.argmin(found)])


@pytest.mark.parametrize("pairs", [1, 5, 20, 100, 300])
def test_evidence_and_first_weights_are_weighed(pairs: int) -> None:
    """The mean log loss, and the distance from weights that count as `FAITH` pairs, is least."""
    one, first = sample(3.0, 0.0, pairs=pairs), np.array([0.8, 0.2])
    assert learn_weights(one, first)[0] == pytest.approx(least(one, first), abs=0.01)


def test_few_pairs_move_the_weights_less_than_many() -> None:
    """What was believed before gives way as evidence grows."""
    found = [learn_weights(sample(3.0, 0.0, pairs=n), EVEN)[1] for n in (1, MANY // 10, MANY)]
    assert found == sorted(found)
    assert found[0] == pytest.approx(0.5, abs=0.02)
    assert found[-1] > 0.9


def test_weights_add_up_to_one_and_none_is_negative() -> None:
    """Whatever the members said, be it a million times too much."""
    rng = np.random.default_rng(1)
    for size in (1e-6, 1.0, 1e6):
        said = np.sort(rng.normal(0, size, (5, 40, 24, 3)), axis=3)
        weights = learn_weights(Sample(said, rng.normal(0, 1, (40, 24))), np.full(5, 0.2))
        assert weights.sum() == pytest.approx(1.0)
        assert (weights >= 0).all()


def test_the_same_sample_gives_the_same_weights() -> None:
    """To the last bit, also where pairs are drawn."""
    many = sample(1.0, 0.0, pairs=MAX_PAIRS * 2)
    np.testing.assert_array_equal(learn_weights(many, EVEN), learn_weights(many, EVEN))


def test_the_seed_draws_the_pairs_where_there_are_many() -> None:
    """Another seed draws others, and finds nearly the same; few pairs are all taken."""
    many, few = sample(1.0, 0.0, pairs=MAX_PAIRS * 2), sample(1.0, 0.0, pairs=MAX_PAIRS)
    one, other = (learn_weights(many, EVEN, seed=seed) for seed in (0, 1))
    assert one.tolist() != other.tolist()
    assert one == pytest.approx(other, abs=0.02)
    one, other = (learn_weights(few, EVEN, seed=seed) for seed in (0, 1))
    assert one.tolist() == other.tolist()


def test_the_order_of_pairs_does_not_matter() -> None:
    """Reversed pairs teach the same."""
    one = sample(1.0, 0.0)
    reverse = np.arange(200)[::-1]
    assert learn_weights(one.some(reverse), EVEN) == pytest.approx(learn_weights(one, EVEN))


def scaled(one: Sample, factor: FloatArray) -> Sample:
    """Return the sample with each pair in other units."""
    return Sample(one.quantiles * factor[:, None, None], one.y * factor[:, None])


def test_a_pair_counts_alike_whatever_its_noise() -> None:
    """Half of the pairs find one member better, half the other: a hundredfold loss is no louder."""
    one, other = sample(2.0, 0.0, pairs=100), sample(0.0, 2.0, pairs=100, seed=1)
    calm = learn_weights(Sample.joined([one, other]), EVEN)
    loud = learn_weights(Sample.joined([scaled(one, np.full(100, 100.0)), other]), EVEN)
    assert calm == pytest.approx([0.5, 0.5], abs=0.02)
    assert loud == pytest.approx(calm, abs=0.02)


def test_gaps_do_not_count() -> None:
    """Hours that were not seen, and pairs without any, leave the weights as they are."""
    one = sample(1.0, 0.0)
    hours = np.concatenate([one.y, np.full_like(one.y, np.nan)], axis=1)
    longer = Sample(np.concatenate([one.quantiles, one.quantiles + 9.0], axis=2), hours)
    unseen = Sample(sample(0.0, 5.0).quantiles, np.full((200, 24), np.nan))
    expected = learn_weights(one, EVEN)
    assert learn_weights(longer, EVEN) == pytest.approx(expected)
    assert learn_weights(Sample.joined([one, unseen]), EVEN) == pytest.approx(expected)


def test_joined_samples_are_those_of_all_windows_in_turn() -> None:
    """Two pairs and three are five."""
    joined = Sample.joined([sample(1.0, 0.0, pairs=2), sample(1.0, 0.0, pairs=3, seed=1)])
    assert joined.quantiles.shape == (2, 5, 24, 3)
    np.testing.assert_array_equal(joined.y[2:], sample(1.0, 0.0, pairs=3, seed=1).y)
    np.testing.assert_array_equal(joined.some(np.array([4])).y, joined.y[4:])
