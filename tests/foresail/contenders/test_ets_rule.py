"""Which level and shape is believed."""

import numpy as np
import pytest

from foresail.contenders.ets_rule import Loss, mean_loss, past_loss, rule
from foresail.contenders.ets_states import Array32, smoothed

NAN = np.float32(np.nan)
ALL_DAY = slice(0, 24)


def noise(seed: int, *shape: int) -> Array32:
    """Return standard normal noise."""
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


@pytest.mark.parametrize("ahead", [1, 4, 14])
def test_a_loss_is_the_sum_of_what_was_missed(ahead: int) -> None:
    """Per hour of the day, over the last 28 days, of the known values; here for levels alone."""
    blocks = noise(0, 24, 60, 3)
    blocks[5, 40:50, 1] = NAN
    states = smoothed(blocks)
    found = past_loss(blocks, states, ahead=ahead)
    misses = np.abs(blocks[:, -28:] - states.levels[2, 60 - 28 - ahead : 60 - ahead])
    np.testing.assert_allclose(found.total[2], np.nansum(misses, axis=1), rtol=1e-5)
    np.testing.assert_array_equal(found.count, np.isfinite(misses).sum(axis=1))


def test_a_shape_is_judged_with_its_level() -> None:
    """The last candidate adds the mean day and the mean week to its level."""
    blocks = noise(1, 24, 60, 2)
    states = smoothed(blocks)
    days = slice(60 - 28 - 2, 58)
    said = states.levels[-1, days] + states.day[:, days] + states.weekday(30, 58, ahead=2)
    expected = np.abs(blocks[:, -28:] - said).sum(axis=1)
    np.testing.assert_allclose(past_loss(blocks, states, ahead=2).total[-1], expected, rtol=1e-5)


def test_further_ahead_than_history_is_long_nothing_is_lost() -> None:
    """There is no miss to count."""
    blocks = noise(2, 24, 5, 1)
    found = past_loss(blocks, smoothed(blocks), ahead=7)
    assert (found.total == 0).all()
    assert (found.count == 0).all()


def test_the_mean_loss_is_that_of_hours_and_days_ahead_together() -> None:
    """Sums are added up before they are divided."""
    losses = [
        Loss(np.full((2, 24, 1), 8.0), np.full((24, 1), 4.0)),
        Loss(np.full((2, 24, 1), 4.0), np.full((24, 1), 2.0)),
    ]
    found = mean_loss(losses, hours=slice(3, 9), before=np.zeros((2, 1)))
    np.testing.assert_array_equal(found, [[2.0], [2.0]])


def test_with_too_few_misses_the_loss_is_that_of_the_leads_before() -> None:
    """Less than three days' worth of hours judge nobody."""
    loss = Loss(np.full((2, 24, 1), 8.0), np.full((24, 1), 2.0))
    before = np.array([[5.0], [6.0]])
    np.testing.assert_array_equal(mean_loss([loss], hours=ALL_DAY, before=before), before)


def test_a_candidate_that_never_missed_is_the_rule() -> None:
    """No share is left for others."""
    states = smoothed(noise(3, 24, 20, 1))
    loss = np.ones((len(states.levels), 1))
    loss[-1] = 0
    found = rule(states, loss)
    np.testing.assert_array_equal(found.level, states.levels[-1])
    assert (found.day.item(), found.week.item()) == (1.0, 1.0)


def test_candidates_that_are_alike_share_alike() -> None:
    """Without a difference the rule is their mean: two in three have the day, one the week."""
    states = smoothed(noise(4, 24, 20, 2))
    found = rule(states, np.zeros((len(states.levels), 2)))
    np.testing.assert_allclose(found.level, states.levels.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(found.day, 2 / 3, rtol=1e-6)
    np.testing.assert_allclose(found.week, 1 / 3, rtol=1e-6)


def test_a_candidate_a_tenth_worse_has_a_twentieth_of_the_share() -> None:
    """The best has exp(3) times as much."""
    states = smoothed(noise(5, 24, 20, 1))
    loss = np.full((len(states.levels), 1), 9.0)
    loss[0], loss[-1] = 1.0, 1.1
    found = rule(states, loss)
    assert found.week.item() == pytest.approx(1 / (1 + np.exp(3)), rel=1e-4)


def test_a_rule_says_level_day_and_week() -> None:
    """At the end of a day, for hours of the day some days ahead."""
    states = smoothed(noise(6, 24, 20, 1))
    found = rule(states, np.zeros((len(states.levels), 1)))
    hours = slice(6, 24)
    said = found.level[-1] + found.day * states.day[hours, -1]
    said = said + found.week * states.weekday(19, 20, ahead=3)[hours, 0]
    np.testing.assert_allclose(found.latest(ahead=3, hours=hours), said, rtol=1e-5)
