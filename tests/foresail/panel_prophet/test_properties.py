"""What must hold of the engine for any series, whatever its kind, its gaps and its company."""

from typing import Any

import numpy as np
from factories import kinds
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from foresail.panel import FloatArray, Panel
from foresail.panel_prophet import PanelProphet

few = settings(max_examples=8, deadline=None, derandomize=True)
LEVELS = (0.1, 0.5, 0.9)
NAMES = st.sampled_from(tuple(kinds.KINDS))
NOISY = st.sampled_from(tuple(kind for kind in kinds.KINDS if kind != "low_noise"))
SEEDS = st.integers(0, 1000)


def one(kind: str, seed: int, *, days: int = 16) -> FloatArray:
    """Return one series of 16 days, long enough for a weekly rhythm, shape `(1, T)`."""
    return kinds.series(kind, days=days, seed=seed)[None]


def forecast(known: Panel, **keywords: Any) -> FloatArray:
    """Return the 48 hours after a panel: shape `(N, 48, 3)`."""
    return np.asarray(PanelProphet(**keywords).fit(known).predict(48, quantiles=LEVELS))


def apart(a: FloatArray, b: FloatArray, values: FloatArray) -> float:
    """Return the greatest difference of two forecasts, as a share of the series' greatest value."""
    scale = np.nanmax(np.abs(values), axis=1)
    return float((np.abs(a - b).max(axis=(1, 2)) / scale).max())


@few
@given(kind=NAMES, seed=SEEDS, lost=st.lists(st.integers(0, 383), min_size=1, max_size=150))
def test_gaps_of_its_own_fit_alike_in_any_company(kind: str, seed: int, lost: list[int]) -> None:
    """A series with any gaps has the same forecast alone and between complete series."""
    holed = one(kind, seed)
    holed[0, lost] = np.nan
    assume(np.isfinite(holed).sum() > 100)
    company = [one("daily", 1), holed, one("leak", 2), one("gaps", 3)]
    alone = forecast(kinds.of(holed))
    among = forecast(kinds.of(np.concatenate(company)))[1:2]
    assert apart(alone, among, holed) <= 1e-9


@few
@given(kind=NOISY, seed=SEEDS, factor=st.sampled_from([1e-9, 1e-3, 0.7, 37.0, 1e6, 1e12]))
def test_another_unit_scales_the_forecast(kind: str, seed: int, factor: float) -> None:
    """Values in another unit give the same forecast in that unit, to 1e-8."""
    values = one(kind, seed)
    scaled = forecast(kinds.of(values * factor))
    assert apart(scaled, forecast(kinds.of(values)) * factor, values * factor) <= 1e-8


@few
@given(kind=NOISY, seed=SEEDS)
def test_the_mirror_image_mirrors_the_forecast(kind: str, seed: int) -> None:
    """Every prior is symmetric: the p10 of -y is less the p90 of y, to 1e-8."""
    values = one(kind, seed)
    mirrored = -forecast(kinds.of(-values))[:, :, ::-1]
    assert apart(mirrored, forecast(kinds.of(values)), values) <= 1e-8


@few
@given(kind=NOISY, seed=SEEDS, shift=st.sampled_from([0.5, 2.0]))
def test_a_constant_matters_only_to_the_scale(kind: str, seed: int, shift: float) -> None:
    """Between least and greatest value the level is nothing: y + c is forecast c higher, to 1e-8.

    With Prophet's default, the greatest absolute value, it is not so: the scale changes.
    """
    values = one(kind, seed)
    level = shift * np.nanmax(values)
    lifted = forecast(kinds.of(values + level), scaling="minmax") - level
    assert apart(lifted, forecast(kinds.of(values), scaling="minmax"), values) <= 1e-8


@few
@given(kind=NOISY, seed=SEEDS, weeks=st.integers(-200, 500))
def test_whole_weeks_later_is_the_same(kind: str, seed: int, weeks: int) -> None:
    """Moved by whole weeks, a series of daily and weekly rhythms is forecast the same, to 1e-6."""
    here = kinds.of(one(kind, seed))
    moved = Panel(here.ds + np.timedelta64(7 * weeks, "D"), here.values, here.index)
    assert apart(forecast(moved), forecast(here), here.values) <= 1e-6


@few
@given(seed=SEEDS, order=st.permutations(range(16)))
def test_order_is_irrelevant(seed: int, order: list[int]) -> None:
    """Each series has the same forecast at any place in the panel."""
    known = kinds.panel(days=16, seed=seed)
    mixed = forecast(known.select(order))
    assert apart(mixed, forecast(known)[order], known.values[order]) <= 1e-10


@few
@given(kind=NAMES, seed=SEEDS, copies=st.integers(2, 9))
def test_equal_series_have_equal_forecasts(kind: str, seed: int, copies: int) -> None:
    """Copies of one series, among others, are given one answer."""
    values = one(kind, seed)
    between = [one("step", 1), values, one("gaps", 2)]
    found = forecast(kinds.of(np.concatenate(between * copies)))[1::3]
    assert apart(found, found[:1].repeat(copies, axis=0), values.repeat(copies, axis=0)) <= 1e-10


@few
@given(kind=NOISY, seed=SEEDS)
def test_half_the_memory_is_enough(kind: str, seed: int) -> None:
    """Values stored as float32 give the same forecast to 1e-6 of the scale."""
    exact = kinds.of(one(kind, seed))
    stored = Panel(exact.ds, exact.values.astype(np.float32), exact.index)
    assert apart(forecast(stored), forecast(exact), exact.values) <= 1e-6


@few
@given(
    kind=NAMES,
    seed=SEEDS,
    bad=st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1e300, 1e-300]),
    at=st.integers(0, 2),
)
def test_a_bad_series_spoils_no_other(kind: str, seed: int, bad: float, at: int) -> None:
    """Beside a series of one strange value throughout, the others are forecast as without it."""
    good = np.concatenate([one(kind, seed), one("trend", seed)])
    mixed = np.insert(good, at, bad, axis=0)
    kept = np.delete(forecast(kinds.of(mixed)), at, axis=0)
    assert apart(kept, forecast(kinds.of(good)), good) <= 1e-10


@few
@given(kind=NAMES, seed=SEEDS)
def test_quantiles_never_cross(kind: str, seed: int) -> None:
    """At every hour a higher level has a value at least as high, and the middle is half-way."""
    found = forecast(kinds.of(one(kind, seed)))
    assert np.isfinite(found).all()
    assert (np.diff(found, axis=2) >= 0).all()
    assert apart(found[:, :, :1] + found[:, :, 2:], 2 * found[:, :, 1:2], one(kind, seed)) <= 1e-9
