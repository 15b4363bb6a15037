"""What is believed before a panel has spoken."""

import numpy as np
import pytest

from foresail.contenders import ProphetSettings
from foresail.evaluation.experience import (
    BLEND,
    ENOUGH_SERIES,
    EXPECTED,
    LEARNER,
    MEMBERS,
    expected,
    first_weights,
)
from foresail.evaluation.field import field
from foresail.evaluation.scores import REFERENCE

FIELD = {contender.name for contender in field(ProphetSettings())}


def test_expected_is_the_log_of_the_table() -> None:
    """One row a contender, one column a segment."""
    found = expected(("booster", "prophet"), segments=3)
    assert np.exp(found) == pytest.approx(np.array([EXPECTED["booster"], EXPECTED["prophet"]]))


def test_of_an_unknown_contender_as_much_is_expected_as_of_the_naive() -> None:
    """Both have the logarithm zero."""
    assert expected(("newcomer", REFERENCE), segments=2).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_fewer_segments_are_the_first_ones_and_more_repeat_the_last() -> None:
    """A panel asked for a day alone looks at the first day."""
    day, week, month = EXPECTED[BLEND]
    assert np.exp(expected((BLEND,), segments=1)[0]) == pytest.approx([day])
    assert np.exp(expected((BLEND,), segments=4)[0]) == pytest.approx([day, week, month, month])


def test_first_weights_are_shares_of_the_members_that_are_there() -> None:
    """They add up to 1 in every segment; a segment beyond the table is as its last."""
    names = ("hour_quantiles_28d", "recent_2d")
    for segment in range(4):
        weights = first_weights(names, segment=segment, series=1)
        one, other = (MEMBERS[name][min(segment, 2)] for name in names)
        assert weights == pytest.approx([one / (one + other), other / (one + other)])
    assert first_weights(tuple(MEMBERS), segment=0, series=500).sum() == pytest.approx(1.0)


def test_in_a_small_panel_the_learner_weighs_less() -> None:
    """With so many series as are enough it has half the weight by the other, with none nothing."""
    names = (LEARNER, "recent_2d")
    odds = MEMBERS[LEARNER][0] / MEMBERS["recent_2d"][0]
    for series, share in ((0, 0.0), (ENOUGH_SERIES, 0.5), (9 * ENOUGH_SERIES, 0.9)):
        learner, other = first_weights(names, segment=0, series=series)
        assert learner / other == pytest.approx(share * odds)


def test_every_member_can_be_weighed() -> None:
    """A weight of zero could never grow."""
    assert min(min(weights) for weights in MEMBERS.values()) > 0


def test_the_tables_speak_of_contenders_that_there_are() -> None:
    """Each name is the field's, or the blend's; a contender without a line is still welcome."""
    assert set(MEMBERS) <= FIELD
    assert set(EXPECTED) - {BLEND} <= FIELD
    assert LEARNER in MEMBERS
