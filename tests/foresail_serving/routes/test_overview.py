"""`/v1/overview` and `/v1/history` over HTTP."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from factories import bundles, dashboards
from factories.clocks import SetClock
from servers.foresail import Client, serving

from foresail_serving.answers.history import HistoryAnswer
from foresail_serving.answers.overview import OverviewAnswer
from foresail_serving.routes.overview import history_example, overview_example


def names(answer: Any) -> list[str]:
    """Return the ids on a page."""
    return [row["series"] for row in answer["series"]]


def pages(server: Client, question: str) -> list[dict[str, Any]]:
    """Return the rows of all pages."""
    rows: list[dict[str, Any]] = []
    offset: int | None = 0
    while offset is not None:
        answer = server.get(f"/v1/overview?{question}&limit=40&offset={offset}").json()
        rows += answer["series"]
        offset = answer["next_offset"]
    return rows


def test_what_runs_out_first_is_on_top(server: Client) -> None:
    """First what the p50 expects, by its hour, then what the p90 allows for, then the rest."""
    rows = pages(server, "horizon=next_week")
    full = [row["capacity"]["full_on"] for row in rows]
    expected = [of["p50"] for of in full if of["p50"]]
    possible = [of["p90"] for of in full if of["p90"] and not of["p50"]]
    assert names({"series": rows[:2]}) == ["prod/namespace/checkout", "prod/node/n3"]
    assert len(expected) == 2
    assert expected == sorted(expected)
    assert possible == sorted(possible)
    kinds = [0 if of["p50"] else 1 if of["p90"] else 2 for of in full]
    assert kinds == sorted(kinds)
    assert [row["status"] for row in rows[-2:]] == ["abstained", "abstained"]


def test_the_outlook_counts_all_pages(server: Client) -> None:
    """Its figures are those of all series that fit, not of one page."""
    rows = pages(server, "cluster=prod&metric=memory")
    outlook = server.get("/v1/overview?cluster=prod&metric=memory&limit=1").json()["outlook"]
    room = [row["capacity"] for row in rows]
    assert outlook["series"] == len(rows)
    for quantile in ("p50", "p90"):
        assert outlook["full"][quantile] == sum(of["full_on"][quantile] is not None for of in room)
    assert outlook["without_ceiling"] == sum(of["ceiling"] is None for of in room)
    assert outlook["without_forecast"] == sum(row["summary"] is None for row in rows) == 1


def test_the_first_is_named(server: Client) -> None:
    """The series and the hour that the headline tells of are those of its own answer."""
    first = server.get("/v1/overview?limit=1").json()["outlook"]["first_full"]
    own = server.get(f"/v1/next_week?series={first['series']}").json()
    assert first == {
        "series": "prod/namespace/checkout",
        "quantile": "p50",
        "at": own["capacity"]["full_on"]["p50"],
    }


def test_a_row_says_what_the_single_answer_says(server: Client) -> None:
    """Status, promise, summary and capacity of a row are those of `/v1/next_month`."""
    told = ("status", "reason", "winner", "trained_until", "quality", "summary", "capacity")
    for row in server.get("/v1/overview?horizon=next_month&sort=name&limit=12").json()["series"]:
        own = server.get(f"/v1/next_month?series={row['series']}").json()
        assert {name: row[name] for name in told} == {name: own[name] for name in told}


def test_filters_narrow(server: Client) -> None:
    """Labels, scope and a part of the id in any case; the scopes are counted without the scope."""
    answer = server.get("/v1/overview?cluster=prod&namespace=shop&scope=workload&q=CaN").json()
    assert sorted(names(answer)) == [
        "prod/workload/shop/deployment/api-canary",
        "prod/workload/shop/deployment/web-canary",
    ]
    assert answer["choices"]["scopes"] == {"workload": 2}
    whole = server.get("/v1/overview?cluster=prod&scope=node&limit=1").json()
    assert whole["choices"]["scopes"]["node"] == 12
    assert whole["choices"]["clusters"] == ["prod", "staging"]
    assert whole["choices"]["metrics"] == {"cpu": ["max", "mean"], "memory": ["max", "mean"]}


def test_nothing_that_fits_is_an_empty_page(server: Client) -> None:
    """It is an answer, and says how many there are."""
    answer = server.get("/v1/overview?q=zzz").json()
    assert (answer["total"], answer["series"], answer["next_offset"]) == (0, [], None)
    assert answer["outlook"]["first_full"] is None


def test_other_orders(server: Client) -> None:
    """By name, by the highest p50, by the least share of room, by the weakest promise."""
    by_name = names({"series": pages(server, "sort=name")})
    assert by_name == sorted(by_name)
    peaks = [row["summary"]["peak"] for row in pages(server, "sort=peak") if row["summary"]]
    assert peaks == sorted(peaks, reverse=True)
    tight = server.get("/v1/overview?sort=headroom&limit=1&cluster=prod").json()
    assert names(tight) == ["prod/namespace/checkout"]
    quality = [row["quality"] for row in pages(server, "sort=promise")]
    measured = [of["vs_naive"] for of in quality if of["status"] == "measured"]
    assert measured == sorted(measured, reverse=True)
    assert {of["status"] for of in quality[len(measured) :]} == {"unmeasured"}


def test_orders_hold_between_pages(server: Client) -> None:
    """Every series is on one page, once, in each order."""
    for order in ("full_on", "headroom", "peak", "promise"):
        found = names({"series": pages(server, f"sort={order}&metric=memory&stat=max")})
        assert len(found) == len(set(found)) == 118


def test_a_forecast_that_has_run_out_is_a_row_with_a_reason(world: Path) -> None:
    """The overview stays: every row says that it is expired, and nothing is full."""
    with serving(world, SetClock(dashboards.NOW + timedelta(days=60))) as client:
        answer = client.get("/v1/overview?limit=3").json()
    assert [row["status"] for row in answer["series"]] == ["expired"] * 3
    assert answer["outlook"]["without_forecast"] == answer["outlook"]["series"] == 118
    assert "2026-12-28T06:00:00Z" in answer["series"][0]["reason"]


def test_a_horizon_that_was_not_trained_is_a_row_with_a_reason(tmp_path: Path) -> None:
    """It abstains from nothing: nobody asked for it at the training."""
    labels = {"cluster": "prod", "scope": "cluster"}
    only = {"next_day": bundles.WHOLE["next_day"]}
    bundles.publish(tmp_path, index=[bundles.entry("prod/cluster", labels, horizons=only)])
    with serving(tmp_path, SetClock(bundles.TRAINED_UNTIL)) as client:
        (row,) = client.get("/v1/overview?horizon=next_month").json()["series"]
    assert (row["status"], row["summary"]) == ("not-trained", None)


def test_without_a_forecast_it_is_a_problem(tmp_path: Path) -> None:
    """Before the first bundle it is the same 503 as everywhere."""
    with serving(tmp_path, SetClock(dashboards.NOW)) as client:
        assert client.get("/v1/overview").problem == "no-forecast"


def test_wrong_questions_are_problems(server: Client) -> None:
    """An unknown metric is a 404 with the choices, an unknown parameter or order a 400."""
    unknown = server.get("/v1/overview?metric=disk")
    assert (unknown.problem, unknown.json()["choices"]) == ("unknown-metric", ["cpu", "memory"])
    for question in ("sort=best", "limit=201", "horizon=next_year", "x=1", "limit=1&limit=2"):
        assert server.get(f"/v1/overview?{question}").problem == "bad-request"


def test_it_is_kept_for_whoever_holds_it(server: Client) -> None:
    """The same question within the hour is a 304 for who sends the ETag back."""
    for path in ("/v1/overview?limit=2", "/v1/history?series=prod/cluster"):
        first = server.get(path)
        assert server.get(path, If_None_Match=first.headers["etag"]).status == 304


def test_history_is_what_was_known(server: Client) -> None:
    """28 days up to the forecast's first hour, in columns, with all there is of the series."""
    answer = server.get("/v1/history?series=prod/node/n3").json()
    assert len(answer["ds"]) == len(answer["value"]) == 672
    assert (answer["start"], answer["end"]) == ("2026-10-24T06:00:00Z", "2026-11-21T06:00:00Z")
    assert (answer["ds"][0], answer["ds"][-1]) == ("2026-10-24T06:00:00Z", "2026-11-21T05:00:00Z")
    assert all(value > 0 for value in answer["value"])
    assert answer["challenger"] == {"name": "foresail-cpu", "version": "15"}
    assert (answer["metrics"], answer["stats"]) == (["cpu", "memory"], ["max", "mean"])


def test_gaps_of_a_history_are_null(server: Client) -> None:
    """A series that ended eight days ago has eight days of nulls; memory has no challenger."""
    path = "/v1/history?series=prod/workload/recommend/deployment/trainer&metric=memory&hours=200"
    answer = server.get(path).json()
    assert answer["value"][7] is not None
    assert answer["value"][8:] == [None] * 192
    assert answer["challenger"] is None


def test_wrong_histories_are_problems(server: Client) -> None:
    """The id is wanted and must be known; more than 28 days are not stored."""
    assert server.get("/v1/history?series=nobody").problem == "unknown-series"
    assert server.get("/v1/history?series=prod/cluster&metric=disk").problem == "unknown-metric"
    assert server.get("/v1/history").problem == "bad-request"
    assert server.get("/v1/history?series=prod/cluster&hours=673").problem == "bad-request"


def test_examples_are_what_is_answered(server: Client) -> None:
    """Examples of the documentation are of the types that are answered, and so are answers."""
    OverviewAnswer.model_validate(overview_example())
    HistoryAnswer.model_validate(history_example())
    OverviewAnswer.model_validate_json(server.get("/v1/overview?limit=200").body)
    HistoryAnswer.model_validate_json(server.get("/v1/history?series=prod/cluster").body)
    document = server.get("/openapi.json").json()
    for path, name in (("/v1/overview", "getOverview"), ("/v1/history", "getHistory")):
        operation = document["paths"][path]["get"]
        assert operation["operationId"] == name
        assert {"200", "400", "404", "500", "503", "default"} <= set(operation["responses"])
        assert operation["responses"]["200"]["content"]["application/json"]["schema"]


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_new_version_is_seen_at_once(tmp_path: Path, version: str) -> None:
    """Standings are those of the version that the answer names."""
    level = 10.0 * int(version)
    with serving(tmp_path, SetClock(bundles.TRAINED_UNTIL)) as client:
        for number in range(1, int(version) + 1):
            bundles.publish(tmp_path, version=str(number), level=10.0 * number)
            wanted = f'"version":"{number}"'.encode()
            while wanted not in client.get("/v1/overview?q=prod/cluster").body:
                pass
        answer = client.get("/v1/overview?q=prod/cluster").json()
    assert answer["series"][0]["summary"]["peak"] == level + 23
