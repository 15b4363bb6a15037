"""A cluster that did not answer: its series move to the newer bundle with the forecast they had."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factories import bundles
from factories.registry_bundle import write_registry_bundle
from hypothesis import given
from hypothesis import strategies as st

from foresail.bundle import Bundle, HorizonEntry, Manifest, Quality, Segment, SeriesEntry, promise
from foresail.bundle.carry import Carried, carry, complete
from foresail.bundle.reader import verify_file, verify_folder
from foresail.bundle.schema import MANIFEST
from foresail.errors import BadBundle, BadInput
from foresail.horizons import HORIZONS

START = bundles.TRAINED_UNTIL
HOUR = timedelta(hours=1)
WHY = "cluster dev did not answer; the forecast as of 2026-11-20T23:00:00Z goes on serving"
SHOP, YOUNG, ENDED = (
    "dev/namespace/shop",
    "dev/workload/shop/deployment/young",
    "dev/workload/shop/deployment/ended",
)


def made(
    folder: Path, *clusters: str, hours: int = 0, level: float = 10.0, steps: int = bundles.STEPS
) -> Bundle:
    """Return a bundle of these clusters that begins so many hours after the first one."""
    index = [
        entry.model_copy(update={"hours": min(entry.hours, steps)})
        for cluster in clusters
        for entry in bundles.cluster_entries(cluster=cluster)
    ]
    bundles.write(folder, index=index, trained_until=START + hours * HOUR, level=level, steps=steps)
    return Bundle.open(folder)


def entry_of(carried: Carried | Bundle, series: str) -> SeriesEntry:
    """Return the mean of one series."""
    return next(e for e in carried.index if (e.series, e.stat) == (series, "mean"))


def row_of(carried: Carried | Bundle, series: str) -> int:
    """Return where it stands."""
    return carried.index.index(entry_of(carried, series))


@pytest.fixture
def older(tmp_path: Path) -> Bundle:
    """Return a bundle of two clusters whose p50 is 10 + the hour of the day."""
    return made(tmp_path / "older", "prod", "dev")


@pytest.fixture
def newer(tmp_path: Path) -> Bundle:
    """Return what was trained 30 hours later, when dev did not answer."""
    return made(tmp_path / "newer", "prod", hours=30, level=50.0)


def test_each_hour_keeps_its_value(older: Bundle, newer: Bundle) -> None:
    """The newer grid begins at six in the morning: there stands what was forecast for six."""
    carried = carry(older, newer, clusters={"dev"})
    shop = carried.forecast[row_of(carried, SHOP)]
    assert shop[:3].tolist() == [[15.0, 16.0, 18.0], [16.0, 17.0, 19.0], [17.0, 18.0, 20.0]]
    assert shop[857].tolist() == [32.0, 33.0, 35.0]
    assert not shop[858:].any()


def test_only_the_silent_cluster_is_carried_over(older: Bundle, newer: Bundle) -> None:
    """All of its series, with the hours that are left, and none of another cluster's."""
    carried = carry(older, newer, clusters={"dev", "test"})
    assert {e.labels["cluster"] for e in carried.index} == {"dev"}
    assert len(carried.index) == 8
    assert (entry_of(carried, SHOP).hours, entry_of(carried, YOUNG).hours) == (858, 306)
    assert carried.ended == 0


def test_what_the_newer_bundle_has_is_not_carried_over(older: Bundle, newer: Bundle) -> None:
    """Each series stands in a bundle once, with the newest that is known of it."""
    assert carry(older, newer, clusters={"prod"}).index == ()


def test_a_carried_series_says_why_and_since_when(older: Bundle, newer: Bundle) -> None:
    """Its own as-of is the last hour that it knew; each horizon has the code and the sentence."""
    shop = entry_of(carry(older, newer, clusters={"dev"}), SHOP)
    assert shop.as_of == START - HOUR
    assert {(h.code, h.reason) for h in shop.horizons.values()} == {(402, WHY)}


def test_what_was_to_be_said_before_is_still_said(older: Bundle, newer: Bundle) -> None:
    """A plainer model stands in, and the forecast is old as well."""
    carried = carry(older, newer, clusters={"dev"})
    known = entry_of(carried, "dev/workload/shop/statefulset/api").horizons["next_day"]
    assert (known.code, known.reason) == (402, f"{WHY}; prophet failed to fit")


def test_a_refused_horizon_stays_refused(older: Bundle, newer: Bundle) -> None:
    """What could not be forecast then has its own reason, as has a series without a forecast."""
    carried = carry(older, newer, clusters={"dev"})
    month = entry_of(carried, YOUNG).horizons["next_month"]
    assert (month.winner, month.code, month.reason) == (None, 202, "needs 14 days, has 3")
    ended = entry_of(carried, ENDED)
    assert (ended.hours, ended.segments, ended.as_of) == (0, (), START - HOUR)
    assert {h.code for h in ended.horizons.values()} == {203}


def test_segments_and_promises_follow_the_hours_left(older: Bundle, newer: Bundle) -> None:
    """The first day's contender has served its hours; tomorrow is the leads 31 to 54."""
    shop = entry_of(carry(older, newer, clusters={"dev"}), SHOP)
    assert [(s.until_hours, s.model) for s in shop.segments] == [(858, "prophet")]
    day = shop.horizons["next_day"]
    assert (day.winner, day.quality) == ("prophet", bundles.QUALITY)


def test_a_segment_that_is_not_over_keeps_the_rest_of_its_hours(
    older: Bundle, tmp_path: Path
) -> None:
    """Six hours on, tomorrow is 18 hours of the easy leads and 6 of the others."""
    newer = made(tmp_path / "soon", "prod", hours=6)
    shop = entry_of(carry(older, newer, clusters={"dev"}), SHOP)
    assert [(s.until_hours, s.model) for s in shop.segments] == [(18, "ets"), (882, "prophet")]
    day = shop.horizons["next_day"]
    assert day.quality
    assert day.quality.sql == pytest.approx((18 * 0.32 + 6 * 0.42) / 24)
    assert day.quality.windows == 3
    assert day.winner == "prophet"


def test_a_horizon_with_fewer_hours_left_has_their_promise(older: Bundle, tmp_path: Path) -> None:
    """Of a week 8 hours are left, and it is won by whoever serves the last of them."""
    newer = made(tmp_path / "late", "prod", hours=880)
    shop = entry_of(carry(older, newer, clusters={"dev"}), SHOP)
    assert shop.hours == 8
    assert [(s.until_hours, s.model) for s in shop.segments] == [(8, "prophet")]
    assert shop.horizons["next_week"].quality == bundles.QUALITY


def test_a_forecast_that_has_run_out_is_not_carried_over(older: Bundle, tmp_path: Path) -> None:
    """After its 336 hours the young series is gone, after 888 all are, also those without any."""
    later = made(tmp_path / "336", "prod", hours=336)
    carried = carry(older, later, clusters={"dev"})
    assert (len(carried.index), carried.ended) == (7, 1)
    assert YOUNG not in {entry.series for entry in carried.index}
    last = carry(older, made(tmp_path / "887", "prod", hours=887), clusters={"dev"})
    assert {entry.hours for entry in last.index} == {0, 1}
    gone = carry(older, made(tmp_path / "888", "prod", hours=888), clusters={"dev"})
    assert (gone.index, gone.ended) == ((), 8)
    assert gone.forecast.shape == (0, 888, 3)


def test_the_hours_that_nobody_staged_are_gaps(older: Bundle, newer: Bundle) -> None:
    """The history ends with 30 hours without a value, and before them is what was known."""
    carried = carry(older, newer, clusters={"dev"})
    assert carried.history.shape == (8, 672)
    assert np.isnan(carried.history[:, -30:]).all()
    assert (carried.history[:, -78:-30] == 10.0).all()
    assert np.isnan(carried.history[:, :-78]).all()


def test_a_history_of_long_ago_is_all_gaps(older: Bundle, tmp_path: Path) -> None:
    """After 28 days nothing of what was known lies within the last 28 days."""
    newer = made(tmp_path / "late", "prod", hours=700)
    assert np.isnan(carry(older, newer, clusters={"dev"}).history).all()


def completed(source: Bundle, home: Path, carried: Carried) -> Bundle:
    """Write the bundle in `home` with carried series beside it, and open it."""
    target = home.with_name(f"{home.name}-completed")
    complete(home, target, carried)
    assert source.manifest.trained_until == Bundle.open(target).manifest.trained_until
    return Bundle.open(target)


def test_a_cluster_that_stays_silent_keeps_its_first_as_of(older: Bundle, tmp_path: Path) -> None:
    """Three runs on, the rows are those that one step would have brought, sentence included."""
    champion = older
    for run, hours in enumerate((24, 30, 54)):
        home = tmp_path / f"run{run}"
        newer = made(home, "prod", hours=hours)
        champion = completed(newer, home, carry(champion, newer, clusters={"dev"}))
    at_once = carry(older, newer, clusters={"dev"})
    rows = [row for row, e in enumerate(champion.index) if e.is_carried_over]
    assert champion.index[rows[0] :] == at_once.index
    assert {e.as_of for e in at_once.index} == {START - HOUR}
    np.testing.assert_array_equal(champion.forecast[rows], at_once.forecast)
    np.testing.assert_array_equal(champion.history[rows], at_once.history)


def test_a_chain_ends_when_its_first_forecast_does(older: Bundle, tmp_path: Path) -> None:
    """A series without a forecast is not carried from bundle to bundle for ever."""
    first = made(tmp_path / "first", "prod", hours=500)
    champion = completed(first, tmp_path / "first", carry(older, first, clusters={"dev"}))
    second = made(tmp_path / "second", "prod", hours=888)
    carried = carry(champion, second, clusters={"dev"})
    assert (carried.index, carried.ended) == ((), 7)


def test_carried_over_from_itself_nothing_changes(older: Bundle, tmp_path: Path) -> None:
    """A step that is run again after its version became champion writes the same bundle."""
    home = tmp_path / "newer"
    newer = made(home, "prod", hours=30)
    first = complete(home, tmp_path / "a", carry(older, newer, clusters={"dev"}))
    again = carry(Bundle.open(tmp_path / "a"), newer, clusters={"dev"})
    assert complete(home, tmp_path / "b", again) == first


def test_a_shorter_grid_cuts_what_is_left(older: Bundle, tmp_path: Path) -> None:
    """The newer bundle holds eight days: no series says more."""
    newer = made(tmp_path / "short", "prod", hours=6, steps=192)
    carried = carry(older, newer, clusters={"dev"})
    shop = entry_of(carried, SHOP)
    assert (shop.hours, carried.forecast.shape) == (192, (8, 192, 3))
    assert [(s.until_hours, s.model) for s in shop.segments] == [(18, "ets"), (192, "prophet")]


def test_horizons_that_nobody_trains_for_any_more_are_left_out(
    older: Bundle, tmp_path: Path
) -> None:
    """The newer bundle was asked for the next day alone."""
    write_registry_bundle(tmp_path / "day", trained_until=START + 24 * HOUR)
    carried = carry(older, Bundle.open(tmp_path / "day"), clusters={"dev"})
    assert {tuple(entry.horizons) for entry in carried.index} == {("next_day",)}


def test_a_constant_is_still_known_as_one(tmp_path: Path) -> None:
    """Its code tells that it is carried over, its sentence that it is constant."""
    told = "the series has been 3 cores for 28 days"
    horizons = {"next_day": HorizonEntry(winner="constant", code=101, reason=told)}
    labels = {"cluster": "dev", "scope": "cluster"}
    segments = [Segment(until_hours=888, model="constant")]
    index = [bundles.entry("dev/cluster", labels, horizons=horizons, segments=segments)]
    bundles.write(tmp_path / "older", index=index)
    carried = carry(
        Bundle.open(tmp_path / "older"), made(tmp_path / "newer", "prod", hours=1), clusters={"dev"}
    )
    day = carried.index[0].horizons["next_day"]
    assert (day.code, day.reason, day.quality) == (402, f"{WHY}; {told}", None)
    assert day.is_constant


@pytest.mark.parametrize(
    ("metric", "trained_until", "told"),
    [
        ("memory", START, r"expected a bundle of cpu with quantiles .*, got memory with"),
        ("cpu", START + 31 * HOUR, r"begins at 2026-11-22T07:00:00Z, after the newer one"),
    ],
    ids=["metric", "later"],
)
def test_a_bundle_that_does_not_fit_is_refused(
    newer: Bundle, tmp_path: Path, metric: str, trained_until: datetime, told: str
) -> None:
    """Another metric, or a champion that knows more than what it should complete."""
    bundles.write(tmp_path / "older", metric=metric, trained_until=trained_until)
    with pytest.raises(BadInput, match=told):
        carry(Bundle.open(tmp_path / "older"), newer, clusters={"dev"})


@given(
    shift=st.integers(1, 700),
    first=st.integers(2, 100),
    length=st.integers(1, 80),
    ends=st.lists(st.integers(1, 887), min_size=0, max_size=3, unique=True),
)
def test_the_promise_of_any_hours_is_that_of_their_own_leads(
    shift: int, first: int, length: int, ends: Sequence[int]
) -> None:
    """On the newer grid the hours 2 to 9 are promised what was promised of the leads 32 to 39."""
    qualities = [
        Quality(windows=n, coverage=n / 9, sql=n, mase=n, naive_sql=n, naive_mase=n)
        for n in range(3, 8)
    ]
    segments = [
        Segment(until_hours=until, model="ets", quality=quality)
        for until, quality in zip([*sorted(ends), 888], qualities, strict=False)
    ]
    entry = bundles.entry("dev/cluster", {"cluster": "dev"}, segments=segments)
    carried = carry(_in_memory(START, entry), _in_memory(START + shift * HOUR), clusters={"dev"})
    (moved,) = carried.index
    last = min(first + length, moved.hours)
    if first <= last:
        expected = promise(entry, first_lead=shift + first, last_lead=shift + last)
        assert promise(moved, first_lead=first, last_lead=last) == expected


def _in_memory(trained_until: datetime, *index: SeriesEntry) -> Bundle:
    manifest = Manifest(
        metric="cpu",
        trained_until=trained_until,
        covers_until=trained_until + 888 * HOUR,
        quantiles=(0.1, 0.5, 0.9),
        steps=888,
        series=len(index),
        horizons={h.name: h.hours for h in HORIZONS},
        history_digest="d" * 64,
        versions={},
        files={},
    )
    shape = (len(index), 888, 3)
    return Bundle(manifest, index, np.zeros(shape, "<f4"), np.zeros((len(index), 672), "<f4"))


@pytest.fixture
def whole(older: Bundle, newer: Bundle, tmp_path: Path) -> Path:
    """Return the newer bundle, completed."""
    complete(tmp_path / "newer", tmp_path / "whole", carry(older, newer, clusters={"dev"}))
    return tmp_path / "whole"


def test_a_completed_bundle_is_a_whole_one(whole: Path, newer: Bundle) -> None:
    """Its own series first and unchanged, the carried ones after them; every file checks."""
    bundle = Bundle.open(whole)
    assert bundle.manifest.series == 16
    assert bundle.index[:8] == newer.index
    np.testing.assert_array_equal(bundle.forecast[:8], newer.forecast)
    assert [e.is_carried_over for e in bundle.index] == [False] * 8 + [True] * 8
    for name in bundle.manifest.files:
        verify_file(whole, name, bundle.manifest)
    there = {p.relative_to(whole).as_posix() for p in whole.rglob("*") if p.is_file()}
    assert set(bundle.manifest.files) == there - {MANIFEST}


def test_the_table_for_people_tells_since_when_each_forecast_is(whole: Path) -> None:
    """A carried series has fewer rows and an earlier first hour of its own."""
    rows = pd.read_parquet(whole / "forecast.parquet")
    rows = rows[rows["stat"] == "mean"].groupby("series", observed=True)
    told = rows["trained_until"].agg(["min", "max", "count"]).to_dict("index")
    first, later = pd.Timestamp(START), pd.Timestamp(START + 30 * HOUR)
    assert told[SHOP] == {"min": first, "max": first, "count": 858}
    assert told["prod/namespace/shop"] == {"min": later, "max": later, "count": 888}
    assert rows["ds"].min()[SHOP] == later


def test_models_and_recipe_stay_those_of_its_own_series(tmp_path: Path) -> None:
    """Nothing fitted is carried over; what is there keeps its bytes."""
    home = tmp_path / "fitted"
    write_registry_bundle(home, trained_until=START + 24 * HOUR, fitted=True)
    older = made(tmp_path / "older", "dev")
    carried = carry(older, Bundle.open(home), clusters={"dev"})
    manifest = complete(home, tmp_path / "whole", carried)
    verify_folder(tmp_path / "whole", "models", manifest)
    before = Bundle.open(home).manifest.files
    kept = {name for name in before if name.startswith("models/") or name == "recipe.json"}
    assert len(kept) > 5
    assert {name: manifest.files[name] for name in kept} == {name: before[name] for name in kept}


def test_a_bundle_without_its_empty_models_folder_is_completed(
    older: Bundle, newer: Bundle, tmp_path: Path
) -> None:
    """An object store keeps no empty folders."""
    (tmp_path / "newer" / "models").rmdir()
    carried = carry(older, newer, clusters={"dev"})
    assert complete(tmp_path / "newer", tmp_path / "whole", carried).series == 16


@pytest.mark.parametrize("name", ["recipe.json", "forecast.parquet", "index.json"])
def test_a_damaged_bundle_is_not_completed(
    older: Bundle, newer: Bundle, tmp_path: Path, name: str
) -> None:
    """New checksums would make the damage look sound."""
    carried = carry(older, newer, clusters={"dev"})
    (tmp_path / "newer" / name).write_text("{ }")
    with pytest.raises(BadBundle, match=rf"newer: {name} is not the file that was published"):
        complete(tmp_path / "newer", tmp_path / "whole", carried)
    assert not (tmp_path / "whole" / MANIFEST).exists()


def test_a_series_that_knows_more_than_its_bundle_is_refused(tmp_path: Path) -> None:
    """Its as-of may equal the bundle's and never lie after it."""
    (entry, *_) = bundles.cluster_entries()
    for hours, folder in ((1, tmp_path / "equal"), (0, tmp_path / "later")):
        index = [entry.model_copy(update={"as_of": START - hours * HOUR})]
        bundles.write(folder, index=index)
    assert Bundle.open(tmp_path / "equal").index[0].is_carried_over
    with pytest.raises(BadBundle, match="later: a series knows hours that come after the bundle"):
        Bundle.open(tmp_path / "later")
