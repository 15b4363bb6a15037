"""How near every series comes to its ceiling, held to the single answers."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from factories import bundles, dashboards

from foresail.horizons import HORIZONS, NEXT_DAY, NEXT_WEEK, Horizon
from foresail_serving.answers.answer import forecast
from foresail_serving.answers.moment import Moment
from foresail_serving.answers.queries import ForecastQuery
from foresail_serving.answers.standings import Standings, StandingsCache, standings
from foresail_serving.clock import hour_of
from foresail_serving.problems import ProblemError
from foresail_serving.settings import ServeSettings
from foresail_serving.snapshot import Snapshot, SnapshotStore

NOW = hour_of(dashboards.NOW)


def opened(cache: Path) -> Snapshot:
    """Return what a server would serve from a cache."""
    store = SnapshotStore(cache)
    store.refresh()
    return store.current


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Two clusters."""
    folder = tmp_path_factory.mktemp("dashboards")
    dashboards.publish(folder, challenger=False)
    return opened(folder)


def moment(snapshot: Snapshot, hour: datetime = NOW) -> Moment:
    """Return it at an hour."""
    return Moment(snapshot, hour, ServeSettings())


def single(at: Moment, found: Standings, row: int, horizon: Horizon) -> tuple[float, ...]:
    """Return peak, headroom and hours to full at p50 and p90 as a single answer tells them."""
    item = found.found[row]
    query = ForecastQuery(series=item.entry.series, metric=item.entry.metric, stat=item.entry.stat)
    nothing = (np.nan,) * 4 + (np.inf,) * 2
    try:
        body = forecast(item, query, horizon=horizon, hour=at.hour, settings=at.settings).body
    except ProblemError:
        return nothing
    if body.summary is None:
        return nothing
    room, full = body.capacity.headroom, body.capacity.full_on
    hours = [
        (datetime.fromisoformat(when) - at.hour) / timedelta(hours=1) if when else np.inf
        for when in (full.p50, full.p90)
    ]
    left = [np.nan if value is None else value for value in (room.p50, room.p90)]
    return (body.summary.peak, body.summary.peak_p90, *left, *hours)


@pytest.mark.parametrize("horizon", HORIZONS, ids=lambda h: h.name)
@pytest.mark.parametrize("days", [0, 33])
def test_standings_are_what_single_answers_say(
    snapshot: Snapshot, horizon: Horizon, days: int
) -> None:
    """Peak, room and the first full hour of every series are those of its own answer."""
    at = moment(snapshot, NOW + timedelta(days=days))
    found = standings(at, metric="memory", stat="max", horizon=horizon)
    told = np.array([single(at, found, row, horizon) for row in range(len(found.found))])
    np.testing.assert_allclose(found.peak, told[:, :2], rtol=1e-12)
    ceilings = [item.entry.capacity.get("allocatable") for item in found.found]
    ceilings = [
        ceiling or item.entry.capacity.get("limit", np.nan)
        for ceiling, item in zip(ceilings, found.found, strict=True)
    ]
    headroom = found.room * np.array(ceilings)[:, None]
    np.testing.assert_allclose(headroom, told[:, 2:4], rtol=1e-6, atol=1e-3)
    np.testing.assert_array_equal(found.full, told[:, 4:])
    assert np.isfinite(found.full[:, 0]).any() or horizon is NEXT_DAY or days


def test_after_the_end_nothing_is_told(snapshot: Snapshot) -> None:
    """Of a forecast that has run out there is neither a peak nor a full hour."""
    at = moment(snapshot, NOW + timedelta(days=60))
    found = standings(at, metric="cpu", stat="mean", horizon=NEXT_WEEK)
    assert np.isnan(found.peak).all()
    assert np.isinf(found.full).all()


def test_a_value_that_reads_as_the_threshold_is_full(tmp_path: Path) -> None:
    """float32 stores 0.85 x 11.3 a little lower than it is answered; the answer counts."""
    labels = {"cluster": "prod", "scope": "cluster"}
    level = 0.85 * 11.3 - 23  # the p50 of 23 o'clock is the threshold
    assert float(np.float32(level + 23)) < 0.85 * 11.3
    index = [bundles.entry("prod/cluster", labels, capacity={"allocatable": 11.3})]
    bundles.publish(tmp_path, index=index, level=level)
    at = moment(opened(tmp_path), bundles.TRAINED_UNTIL)
    found = standings(at, metric="cpu", stat="mean", horizon=NEXT_DAY)
    assert found.full.tolist() == [[23.0, 21.0]]


def test_standings_are_computed_once_an_hour(snapshot: Snapshot) -> None:
    """The same hour and snapshot have the same standings; the next hour has others."""
    kept = StandingsCache()
    of = {"metric": "cpu", "stat": "mean", "horizon": NEXT_WEEK}
    first = kept.get(moment(snapshot), **of)  # type: ignore[arg-type]  # as spelled above
    assert kept.get(moment(snapshot), **of) is first  # type: ignore[arg-type]  # as above
    later = kept.get(moment(snapshot, NOW + timedelta(hours=1)), **of)  # type: ignore[arg-type]
    assert later is not first


def test_many_standings_are_not_all_kept(snapshot: Snapshot) -> None:
    """What is asked for next pushes out what was asked for longest ago."""
    kept = StandingsCache()
    at = moment(snapshot)
    first = kept.get(at, metric="cpu", stat="mean", horizon=NEXT_WEEK)
    for name in range(12):
        kept.get(at, metric=f"other-{name}", stat="mean", horizon=NEXT_WEEK)
    assert kept.get(at, metric="cpu", stat="mean", horizon=NEXT_WEEK) is not first
