"""Statistics of series that have masks of their own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresail.panel import BoolArray, FloatArray
from foresail.panel_prophet.changepoints import Spans, spans_of
from foresail.panel_prophet.moments import Grid, own_gram, scaled, standardize_columns
from foresail.panel_prophet.specification import Specification

ROWS = 90
PRECISION = np.array([0.04, 0.04, 0.01, 0.01, 0.01])
FEATURES = np.random.default_rng(5).normal(size=(ROWS, 3))


def dense(spans: Spans, i: int) -> FloatArray:
    """Return the design matrix of one series, written out."""
    rows = np.flatnonzero(spans.known[i])
    t = (rows - rows[0]) / (rows[-1] - rows[0])
    bends = np.maximum(t[:, None] - spans.bend_times[i], 0)
    return np.column_stack([t, np.ones(rows.size), FEATURES[rows], bends])


def masks(seed: int, series: int = 6) -> BoolArray:
    """Return masks with late starts, early ends, outages and single gaps; two values at least."""
    rng = np.random.default_rng(seed)
    known = (
        rng.uniform(size=(series, ROWS)) > rng.choice([0.0, 0.05, 0.5, 0.93], size=series)[:, None]
    )
    for row in known:
        row[: rng.integers(0, 40)] = False
        row[ROWS - rng.integers(1, 30) :] = False
        at = rng.integers(0, ROWS - 20)
        row[at : at + rng.integers(0, 20)] = False
        row[[41, 58]] = True
    return known


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.sampled_from([0, 1, 7, 25]))
def test_statistics_equal_those_of_the_written_out_design(seed: int, changepoints: int) -> None:
    """Gram matrix and moments equal Z'Z and Z'y, whatever the gaps."""
    known = masks(seed)
    spans = spans_of(Specification(n_changepoints=changepoints), known, None)
    y = np.where(known, np.random.default_rng(seed).normal(size=known.shape), np.nan)
    seen, _ = scaled(y, known, minmax=False)
    gram, moments = own_gram(Grid.of(FEATURES), spans, seen, PRECISION, sloped=True)
    for i in range(len(known)):
        z = dense(spans, i)
        assert gram.matrix[:, :, i] == pytest.approx(z.T @ z, abs=1e-9)
        assert moments[:, i] == pytest.approx(z.T @ seen[i, known[i]], abs=1e-9)


def test_given_changepoints_may_fall_between_rows_and_into_gaps() -> None:
    """Their columns start where they stand, not at the next row."""
    known = masks(3)
    spans = spans_of(Specification(changepoints=()), known, np.array([42.5, 43.0, 57.25]))
    seen = np.where(known, 1.0, 0.0)
    gram, _ = own_gram(Grid.of(FEATURES), spans, seen, PRECISION, sloped=True)
    for i in range(len(known)):
        z = dense(spans, i)
        assert gram.matrix[:, :, i] == pytest.approx(z.T @ z, abs=1e-9)


def test_without_slopes_only_level_and_features_are_left() -> None:
    """Flat growth keeps the block of level and features."""
    known = masks(4)
    spans = spans_of(Specification(), known, None)
    seen = np.where(known, 0.5, 0.0)
    gram, moments = own_gram(Grid.of(FEATURES), spans, seen, PRECISION[1:], sloped=False)
    z = dense(spans, 2)[:, 1:5]
    assert gram.matrix[:, :, 2] == pytest.approx(z.T @ z, abs=1e-9)
    assert moments[:, 2] == pytest.approx(z.T @ seen[2, known[2]], abs=1e-9)


def test_a_column_is_standardised_for_each_series() -> None:
    """Replacing x by (x - centre) / scale equals doing so in the design."""
    known = masks(8)
    spans = spans_of(Specification(), known, None)
    seen = np.where(known, np.random.default_rng(0).normal(size=known.shape), 0.0)
    gram, moments = own_gram(Grid.of(FEATURES), spans, seen, PRECISION, sloped=True)
    centre, scale = np.arange(6.0) - 2, np.arange(6.0) + 0.5
    standardize_columns(gram, moments, 3, centre, scale, level=1)
    for i in range(6):
        z = dense(spans, i)
        z[:, 3] = (z[:, 3] - centre[i]) / scale[i]
        assert gram.matrix[:, :, i] == pytest.approx(z.T @ z, abs=1e-9)
        assert moments[:, i] == pytest.approx(z.T @ seen[i, known[i]], abs=1e-9)


@pytest.mark.parametrize("minmax", [False, True])
def test_scaling_is_undone_by_what_it_returns(*, minmax: bool) -> None:
    """(seen + mean) * scale + floor gives the values back; a gap is zero."""
    known = masks(9)
    values = np.where(known, np.random.default_rng(2).normal(5, 3, size=known.shape), np.nan)
    seen, scaling = scaled(values, known, minmax=minmax)
    back = (seen + scaling.mean[:, None]) * scaling.scale[:, None] + scaling.floor[:, None]
    assert back[known] == pytest.approx(values[known], rel=1e-12)
    assert (seen[~known] == 0).all()
    assert seen.sum(axis=1) == pytest.approx(np.zeros(6), abs=1e-12)


def test_a_complete_block_is_scaled_like_one_with_a_mask() -> None:
    """No mask, and a mask without gaps, give the same numbers."""
    values = np.random.default_rng(3).normal(size=(4, 50)).astype(np.float32)
    alone, _ = scaled(values, None, minmax=False)
    masked, _ = scaled(values, np.ones((4, 50), dtype=bool), minmax=False)
    assert alone == pytest.approx(masked, abs=1e-15)
