"""The fallback: real Prophet, one series at a time, with failures as data."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from factories.prophets import hours, really_fitted, rhythm

from foresail.panel import FloatArray
from foresail.panel_prophet.fallback import (
    FallbackFit,
    FallbackSeries,
    fit_all,
    model_from_text,
    predict_all,
)
from foresail.panel_prophet.quiet import quiet_prophet
from foresail.panel_prophet.specification import Specification

ROWS = 10 * 24
DS = hours(ROWS)
LATER = hours(ROWS + 24)[ROWS:]
LEVELS = (0.1, 0.5, 0.9)
BARE = Specification(uncertainty_samples=200)
LOGISTIC = replace(BARE, growth="logistic")
SAMPLED = replace(BARE, mcmc_samples=20)


def series_of(row: int = 0, **given: Any) -> FallbackSeries:
    """Return a series of ten days."""
    return FallbackSeries(**{"row": row, "name": f"s{row}", "ds": DS, "y": rhythm(ROWS), **given})


def fit_one(specification: Specification, series: FallbackSeries, *, seed: int = 1) -> FallbackFit:
    """Return the one answer."""
    (fit,) = fit_all(specification, [series], seed=seed)
    return fit


def predict_one(fit: FallbackFit, **given: Any) -> FloatArray:
    """Return the quantiles of the next day."""
    asked = {"future": LATER, "levels": LEVELS, "caps": {}, "seed": 1, **given}
    return predict_all({fit.row: fit.model}, names={fit.row: f"s{fit.row}"}, **asked)[fit.row]


def predicted(model: Any, rows: Any) -> FloatArray:
    """Return Prophet's own yhat at these stamps."""
    import pandas as pd  # noqa: PLC0415  # as where it is used

    with quiet_prophet():
        return np.asarray(model.predict(pd.DataFrame({"ds": rows.astype("M8[ns]")}))["yhat"])


@pytest.fixture(scope="module")
def plain() -> FallbackFit:
    """Return a plain series, fitted."""
    return fit_one(BARE, series_of())


def test_a_fit_is_prophets_own(plain: FallbackFit) -> None:
    """Noise, log posterior and model are those of a Prophet that fits the same frame."""
    real = really_fitted(BARE, ds=DS, y=rhythm(ROWS))
    assert plain.failure == ""
    assert plain.sigma == real.params["sigma_obs"][0, 0]
    assert plain.log_posterior == real.params["lp__"][0, 0]
    assert json.loads(plain.model)["params"]["beta"] == real.params["beta"].tolist()


def test_a_model_is_read_back_from_its_text(plain: FallbackFit) -> None:
    """It is a Prophet that predicts what the fit predicts."""
    real = really_fitted(BARE, ds=DS, y=rhythm(ROWS))
    again = model_from_text(plain.model)
    np.testing.assert_allclose(predicted(again, LATER), predicted(real, LATER), rtol=1e-10)


def test_the_middle_level_is_yhat(plain: FallbackFit) -> None:
    """It is no quantile of the drawn paths."""
    real = really_fitted(BARE, ds=DS, y=rhythm(ROWS))
    np.testing.assert_allclose(predict_one(plain)[:, 1], predicted(real, LATER), atol=1e-10)


def test_levels_ascend_and_cover_their_share(plain: FallbackFit) -> None:
    """Between the 0.1 and 0.9 levels lies 2.56 sigma, and more the further away."""
    quantiles = predict_one(plain)
    assert (np.diff(quantiles, axis=1) > 0).all()
    width = (quantiles[:, 2] - quantiles[:, 0]) / (2.563 * plain.sigma * rhythm(ROWS).max())
    assert 0.8 < width[0] < 1.25
    assert width[-8:].mean() > width[:8].mean()


def test_without_samples_all_levels_are_yhat() -> None:
    """Prophet draws nothing then."""
    fit = fit_one(replace(BARE, uncertainty_samples=0), series_of())
    quantiles = predict_one(fit)
    np.testing.assert_array_equal(quantiles, np.repeat(quantiles[:, 1:2], 3, axis=1))


def test_a_band_starts_at_the_end_of_the_models_own_history(plain: FallbackFit) -> None:
    """What is asked for from tomorrow on is the second day of what is asked for from now on."""
    both = predict_one(plain, future=hours(ROWS + 48)[ROWS:])
    np.testing.assert_allclose(
        predict_one(plain, future=hours(ROWS + 48)[ROWS + 24 :]), both[24:], rtol=1e-12
    )


def test_one_row_can_be_asked_for(plain: FallbackFit) -> None:
    """Its step back to the history is the history's own."""
    five = predict_one(plain, future=hours(ROWS + 5)[ROWS:])
    assert predict_one(plain, future=hours(ROWS + 5)[-1:])[0, 1] == pytest.approx(five[4, 1])


def test_rows_inside_the_history_can_be_asked_for(plain: FallbackFit) -> None:
    """There the trend is known, and the band is the noise."""
    assert predict_one(plain, future=DS[:5]).shape == (5, 3)


def test_the_same_seed_draws_the_same_band(plain: FallbackFit) -> None:
    """Another seed, or another row, draws another."""
    first = predict_one(plain)
    np.testing.assert_array_equal(predict_one(plain), first)
    assert (predict_one(plain, seed=2) != first).any()
    assert (predict_one(replace(plain, row=5)) != first).any()


def test_the_callers_own_random_numbers_are_left_alone(plain: FallbackFit) -> None:
    """Prophet draws from numpy's global generator, which is put back."""
    np.random.seed(3)  # noqa: NPY002  # the global generator is what is tested
    expected = np.random.random_sample()  # noqa: NPY002  # as above
    np.random.seed(3)  # noqa: NPY002  # as above
    predict_one(plain)
    assert np.random.random_sample() == expected  # noqa: NPY002  # as above


def test_one_bad_series_does_not_stop_the_others(plain: FallbackFit) -> None:
    """It fails with Prophet's sentence; each answer keeps its row, each is counted."""
    lonely, endless, empty = (rhythm(ROWS) for _ in range(3))
    lonely[1:] = np.nan
    endless[7] = np.inf
    empty[:] = np.nan
    rows = [(4, lonely), (0, rhythm(ROWS)), (6, endless), (5, empty)]
    counted: list[int] = []
    fits = fit_all(
        BARE,
        [series_of(row, y=y) for row, y in rows],
        seed=1,
        on_series=lambda: counted.append(1),
    )
    assert [fit.row for fit in fits] == [4, 0, 6, 5]
    assert [fit.failure for fit in fits] == [
        "Prophet did not fit: Dataframe has less than 2 non-NaN rows.",
        "",
        "Prophet did not fit: Found infinity in column y.",
        "Prophet did not fit: Dataframe has less than 2 non-NaN rows.",
    ]
    assert fits[1] == plain
    assert fits[0].model == ""
    assert np.isnan(fits[0].sigma)
    assert len(counted) == 4


def test_logistic_growth_stays_under_its_cap() -> None:
    """Cap and band are in the unit of y."""
    fit = fit_one(LOGISTIC, series_of(cap=8.0))
    assert fit.failure == ""
    far = hours(ROWS + 720)[ROWS:]
    assert (predict_one(fit, caps={0: 8.0}, future=far)[:, 1] < 8.0 + 1.5).all()
    assert (predict_one(fit, caps={0: 8.0}, future=far)[-48:, 1] > 6.0).all()


def test_logistic_growth_without_a_cap_is_a_failure() -> None:
    """Prophet's sentence tells what it lacks."""
    assert fit_one(LOGISTIC, series_of()).failure == (
        'Prophet did not fit: Capacities must be supplied for logistic growth in column "cap"'
    )


def test_a_model_that_cannot_predict_is_left_out(plain: FallbackFit) -> None:
    """A logistic one without its cap is; the other answers, both are counted."""
    fit = fit_one(LOGISTIC, series_of(3, cap=8.0))
    counted: list[int] = []
    answers = predict_all(
        {3: fit.model, 0: plain.model},
        names={3: "s3", 0: "s0"},
        future=LATER,
        levels=LEVELS,
        caps={},
        seed=1,
        on_series=lambda: counted.append(1),
    )
    assert list(answers) == [0]
    assert len(counted) == 2


def test_regressors_have_a_past_and_a_future() -> None:
    """A column that doubles the load tomorrow doubles the forecast."""
    busy = (np.arange(ROWS + 24) // 24 % 2 * 5).astype(float)
    specification = BARE.with_regressor("busy", standardize=False)
    y = rhythm(ROWS) + busy[:ROWS]
    fit = fit_one(specification, series_of(y=y, regressors={"busy": busy[:ROWS]}))
    calm = predict_one(fit, regressors={"busy": np.zeros(24)})
    np.testing.assert_allclose(
        predict_one(fit, regressors={"busy": np.full(24, 5.0)})[:, 1] - calm[:, 1], 5, atol=0.2
    )
    shifted = predict_one(fit, future=LATER[1:], regressors={"busy": np.zeros(23)})
    np.testing.assert_allclose(shifted, calm[1:], rtol=1e-12)


def test_a_missing_regressor_is_a_failure() -> None:
    """Prophet's sentence names it."""
    specification = BARE.with_regressor("busy")
    assert fit_one(specification, series_of()).failure == (
        "Prophet did not fit: Regressor 'busy' missing from dataframe"
    )


def test_stamps_may_be_irregular() -> None:
    """Prophet knows no grid."""
    kept = np.sort(np.random.default_rng(1).choice(ROWS, 90, replace=False))
    moved = DS[kept] + (kept % 7 * 60).astype("timedelta64[s]")
    fit = fit_one(BARE, series_of(ds=moved, y=rhythm(ROWS)[kept]))
    assert fit.failure == ""
    np.testing.assert_allclose(predict_one(fit)[:, 1], rhythm(ROWS + 24)[ROWS:], atol=1.5)


def test_a_constant_series_has_no_log_posterior() -> None:
    """Prophet does not optimise it."""
    fit = fit_one(BARE, series_of(y=np.full(ROWS, 3.0)))
    assert fit.sigma == 1e-9
    assert np.isnan(fit.log_posterior)
    np.testing.assert_allclose(predict_one(fit), 3.0, atol=1e-6)


def test_sampling_does_not_depend_on_where_it_runs() -> None:
    """Three series in a pool are sampled as each is alone; another seed samples others."""
    series = [series_of(row, ds=DS[:60], y=rhythm(ROWS, seed=row)[:60]) for row in (0, 1, 2)]
    fits = fit_all(SAMPLED, series, seed=1)
    assert [fit.failure for fit in fits] == ["", "", ""]
    assert np.isnan(fits[0].log_posterior)
    assert np.shape(json.loads(fits[0].model)["params"]["k"]) == (40,)
    for one, fit in zip(series, fits, strict=True):
        alone = fit_one(SAMPLED, one)
        assert alone.model == fit.model
    assert fit_one(SAMPLED, series[0], seed=2).model != fits[0].model


def test_predicting_does_not_depend_on_where_it_runs() -> None:
    """Logistic forecasts are slow enough for a pool; each is what it is alone."""
    fits = [fit_one(LOGISTIC, series_of(row, cap=8.0)) for row in (0, 1)]
    caps = dict.fromkeys(range(10), 8.0)
    together = predict_all(
        {row: fits[row % 2].model for row in range(10)},
        names={row: f"s{row}" for row in range(10)},
        future=LATER,
        levels=LEVELS,
        caps=caps,
        seed=1,
    )
    assert list(together) == list(range(10))
    for row, fit in enumerate(fits):
        np.testing.assert_allclose(together[row], predict_one(fit, caps=caps), rtol=1e-12)


def test_a_pool_that_cannot_start_is_a_failure_that_says_why(tmp_path: Path) -> None:
    """A script without a main guard runs again in each new process, which Python refuses."""
    script = tmp_path / "unguarded.py"
    script.write_text(
        "import numpy as np\n"
        "from foresail.panel_prophet.fallback import FallbackSeries, fit_all\n"
        "from foresail.panel_prophet.pool import usable_cores\n"
        "from foresail.panel_prophet.specification import Specification\n"
        "ds = np.datetime64('2026-01-01', 's') + np.arange(48) * np.timedelta64(1, 'h')\n"
        "series = [FallbackSeries(row, f's{row}', ds, np.ones(48)) for row in (0, 1)]\n"
        "fits = fit_all(Specification(mcmc_samples=10), series, seed=1)\n"
        "for fit in fits:\n"
        "    print(usable_cores() == 1 or 'without `if __name__' in fit.failure)\n"
    )
    told = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert told.stdout == "True\nTrue\n"


def test_nothing_to_do_opens_nothing() -> None:
    """No series and no model give no answer."""
    assert fit_all(BARE, [], seed=1) == ()
    assert predict_all({}, names={}, future=LATER, levels=LEVELS, caps={}, seed=1) == {}


def test_nothing_is_printed_and_no_logger_stays_changed() -> None:
    """Prophet and Stan announce nothing from here; afterwards they may again."""
    code = (
        "import logging\n"
        "import numpy as np\n"
        "from foresail.panel_prophet.fallback import FallbackSeries, fit_all\n"
        "from foresail.panel_prophet.specification import Specification\n"
        "ds = np.datetime64('2026-01-01', 's') + np.arange(48) * np.timedelta64(1, 'h')\n"
        "one = FallbackSeries(0, 's0', ds, np.random.default_rng(1).normal(size=48))\n"
        "logging.getLogger('prophet').setLevel(logging.DEBUG)\n"
        "for samples in (0, 10):\n"
        "    assert not fit_all(Specification(mcmc_samples=samples), [one], seed=1)[0].failure\n"
        "assert logging.getLogger('prophet').level == logging.DEBUG\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


def test_without_prophet_every_series_is_told_how_to_get_it() -> None:
    """Neither call raises."""
    code = (
        "import sys\n"
        "import numpy as np\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in {'prophet', 'pandas', 'cmdstanpy', 'holidays'}:\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Blocked())\n"
        "from foresail.panel_prophet.fallback import FallbackSeries, fit_all, predict_all\n"
        "from foresail.panel_prophet.specification import Specification\n"
        "ds = np.datetime64('2026-01-01', 's') + np.arange(48) * np.timedelta64(1, 'h')\n"
        "series = [FallbackSeries(row, f's{row}', ds, np.ones(48)) for row in (0, 1, 2)]\n"
        "for fit in fit_all(Specification(), series, seed=1):\n"
        "    print(fit.row, fit.failure)\n"
        "asked = {'names': {0: 's0'}, 'future': ds, 'levels': (0.5,), 'caps': {}, 'seed': 1}\n"
        "print(predict_all({0: '{}'}, **asked))\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    sentence = "the prophet package is not installed; pip install foresail[train]"
    assert told.stderr == ""
    assert told.stdout == f"0 {sentence}\n1 {sentence}\n2 {sentence}\n{{}}\n"
