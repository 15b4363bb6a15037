"""How sure a ratio of errors is."""

import numpy as np
import pytest

from foresail.evaluation.bootstrap import Losses, Ratio, compare, geometric_ratio
from foresail.panel import FloatArray


def losses(per_hour: FloatArray) -> Losses:
    """Return losses of windows of a day; NaN is a window that was not scored."""
    seen = np.isfinite(per_hour)
    return Losses(np.where(seen, 24.0 * per_hour, 0.0), np.where(seen, 24.0, 0.0))


def ratios(logs: FloatArray) -> tuple[Losses, Losses]:
    """Return losses whose softened ratio to the other's is exp(logs) in every window."""
    return losses(np.exp(logs) - 0.01), losses(np.full_like(logs, 0.99))


def test_the_middle_is_the_geometric_mean_over_series() -> None:
    """Half and double the other's error are as good as the other."""
    found = compare(losses(np.tile([0.49, 1.99], (3, 1))), losses(np.full((3, 2), 0.99)))
    assert found is not None
    assert found.middle == pytest.approx(1.0)
    assert found.low < 0.8
    assert found.high > 1.25


def test_a_series_error_is_over_all_its_hours() -> None:
    """Two hours that lost 1 each and eight that lost nothing are 0.2 an hour, in any windows."""
    one = Losses(np.array([[2.0], [0.0], [0.0]]), np.array([[2.0], [4.0], [4.0]]))
    assert geometric_ratio(one, losses(np.full((3, 1), 0.99))) == pytest.approx(0.21)


def test_only_windows_of_both_count() -> None:
    """A window that one of them was not scored on is left out on both sides."""
    ours = losses(np.array([[0.49], [0.49], [0.49], [9.0]]))
    theirs = losses(np.array([[0.99], [0.99], [0.99], [np.nan]]))
    assert geometric_ratio(ours, theirs) == pytest.approx(0.5)


def test_a_series_of_two_shared_windows_does_not_count() -> None:
    """Three are needed, and without a series that has them nothing can be said."""
    ours = losses(np.array([[0.49, 5.0], [0.49, 5.0], [0.49, np.nan]]))
    theirs = losses(np.full((3, 2), 0.99))
    assert geometric_ratio(ours, theirs) == pytest.approx(0.5)
    assert geometric_ratio(ours.rows(np.array([1])), theirs.rows(np.array([1]))) is None
    assert compare(ours.rows(np.array([1])), theirs.rows(np.array([1]))) is None


def test_equal_forecasts_have_no_interval() -> None:
    """Whatever is drawn, it is drawn for both."""
    same = losses(np.random.default_rng(0).uniform(0.5, 2.0, (3, 4)))
    assert compare(same, same) == Ratio(1.0, 1.0, 1.0)


def test_many_series_have_the_interval_of_their_mean() -> None:
    """Of 400 series it is the mean of the logarithms and 1.65 standard errors either way."""
    logs = np.random.default_rng(1).normal(-0.2, 0.3, 400)
    found = compare(*ratios(np.tile(logs, (3, 1))))
    assert found is not None
    error = 1.645 * logs.std() / 20
    expected = np.exp([logs.mean(), logs.mean() - error, logs.mean() + error])
    assert (found.middle, found.low, found.high) == pytest.approx(tuple(expected), abs=0.004)


def test_one_series_has_the_interval_of_its_windows() -> None:
    """Of six windows it is Student's: 2.02 standard errors, where a large sample has 1.65."""
    logs = np.array([[-0.08], [-0.03], [0.0], [0.04], [0.09], [0.10]])
    found = compare(*ratios(logs))
    assert found is not None
    assert found.middle == pytest.approx(np.exp(logs).mean())
    width = 2 * 2.015 * logs.std(ddof=1) / np.sqrt(6)
    assert np.log(found.high / found.low) == pytest.approx(width, rel=0.08)


def test_nine_of_ten_intervals_of_three_windows_hold_the_truth() -> None:
    """Drawn without regard to how few they are they would hold it six times in ten."""
    random = np.random.default_rng(2)
    found = [compare(*ratios(random.normal(0.0, 0.1, (3, 1)))) for _ in range(300)]
    held = np.mean([one.low <= 1.0 <= one.high for one in found if one])
    assert 0.82 <= held <= 0.93


def test_series_of_unequal_windows_are_drawn_from_their_own() -> None:
    """A series scored on the later windows only never brings one that it has not."""
    logs = np.array([[0.1, np.nan], [0.1, np.nan], [0.1, -0.1], [np.nan, -0.1], [np.nan, -0.1]])
    found = compare(*ratios(logs))
    assert found is not None
    assert found.middle == pytest.approx(1.0)
    assert np.isfinite([found.low, found.high]).all()
    # one draw in four is the first series twice, 0.1 away; six windows stretch that by 1.342
    assert found.high == pytest.approx(np.exp(0.1342), abs=1e-3)


def test_the_same_scores_give_the_same_interval() -> None:
    """Nothing is drawn but from the seed."""
    pair = ratios(np.random.default_rng(3).normal(0, 0.2, (3, 5)))
    assert compare(*pair) == compare(*pair)
    assert compare(*pair) != compare(*pair, seed=1)


def test_a_ratio_is_printed_with_its_interval() -> None:
    """Two digits each, as in tables and sentences."""
    assert str(Ratio(0.8123, 0.7712, 0.8577)) == "0.81 (0.77-0.86)"


def test_above_one_is_what_prints_as_above_one() -> None:
    """Half a per cent, sure as it may be, is no difference."""
    assert Ratio(1.02, 1.006, 1.03).above_one
    assert not Ratio(1.004, 1.003, 1.005).above_one
    assert not Ratio(1.3, 0.9, 1.9).above_one
