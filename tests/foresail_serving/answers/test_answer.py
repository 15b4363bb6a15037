"""The answer as it is written: its members, its columns, its numbers."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from factories import bundles
from pydantic import TypeAdapter
from servers.foresail import Client, SetClock, serving

from foresail.bundle import Bundle
from foresail.horizons import HORIZONS, NEXT_WEEK
from foresail_serving.answers.answer import Forecast, forecast, forecast_json
from foresail_serving.answers.queries import ForecastQuery
from foresail_serving.answers.schemas import ForecastAnswer
from foresail_serving.answers.selection import select
from foresail_serving.problems import ProblemError
from foresail_serving.settings import ServeSettings
from foresail_serving.snapshot import Served, Snapshot

NOON = bundles.TRAINED_UNTIL + timedelta(hours=12)
ANSWERS = TypeAdapter(ForecastAnswer)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """A small cluster."""
    folder = tmp_path_factory.mktemp("bundle")
    bundles.write(folder, level=1 / 3)
    return Snapshot.of({"foresail-cpu": Served("foresail-cpu", "1", Bundle.open(folder))})


def ask(snapshot: Snapshot, **parameters: object) -> Forecast:
    """Return the answer of the next week at noon."""
    query = ForecastQuery.model_validate(parameters)
    found = select(snapshot, query, expected=())
    return forecast(found, query, horizon=NEXT_WEEK, hour=NOON, settings=ServeSettings())


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"namespace": "shop"},
        {"node": "n1", "full_at": 0.1},
        {"workload": "ended"},
        {"workload": "young", "step": "1d"},
        {"step": "1d", "agg": "peak", "tz": "Europe/Berlin", "quantiles": "p90"},
        {"step": "1w", "from": "now", "tz": "Asia/Kolkata", "quantiles": "p10,p50"},
        {"from": "calendar", "tz": "UTC"},
    ],
    ids=lambda p: ",".join(p) or "plain",
)
@pytest.mark.parametrize("horizon", HORIZONS, ids=lambda h: h.name)
def test_every_answer_is_as_the_schema_says(
    snapshot: Snapshot, horizon: Any, parameters: dict[str, Any]
) -> None:
    """What is written quickly is what was documented, whatever was asked; nothing else is in it."""
    query = ForecastQuery.model_validate(parameters)
    if query.step == "1w" and horizon.hours < 168:
        return
    found = select(snapshot, query, expected=())
    answer = forecast(found, query, horizon=horizon, hour=NOON, settings=ServeSettings())
    written = forecast_json(answer)
    read = ANSWERS.validate_json(written, strict=True)
    for name, value in vars(answer.body).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(getattr(read, name), value)
        else:
            assert getattr(read, name) == value


def test_only_the_columns_asked_are_written(snapshot: Snapshot) -> None:
    """Columns that nobody asked for are not there, not even as null."""
    body = json.loads(forecast_json(ask(snapshot, quantiles="p90, 0.5")))
    assert [name for name in body if name in {"p10", "p50", "p90", "local"}] == ["p50", "p90"]
    assert ask(snapshot, quantiles="p90").table().columns == (2,)


def test_local_times_stand_beside_utc_where_a_zone_is_given(snapshot: Snapshot) -> None:
    """The same instants, as the zone's clocks show them."""
    body = ask(snapshot, step="1d", tz="Europe/Berlin").body
    assert (body.tz, body.ds[0]) == ("Europe/Berlin", "2026-11-21T23:00:00Z")
    assert body.local is not None
    assert body.local[0] == "2026-11-22T00:00:00+01:00"
    assert (ask(snapshot).body.tz, ask(snapshot).body.local) == ("UTC", None)


def test_every_format_has_the_same_numbers(snapshot: Snapshot) -> None:
    """A third is 0.33333334 in JSON as in the table: the shortest that names the float32."""
    answer = ask(snapshot)
    body, table = json.loads(forecast_json(answer)), answer.table()
    assert body["p50"][12] == table.values[12, 1] == 0.33333334
    assert body["p90"] == table.values[:, 2].tolist()
    assert body["summary"]["peak"] == max(body["p50"])
    stored = answer.rows.values[1].tolist()
    assert np.array(body["p50"], dtype=np.float32).tolist() == stored


def test_a_table_names_who_forecasts_each_row(snapshot: Snapshot) -> None:
    """The first half day is another contender's; leads are counted from what was known."""
    table = ask(snapshot, namespace="shop").table()
    assert table.models[:13] == ["ets"] * 12 + ["prophet"]
    assert (table.leads[0], table.leads[-1]) == (13, 180)
    assert (table.hours[0], table.zone, table.starts[0]) == (1, "UTC", NOON)


def test_without_a_challenger_there_is_none() -> None:
    """It is no unknown metric: the same question without alias may be answered."""
    query = ForecastQuery(alias="challenger")
    with pytest.raises(ProblemError, match="no model of cpu waits to follow") as caught:
        select(Snapshot.of({}), query, expected=("foresail-cpu",))
    assert caught.value.slug == "no-challenger"


@pytest.fixture(scope="module")
def noon(cache: Path) -> Iterator[Client]:
    """A server at noon."""
    with serving(cache, SetClock(NOON)) as client:
        yield client


ZONES = "tz: expected a time zone such as Europe/Berlin or UTC"


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("next_day?step=1w", "next_day holds no whole week"),
        ("next_week?agg=peak", "agg is of days and weeks"),
        ("next_week?step=2d", "step: expected '1h', '1d' or '1w', got '2d'"),
        ("next_week?tz=Mars/Olympus", ZONES),
        ("next_week?tz=localtime", ZONES),
        ("next_week?tz=posixrules", ZONES),
        ("next_week?tz=Factory", ZONES),
        ("next_week?tz=right/Europe/Berlin", ZONES),
        ("next_week?tz=posix/UTC", ZONES),
        ("next_week?quantiles=p95", "quantiles: expected some of p10, p50, p90, got 'p95'"),
        ("next_week?full_at=1.5", "full_at: expected at most 1.0, got '1.5'"),
        ("next_week?full_at=nan", "full_at: "),
        ("next_week?from=yesterday", "from: expected 'now' or 'calendar', got 'yesterday'"),
    ],
)
def test_what_cannot_be_asked_is_a_bad_request(noon: Client, question: str, told: str) -> None:
    """A parameter that is wrong never gives another answer than the one meant."""
    answer = noon.get(f"/v1/{question}")
    assert (answer.status, answer.problem) == (400, "bad-request")
    assert told in answer.json()["detail"]


def test_the_days_roll_with_the_zones_midnight(cache: Path) -> None:
    """An hour before Berlin's midnight tomorrow is one day, an hour later the next."""
    clock = SetClock(bundles.TRAINED_UNTIL + timedelta(hours=22, minutes=59))
    with serving(cache, clock) as client:
        path = "/v1/next_day?step=1d&tz=Europe/Berlin"
        before = client.get(path)
        clock.forward(minutes=1)
        after = client.get(path)
    assert [a.json()["local"] for a in (before, after)] == [
        ["2026-11-22T00:00:00+01:00"],
        ["2026-11-23T00:00:00+01:00"],
    ]
    assert before.headers["etag"] != after.headers["etag"]
