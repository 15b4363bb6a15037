"""Bands stretched by what the backtest missed."""

import numpy as np
import pytest

from foresail.evaluation.calibration import LEAST_WIDTH, Misses, calibrated, factors, stretched
from foresail.evaluation.losses import quantile_loss
from foresail.evaluation.scores import COVERED, HOURS, LOSS, REFERENCE, ScoreBoard
from foresail.horizons import NEXT_WEEK
from foresail.panel import FloatArray, SeriesKey

SCALE = 2.0


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


def test_a_band_that_is_too_narrow_is_stretched_to_what_came() -> None:
    """Of normal errors with deviation 3, nine tenths lie within 1.28 * 3 half-widths a side."""
    errors = np.random.default_rng(0).normal(0, 3, size=(4, 20, 168))
    board, misses, _, _ = backtested(errors)
    found = factors(board, misses, np.zeros(20, dtype=np.int64))
    assert found.mean() == pytest.approx(1.2816 * 3, rel=0.03)


def test_a_band_that_is_right_stays() -> None:
    """With errors that it holds at 80 % the factor is about 1."""
    errors = np.random.default_rng(1).normal(0, 1 / 1.2816, size=(4, 20, 168))
    board, misses, _, _ = backtested(errors)
    found = factors(board, misses, np.zeros(20, dtype=np.int64))
    assert found.mean() == pytest.approx(1.0, abs=0.03)


def test_each_side_is_stretched_by_itself() -> None:
    """Errors that only ever lie above widen the upper side alone."""
    errors = np.abs(np.random.default_rng(2).normal(0, 4, size=(4, 20, 168)))
    board, misses, _, _ = backtested(errors)
    lower, upper = factors(board, misses, np.zeros(20, dtype=np.int64))[0, :, 0].mean(axis=0)
    assert lower < 0.2
    assert upper == pytest.approx(1.6449 * 4, rel=0.05)


def test_the_scores_are_those_of_the_stretched_bands() -> None:
    """Loss and coverage from the counts equal those of each window's stretched quantiles."""
    errors = np.random.default_rng(3).normal(0.5, 2.5, size=(3, 6, 168))
    board, misses, quantiles, scale = backtested(errors)
    alike = np.zeros(6, dtype=np.int64)
    found = calibrated(board, misses, alike)
    for w in range(3):
        factor = factors(board, misses, alike, without=w)[0, :, 0]
        band = stretched(quantiles, factor, scale)
        y = 50 + errors[w]
        loss = (quantile_loss(y, band) / SCALE).sum(axis=1)
        held = ((band[..., 0] <= y) & (y <= band[..., 2])).sum(axis=1)
        assert found.sums[0, w, :, 0, LOSS] == pytest.approx(loss, rel=0.02)
        assert found.sums[0, w, :, 0, COVERED] == pytest.approx(held, abs=4)
        assert (found.sums[0, w, :, 0, HOURS] == 168).all()


def test_a_window_does_not_calibrate_itself() -> None:
    """A window that was wild is scored with the calm of the others."""
    errors = np.random.default_rng(4).normal(0, 1 / 1.2816, size=(3, 1, 168))
    errors[0] *= 10
    board, misses, _, _ = backtested(errors)
    alike = np.zeros(1, dtype=np.int64)
    scored = calibrated(board, misses, alike).sums[0, :, 0, 0, COVERED] / 168
    assert scored[0] < 0.25
    assert factors(board, misses, alike, without=0).max() < 1.3


def test_a_series_without_windows_takes_the_panels() -> None:
    """Nothing measured of its own: the factor is nearly the others'."""
    errors = np.random.default_rng(5).normal(0, 3, size=(3, 20, 168))
    errors[:, 7] = np.nan
    board, misses, _, _ = backtested(errors)
    found = factors(board, misses, np.zeros(20, dtype=np.int64))[0, :, 0]
    others = np.delete(found, 7, axis=0).mean()
    assert found[7].mean() == pytest.approx(others, rel=0.2)


def test_nothing_measured_leaves_the_band() -> None:
    """Without any window of anybody the factor is 1."""
    board, misses, quantiles, scale = backtested(np.full((3, 4, 168), np.nan))
    found = factors(board, misses, np.zeros(4, dtype=np.int64))
    assert found == pytest.approx(np.ones_like(found), abs=1e-6)
    assert stretched(quantiles, found[0, :, 0], scale) == pytest.approx(quantiles, abs=1e-5)


def test_a_band_of_no_width_can_be_stretched() -> None:
    """It counts as a share of the series' mean daily change."""
    errors = np.random.default_rng(6).normal(0, 0.3, size=(3, 10, 168))
    board, misses, quantiles, scale = backtested(errors, width=0.0)
    found = factors(board, misses, np.zeros(10, dtype=np.int64))[0, :, 0]
    band = stretched(quantiles, found, scale)
    assert (band[:, 0, 2] - 50).mean() == pytest.approx(1.2816 * 0.3, rel=0.06)
    assert found.mean() == pytest.approx(1.2816 * 0.3 / (LEAST_WIDTH * SCALE), rel=0.06)
