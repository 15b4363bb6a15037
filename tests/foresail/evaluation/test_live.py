"""A forecast held to what came: literal errors, and a verdict that chance does not make."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from factories.live_bundles import (
    DOUBLED,
    EXACT,
    LEVEL,
    NAIVE,
    SIX,
    TRAINED_UNTIL,
    came,
    write_live_bundle,
)

from foresail.bundle import Bundle
from foresail.evaluation.live import Ratio, compare, rival_ratio
from foresail.panel import Panel


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """Return six series that promise just what they keep where the level comes."""
    return write_live_bundle(tmp_path / "bundle")


def test_a_promise_that_is_kept_is_as_promised(bundle: Bundle) -> None:
    """The p50 comes true: error 2/15 as promised, all inside, no bias, the naive at 0.3."""
    report = compare(bundle, came(24))
    assert report.verdict == "as promised"
    assert report.reason == (
        "the live error is 1.00 (90 % interval 1.00 to 1.00) times the promise "
        "over 6 series and 24 hours"
    )
    row = report.series[0]
    assert (row.series, row.stat, row.horizon, row.hours) == ("web0", "mean", "next_day", 24)
    assert (row.coverage, row.bias) == (1.0, 0.0)
    assert row.promised_coverage == pytest.approx(0.8)
    assert row.sql == pytest.approx(EXACT)
    assert row.promised_sql == pytest.approx(EXACT)
    assert row.ratio == pytest.approx(1.0)
    assert row.naive_sql == pytest.approx(NAIVE)
    versus = report.overall.versus_naive
    assert versus is not None
    assert versus.middle == pytest.approx((EXACT + 0.01) / (NAIVE + 0.01))


def test_less_error_than_promised_is_better(tmp_path: Path) -> None:
    """2/15 where 0.4 was promised is a third of it."""
    bundle = write_live_bundle(tmp_path, promises={"next_day": 0.4, "next_week": 0.4})
    report = compare(bundle, came(30))
    assert report.verdict == "better"
    assert report.overall.ratio is not None
    assert report.overall.ratio.middle == pytest.approx((EXACT + 0.01) / 0.41)


def test_the_double_of_the_forecast_is_worse(bundle: Bundle) -> None:
    """20 where 10 was forecast; the naive fails alike, which the sentence tells."""
    report = compare(bundle, came(24, value=20.0))
    assert report.verdict == "worse"
    assert report.reason == (
        "the live error is 66.12 (90 % interval 66.12 to 66.12) times the promise over 6 series "
        "and 24 hours; the seasonal naive's is 28.96 times its own: the cluster itself changed"
    )
    assert report.series[0].sql == pytest.approx(DOUBLED)
    assert (report.series[0].bias, report.series[0].coverage) == (-10.0, 0.0)
    assert report.overall.scaled_bias == pytest.approx(-10.0)


def test_three_hours_are_too_early(bundle: Bundle) -> None:
    """However wrong they are."""
    report = compare(bundle, came(3, value=20.0))
    assert report.verdict == "too early"
    assert report.reason == "3 hours have come since 2026-01-31T00:00:00Z, 24 are needed"
    assert report.series[0].sql == pytest.approx(DOUBLED)
    assert report.observed_until == TRAINED_UNTIL + timedelta(hours=3)


def test_half_of_the_series_is_not_enough(bundle: Bundle) -> None:
    """Those that are silent are not like the others; five of six are enough."""
    report = compare(bundle, came(24, value=20.0, series=SIX[:3]))
    assert report.verdict == "too early"
    assert report.reason == (
        "3 of 6 series have 18 hours or more since 2026-01-31T00:00:00Z, two thirds are needed"
    )
    assert report.series[3].hours == 0
    assert report.series[3].sql is None
    assert compare(bundle, came(24, value=20.0, series=SIX[:5])).verdict == "worse"


def test_a_short_outage_does_not_silence_the_day(bundle: Bundle) -> None:
    """18 hours of 24 are enough, 17 are not."""
    observed = came(24, value=20.0)
    observed.values[:, 3:9] = np.nan
    assert compare(bundle, observed).verdict == "worse"
    observed.values[:, 9] = np.nan
    report = compare(bundle, observed)
    assert (report.verdict, report.overall.series) == ("too early", 0)
    assert "0 of 6 series have 18 hours or more" in report.reason


def test_the_mean_and_the_maximum_of_four_are_still_four(tmp_path: Path) -> None:
    """Eight series of four ids are four experiences, which may be chance."""
    bundle = write_live_bundle(tmp_path, series=SIX[:4], stats=("mean", "max"))
    report = compare(bundle, came(24, value=20.0, stats=("mean", "max")))
    assert (report.overall.series, report.overall.ids) == (8, 4)
    assert (report.verdict, report.reason) == (
        "too early",
        "4 ids can be compared, 5 are needed to tell an error from chance",
    )


def test_an_id_is_drawn_with_its_mean_and_its_maximum(tmp_path: Path) -> None:
    """The second statistic of the same ids that says the same makes nothing surer."""
    single = write_live_bundle(tmp_path / "single")
    double = write_live_bundle(tmp_path / "double", stats=("mean", "max"))
    one, two = came(24), came(24, stats=("mean", "max"))
    one.values[:] = 10.0 + np.arange(6)[:, None]
    two.values[:] = np.repeat(one.values, 2, axis=0)
    first, second = compare(single, one).overall.ratio, compare(double, two).overall.ratio
    assert first is not None
    assert second is not None
    assert (second.low, second.high) == pytest.approx((first.low, first.high))


def test_without_a_promise_nothing_is_said(tmp_path: Path) -> None:
    """A forecast from a short history was never measured, and no waiting helps."""
    bundle = write_live_bundle(tmp_path, promises={"next_day": None, "next_week": None})
    report = compare(bundle, came(24, value=20.0))
    assert (report.verdict, report.reason) == (
        "too early",
        "no series has a measured promise and a history that is not constant",
    )


@pytest.mark.parametrize("observed", [came(0), came(48, start=TRAINED_UNTIL - timedelta(days=2))])
def test_without_a_later_hour_nothing_is_said(bundle: Bundle, observed: Panel) -> None:
    """Hours before the forecast's first are its history, not its test."""
    report = compare(bundle, observed)
    assert (report.verdict, report.reason) == (
        "too early",
        "no hour at or after 2026-01-31T00:00:00Z is in the history yet",
    )
    assert report.overall.ratio is None
    assert report.observed_until == TRAINED_UNTIL


def test_one_bad_series_of_six_is_chance(bundle: Bundle) -> None:
    """The mean is above the margin, but rests on one series: the interval says so."""
    observed = came(24)
    observed.values[0] = 20.0
    report = compare(bundle, observed)
    assert report.verdict == "as promised"
    ratio = report.overall.ratio
    assert ratio is not None
    assert ratio.middle == pytest.approx(((DOUBLED + 0.01) / (EXACT + 0.01)) ** (1 / 6))
    assert ratio.low < 1.0


def test_the_interval_is_drawn_from_the_seed(bundle: Bundle) -> None:
    """The same seed gives the same interval, which holds the mean."""
    observed = came(24)
    observed.values[:] = 10.0 + np.arange(6)[:, None]
    first, again = (compare(bundle, observed, seed=7).overall.ratio for _ in range(2))
    assert first == again
    assert first is not None
    assert first.low < first.middle < first.high


def test_a_poor_promise_that_is_kept_is_as_promised(tmp_path: Path) -> None:
    """5 too high is an error of 67/15 where the naive's is 0.3: told, but nothing new."""
    promises = {"next_day": 67 / 15, "next_week": 67 / 15}
    report = compare(write_live_bundle(tmp_path, offset=5.0, promises=promises), came(24))
    assert report.verdict == "as promised"
    assert report.overall.versus_naive is not None
    assert report.overall.versus_naive.low == pytest.approx((67 / 15 + 0.01) / 0.31)


def test_each_hour_is_held_to_the_promise_of_its_own_lead(tmp_path: Path) -> None:
    """0.4 for the first day and 0.75 for the rest of the week: two days are held to 0.575."""
    bundle = write_live_bundle(tmp_path, promises={"next_day": 0.4, "next_week": 0.75})
    for hours, promised in ((24, 0.4), (48, 0.575), (168, 0.7)):
        week = compare(bundle, came(hours)).series[6]
        assert (week.horizon, week.hours) == ("next_week", hours)
        assert week.promised_sql == pytest.approx(promised)


def test_old_leads_are_held_to_their_own_promise_alone(tmp_path: Path) -> None:
    """Of a bundle three days old only the fourth came: 3.0 was promised there, 0.1 of tomorrow."""
    bundle = write_live_bundle(tmp_path, promises={"next_day": 0.1, "next_week": 3.0})
    observed = came(24, value=13.0, start=TRAINED_UNTIL + timedelta(days=3))
    report = compare(bundle, observed)
    assert report.verdict == "as promised"
    assert report.overall.promised_sql == pytest.approx(3.0)
    assert report.horizons[0].series == 0


def test_an_unmeasured_horizon_has_no_ratio(tmp_path: Path) -> None:
    """Its live error is told; the verdict is about the hours that were promised."""
    bundle = write_live_bundle(tmp_path, promises={"next_day": EXACT, "next_week": None})
    report = compare(bundle, came(30))
    week = report.series[6]
    assert (week.hours, week.promised_sql, week.ratio) == (30, None, None)
    assert week.sql == pytest.approx(EXACT)
    assert (report.overall.hours, report.verdict) == (24, "as promised")
    assert report.horizons[1].ratio is None


def test_a_constant_history_has_no_scale(tmp_path: Path) -> None:
    """It is told apart, with coverage and bias, and counts for nothing."""
    bundle = write_live_bundle(tmp_path, constant=SIX[:1])
    report = compare(bundle, came(24, value=20.0))
    row = report.series[0]
    assert (row.sql, row.ratio, row.naive_sql) == (None, None, None)
    assert (row.bias, row.coverage) == (-10.0, 0.0)
    assert (report.overall.promised, report.overall.series) == (5, 5)


def test_gaps_and_strangers_are_left_out(bundle: Bundle) -> None:
    """A missing hour is not compared; a series that the bundle lacks is not looked at."""
    observed = came(30, series=(*SIX, "stranger"))
    observed.values[:, 10:14] = np.nan
    report = compare(bundle, observed)
    assert {row.series for row in report.series} == set(SIX)
    assert {row.hours for row in report.series if row.horizon == "next_week"} == {26}
    assert {row.hours for row in report.series if row.horizon == "next_day"} == {20}


def test_a_rival_is_measured_on_the_same_hours(bundle: Bundle, tmp_path: Path) -> None:
    """A day older and 5 too high: 67/15 against 2/15; the same forecast is just as good."""
    before = TRAINED_UNTIL - timedelta(days=1)
    same = write_live_bundle(tmp_path / "same", trained_until=before)
    high = write_live_bundle(tmp_path / "high", trained_until=before, offset=5.0)
    assert rival_ratio(bundle, same, came(30)) == Ratio(1.0, 1.0, 1.0)
    worse = rival_ratio(bundle, high, came(30))
    assert worse is not None
    assert worse.low == pytest.approx((67 / 15 + 0.01) / (EXACT + 0.01))


def test_a_rival_without_common_hours_is_not_measured(bundle: Bundle, tmp_path: Path) -> None:
    """Too short, trained only later, of other series, or of too few."""
    for name, rival in {
        "short": write_live_bundle(
            tmp_path / "short", trained_until=TRAINED_UNTIL - timedelta(days=10), steps=250
        ),
        "later": write_live_bundle(
            tmp_path / "later", trained_until=TRAINED_UNTIL + timedelta(days=1)
        ),
        "others": write_live_bundle(tmp_path / "others", series=("a", "b", "c", "d", "e")),
        "few": write_live_bundle(tmp_path / "few", series=SIX[:4]),
    }.items():
        assert rival_ratio(bundle, rival, came(30)) is None, name


def carried(bundle: Bundle, *names: str) -> Bundle:
    """Return the bundle with these series as an earlier one's."""
    as_of = TRAINED_UNTIL - timedelta(hours=25)
    index = tuple(
        entry.model_copy(update={"as_of": as_of}) if entry.series in names else entry
        for entry in bundle.index
    )
    return replace(bundle, index=index)


def test_what_was_carried_over_is_not_judged_again(tmp_path: Path) -> None:
    """Two series that an earlier version forecast, and forecast badly, change no figure."""
    names = (*SIX, "old0", "old1")
    bundle = carried(write_live_bundle(tmp_path, series=names), "old0", "old1")
    values = came(24, series=names)
    values.values[-2:] = 2 * LEVEL
    report = compare(bundle, values)
    assert (report.verdict, report.overall.series, report.overall.promised) == (
        "as promised",
        6,
        6,
    )
    assert report.overall.coverage == 1.0
    assert {row.series for row in report.series} == set(SIX)


def test_a_rival_is_compared_on_what_the_version_has_forecast_itself(tmp_path: Path) -> None:
    """Both hold the same carried rows, which would make them look alike."""
    names = (*SIX, "old0", "old1")
    bundle = write_live_bundle(tmp_path / "a", series=names)
    rival = write_live_bundle(tmp_path / "b", series=names, offset=LEVEL)
    same = np.array(rival.forecast)
    same[-2:] = bundle.forecast[-2:]
    rival, values = replace(rival, forecast=same), came(24, series=names)
    found = rival_ratio(carried(bundle, "old0", "old1"), rival, values)
    assert found is not None
    assert found.low == found.high == pytest.approx((DOUBLED + 0.01) / (EXACT + 0.01))
