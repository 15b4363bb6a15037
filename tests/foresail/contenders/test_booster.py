"""The panel-wide booster: one model over all series."""

from pathlib import Path

import numpy as np
import pytest

from foresail.contenders.booster import PanelBooster
from foresail.errors import BadInput
from foresail.panel import Panel, SeriesInfo

pytest.importorskip("lightgbm")

DAYS = 30
HOURS = np.arange(DAYS * 24)
RHYTHM = np.sin(HOURS / 24 * 2 * np.pi)


def panel_of(values: np.ndarray) -> Panel:
    """Return a panel of rows of values that starts on New Year."""
    ds = np.datetime64("2026-01-01", "s") + np.arange(values.shape[1]) * np.timedelta64(1, "h")
    return Panel(ds, values, tuple(SeriesInfo(f"s{i}", "cpu") for i in range(len(values))))


def rhythms(*, rows: int = 12) -> np.ndarray:
    """Return daily rhythms of all sizes around ten times their size, with noise."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.3, (rows, len(HOURS)))
    return np.asarray(np.geomspace(1e-3, 1e9, rows)[:, None] * (10 + RHYTHM + noise))


@pytest.fixture(scope="module")
def outcome() -> np.ndarray:
    """Return the quantiles of a forecast of 200 hours, each series in its own size."""
    quantiles = PanelBooster().forecast(panel_of(rhythms()), hours=200).quantiles
    return np.asarray(quantiles / np.geomspace(1e-3, 1e9, 12)[:, None, None])


def test_a_rhythm_is_continued_in_every_unit(outcome: np.ndarray) -> None:
    """From millicores to gigabytes the p50 follows the sine."""
    expected = 10 + np.sin(np.arange(200) / 24 * 2 * np.pi)
    assert np.abs(outcome[:, :, 1] - expected).mean() < 0.1


def test_the_band_is_that_of_the_noise(outcome: np.ndarray) -> None:
    """The mean width of the band is 2.56 sigma within a fifth, and quantiles never cross."""
    assert (np.diff(outcome, axis=2) >= 0).all()
    width = (outcome[:, :, 2] - outcome[:, :, 0]).mean()
    assert abs(width / (2 * 1.2816 * 0.3) - 1) < 0.2


def test_the_order_of_the_rows_and_the_threads_do_not_matter() -> None:
    """The same series in another order, by one thread, get the same numbers."""
    panel = panel_of(rhythms())
    order = [3, 1, 2, 0, *range(11, 3, -1)]
    quantiles = PanelBooster().forecast(panel, hours=30).quantiles
    turned = PanelBooster(threads=1).forecast(panel.select(order), hours=30).quantiles
    np.testing.assert_array_equal(turned, quantiles[order])


def test_a_constant_series_is_its_constant() -> None:
    """Among noisy series, one that never moved is forecast as what it is."""
    values = rhythms()
    values[4] = 7.0
    quantiles = PanelBooster().forecast(panel_of(values), hours=30).quantiles
    assert (quantiles[4] == 7.0).all()


def test_no_forecast_leaves_what_a_series_has_shown_by_far() -> None:
    """After a spike of a thousand times its level, a series stays within 1.5 times its range."""
    values = rhythms()
    values[0, -20] *= 1000
    quantiles = PanelBooster().forecast(panel_of(values), hours=200).quantiles[0]
    span = values[0].max() - values[0].min()
    assert quantiles.max() <= values[0].max() + 0.25 * span
    assert quantiles.min() >= values[0].min() - 0.25 * span


def test_a_month_and_its_slack_are_forecast_in_full() -> None:
    """Hours that are no whole number of days beyond a week are all there."""
    quantiles = PanelBooster().forecast(panel_of(rhythms()), hours=893).quantiles
    assert quantiles.shape == (12, 893, 3)
    assert np.isfinite(quantiles).all()


def test_too_few_series_are_not_learnt_from() -> None:
    """With seven series every row is a failure that says what is missing."""
    outcome = PanelBooster().forecast(panel_of(rhythms(rows=7)), hours=24)
    assert set(outcome.failures) == set(range(7))
    assert outcome.failures[0] == (
        "booster: need 8 series with 168 hourly values within the last 28 days, got 7"
    )
    assert np.isnan(outcome.quantiles).all()


def test_too_short_a_history_is_not_learnt_from() -> None:
    """Eleven days of all series are too few, though the panel begins long before."""
    values = rhythms()
    values[:, : 19 * 24] = np.nan
    outcome = PanelBooster().forecast(panel_of(values), hours=24)
    assert outcome.failures[11] == "booster: need 12 days of history of 8 series, got 11.0"


def test_a_series_with_few_values_fails_alone() -> None:
    """Six days of values are too few for one series; the others are forecast."""
    values = rhythms()
    values[2, : -6 * 24] = np.nan
    outcome = PanelBooster().forecast(panel_of(values), hours=24)
    assert outcome.failures == {
        2: "booster: need 168 hourly values within the last 28 days, got 144"
    }
    assert np.isfinite(np.delete(outcome.quantiles, 2, axis=0)).all()


def test_gaps_are_no_obstacle() -> None:
    """A panel with a third of its values missing, and the whole last day, is forecast."""
    values = rhythms()
    values[np.random.default_rng(1).uniform(size=values.shape) < 0.3] = np.nan
    values[:, -24:] = np.nan
    outcome = PanelBooster().forecast(panel_of(values), hours=200)
    assert np.isfinite(outcome.quantiles).all()


def test_what_was_learnt_forecasts_from_a_later_origin() -> None:
    """Learnt from 24 days, it forecasts from the end of 30 as well as one learnt from all."""
    panel = panel_of(rhythms())
    early = Panel(panel.ds[: 24 * 24], panel.values[:, : 24 * 24], panel.index)
    learnt = PanelBooster().learn(early, hours=24)
    late = learnt.forecast(panel, hours=24).quantiles[:, :, 1]
    assert np.abs(late / np.geomspace(1e-3, 1e9, 12)[:, None] - 10 - RHYTHM[:24]).mean() < 0.15


def test_leads_that_were_not_trained_for_are_unknown() -> None:
    """Learnt for a day, it says nothing of the second one."""
    panel = panel_of(rhythms())
    quantiles = PanelBooster().learn(panel, hours=24).forecast(panel, hours=48).quantiles
    assert np.isfinite(quantiles[:, :24]).all()
    assert np.isnan(quantiles[:, 24:]).all()


def test_what_was_learnt_is_the_same_from_its_files(tmp_path: Path) -> None:
    """To the last bit, for all leads."""
    panel = panel_of(rhythms())
    learnt = PanelBooster().learn(panel, hours=300)
    learnt.save(tmp_path)
    read = PanelBooster().load(tmp_path)
    assert len(read.models) == 3
    np.testing.assert_array_equal(
        read.forecast(panel, hours=300).quantiles, learnt.forecast(panel, hours=300).quantiles
    )


def test_a_booster_that_learnt_nothing_still_says_why(tmp_path: Path) -> None:
    """Its reason is in the files."""
    panel = panel_of(rhythms(rows=7))
    learnt = PanelBooster().learn(panel, hours=24)
    learnt.save(tmp_path)
    assert PanelBooster().load(tmp_path) == learnt


def test_files_that_are_no_booster_are_refused(tmp_path: Path) -> None:
    """Neither an empty folder nor a text of something else is one."""
    with pytest.raises(BadInput, match=r"no booster in .*; learn from the panel again"):
        PanelBooster().load(tmp_path)
    PanelBooster().learn(panel_of(rhythms()), hours=24).save(tmp_path)
    (tmp_path / "segment0-quantile1.txt").write_text("no tree")
    with pytest.raises(BadInput, match="expected a LightGBM model, got: "):
        PanelBooster().load(tmp_path)
