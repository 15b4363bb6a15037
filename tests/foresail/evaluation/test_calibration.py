"""Bands stretched by what the backtest missed."""

import numpy as np
import pytest

from foresail.evaluation import calibration
from foresail.evaluation.calibration import (
    LEAST_WIDTH,
    STRENGTH,
    Misses,
    Shares,
    calibrated,
    factors,
    half_width,
    stretched,
)
from foresail.evaluation.losses import quantile_loss
from foresail.evaluation.scores import COVERED, ERROR, HOURS, LOSS, REFERENCE, ScoreBoard
from foresail.horizons import NEXT_DAY, NEXT_WEEK
from foresail.panel import FloatArray, IntArray, SeriesKey

SCALE = 2.0
WEEK = np.array([168])
RIGHT = 1 / 1.2816
"""Deviation of normal errors whose middle 80 % a band of one to each side holds."""


def backtested(
    errors: FloatArray, *, width: float = 1.0
) -> tuple[ScoreBoard, Misses, FloatArray, FloatArray]:
    """Return scores and misses of a forecast of 50 +- width; errors of shape `(W, N, 168)`."""
    windows, series, hours = errors.shape
    keys = [SeriesKey(f"s{i}", "cpu") for i in range(series)]
    board = ScoreBoard.empty([REFERENCE], keys, [NEXT_WEEK], windows=windows)
    misses = Misses.empty(board)
    quantiles = np.broadcast_to([50 - width, 50, 50 + width], (series, hours, 3))
    scale, rows = np.full(series, SCALE), np.arange(series)
    for w in range(windows):
        told = {"y": 50 + errors[w], "quantiles": quantiles, "scale": scale}
        board.record(0, w, rows.tolist(), **told)
        misses.record(board, 0, w, rows, **told)
    return board, misses, quantiles, scale


def one_kind(series: int) -> IntArray:
    """Return the groups of series that are all alike."""
    return np.zeros(series, dtype=np.int64)


def wanted(misses: Misses, *, without: int | None = None) -> FloatArray:
    """Return the factors `(N, 2)` that would have held what they say: the whole way."""
    alike = one_kind(misses.counts.shape[2])
    shares = Shares.of(misses, alike, groups=1)
    found = factors(misses, shares, alike, hours=WEEK, without=without)
    return np.asarray(found[0, :, 0] ** (1 / STRENGTH))


def normal(deviation: float, *, seed: int, windows: int = 4, series: int = 20) -> FloatArray:
    """Return errors of weeks."""
    return np.random.default_rng(seed).normal(0, deviation, size=(windows, series, 168))


def test_a_band_that_is_too_narrow_is_stretched_towards_what_came() -> None:
    """Of normal errors with deviation 3, nine tenths lie within 1.28 * 3 half-widths a side."""
    _, misses, _, _ = backtested(normal(3, seed=0))
    assert wanted(misses).mean() == pytest.approx(1.2816 * 3, rel=0.03)


def test_the_way_is_gone_in_part() -> None:
    """On a log scale as far as `STRENGTH` says: further than nowhere, not all of it."""
    _, misses, _, _ = backtested(normal(3, seed=0))
    shares = Shares.of(misses, one_kind(20), groups=1)
    found = factors(misses, shares, one_kind(20), hours=WEEK)
    assert 0 < STRENGTH <= 1
    assert found.mean() == pytest.approx((1.2816 * 3) ** STRENGTH, rel=0.03)
    assert found.shape == (1, 20, 1, 2)


def test_a_band_that_is_right_stays() -> None:
    """With errors that it holds at 80 % the factor is about 1."""
    _, misses, _, _ = backtested(normal(RIGHT, seed=1))
    assert wanted(misses).mean() == pytest.approx(1.0, abs=0.03)


def test_a_band_that_is_too_wide_is_narrowed() -> None:
    """Errors of a tenth of it leave a fifth of it and less."""
    _, misses, _, _ = backtested(normal(RIGHT / 10, seed=1))
    assert (wanted(misses) < 0.2).all()


def test_each_side_is_stretched_by_itself() -> None:
    """Errors that only ever lie above widen the upper side alone."""
    _, misses, _, _ = backtested(np.abs(normal(4, seed=2)))
    lower, upper = wanted(misses).mean(axis=0)
    assert lower < 0.2
    assert upper == pytest.approx(1.6449 * 4, rel=0.05)


def test_the_scores_are_those_of_the_stretched_bands() -> None:
    """Loss and coverage from the counts equal those of each window's stretched quantiles."""
    errors = normal(2.5, seed=3, windows=3, series=6) + 0.5
    board, misses, quantiles, scale = backtested(errors)
    alike = one_kind(6)
    shares = Shares.of(misses, alike, groups=1)
    found = calibrated(board, misses, shares, alike, hours=WEEK)
    for w in range(3):
        factor = factors(misses, shares, alike, hours=WEEK, without=w)[0, :, 0]
        band = stretched(quantiles, factor, scale)
        y = 50 + errors[w]
        loss = (quantile_loss(y, band) / SCALE).sum(axis=1)
        held = ((band[..., 0] <= y) & (y <= band[..., 2])).sum(axis=1)
        assert found.sums[0, w, :, 0, LOSS] == pytest.approx(loss, rel=0.02)
        assert found.sums[0, w, :, 0, COVERED] == pytest.approx(held, abs=4)
    np.testing.assert_array_equal(found.sums[..., HOURS], 168.0)
    np.testing.assert_array_equal(found.sums[..., ERROR], board.sums[..., ERROR])
    np.testing.assert_array_equal(found.naive, board.naive)


def test_what_was_not_scored_stays_so() -> None:
    """A window in which nothing was seen has no loss, however bands are stretched."""
    errors = normal(3, seed=3, windows=3, series=6)
    errors[1, 2] = np.nan
    board, misses, _, _ = backtested(errors)
    shares = Shares.of(misses, one_kind(6), groups=1)
    found = calibrated(board, misses, shares, one_kind(6), hours=WEEK)
    assert not found.sums[0, 1, 2].any()
    assert found.sums[0, 0, 2, 0, LOSS] > 0


def test_a_window_does_not_calibrate_itself() -> None:
    """A window that was wild is scored with the calm of the others."""
    errors = normal(RIGHT, seed=4, windows=3, series=1)
    errors[0] *= 10
    board, misses, _, _ = backtested(errors)
    shares = Shares.of(misses, one_kind(1), groups=1)
    found = calibrated(board, misses, shares, one_kind(1), hours=WEEK)
    covered = found.sums[0, :, 0, 0, COVERED] / 168
    assert covered[0] < 0.25
    assert wanted(misses, without=0).max() < 1.3
    assert wanted(misses).max() > 3


def test_another_windows_own_misses_do_not_calibrate_it() -> None:
    """Whatever a window saw, its factors are the same."""
    calm, wild = (normal(2, seed=4, windows=3, series=4) for _ in range(2))
    wild[1] *= 30
    one, other = (wanted(backtested(errors)[1], without=1) for errors in (calm, wild))
    np.testing.assert_array_equal(one, other)


def test_a_series_without_windows_takes_the_panels() -> None:
    """Nothing measured of its own: the factor is nearly the others'."""
    errors = normal(3, seed=5, windows=3)
    errors[:, 7] = np.nan
    found = wanted(backtested(errors)[1])
    assert found[7].mean() == pytest.approx(np.delete(found, 7, axis=0).mean(), rel=0.2)


def test_the_panels_misses_count_as_so_many_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """One calm series among 19 that were missed by far: with none it goes its own way."""
    errors = normal(RIGHT * 5, seed=6, windows=6)
    errors[:, 7] /= 5
    _, misses, _, _ = backtested(errors)
    for count, factor in ((0.0, 1.0), (1000.0, 5.0)):
        monkeypatch.setattr(calibration, "PANEL_WINDOWS", count)
        assert wanted(misses)[7].mean() == pytest.approx(factor, rel=0.1)


def test_only_series_of_a_group_lend_each_other_their_misses() -> None:
    """Two series without windows, each in the group of others: missed by 5 widths, and by 1."""
    errors = normal(RIGHT, seed=7, windows=3, series=12)
    errors[:, :6] *= 5
    errors[:, [0, 6]] = np.nan
    _, misses, _, _ = backtested(errors)
    alike = np.repeat([1, 0], 6)
    shares = Shares.of(misses, alike, groups=3)
    assert shares.counts.shape[:3] == (3, 1, 3)
    assert shares.counts.sum(axis=(1, 2, 3, 4, 5)).tolist() == [5 * 3 * 336, 5 * 3 * 336, 0]
    found = factors(misses, shares, alike, hours=WEEK)[0, :, 0].mean(axis=1) ** (1 / STRENGTH)
    assert found[0] == pytest.approx(5, rel=0.2)
    assert found[6] == pytest.approx(1, rel=0.2)


def test_shares_serve_series_that_they_were_not_learnt_from() -> None:
    """A series without windows in another part of the panel takes what the first part missed."""
    _, misses, _, _ = backtested(normal(3, seed=8))
    _, unmeasured, _, _ = backtested(np.full((4, 2, 168), np.nan))
    shares = Shares.of(misses, one_kind(20), groups=1)
    found = factors(unmeasured, shares, one_kind(2), hours=WEEK) ** (1 / STRENGTH)
    assert found.mean() == pytest.approx(1.2816 * 3, rel=0.2)


def test_nothing_measured_leaves_the_band() -> None:
    """Without any window of anybody, or any window at all, the factor is 1."""
    for errors in (np.full((3, 4, 168), np.nan), np.zeros((0, 4, 168))):
        _, misses, quantiles, scale = backtested(errors)
        assert wanted(misses) == pytest.approx(np.ones((4, 2)), abs=1e-6)
        assert stretched(quantiles, wanted(misses), scale) == pytest.approx(quantiles, abs=1e-5)


def test_one_day_is_heard() -> None:
    """All its hours lay ten half-widths above: the upper side goes there, the lower one nowhere."""
    board = ScoreBoard.empty([REFERENCE], [SeriesKey("s", "cpu")], [NEXT_DAY], windows=1)
    misses = Misses.empty(board)
    quantiles = np.broadcast_to([49.0, 50.0, 51.0], (1, 24, 3))
    told = {"y": np.full((1, 24), 60.0), "quantiles": quantiles, "scale": np.array([SCALE])}
    board.record(0, 0, [0], **told)
    misses.record(board, 0, 0, np.array([0]), **told)
    nobody = Shares(np.zeros_like(Shares.of(misses, one_kind(1), groups=1).counts))
    found = factors(misses, nobody, one_kind(1), hours=np.array([24])) ** (1 / STRENGTH)
    lower, upper = found[0, 0, 0]
    assert lower == pytest.approx(1, rel=0.2)
    assert upper == pytest.approx(10, rel=0.2)


def test_segments_are_calibrated_by_themselves() -> None:
    """A band that is right for a day and five times too narrow for the rest of the week."""
    keys = [SeriesKey(f"s{i}", "cpu") for i in range(10)]
    board = ScoreBoard.empty([REFERENCE], keys, [NEXT_DAY, NEXT_WEEK], windows=4)
    misses, rows = Misses.empty(board), np.arange(10)
    quantiles = np.broadcast_to([49.0, 50.0, 51.0], (10, 168, 3))
    for w, errors in enumerate(normal(RIGHT, seed=9, series=10)):
        errors[:, 24:] *= 5
        told = {"y": 50 + errors, "quantiles": quantiles, "scale": np.full(10, SCALE)}
        board.record(0, w, rows.tolist(), **told)
        misses.record(board, 0, w, rows, **told)
    shares = Shares.of(misses, one_kind(10), groups=1)
    found = factors(misses, shares, one_kind(10), hours=np.array([24, 144])) ** (1 / STRENGTH)
    assert found.mean(axis=(0, 1, 3)) == pytest.approx([1, 5], rel=0.1)


def test_a_band_of_no_width_can_be_stretched() -> None:
    """It counts as a share of the series' mean daily change."""
    _, misses, quantiles, scale = backtested(normal(0.3, seed=6, windows=3, series=10), width=0.0)
    assert half_width(quantiles, 2, scale) == pytest.approx(np.full((10, 168), LEAST_WIDTH * SCALE))
    band = stretched(quantiles, wanted(misses), scale)
    assert (band[:, 0, 2] - 50).mean() == pytest.approx(1.2816 * 0.3, rel=0.06)
    assert wanted(misses).mean() == pytest.approx(1.2816 * 0.3 / (LEAST_WIDTH * SCALE), rel=0.06)


def test_the_middle_is_not_moved() -> None:
    """Two half-widths below and three above; without a scale the band's own width counts."""
    quantiles = np.array([[[48.0, 50.0, 51.0]]])
    band = stretched(quantiles, np.array([[2.0, 3.0]]), np.array([np.nan]))
    assert band.tolist() == [[[46.0, 50.0, 53.0]]]
