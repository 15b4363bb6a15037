"""The table against the law that it interpolates."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

from foresail.panel import FloatArray
from foresail.panel_prophet.quantile_table import MANY, Place, QuantileTable, quantile_table
from foresail.panel_prophet.spread import RATIOS, spread_quantiles

EVERY_RATIO = np.log(RATIOS)[:, None]


def place(p: float, step: int, hours: int = 1) -> Place:
    """Return the place of one series."""
    return Place.of(np.array([p]), np.array([step]), range(hours))


def exact(p: float, step: int, level: float) -> FloatArray:
    """Return the law's own quantiles."""
    return spread_quantiles(np.array([-step * np.log1p(-p)]), steps=step, level=level)[0]


@pytest.mark.parametrize(("level", "worst"), [(0.6, 1e-4), (0.9, 4e-4), (0.975, 2e-3)])
def test_between_tabulated_places_the_law_is_met(level: float, worst: float) -> None:
    """Any p and step are good to a part of the width where noise is a tenth of the changes."""
    chance = np.random.default_rng(1)
    for p in np.exp(chance.uniform(np.log(1e-3), np.log(0.5), 60)):
        step = int(np.exp(chance.uniform(0, np.log(1000))))
        law = exact(p, step, level)
        error = np.abs(quantile_table(level).at(place(p, step), EVERY_RATIO.copy())[:, 0] - law)
        assert (error / law)[RATIOS >= 0.1].max() < worst
        assert error.max() < 0.01


def test_between_tabulated_ratios_the_law_is_met() -> None:
    """A ratio between two columns gives what a direct inversion gives, to 2e-4."""
    found = quantile_table(0.9).at(place(25 / 719, 168), np.log([[0.29], [0.731], [2.3]]))
    # by Gil-Pelaez inversion of the characteristic function
    np.testing.assert_allclose(found[:, 0], [1.195792, 1.232796, 1.278333], atol=2e-4)


def test_no_change_and_no_noise_share_the_edges() -> None:
    """Outside the ratios: noise alone is exactly normal; hardly any noise is the nearest ratio."""
    found = quantile_table(0.9).at(place(0.03, 50), np.array([[800.0], [-800.0], [np.log(1e-4)]]))
    assert found[0, 0] == ndtri(0.9)
    assert found[1, 0] == found[2, 0]


@pytest.mark.parametrize("p", [0.0, 1e-300, 1e-9])
def test_a_chance_next_to_nothing_is_noise_alone(p: float) -> None:
    """The table has no smallest p."""
    found = quantile_table(0.9).at(place(p, 5), np.array([[0.0]]))
    assert found[0, 0] * np.sqrt(2) == pytest.approx(1.2815515655446004, rel=1e-4)


def test_a_change_at_each_step_is_a_sum_of_laplace_laws() -> None:
    """For p = 1 and one step the 0.9 quantile of a Laplace law is its size times log(5)."""
    found = quantile_table(0.9).at(place(1.0, 1), np.array([[-20.0]]))
    assert found[0, 0] == pytest.approx(np.log(5) / np.sqrt(2), abs=1e-4)


@given(st.floats(1e-6, 1), st.integers(1, 10_000), st.floats(-12, 8), st.floats(0.5005, 0.9998))
@settings(max_examples=60, deadline=None)
def test_a_wider_level_lies_further_out(
    p: float, step: int, log_ratio: float, level: float
) -> None:
    """Wherever one looks, the quantile is positive and ascends with the level."""
    at = np.array([[log_ratio]])
    inner = QuantileTable(level).at(place(p, step), at)[0, 0]
    outer = QuantileTable(level + 1e-4).at(place(p, step), at)[0, 0]
    assert 0 < inner < outer


def test_series_of_one_law_get_what_each_gets_alone() -> None:
    """The table of their own that many series share changes nothing beyond rounding."""
    law, hours = 25 / 1439, 100
    log_ratio = np.random.default_rng(2).normal(0, 2, (MANY, hours))
    together = quantile_table(0.9).at(place(law, 3, hours), log_ratio)
    alone = [quantile_table(0.9).at(place(law, 3, hours), row[None]) for row in log_ratio]
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=1e-13)


def test_what_was_asked_for_before_does_not_matter() -> None:
    """A table that grew in another order holds the same numbers."""
    first, second = QuantileTable(0.8), QuantileTable(0.8)
    log_ratio = np.zeros((1, 300))
    near, far = place(0.02, 1, 300), place(0.3, 40, 300)
    first.at(near, log_ratio)
    second.at(far, log_ratio)
    for where in (near, far):
        np.testing.assert_allclose(
            first.at(where, log_ratio), second.at(where, log_ratio), rtol=1e-13
        )


def test_threads_may_share_a_table() -> None:
    """Two threads that grow it at once both read right numbers."""
    table, log_ratio = QuantileTable(0.7), np.zeros((1, 500))
    expected = QuantileTable(0.7).at(place(0.02, 1, 500), log_ratio)
    found: list[FloatArray] = []
    threads = [
        threading.Thread(target=lambda: found.append(table.at(place(0.02, 1, 500), log_ratio)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_allclose(found, [expected] * 4, rtol=1e-13)
