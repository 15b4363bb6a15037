"""Answers from a bundle, without a server."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factories import bundles
from factories.registry_bundle import (
    NAIVE,
    PROPHET,
    REFUSED,
    TRAINED_UNTIL,
    fitted_model,
    write_registry_bundle,
)

from foresail.bundle import Bundle, HorizonEntry, Segment
from foresail.bundle.carry import carry, complete
from foresail.errors import BadBundle, BadInput
from foresail.horizons import HORIZONS, QUANTILES
from foresail.registry.answers import Answers, repeat_season, without_nan


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle with the fit of Prophet's series."""
    path = tmp_path_factory.mktemp("answers") / "bundle"
    write_registry_bundle(path, fitted=True)
    return path


def test_a_time_within_an_hour_is_answered_with_that_hour(folder: Path) -> None:
    """08:59:59 lies in the hour that starts at 08:00."""
    asked = pd.DataFrame({"series": NAIVE, "ds": ["2026-11-21T08:59:59Z", "2026-11-21T09:00:00Z"]})
    answered = Answers.open(folder).to(asked)
    stored = np.load(folder / "forecast.npy")[1, :2, 1]
    assert answered["p50"].tolist() == pytest.approx(stored.tolist(), rel=1e-7)
    assert [str(d) for d in answered["ds"]] == [
        "2026-11-21 08:00:00+00:00",
        "2026-11-21 09:00:00+00:00",
    ]


@pytest.mark.parametrize(
    "stamp",
    ["2026-11-21T10:00:00+02:00", "2026-11-21 08:00", np.datetime64("2026-11-21T08")],
    ids=["zone", "naive text", "numpy"],
)
def test_zones_are_converted_and_naive_times_are_utc(stamp: object, folder: Path) -> None:
    """All three mean the first stored hour."""
    answered = Answers.open(folder).to(pd.DataFrame({"series": [NAIVE], "ds": [stamp]}))
    first = float(np.load(folder / "forecast.npy")[1, 0, 1])
    assert answered["p50"][0] == pytest.approx(first, rel=1e-7)


def hours_ahead(*leads: int, series: str = PROPHET) -> pd.DataFrame:
    """Return a question about hours after the first stored one; negative is before it."""
    return pd.DataFrame(
        {"series": series, "ds": [TRAINED_UNTIL + timedelta(hours=lead) for lead in leads]}
    )


def test_beyond_the_stored_hours_prophet_is_asked(folder: Path) -> None:
    """The answer at a lead is what the fitted model forecasts there, up to the last day of all."""
    leads = [192, 193, 4000, 366 * 24]
    answered = Answers.open(folder).to(hours_ahead(*leads))
    expected = fitted_model().predict(366 * 24 + 1, QUANTILES)[0, leads]
    np.testing.assert_allclose(answered[["p10", "p50", "p90"]].to_numpy(), expected, rtol=1e-10)
    assert set(answered["model"]) == {"prophet"}
    assert set(answered["code"]) == {0}


def test_the_forecast_goes_on_where_the_history_ends(folder: Path) -> None:
    """Lead 192 is 08:00 of a day: the wave stands where it stood at 08:00 of every day before."""
    answered = Answers.open(folder).to(hours_ahead(192))
    assert answered["p50"][0] == pytest.approx(10 + 3 * np.sin(2 * np.pi * 8 / 24), abs=0.05)


def test_an_hour_is_answered_the_same_whatever_is_asked_with_it(folder: Path) -> None:
    """To the last bit: alone, and among hours nearer and farther."""
    answers = Answers.open(folder)
    alone = answers.to(hours_ahead(300))
    among = answers.to(hours_ahead(5, 300, 8000))
    pd.testing.assert_series_equal(alone.loc[0], among.loc[1], check_names=False, check_exact=True)


def test_before_the_first_hour_prophet_forecasts_nothing(folder: Path) -> None:
    """A fit of the past is no forecast; the stored hours beside it are answered."""
    answered = Answers.open(folder).to(hours_ahead(-1, -4, 0))
    assert answered["p50"].isna().tolist() == [True, True, False]
    assert answered["model"].tolist() == ["", "", "prophet"]
    assert answered["code"].tolist() == [202, 202, 0]
    assert answered["reason"][0] == "prophet gives no value outside the 192 stored hours here"


def test_nothing_is_drawn(folder: Path) -> None:
    """Whoever else uses numpy's global generator does not notice."""
    before = str(np.random.get_state())  # noqa: NPY002  # the global generator is what is tested
    Answers.open(folder).to(hours_ahead(1000))
    assert str(np.random.get_state()) == before  # noqa: NPY002  # as above


def test_a_refused_series_has_no_numbers_and_a_reason(folder: Path) -> None:
    """Without a number there is always a code; as JSON it is null, not NaN."""
    asked = pd.DataFrame({"series": [REFUSED, NAIVE], "ds": ["2026-11-21T08:00:00Z"] * 2})
    answered = without_nan(Answers.open(folder).to(asked))
    assert answered["p10"][0] is None
    assert answered["code"].tolist() == [201, 0]
    assert answered["reason"].tolist() == ["20 hourly values, 48 needed", ""]


def test_a_prophet_series_whose_fit_is_not_in_the_bundle_abstains_beyond(tmp_path: Path) -> None:
    """Stored hours are answered, others have a code."""
    write_registry_bundle(tmp_path / "bundle", fitted=False)
    asked = pd.DataFrame(
        {"series": [PROPHET] * 2, "ds": ["2026-11-21T08:00:00Z", "2027-11-01T08:00:00Z"]}
    )
    answered = Answers.open(tmp_path / "bundle").to(asked)
    assert answered["model"].tolist() == ["prophet", ""]
    assert answered["code"].tolist() == [0, 202]
    assert answered["reason"][1] == "prophet gives no value outside the 192 stored hours here"


@pytest.mark.parametrize("name", ["model.json", "parameters.npz", "panel/values.npy"])
def test_a_changed_fit_is_refused(tmp_path: Path, name: str) -> None:
    """Every file of the model is held to its checksum before it is read."""
    write_registry_bundle(tmp_path / "bundle", fitted=True)
    answers = Answers.open(tmp_path / "bundle")
    path = tmp_path / "bundle" / "models" / "prophet" / name
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(BadBundle, match=f"models/prophet/{name} is not the file that was publ"):
        answers.to(hours_ahead(1000))


def test_a_fit_to_another_history_is_refused(tmp_path: Path) -> None:
    """A model that starts a day late would answer every hour with another's value."""
    write_registry_bundle(
        tmp_path / "bundle", fitted=True, fitted_until=TRAINED_UNTIL + timedelta(days=1)
    )
    with pytest.raises(
        BadBundle,
        match="models/prophet forecasts from 2026-11-22T08:00:00Z on, "
        "expected 2026-11-21T08:00:00Z",
    ):
        Answers.open(tmp_path / "bundle").to(hours_ahead(1000))


def test_a_series_that_the_fit_does_not_hold_abstains_beyond(tmp_path: Path) -> None:
    """The model holds the metric's own keys; another metric's fit has no row for the series."""
    write_registry_bundle(tmp_path / "bundle", fitted=True, fitted_metric="memory")
    answered = Answers.open(tmp_path / "bundle").to(hours_ahead(1000))
    assert answered["code"].tolist() == [202]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"ds": ["2026-11-21"]}, "expected the columns series and ds, missing: series"),
        ({"series": [NAIVE]}, "expected the columns series and ds, missing: ds"),
        ({"series": [NAIVE], "ds": ["soon"]}, "expected times such as 2026-11-21T08:00:00Z in ds"),
        ({"series": [NAIVE], "ds": [None]}, "expected a time in every row of ds, some are empty"),
        (
            {"series": [NAIVE], "ds": ["2026-11-21"], "metric": ["memory"]},
            "1 of the series asked are not in this version: prod/cluster memory mean",
        ),
        (
            {"series": [NAIVE], "ds": ["2026-11-21"], "stat": ["max"]},
            "1 of the series asked are not in this version: prod/cluster cpu max",
        ),
        (
            {"series": [NAIVE], "ds": ["2200-01-01T00:00:00Z"]},
            "2200-01-01T00:00:00Z is more than 366 days from 2026-11-21T08:00:00Z",
        ),
    ],
)
def test_a_wrong_question_is_refused(
    asked: dict[str, list[str]], message: str, folder: Path
) -> None:
    """Each says what was expected and what came."""
    with pytest.raises(BadInput, match=re.escape(message)):
        Answers.open(folder).to(pd.DataFrame(asked))


def served(
    folder: Path, model: str, *, codes: tuple[int, int, int] = (0, 0, 0), hours: int = 888
) -> Answers:
    """Return a bundle of one series that one contender serves, with the codes of its horizons."""
    reasons = {0: "", 101: "the series has been 3 cores for 28 days", 401: "ets failed"}
    horizons = {
        horizon.name: HorizonEntry(winner=model, code=code, reason=reasons[code])
        for horizon, code in zip(HORIZONS, codes, strict=True)
    }
    segments = [Segment(until_hours=hours, model=model)]
    index = [bundles.entry(NAIVE, {}, horizons=horizons, segments=segments, hours=hours)]
    bundles.write(folder / "bundle", index=index, trained_until=TRAINED_UNTIL)
    return Answers.open(folder / "bundle")


def test_a_stored_hour_has_the_code_of_its_horizon(tmp_path: Path) -> None:
    """The shortest that reaches it; the hours after the longest have the longest's."""
    answers = served(tmp_path, "seasonal_naive_24h", codes=(0, 401, 101))
    answered = answers.to(hours_ahead(0, 23, 24, 167, 168, 887, series=NAIVE))
    assert answered["code"].tolist() == [0, 0, 401, 401, 101, 101]
    assert answered["reason"].tolist()[1:3] == ["", "ets failed"]


def test_what_stands_in_for_a_failed_model_says_so_beyond_too(tmp_path: Path) -> None:
    """The naive that goes on after the stored hours is the same stand-in."""
    answers = served(tmp_path, "seasonal_naive_24h", codes=(401, 401, 401))
    answered = answers.to(hours_ahead(888, 5000, series=NAIVE))
    assert answered["p50"].notna().all()
    assert set(zip(answered["code"], answered["reason"], strict=True)) == {(401, "ets failed")}


@pytest.mark.parametrize(
    "model", ["blend", "ets", "booster", "recent_28d", "hour_quantiles_7d", "median_28d"]
)
def test_of_other_contenders_there_are_the_stored_hours_alone(tmp_path: Path, model: str) -> None:
    """After them and before them the answer is a code."""
    answered = served(tmp_path, model).to(hours_ahead(-1, 887, 888, series=NAIVE))
    assert answered["p50"].isna().tolist() == [True, False, True]
    assert answered["model"].tolist() == ["", model, ""]
    assert answered["code"].tolist() == [202, 0, 202]
    assert answered["reason"][2] == f"{model} gives no value outside the 888 stored hours here"


@pytest.mark.parametrize("model", ["blend", "prophet", "seasonal_naive_24h"])
def test_a_constant_goes_on_as_its_constant(tmp_path: Path, model: str) -> None:
    """Whoever won, the last stored hour is repeated for a year, with its code and sentence."""
    answers = served(tmp_path, model, codes=(101, 101, 101))
    answered = answers.to(hours_ahead(887, 888, 8000, series=NAIVE))
    last = np.load(tmp_path / "bundle" / "forecast.npy")[0, -1].tolist()
    assert answered[["p10", "p50", "p90"]].to_numpy().tolist() == [last] * 3
    assert set(answered["model"]) == {model}
    assert set(zip(answered["code"], answered["reason"], strict=True)) == {
        (101, "the series has been 3 cores for 28 days")
    }


def test_before_its_first_hour_a_constant_is_not_made_up(tmp_path: Path) -> None:
    """It was not always constant: a past hour is a code, as for whoever won."""
    answers = served(tmp_path, "blend", codes=(101, 101, 101))
    assert answers.to(hours_ahead(-1, series=NAIVE))["code"].tolist() == [202]


@pytest.fixture(scope="module")
def carried(tmp_path_factory: pytest.TempPathFactory) -> tuple[Answers, Answers]:
    """Return a bundle, and one of 30 hours later that its series of dev were carried over into."""
    home = tmp_path_factory.mktemp("carried")
    write_registry_bundle(home / "older", fitted=True)
    write_registry_bundle(
        home / "newer", trained_until=TRAINED_UNTIL + timedelta(hours=30), fitted=True
    )
    older = Bundle.open(home / "older")
    dev = tuple(
        entry.model_copy(update={"series": f"dev-{entry.series}", "labels": {"cluster": "dev"}})
        for entry in older.index
    )
    rows = carry(replace(older, index=dev), Bundle.open(home / "newer"), clusters={"dev"})
    complete(home / "newer", home / "whole", rows)
    return Answers.open(home / "older"), Answers.open(home / "whole")


def test_what_was_carried_over_goes_on_as_it_did(carried: tuple[Answers, Answers]) -> None:
    """The naive gives the very numbers of the earlier bundle, stored and beyond, with the code."""
    older, whole = carried
    leads = (30, 100, 191, 192, 500, 4000)
    before = older.to(hours_ahead(*leads, series=NAIVE))
    after = whole.to(hours_ahead(*leads, series=f"dev-{NAIVE}"))
    quantiles = ["p10", "p50", "p90"]
    np.testing.assert_array_equal(before[quantiles].to_numpy(), after[quantiles].to_numpy())
    why = "cluster dev did not answer; the forecast as of 2026-11-21T07:00:00Z goes on serving"
    assert set(zip(after["code"], after["reason"], strict=True)) == {(402, why)}


def test_no_fit_is_asked_for_what_was_carried_over(carried: tuple[Answers, Answers]) -> None:
    """The bundle's Prophet was fitted to other series; the stored hours are all there is."""
    _, whole = carried
    answered = whole.to(hours_ahead(191, 192, series=f"dev-{PROPHET}"))
    assert answered["code"].tolist() == [402, 202]
    assert answered["p50"].isna().tolist() == [False, True]
    assert answered["reason"][1] == "prophet gives no value outside the 162 stored hours here"
    assert whole.to(hours_ahead(30 + 192, series=PROPHET))["model"].tolist() == ["prophet"]


def test_a_carried_constant_goes_on_as_its_constant(tmp_path: Path) -> None:
    """Its code no longer says that it is one; its winner does."""
    horizons = {h.name: HorizonEntry(winner="constant", code=402, reason="why") for h in HORIZONS}
    segments = [Segment(until_hours=100, model="constant")]
    index = [bundles.entry(NAIVE, {}, horizons=horizons, segments=segments, hours=100)]
    bundles.write(tmp_path / "bundle", index=index, trained_until=TRAINED_UNTIL)
    answered = Answers.open(tmp_path / "bundle").to(hours_ahead(99, 100, 8000, series=NAIVE))
    last = np.load(tmp_path / "bundle" / "forecast.npy")[0, 99].tolist()
    assert answered[["p10", "p50", "p90"]].to_numpy().tolist() == [last] * 3
    assert set(answered["code"]) == {402}


def test_the_naive_repeats_the_last_season_and_keeps_the_band_of_that_hour() -> None:
    """Season of two hours: lead 4 and 5 repeat the last two values, with the last stored widths."""
    history = np.array([7.0, 8.0, 1.0, 2.0])
    stored = np.array([[0, 1, 2], [0, 2, 4], [0.5, 1, 3], [1, 2, 5]], dtype=float)
    answered = repeat_season(history, stored, np.array([4, 5, 6]), season=2)
    assert answered.tolist() == [[0.5, 1.0, 3.0], [1.0, 2.0, 5.0], [0.5, 1.0, 3.0]]


def test_the_naive_looks_a_season_further_back_over_a_gap() -> None:
    """A missing value is taken from the season before; with none left there is no answer."""
    history = np.array([np.nan, 8.0, np.nan, np.nan])
    stored = np.array([[0, 1, 2], [0, 2, 4]], dtype=float)
    answered = repeat_season(history, stored, np.array([2, 3]), season=2)
    assert np.isnan(answered[0]).all()
    assert answered[1].tolist() == [6.0, 8.0, 10.0]


def test_before_the_first_hour_the_naive_is_the_season_before() -> None:
    """At lead -1 it is the value two hours earlier."""
    history = np.array([7.0, 8.0, 1.0, 2.0])
    stored = np.array([[0, 1, 2], [0, 2, 4]], dtype=float)
    answered = repeat_season(history, stored, np.array([-1]), season=2)
    assert answered.tolist() == [[6.0, 8.0, 10.0]]
