"""The forecast routes over a socket, at a time of our choosing."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from factories import bundles
from pydantic import TypeAdapter
from servers.foresail import Client, SetClock, serving

from foresail.bundle import HorizonEntry, Segment
from foresail.horizons import HORIZONS
from foresail_serving.answers.schemas import ForecastAnswer

ANSWERS = TypeAdapter(ForecastAnswer)
NOON = bundles.TRAINED_UNTIL + timedelta(hours=12, minutes=34, seconds=56)
PATHS = [
    f"{prefix}/{name}{extension}"
    for prefix in ("/v1", "")
    for name in ("next_day", "next_week", "next_month")
    for extension in ("", ".json")
]


@pytest.fixture(scope="module")
def noon(cache: Path) -> Iterator[Client]:
    """A server at half past noon on the day the forecast begins."""
    with serving(cache, SetClock(NOON)) as client:
        yield client


@pytest.mark.parametrize("path", PATHS)
def test_every_path_answers_whole_and_as_documented(noon: Client, path: str) -> None:
    """Long and short names, with and without extension, give the documented body."""
    answer = noon.get(path)
    assert answer.status == 200
    body = ANSWERS.validate_json(answer.body)
    hours = {"next_day": 24, "next_week": 168, "next_month": 720}[body.horizon]
    columns = (body.p10, body.p50, body.p90)
    assert [len(body.ds), *(len(c) for c in columns if c is not None)] == [hours] * 4
    assert (body.status, body.complete, body.ds[0]) == ("ok", True, "2026-11-21T12:00:00Z")


def test_the_answer_says_all_that_is_known(noon: Client) -> None:
    """Values, peak, room and promise of the cluster's next day are those of the bundle."""
    body = noon.get("/v1/next_day").json()
    assert body["p50"][:3] == [22.0, 23.0, 24.0]
    assert body["p10"][0] == 21.0
    assert body["p90"][0] == 24.0
    assert body["series"] == "prod/cluster"
    assert body["unit"] == "cores"
    assert body["model"] == {"name": "foresail-cpu", "version": "1"}
    assert body["winner"] == "prophet"
    assert body["lead_hours"] == [13, 36]
    assert body["quality"]["coverage"] == 0.81
    assert body["summary"] == {
        "mean": 21.5,
        "peak": 33.0,
        "peak_at": "2026-11-21T23:00:00Z",
        "peak_p90": 35.0,
        "peak_p90_at": "2026-11-21T23:00:00Z",
    }
    assert body["planning_range"] == {"low": 0.8, "high": 1.2, "of": "p50"}


def test_room_is_measured_against_allocatable(noon: Client) -> None:
    """A cluster of 48 cores with a peak of 33 (p90: 35) keeps 15 (13), and is never at 85 %."""
    room = noon.get("/v1/next_day").json()["capacity"]
    assert room["ceiling"] == "allocatable"
    assert room["headroom"] == {"p50": 15.0, "p90": 13.0}
    assert room["full_on"] == {"p50": None, "p90": None}
    assert room["full_on_code"] == {"p50": "not-within-horizon", "p90": "not-within-horizon"}


def test_full_on_is_the_first_full_hour(noon: Client) -> None:
    """85 % of the node's 36 cores is 30.6: the p50 is there at 21:00, the p90 at 19:00."""
    room = noon.get("/v1/next_day?node=n1").json()["capacity"]
    assert room["full_on"] == {"p50": "2026-11-21T21:00:00Z", "p90": "2026-11-21T19:00:00Z"}
    assert room["full_on_code"] == {"p50": "full", "p90": "full"}


def test_without_capacity_the_room_has_a_code(noon: Client) -> None:
    """A workload without a limit has no ceiling, and says so."""
    room = noon.get("/v1/next_day?workload=api&kind=deployment").json()["capacity"]
    assert (room["ceiling"], room["code"]) == (None, "no-capacity")
    assert room["reason"] == "no limit is known for this workload"
    assert room["full_on_code"] == {"p50": "no-capacity", "p90": "no-capacity"}


def test_planning_ranges_are_settings(cache: Path) -> None:
    """The month's own range is wider, and each can be set."""
    with serving(cache, SetClock(NOON), planning_month=(0.5, 2.0)) as client:
        assert client.get("/v1/next_month").json()["planning_range"]["high"] == 2.0
        assert client.get("/v1/next_week").json()["planning_range"]["high"] == 1.2


def test_segments_say_who_serves_which_hours(noon: Client) -> None:
    """Where two contenders serve a window both are named, and the winner is who serves most."""
    day = noon.get("/v1/next_day?namespace=shop").json()
    assert day["segments"] == [
        {"start": "2026-11-21T12:00:00Z", "end": "2026-11-22T00:00:00Z", "model": "ets"},
        {"start": "2026-11-22T00:00:00Z", "end": "2026-11-22T12:00:00Z", "model": "prophet"},
    ]
    assert noon.get("/v1/next_week?namespace=shop").json()["winner"] == "prophet"


def test_an_old_forecast_names_who_really_serves(cache: Path) -> None:
    """Two days on, the next day's hours come from the later contender, and no other is named."""
    clock = SetClock(bundles.TRAINED_UNTIL + timedelta(days=2))
    with serving(cache, clock) as client:
        body = client.get("/v1/next_day?namespace=shop").json()
    assert (body["winner"], body["segments"]) == ("prophet", [])
    assert body["lead_hours"] == [49, 72]


def test_a_fresh_forecast_promises_what_was_measured_of_the_horizon(cache: Path) -> None:
    """In its first hour the leads are those that were scored together."""
    with serving(cache, SetClock(bundles.TRAINED_UNTIL)) as client:
        quality = client.get("/v1/next_day?namespace=shop").json()["quality"]
    assert (quality["lead_hours"], quality["windows"]) == ([1, 24], 3)
    assert (quality["coverage"], quality["vs_naive"]) == (0.81, 0.641791)


def test_the_promise_is_of_the_hours_that_are_answered(noon: Client) -> None:
    """At noon half of the hours have the first day's promise, and half the one of later leads."""
    assert noon.get("/v1/next_day?namespace=shop").json()["quality"] == {
        "status": "measured",
        "windows": 3,
        "lead_hours": [13, 36],
        "coverage": 0.83,
        "vs_naive": 0.6129032,
        "sql": 0.37,
        "mase": 0.56,
        "naive_sql": 0.61,
        "naive_mase": 0.85,
    }


def test_the_listing_promises_what_the_page_does(noon: Client) -> None:
    """Both speak of the present hour."""
    listed = noon.get("/v1/series?scope=namespace&metric=cpu").json()["series"][0]["horizons"]
    assert list(listed) == ["next_day", "next_week", "next_month"]
    for name, horizon in listed.items():
        assert horizon["quality"] == noon.get(f"/v1/{name}?namespace=shop").json()["quality"]


def test_a_listed_forecast_that_ran_out_promises_nothing(cache: Path) -> None:
    """Fourteen days on, nothing of the young workload is left."""
    with serving(cache, SetClock(bundles.TRAINED_UNTIL + timedelta(days=14))) as client:
        (found,) = client.get("/v1/series?workload=young&metric=cpu").json()["series"]
    assert found["horizons"]["next_day"]["quality"] == {
        "status": "unmeasured",
        "reason": "none of the hours asked is forecast",
    }


def test_a_shortened_answer_promises_its_own_hours(cache: Path) -> None:
    """With one hour left the promise is of that hour."""
    with serving(cache, SetClock(bundles.TRAINED_UNTIL + timedelta(hours=887))) as client:
        body = client.get("/v1/next_day").json()
    assert (body["status"], body["quality"]["lead_hours"]) == ("partial", [888, 888])


def test_an_abstaining_series_says_why(noon: Client) -> None:
    """A refused horizon is an answer: 200, no rows, a code and a reason."""
    answer = noon.get("/v1/next_month?workload=young")
    body = ANSWERS.validate_json(answer.body)
    assert (answer.status, body.status, body.code) == (200, "abstained", 202)
    assert (body.code_name, body.reason) == ("horizon-too-long", "needs 14 days, has 3")
    assert (body.ds, body.summary, body.winner) == ((), None, None)
    assert answer.json()["p50"] == []
    assert body.capacity.headroom.p50 is None


def test_unmeasured_is_a_word(noon: Client) -> None:
    """Where too few windows were held out there is no figure, and the reason why."""
    quality = noon.get("/v1/next_week?workload=young").json()["quality"]
    assert quality == {
        "status": "unmeasured",
        "reason": "the history is too short for three held-out windows of hours 13 to 180 ahead",
    }


def test_degraded_is_served_and_said(noon: Client) -> None:
    """A plainer forecast in place of a failed one carries its code."""
    body = noon.get("/v1/next_day?workload=api&kind=statefulset").json()
    assert (body["status"], body["code"]) == ("degraded", 401)
    assert body["reason"] == "prophet failed to fit"
    assert body["winner"] == "seasonal-naive"
    assert len(body["p50"]) == 24


@pytest.fixture(scope="module")
def constant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cluster whose series is constant, as its horizons say."""
    reason = "0.25 for 28 days"
    horizons = {h.name: HorizonEntry(winner="constant", code=101, reason=reason) for h in HORIZONS}
    labels = {"cluster": "prod", "scope": "cluster"}
    segments = [Segment(until_hours=888, model="constant")]
    index = [bundles.entry("prod/cluster", labels, horizons=horizons, segments=segments)]
    folder = tmp_path_factory.mktemp("constant")
    bundles.publish(folder, index=index)
    return folder


def test_a_constant_is_a_whole_forecast_with_a_note(constant: Path) -> None:
    """Its code and sentence stand beside a status of ok, in JSON and in CSV."""
    with serving(constant, SetClock(NOON)) as client:
        body = ANSWERS.validate_json(client.get("/v1/next_day").body)
        row = rows(client.get("/v1/next_day.csv").body)[0]
    assert (body.status, body.complete, len(body.ds)) == ("ok", True, 24)
    assert (body.code, body.code_name, body.reason) == (101, "constant", "0.25 for 28 days")
    assert (body.winner, row["p50"]) == ("constant", "22.0")
    assert (row["status"], row["code"], row["reason"]) == ("ok", "101", "0.25 for 28 days")


def test_a_constant_is_unmeasured_because_it_has_no_scale(constant: Path) -> None:
    """Its history is not too short; the listing says the same."""
    told = {"status": "unmeasured", "reason": "the series is constant: its errors have no scale"}
    with serving(constant, SetClock(NOON)) as client:
        assert client.get("/v1/next_week").json()["quality"] == told
        listed = client.get("/v1/series").json()["series"][0]["horizons"]["next_week"]
    assert (listed["quality"], listed["code_name"]) == (told, "constant")


def test_an_old_constant_is_stale_and_still_constant(constant: Path) -> None:
    """The note does not hide the age, nor the age the note."""
    with serving(constant, SetClock(bundles.TRAINED_UNTIL + timedelta(hours=37))) as client:
        body = client.get("/v1/next_day").json()
    assert (body["status"], body["code"]) == ("stale", 101)
    assert body["reason"] == "0.25 for 28 days; the forecast is 37 hours old"


def test_memory_and_max_are_asked_by_name(noon: Client) -> None:
    """Metric and stat choose the series."""
    memory = noon.get("/v1/next_day?metric=memory").json()
    assert (memory["unit"], memory["p50"][0]) == ("bytes", 8589935000.0)
    assert noon.get("/v1/next_day?stat=max").json()["stat"] == "max"


def test_the_window_rolls_with_the_hour(cache: Path) -> None:
    """A second before the hour and a second after differ by one row; within the hour nothing."""
    clock = SetClock(bundles.TRAINED_UNTIL + timedelta(hours=1, minutes=1))
    with serving(cache, clock) as client:
        early = client.get("/v1/next_day")
        clock.forward(minutes=58, seconds=59)
        late = client.get("/v1/next_day")
        clock.forward(seconds=1)
        rolled = client.get("/v1/next_day")
    assert early.body == late.body
    assert early.headers["etag"] == late.headers["etag"] != rolled.headers["etag"]
    assert (early.json()["ds"][0], rolled.json()["ds"][0]) == (
        "2026-11-21T01:00:00Z",
        "2026-11-21T02:00:00Z",
    )


def test_an_old_forecast_is_stale_then_partial_then_expired(cache: Path) -> None:
    """Age is said in words and headers; what is left is served; after the end it is a 503."""
    clock = SetClock(bundles.TRAINED_UNTIL + timedelta(hours=36))
    with serving(cache, clock) as client:
        assert client.get("/v1/next_month").json()["status"] == "ok"
        clock.forward(hours=1)
        stale = client.get("/v1/next_month")
        assert (stale.json()["status"], stale.json()["complete"]) == ("stale", True)
        assert stale.json()["reason"] == "the forecast is 37 hours old"
        assert stale.headers["forecast-status"] == "stale"
        clock.forward(days=7)
        partial = client.get("/v1/next_month")
        assert partial.json()["status"] == "partial"
        assert partial.json()["complete"] is False
        assert len(partial.json()["ds"]) == 888 - 37 - 168
        assert partial.headers["forecast-status"] == "expiring"
        assert partial.json()["capacity"]["full_on_code"]["p50"] == "not-within-answer"
        clock.now = bundles.TRAINED_UNTIL + timedelta(hours=888)
        expired = client.get("/v1/next_month")
    assert (expired.status, expired.problem) == (503, "forecast-expired")
    assert expired.json()["last_hour"] == "2026-12-27T23:00:00Z"
    assert expired.headers["retry-after"] == "30"


def test_a_forecast_from_the_future_breaks_nothing(cache: Path) -> None:
    """With a clock behind the training the hours that exist are served, or none with a reason."""
    clock = SetClock(bundles.TRAINED_UNTIL - timedelta(hours=3))
    with serving(cache, clock) as client:
        body = client.get("/v1/next_day").json()
        assert (body["status"], len(body["ds"])) == ("partial", 21)
        assert body["reason"] == "the forecast begins at 2026-11-21T00:00:00Z"
        clock.forward(days=-2)
        assert client.get("/v1/next_day").problem == "forecast-not-begun"
        assert client.get("/health").status == 200
        assert client.get("/metrics").status == 200


def test_a_body_that_is_held_is_not_sent_again(noon: Client) -> None:
    """If-None-Match with the body's tag is a 304 without a body."""
    tag = noon.get("/v1/next_week").headers["etag"]
    again = noon.get("/v1/next_week", if_none_match=f'"other", W/{tag}')
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert noon.get("/v1/next_week", if_none_match='"other"').status == 200


def test_head_is_get_without_the_body(noon: Client) -> None:
    """HEAD tells the same headers."""
    head, get = noon.ask("HEAD", "/v1/next_day"), noon.get("/v1/next_day")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


def rows(body: bytes) -> list[dict[str, str]]:
    """Read a CSV as a program would."""
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))


def test_csv_is_a_row_per_hour_with_numbers(noon: Client) -> None:
    """A spreadsheet finds dates, numbers and the unit, and nothing it must take apart."""
    answer = noon.get("/v1/next_day.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    found = rows(answer.body)
    assert len(found) == 24
    assert found[0] == {
        "ds": "2026-11-21 12:00:00",
        "p10": "21.0",
        "p50": "22.0",
        "p90": "24.0",
        "planning_low": "17.6",
        "planning_high": "26.4",
        "unit": "cores",
        "series": "prod/cluster",
        "metric": "cpu",
        "stat": "mean",
        "model": "prophet",
        "status": "ok",
        "code": "0",
        "reason": "",
        "coverage": "0.81",
        "vs_naive": "0.641791",
        "windows": "3",
        "lead_hour": "13",
    }


def test_csv_names_the_contender_of_each_hour(noon: Client) -> None:
    """Where the window changes hands, so does the column."""
    found = rows(noon.get("/next_day.csv?namespace=shop").body)
    assert [r["model"] for r in found] == ["ets"] * 12 + ["prophet"] * 12


def test_csv_of_a_refused_horizon_keeps_its_shape(noon: Client) -> None:
    """Every hour has a row with empty quantiles and the reason, so that formulas do not move."""
    found = rows(noon.get("/v1/next_month.csv?workload=young").body)
    assert len(found) == 720
    assert {(r["p50"], r["status"], r["code"]) for r in found} == {("", "abstained", "202")}
    assert {(r["coverage"], r["windows"], r["lead_hour"]) for r in found} == {("", "", "")}


def test_the_extension_goes_before_accept(noon: Client) -> None:
    """IMPORTDATA can set no header, so the path decides first, then Accept, then JSON."""
    kind = "content-type"
    assert noon.get("/v1/next_day.csv", accept="application/json").headers[kind][:8] == "text/csv"
    assert noon.get("/v1/next_day.json", accept="text/csv").headers[kind] == "application/json"
    assert noon.get("/v1/next_day", accept="text/csv").headers[kind][:8] == "text/csv"
    preferring = "text/csv;q=0.5, application/json;q=0.9"
    assert noon.get("/v1/next_day", accept=preferring).headers[kind] == "application/json"
    browser = "text/html,application/xhtml+xml,*/*;q=0.8"
    assert noon.get("/v1/next_day", accept=browser).headers[kind] == "application/json"
    refused = noon.get("/v1/next_day", accept="image/png, text/csv;q=0")
    assert (refused.status, refused.problem) == (406, "not-acceptable")


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    """A series called like a formula is text in a spreadsheet."""
    evil = bundles.entry("=cmd|' /C calc'!A0", {"cluster": "prod", "scope": "cluster"})
    bundles.publish(tmp_path, index=[evil])
    with serving(tmp_path, SetClock(NOON)) as client:
        assert rows(client.get("/v1/next_day.csv").body)[0]["series"] == "'=cmd|' /C calc'!A0"


def test_a_bundle_that_knows_another_horizon_only(tmp_path: Path) -> None:
    """A model trained for the day alone says so for the month."""
    day = {"next_day": HorizonEntry(winner="ets")}
    labels = {"cluster": "prod", "scope": "cluster"}
    index = [bundles.entry("prod/cluster", labels, horizons=day, segments=[Segment(
        until_hours=888, model="ets")])]  # fmt: skip
    bundles.publish(tmp_path, index=index)
    with serving(tmp_path, SetClock(NOON)) as client:
        answer = client.get("/v1/next_month")
    assert (answer.status, answer.problem) == (404, "unknown-horizon")
    assert answer.json()["choices"] == ["next_day"]
