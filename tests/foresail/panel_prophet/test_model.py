"""The public face: fit, predict, cross_validate, report, select, save and load."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foresail.errors import BadInput, NotFound, UsageError
from foresail.panel import FloatArray, Panel, SeriesInfo
from foresail.panel_prophet import PanelProphet

START = np.datetime64("2026-01-05T00:00:00")


def panel_of(values: FloatArray, *, minutes: int = 60) -> Panel:
    """Return a panel of these rows from START on."""
    ds = START + np.arange(values.shape[1]) * np.timedelta64(minutes, "m")
    index = tuple(SeriesInfo(f"shop-{i}", "cpu") for i in range(len(values)))
    return Panel(ds.astype("datetime64[s]"), values, index)


def usage(series: int = 20, hours: int = 24 * 21, *, seed: int = 0) -> FloatArray:
    """Return daily waves on trends with a bend; every third series has gaps of its own."""
    rng = np.random.default_rng(seed)
    at = np.arange(hours)
    bend = np.maximum(at - rng.integers(50, 400, size=(series, 1)), 0) / hours
    waves = np.sin(2 * np.pi * (at / 24 + rng.uniform(size=(series, 1))))
    values = (
        3 + bend * rng.normal(size=(series, 1)) + waves + 0.2 * rng.normal(size=(series, hours))
    )
    for i in range(0, series, 3):
        values[i, rng.uniform(size=hours) < 0.05] = np.nan
        values[i, : rng.integers(0, 60)] = np.nan
    return values


PANEL = panel_of(usage())


def test_importing_it_loads_numpy_and_scipy_only() -> None:
    """Neither Prophet nor pandas nor matplotlib is loaded before a fallback or an export."""
    code = (
        "import sys, foresail.panel_prophet; "
        "print([n for n in ('prophet', 'cmdstanpy', 'matplotlib', 'pandas', 'holidays') "
        "if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_forecast_has_the_shape_and_order_asked_for() -> None:
    """(N, steps, Q), finite, ascending levels ascending."""
    found = PanelProphet().fit(PANEL).predict(48, (0.05, 0.5, 0.9, 0.95))
    assert found.shape == (20, 48, 4)
    assert np.isfinite(found).all()
    assert (np.diff(found, axis=2) >= 0).all()


def test_a_finer_grid_has_more_steps() -> None:
    """On a 5-minute grid an hour is 12 steps."""
    values = np.repeat(usage(3, 24 * 5), 12, axis=1)
    assert PanelProphet().fit(panel_of(values, minutes=5)).predict(2).shape == (3, 24, 3)


def test_equal_calls_give_equal_numbers() -> None:
    """Nothing is drawn."""
    model = PanelProphet().fit(PANEL)
    assert np.array_equal(model.predict(48), PanelProphet().fit(PANEL).predict(48))


def test_the_forecast_follows_from_the_parameters() -> None:
    """p50 is trend plus waves, written out from `parameters` and Prophet's formulas."""
    model = PanelProphet().fit(PANEL)
    row = 3
    found, design = model.parameters(row), model.design(row)
    known = np.flatnonzero(np.isfinite(PANEL.values[row]))
    t = (len(PANEL.ds) + np.arange(24) - known[0]) / (known[-1] - known[0])
    trend = found.k * t + found.m
    trend = trend + np.maximum(t[:, None] - design.changepoints_t, 0) @ found.delta
    seconds = (PANEL.ds[-1] + np.arange(1, 25) * np.timedelta64(3600, "s")).astype(np.int64)
    waves = np.zeros(24)
    for name, value in found.beta.items():
        kind, number = name.split("_delim_")
        period = {"daily": 1, "weekly": 7}[kind]
        angle = 2 * np.pi * ((int(number) + 1) // 2) / period * (seconds / 86400)
        waves += value * (np.sin(angle) if int(number) % 2 else np.cos(angle))
    expected = (trend + waves) * design.y_scale
    assert model.predict(24, (0.5,))[row, :, 0] == pytest.approx(expected, rel=1e-10)


def test_a_cutoff_is_a_fit_that_knows_no_more() -> None:
    """`cross_validate` gives what a fit of the shortened panel gives, and what came after."""
    cutoffs = [PANEL.ds[24 * 17 - 1], PANEL.ds[24 * 20 - 1]]
    found = PanelProphet().fit(PANEL).cross_validate(cutoffs, 48)
    assert found.quantiles.shape == (2, 20, 48, 3)
    for c, rows in enumerate((24 * 17, 24 * 20)):
        past = Panel(PANEL.ds[:rows], PANEL.values[:, :rows], PANEL.index)
        expected = PanelProphet().fit(past).predict(48)
        assert found.quantiles[c] == pytest.approx(expected, rel=1e-10)
    assert np.array_equal(found.y[0], PANEL.values[:, 24 * 17 : 24 * 19], equal_nan=True)
    assert np.isnan(found.y[1, :, 24:]).all()


def test_a_cutoff_keeps_the_seasonalities_of_the_whole() -> None:
    """Weekly waves stay on where less than two weeks are left, as in Prophet's own."""
    model = PanelProphet().fit(PANEL)
    cutoff = PANEL.ds[24 * 10]
    found = model.cross_validate([cutoff], 24).quantiles[0]
    past = Panel(PANEL.ds[: 24 * 10 + 1], PANEL.values[:, : 24 * 10 + 1], PANEL.index)
    forced = PanelProphet(weekly_seasonality=True).fit(past).predict(24)
    assert found == pytest.approx(forced, rel=1e-10)


@pytest.mark.parametrize("place", [0, -1])
def test_a_cutoff_without_past_or_future_is_refused(place: int) -> None:
    """It must leave two rows before it and one after."""
    with pytest.raises(UsageError, match="must leave two rows before it and one after"):
        PanelProphet().fit(PANEL).cross_validate([PANEL.ds[place]], 24)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    """Forecast, report and parameters come back the same; the files hold no pickle."""
    model = PanelProphet(changepoint_prior_scale=0.3).fit(PANEL)
    model.save(tmp_path / "m")
    again = PanelProphet.load(tmp_path / "m")
    assert np.array_equal(again.predict(24), model.predict(24))
    assert again.report == model.report
    assert again.specification == model.specification
    assert sorted(p.name for p in (tmp_path / "m").rglob("*") if p.is_file()) == [
        "ds.npy",
        "index.json",
        "model.json",
        "parameters.npz",
        "values.npy",
    ]


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    """The error names what was expected."""
    with pytest.raises(BadInput, match=r"expected model.json, parameters.npz and panel/"):
        PanelProphet.load(tmp_path)


def test_another_format_is_refused(tmp_path: Path) -> None:
    """A model of a later format is not guessed at."""
    PanelProphet().fit(PANEL).save(tmp_path)
    plain = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(plain | {"format": 99}))
    with pytest.raises(BadInput, match="has format 99, expected 1"):
        PanelProphet.load(tmp_path)


def test_a_selection_forecasts_what_the_whole_did(tmp_path: Path) -> None:
    """Chosen series keep their fits, in the order asked, also after saving."""
    values = usage()
    values[4, : 24 * 20] = np.nan  # a day of history: it has no seasonality
    model = PanelProphet().fit(panel_of(values))
    for rows in ([7, 4, 0], [4]):
        part = model.select(rows)
        assert np.array_equal(part.predict(24), model.predict(24)[rows])
        part.save(tmp_path / str(len(rows)))
        again = PanelProphet.load(tmp_path / str(len(rows)))
        assert np.array_equal(again.predict(24), part.predict(24))


def test_parts_of_a_panel_join_to_the_model_of_all(tmp_path: Path) -> None:
    """Fits of selections, one without a season, two that failed: the files are the same."""
    values = usage()
    values[4, : 24 * 20] = np.nan  # a day of history: it has no seasonality
    values[2], values[6, 3] = np.nan, np.inf
    model = PanelProphet().fit(panel_of(values))
    parts = [model.select(rows) for rows in ([4], [0, 1, 2, 3], [5, 6, 7])]
    joined = parts[0].join(parts[1:])
    order = [4, 0, 1, 2, 3, 5, 6, 7]
    assert [one.series for one in joined.report] == [model.report[row].series for row in order]
    np.testing.assert_array_equal(joined.predict(24), model.predict(24)[order])
    for name, one in (("joined", joined), ("whole", model.select(order))):
        one.save(tmp_path / name)
    for file in ("model.json", "parameters.npz", "panel/values.npy"):
        written = {(tmp_path / name / file).read_bytes() for name in ("joined", "whole")}
        assert len(written) == 1, file


def test_another_model_does_not_join() -> None:
    """Neither one with other settings nor one of another grid."""
    model = PanelProphet().fit(PANEL)
    other = PanelProphet(changepoint_prior_scale=0.1).fit(PANEL)
    later = PanelProphet().fit(Panel(PANEL.ds[24:], PANEL.values[:, 24:], PANEL.index))
    for one in (other, later):
        with pytest.raises(BadInput, match="expected fits of one model on one grid, got another"):
            model.join([one])


def test_progress_counts_every_series_once() -> None:
    """Refused, constant, gapped and complete series add up to the panel."""
    values = usage(40)
    values[1], values[2], values[5, 3] = np.nan, 4.0, np.inf
    seen: list[int] = []
    PanelProphet().fit(panel_of(values), on_series=seen.append)
    assert sum(seen) == 40


def test_holidays_and_regressors_are_columns_that_all_share() -> None:
    """A country's holidays and a switch change the forecast on their hours."""
    hours = 24 * 30
    ds = np.datetime64("2025-12-01") + np.arange(hours) * np.timedelta64(1, "h")
    switch = (np.arange(hours) % 50 < 5).astype(float)
    values = usage(6, hours)
    values += 2.0 * switch
    days = ds.astype("datetime64[D]")
    values[:, np.isin(days, np.array(["2025-12-25", "2025-12-26"], dtype="datetime64[D]"))] += 5
    index = tuple(SeriesInfo(f"s{i}", "cpu") for i in range(6))
    panel = Panel(ds.astype("datetime64[s]"), values, index)
    model = PanelProphet().add_country_holidays("DE").add_regressor("switch")
    model.fit(panel, regressors={"switch": switch})
    off, on = (model.predict(24, (0.5,), {"switch": np.full(24, v)}) for v in (0.0, 1.0))
    assert (on - off)[..., 0] == pytest.approx(np.full((6, 24), 2.0), abs=0.15)
    beta = model.parameters(1).beta
    scale = model.design(1).y_scale
    assert beta["Christmas Day_delim_+0"] * scale == pytest.approx(5, abs=0.2)


def test_paths_tell_the_same_law_as_the_bands() -> None:
    """Quantiles of many paths are those of `predict`, and the same seed shares its draws."""
    model = PanelProphet().fit(PANEL)
    paths = model.sample_paths("shop-4", 48, metric="cpu", paths=20_000, seed=1)
    bands = model.predict(48)[4]
    width = (bands[:, 2] - bands[:, 0]).mean()
    assert (
        pytest.approx(bands[:, [0, 2]], abs=0.03 * width)
        == np.quantile(paths, (0.1, 0.9), axis=0).T
    )
    again = model.sample_paths("shop-4", 24, metric="cpu", paths=20_000, seed=1)
    assert again.shape == (20_000, 24)
    other = model.sample_paths("shop-7", 48, metric="cpu", paths=20_000, seed=1)
    noise = [p[:, 0] - p[:, 0].mean() for p in (paths, other)]
    assert np.corrcoef(noise)[0, 1] > 0.99


def test_calls_in_the_wrong_order_are_refused() -> None:
    """Predicting before fitting, and adding after it, say what to do."""
    with pytest.raises(UsageError, match=r"call fit\(panel\) first"):
        PanelProphet().predict(24)
    with pytest.raises(UsageError, match="add to a new PanelProphet before fitting"):
        PanelProphet().fit(PANEL).add_regressor("x")


@pytest.mark.parametrize(
    ("hours", "levels", "message"),
    [
        (0, (0.5,), "hours must be at least 1"),
        (24, (0.9, 0.1), "ascending order"),
        (24, (0.0, 0.5), "between 0 and 1"),
        (24, (), "between 0 and 1"),
    ],
)
def test_a_wrong_question_is_refused(hours: int, levels: tuple[float, ...], message: str) -> None:
    """The error says what was expected."""
    with pytest.raises(UsageError, match=message):
        PanelProphet().fit(PANEL).predict(hours, levels)


def test_an_unknown_series_is_not_found() -> None:
    """The error names it."""
    with pytest.raises(NotFound, match="holds no series nobody cpu mean"):
        PanelProphet().fit(PANEL).to_prophet("nobody", metric="cpu")


def test_an_empty_panel_of_no_rows_is_refused() -> None:
    """There is nothing to fit, and the error says so."""
    with pytest.raises(BadInput, match="the panel has no rows"):
        PanelProphet().fit(panel_of(np.empty((2, 0))))


@pytest.mark.parametrize(
    "keywords",
    [{}, {"changepoint_prior_scale": 0.5}, {"seasonality_mode": "multiplicative"}],
    ids=str,
)
@pytest.mark.parametrize("minutes", [60, 24 * 60])
def test_a_series_that_rounding_decides_does_not_stop_the_others(
    keywords: dict[str, Any], minutes: int
) -> None:
    """Series of a few far values are fitted by one engine or the other; the rest as ever."""
    values = usage(8, 120, seed=3)
    rng = np.random.default_rng(5)
    for row in range(6):
        gone = np.ones(120, dtype=bool)
        gone[rng.choice(120, size=2 + row // 2, replace=False)] = False
        values[row, gone] = np.nan
    model = PanelProphet(daily_seasonality=True, **keywords).fit(panel_of(values, minutes=minutes))
    if "seasonality_mode" not in keywords:
        assert [one.engine for one in model.report[6:]] == ["panel", "panel"]
    assert all(one.engine in {"panel", "stan"} for one in model.report)
    assert np.isfinite(model.predict(24, (0.5,))[6:]).all()


@pytest.mark.parametrize("mode", ["additive", "multiplicative"])
def test_flat_growth_takes_series_without_noise(mode: str) -> None:
    """A pure wave is fitted, beside an ordinary series."""
    at = np.arange(24 * 20)
    values = np.stack([3 + np.sin(at * np.pi / 12), usage(2, at.size)[1]])
    model = PanelProphet(growth="flat", seasonality_mode=mode).fit(panel_of(values))
    found = model.predict(24, (0.5,))[0, :, 0]
    ahead = at.size + np.arange(24)
    assert found == pytest.approx(3 + np.sin(ahead * np.pi / 12), abs=1e-3)


def test_a_regressor_far_from_zero_is_standardised_without_loss() -> None:
    """With a mean of 1e8 and a spread of 1 it has its effect in series with gaps too."""
    rng = np.random.default_rng(4)
    wave = rng.normal(size=24 * 20)
    values = usage(4, wave.size) + 0.5 * wave
    model = (
        PanelProphet().add_regressor("far").fit(panel_of(values), regressors={"far": 1e8 + wave})
    )
    off, on = (model.predict(1, (0.5,), {"far": np.array([1e8 + v])}) for v in (0.0, 1.0))
    assert (on - off)[:, 0, 0] == pytest.approx(np.full(4, 0.5), abs=0.03)


def test_a_dummy_changepoint_widens_no_band() -> None:
    """Without changepoints the slope is certain, however steep, as in Prophet."""
    values = np.linspace(1, 6, 500) + 0.01 * np.random.default_rng(0).normal(size=(1, 500))
    model = PanelProphet(n_changepoints=0, changepoint_prior_scale=100, scaling="minmax")
    bands = model.fit(panel_of(values)).predict(168)
    assert (bands[0, -1, 2] - bands[0, -1, 0]) == pytest.approx(2.563 * 0.01, rel=0.2)


def test_real_prophet_is_refitted_with_what_was_decided() -> None:
    """`engine="stan"` cross-validates with the whole history's seasonalities, as the panel does."""
    cutoff = [PANEL.ds[24 * 12]]
    few = panel_of(PANEL.values[1:3])
    stan = PanelProphet(engine="stan", uncertainty_samples=0).fit(few).cross_validate(cutoff, 24)
    panel = PanelProphet().fit(few).cross_validate(cutoff, 24)
    assert stan.quantiles[..., 1] == pytest.approx(panel.quantiles[..., 1], abs=0.15)


def test_what_came_is_matched_by_stamp() -> None:
    """Where rows are missing after a cutoff, `y` is empty there and not shifted."""
    kept = np.ones(24 * 21, dtype=bool)
    kept[24 * 20 + 3 : 24 * 20 + 6] = False
    few = Panel(PANEL.ds[kept], PANEL.values[1:2, kept], PANEL.index[:1])
    model = PanelProphet(uncertainty_samples=0).fit(few)
    y = model.cross_validate([PANEL.ds[24 * 20 - 1]], 12).y[0, 0]
    expected = PANEL.values[1, 24 * 20 : 24 * 20 + 12].copy()
    expected[3:6] = np.nan
    assert np.array_equal(y, expected, equal_nan=True)


def _without(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        with np.load(folder / "parameters.npz") as held:
            arrays = {key: held[key] for key in held if key != name}
        np.savez(folder / "parameters.npz", **arrays)

    return change


def _with_json(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        plain = json.loads((folder / "model.json").read_text())
        (folder / "model.json").write_text(json.dumps(plain | changes))

    return change


def _shorter_panel(folder: Path) -> None:
    part = Panel(PANEL.ds[:100], PANEL.values[:, :100], PANEL.index)
    part.save(folder / "panel")


def _fewer_series(folder: Path) -> None:
    PANEL.select(range(3)).save(folder / "panel")


@pytest.mark.parametrize(
    "damage",
    [
        _without("fitted/beta"),
        lambda folder: (folder / "parameters.npz").write_bytes(b"PK\x03\x04 garbled"),
        lambda folder: (folder / "parameters.npz").write_bytes(b""),
        lambda folder: (folder / "model.json").write_text("[1, 2]"),
        lambda folder: (folder / "panel" / "values.npy").write_bytes(b""),
        _with_json(specification={}),
        _with_json(reasons={"x": "y"}),
        _with_json(failed=[99]),
        _with_json(columns=["another"]),
        _shorter_panel,
        _fewer_series,
    ],
)
def test_a_damaged_model_is_refused(damage: Callable[[Path], None], tmp_path: Path) -> None:
    """Whatever is wrong with the files, the error is ours, and no number comes of it."""
    PanelProphet().fit(PANEL).save(tmp_path)
    damage(tmp_path)
    with pytest.raises(BadInput, match=r"no model in|no panel in|has format None"):
        PanelProphet.load(tmp_path)


def test_a_wrong_engine_is_refused() -> None:
    """There are two."""
    with pytest.raises(UsageError, match="engine must be panel or stan, got 'fast'"):
        PanelProphet(engine="fast")  # type: ignore[arg-type]
