"""Days and weeks out of the hours of one series."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from factories import bundles
from hypothesis import given, settings
from hypothesis import strategies as st

from foresail.bundle import Bundle, HorizonEntry, Segment, SeriesEntry
from foresail.horizons import HORIZONS, NEXT_DAY, NEXT_MONTH, NEXT_WEEK, Horizon
from foresail_serving.answers.answer import Forecast, forecast
from foresail_serving.answers.queries import ForecastQuery
from foresail_serving.answers.window import significant
from foresail_serving.problems import ProblemError
from foresail_serving.settings import ServeSettings
from foresail_serving.snapshot import Found, Served, Snapshot

START = bundles.TRAINED_UNTIL
NOON = START + timedelta(hours=12)
AT = {"cluster": "prod", "scope": "namespace"}
PLAIN = {
    "peak": (0.0, 0.5, 1.0),
    "daily_mean": (-1.0, 0.0, 1.0),
    "week_peak": (0.5, 1.0, 1.5),
    "weekly_mean": (-0.5, 0.0, 0.5),
}
"""Of a peak the half-width is 2, of a mean it is 1.5."""
DAY_ONE = Segment(until_hours=24, model="ets", peak=(1.0, 2.0, 3.0), daily_mean=(0.0, 0.0, 0.0))
MEASURED = (DAY_ONE, Segment(until_hours=888, model="prophet", **PLAIN))  # type: ignore[arg-type]
YOUNG = {
    **{h.name: HorizonEntry(winner="prophet") for h in HORIZONS[:2]},
    "next_month": HorizonEntry(winner=None, code=202, reason="needs 14 days, has 3"),
}


def named(name: str, segments: Sequence[Segment], **more: Any) -> SeriesEntry:
    """Return a namespace's series."""
    labels = {**AT, "namespace": name}
    return bundles.entry(name, labels, segments=segments, **more)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Series with measured days and weeks, with days alone, and with neither."""
    folder = tmp_path_factory.mktemp("bundle")
    days_only = [s.model_copy(update={"week_peak": None, "weekly_mean": None}) for s in MEASURED]
    index = [
        named("measured", MEASURED, capacity={"limit": 40.0}),
        named("old", days_only),
        named("bare", bundles.ONE_SEGMENT),
        named("young", MEASURED, hours=330, horizons=YOUNG),
        named("carried", MEASURED).model_copy(update={"as_of": START - timedelta(hours=13)}),
    ]
    bundles.write(folder, index=index)
    return Snapshot.of({"foresail-cpu": Served("foresail-cpu", "1", Bundle.open(folder))})


def series(snapshot: Snapshot, name: str) -> Found:
    """Return one of them."""
    return snapshot.by_id[name, "cpu", "mean"]


def ask(
    found: Found, horizon: Horizon = NEXT_WEEK, *, hour: datetime = NOON, **parameters: object
) -> Forecast:
    """Return the answer to a query."""
    query = ForecastQuery.model_validate(parameters)
    return forecast(found, query, horizon=horizon, hour=hour, settings=ServeSettings())


def column(answer: Forecast, name: str) -> list[float]:
    """Return one column of an answer."""
    values = getattr(answer.body, name)
    return significant(values).tolist()


def test_a_days_peak_is_calibrated_by_the_segment_of_its_first_hour(snapshot: Snapshot) -> None:
    """The highest p50 is 33, the half-width 2; the first day has factors of its own."""
    found = series(snapshot, "measured")
    tomorrow = ask(found, NEXT_DAY, step="1d", agg="peak")
    assert [column(tomorrow, p) for p in ("p10", "p50", "p90")] == [[33.0], [34.0], [35.0]]
    rolling = ask(found, NEXT_WEEK, step="1d", agg="peak", **{"from": "now"})
    assert column(rolling, "p50") == [37.0, *[34.0] * 6]
    assert rolling.body.quantiles_of == "periods"


def test_a_days_mean_is_calibrated_about_its_mean(snapshot: Snapshot) -> None:
    """The mean p50 of a day is 21.5, the half-width 1.5."""
    answer = ask(series(snapshot, "measured"), NEXT_DAY, step="1d")
    assert answer.body.agg == "mean"
    assert [column(answer, p) for p in ("p10", "p50", "p90")] == [[20.0], [21.5], [23.0]]


def test_a_week_belongs_to_the_segment_of_most_of_its_hours(snapshot: Snapshot) -> None:
    """A week from the first hour on lies mostly behind the first day, which has no weeks."""
    answer = ask(series(snapshot, "measured"), step="1w", hour=START, **{"from": "now"})
    assert (column(answer, "p50"), answer.body.quantiles_of) == ([21.5], "periods")
    peaks = ask(series(snapshot, "measured"), NEXT_MONTH, step="1w", agg="peak")
    assert column(peaks, "p90") == [36.0] * 4


def test_weeks_that_were_never_measured_say_so(snapshot: Snapshot) -> None:
    """Of an older bundle: the highest hourly quantile, under the name of what it is."""
    found = series(snapshot, "old")
    week = ask(found, step="1w", agg="peak")
    assert week.body.quantiles_of == "hours"
    assert [column(week, p) for p in ("p10", "p50", "p90")] == [[32.0], [33.0], [35.0]]
    assert ask(found, step="1d", agg="peak").body.quantiles_of == "periods"


def test_days_without_factors_are_made_of_hours(snapshot: Snapshot) -> None:
    """Means of the hourly quantiles, and the answer says whose they are."""
    answer = ask(series(snapshot, "bare"), NEXT_DAY, step="1d")
    assert answer.body.quantiles_of == "hours"
    assert [column(answer, p) for p in ("p10", "p50", "p90")] == [[20.5], [21.5], [23.5]]


def test_summary_and_room_speak_of_the_rows(snapshot: Snapshot) -> None:
    """85 % of 40 is 34, which the daily peak's p50 reaches on the first day."""
    body = ask(series(snapshot, "measured"), NEXT_WEEK, step="1d", agg="peak").body
    assert body.summary is not None
    assert (body.summary.peak, body.summary.peak_at) == (34.0, "2026-11-22T00:00:00Z")
    assert (body.capacity.headroom.p50, body.capacity.headroom.p90) == (6.0, 5.0)
    assert body.capacity.full_on.p50 == "2026-11-22T00:00:00Z"


def test_full_at_is_the_askers_to_choose(snapshot: Snapshot) -> None:
    """At 90 % of 40, which is 36, nothing is full."""
    room = ask(series(snapshot, "measured"), step="1d", agg="peak", full_at=0.9).body.capacity
    assert (room.threshold, room.full_on.p90) == (0.9, None)
    assert room.full_on_code.p90 == "not-within-horizon"


@pytest.mark.parametrize(
    ("step", "age", "rows", "whole"),
    [("1h", 600, 888 - 624, 720), ("1d", 600, 11, 30), ("1w", 600, 1, 4)],
)
def test_what_is_cut_off_by_the_end_is_left_out(
    snapshot: Snapshot, step: str, age: int, rows: int, whole: int
) -> None:
    """A day of which hours are missing is no day: its peak may lie in them."""
    hour = START + timedelta(hours=age)
    query = {"step": step, "from": "calendar"}
    answer = ask(series(snapshot, "measured"), NEXT_MONTH, hour=hour, **query)
    body, table = answer.body, answer.table()
    assert (body.status, body.complete, len(body.ds)) == ("partial", False, rows)
    assert body.reason == "the forecast is 600 hours old; the forecast ends at 2026-12-28T00:00:00Z"
    assert body.lead_hours == (625, 624 + rows * answer.periods.lengths[0])
    assert (len(table.starts), int(np.isfinite(table.values[:, 1]).sum())) == (whole, rows)
    assert (table.models[rows - 1], table.models[rows]) == ("prophet", "")
    assert (table.leads[0], table.leads[rows]) == (625, None)


def test_a_forecast_that_begins_within_a_day_leaves_that_day_out(snapshot: Snapshot) -> None:
    """With the clock ten hours behind the training, six of seven rolling days are whole."""
    hour = START - timedelta(hours=10)
    answer = ask(series(snapshot, "measured"), step="1d", hour=hour, **{"from": "now"})
    assert (answer.body.status, len(answer.body.ds)) == ("partial", 6)
    assert answer.body.ds[0] == "2026-11-21T14:00:00Z"
    assert answer.body.reason == "the forecast begins at 2026-11-21T00:00:00Z"
    assert np.isnan(answer.table().values[0]).all()


def test_hours_that_make_no_whole_period_are_a_problem(snapshot: Snapshot) -> None:
    """Ten hours are left: no day; thirteen hours late it has not begun."""
    found = series(snapshot, "measured")
    with pytest.raises(ProblemError, match=r"ends at .*, before the first day asked is over"):
        ask(found, step="1d", hour=START + timedelta(hours=878), **{"from": "now"})
    with pytest.raises(ProblemError, match=r"begins at .*, after the first day asked has begun"):
        ask(found, NEXT_DAY, step="1d", hour=START - timedelta(hours=13), **{"from": "now"})
    with pytest.raises(ProblemError, match=r"ends at .*, before the hours asked"):
        ask(found, step="1d", hour=START + timedelta(hours=870))


def test_a_shorter_series_ends_where_it_ends(snapshot: Snapshot) -> None:
    """330 hours hold twelve calendar days after the first, whatever lies in the array behind."""
    answer = ask(series(snapshot, "young"), NEXT_WEEK, step="1d", hour=START + timedelta(hours=170))
    assert (answer.body.status, len(answer.body.ds)) == ("partial", 5)


@pytest.mark.parametrize(("step", "first"), [("1h", 25), ("1d", 37), ("1w", 37)])
def test_a_carried_over_series_counts_leads_from_its_own_start(
    snapshot: Snapshot, step: str, first: int
) -> None:
    """Its forecast began twelve hours before the bundle; days and weeks begin with tomorrow."""
    answer = ask(series(snapshot, "carried"), NEXT_WEEK, step=step)
    assert answer.body.trained_until == "2026-11-20T12:00:00Z"
    assert answer.body.lead_hours == (first, first + 167)
    assert answer.table().leads[0] == first


@pytest.mark.parametrize("step", ["1h", "1d", "1w"])
def test_an_abstaining_series_abstains_at_every_step(snapshot: Snapshot, step: str) -> None:
    """A row for every period asked in the table, none in the columns."""
    answer = ask(series(snapshot, "young"), NEXT_MONTH, step=step)
    body, table = answer.body, answer.table()
    assert (body.status, body.ds, body.summary) == ("abstained", (), None)
    assert body.capacity.full_on_code.p50 == "no-capacity"
    assert np.isnan(table.values).all()
    assert set(table.models) == {""}
    assert len(table.starts) == len(table.leads) == {"1h": 720, "1d": 30, "1w": 4}[step]


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """A series of random hours."""
    folder: Path = tmp_path_factory.mktemp("noise")
    bundles.write(folder, index=[named("n", bundles.ONE_SEGMENT)])
    bundle = Bundle.open(folder)
    values = np.sort(np.random.default_rng(7).gamma(2.0, 1.0, (1, 888, 3)), axis=2)
    bundle = Bundle(bundle.manifest, bundle.index, values.astype(np.float32), bundle.history)
    return Snapshot.of({"m": Served("m", "1", bundle)}).series[0]


@settings(max_examples=40)
@given(
    age=st.integers(0, 300),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York"]),
    step=st.sampled_from(["1d", "1w"]),
    start=st.sampled_from(["now", "calendar"]),
)
def test_a_period_is_made_of_its_own_hours(
    noise: Found, age: int, zone: str, step: str, start: str
) -> None:
    """The peak is the highest, the mean the mean of the very hours that start in the period."""
    hour = START + timedelta(hours=age)
    common = {"from": start, "tz": zone}
    hours = ask(noise, NEXT_MONTH, hour=hour, **common).table()
    p50 = dict(zip(hours.starts, hours.values[:, 1], strict=True))
    for agg, one in (("peak", np.nanmax), ("mean", np.nanmean)):
        table = ask(noise, NEXT_MONTH, hour=hour, step=step, agg=agg, **common).table()
        own = [
            [p50[begin + timedelta(hours=h)] for h in range(length)]
            for begin, length in zip(table.starts, table.hours, strict=True)
        ]
        whole = ~np.isnan(own_values := np.array([np.sum(some) for some in own]))
        assert (np.isfinite(table.values[:, 1]) == whole).all()
        expected = [one(some) for some, w in zip(own, whole, strict=True) if w]
        np.testing.assert_allclose(table.values[whole, 1], expected, rtol=1e-6)
        assert len(own_values) == len(table.starts)
