"""Many series in one file."""

import gzip
import io
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import openpyxl
import pytest
from factories import bundles
from factories.sheets import HOSTILE, csv_rows
from servers.foresail import Client, SetClock, serving

from foresail.bundle import HorizonEntry
from foresail.cells import harmless
from foresail_serving.formats.columns import KINDS
from foresail_serving.formats.many_files import ForecastRows
from foresail_serving.routes.files_examples import FORECASTS_CSV, forecasts_example

TRAINED = bundles.TRAINED_UNTIL


def asked(client: Client, question: str = "") -> list[dict[str, str]]:
    """Return the rows of a CSV."""
    answer = client.get(f"/v1/forecasts.csv?{question}")
    assert answer.status == 200, answer.body
    return csv_rows(answer.body)


def test_a_planners_sheet_has_a_row_per_series_and_day(files: Client) -> None:
    """Two metrics of seven mean series for thirty days, ordered by series, metric and time."""
    found = asked(files)
    assert len(found) == 2 * 7 * 30
    keys = [(row["series"], row["metric"], row["stat"], row["ds"]) for row in found]
    assert keys == sorted(keys)
    assert (found[0]["ds"], found[0]["p50"], found[0]["hours"], found[0]["agg"]) == (
        "2026-11-22 00:00:00",
        "21.5",
        "24",
        "mean",
    )


def test_rows_are_those_of_each_series_own_file(files: Client) -> None:
    """Hours, columns and numbers: what both have is the same."""
    question = "step=1h&tz=Europe/Berlin&from=calendar&horizon=next_day"
    many = asked(files, f"{question}&metric=cpu&scope=namespace")
    one = csv_rows(
        files.get(
            f"/v1/next_day.csv?{question.removesuffix('&horizon=next_day')}&namespace=shop"
        ).body
    )
    assert [{name: row[name] for name in one[0]} for row in many] == one


def test_the_room_of_each_series_stands_beside_it(files: Client) -> None:
    """85 % of 36 cores is 30.6, which the p90 of the node reaches at 19:00, 20:00 in Berlin."""
    row = asked(files, "step=1h&horizon=next_day&node=n1&metric=cpu&tz=Europe/Berlin")[0]
    assert (row["ceiling"], row["ceiling_kind"], row["headroom_p90"]) == (
        "36.0",
        "allocatable",
        "1.0",
    )
    assert (row["full_on_p90"], row["full_on_p90_local"], row["full_on_p50"]) == (
        "2026-11-21 19:00:00",
        "2026-11-21 20:00:00",
        "2026-11-21 21:00:00",
    )


def test_series_without_a_forecast_keep_their_rows(files: Client) -> None:
    """A planner's formulas would else point to another series tomorrow."""
    found = asked(files, "workload=ended&metric=cpu")
    assert len(found) == 30
    assert {(r["p90"], r["model"], r["status"], r["code"], r["reason"]) for r in found} == {
        ("", "", "abstained", "203", "no value in the last 7 days")
    }


def test_a_series_that_ran_out_has_the_problem_as_its_status(tmp_path: Path) -> None:
    """Of the others nothing is lost."""
    bundles.publish(tmp_path)
    with serving(tmp_path, SetClock(TRAINED + timedelta(days=15))) as client:
        found = asked(client, "horizon=next_week&namespace=shop&scope=workload")
    status = {row["series"].rsplit("/", 1)[-1]: row["status"] for row in found}
    assert status == {
        "api": "stale",
        "ended": "abstained",
        "young": "forecast-expired",
    }
    (young,) = {row["reason"] for row in found if row["series"].endswith("/young")}
    assert young.startswith("the forecast ends at 2026-12-05T00:00:00Z")


def test_where_every_series_has_run_out_the_file_is_the_problem(tmp_path: Path) -> None:
    """Rows without a single number are no answer."""
    bundles.publish(tmp_path)
    with serving(tmp_path, SetClock(TRAINED + timedelta(days=40))) as client:
        assert client.get("/v1/forecasts.csv").problem == "forecast-expired"


@pytest.mark.parametrize(
    ("question", "series"),
    [
        ("scope=node", {"prod/node/n1"}),
        ("namespace=shop&scope=namespace", {"prod/namespace/shop"}),
        ("workload=api&kind=statefulset", {"prod/workload/shop/statefulset/api"}),
        ('match={scope=~"node|cluster"}', {"prod/node/n1", "prod/cluster"}),
        ('match={metric="cpu",series=~".*/n1"}', {"prod/node/n1"}),
        ('match=foresail_forecast{stat="mean",node!=""}', {"prod/node/n1"}),
        ("stat=max", {"prod/cluster"}),
    ],
)
def test_every_filter_narrows(files: Client, question: str, series: set[str]) -> None:
    """Labels, the stat, and a selector as Prometheus writes it."""
    found = asked(files, quote(question, safe="=&") + "&step=1w")
    assert {row["series"] for row in found} == series


@pytest.mark.parametrize(
    ("question", "problem"),
    [
        ("cluster=other", "unknown-series"),
        ("metric=disk", "unknown-metric"),
        ("alias=challenger", "no-challenger"),
        ("match={", "bad-request"),
        ("step=1h&agg=peak", "bad-request"),
        ("horizon=next_year", "bad-request"),
        ("node=n1&nodes=n2", "bad-request"),
    ],
)
def test_what_cannot_be_a_file_is_a_problem(files: Client, question: str, problem: str) -> None:
    """Before a byte of it is sent."""
    assert files.get(f"/v1/forecasts.csv?{question}").problem == problem


def test_before_the_first_forecast_there_is_none(tmp_path: Path) -> None:
    """It may still arrive: 503, not 404."""
    with serving(tmp_path, SetClock(TRAINED)) as client:
        assert client.get("/v1/forecasts.csv").problem == "no-forecast"


@pytest.mark.parametrize(
    ("question", "detail"),
    [
        ("metric=disk", "expected a metric that is forecast, got 'disk'"),
        (
            "metric=cpu&alias=challenger",
            "no model of cpu waits to follow the one in use; leave alias out",
        ),
    ],
)
def test_a_file_and_a_series_have_the_same_problem(
    files: Client, question: str, detail: str
) -> None:
    """Sentence by sentence; a file that names no metric speaks of none."""
    one, many = (files.get(f"/v1/{page}.csv?{question}") for page in ("next_day", "forecasts"))
    assert one.json() == many.json()
    assert one.json()["detail"] == detail
    assert files.get("/v1/forecasts.csv?alias=challenger").json()["detail"] == (
        "no model waits to follow the one in use; leave alias out"
    )


def test_more_rows_than_allowed_are_refused_with_advice(tmp_path: Path) -> None:
    """A workbook has a limit of its own."""
    bundles.publish(tmp_path)
    with serving(tmp_path, SetClock(TRAINED), max_rows=210, max_sheet_rows=100) as client:
        assert client.get("/v1/forecasts.csv").status == 200
        refused = client.get("/v1/forecasts.csv?step=1h")
        assert client.get("/v1/forecasts.xlsx").problem == "too-many-rows"
        assert client.get("/v1/forecasts.xlsx?step=1w").status == 200
    assert refused.problem == "too-many-rows"
    assert (refused.json()["rows"], refused.json()["most"]) == (5040, 210)
    assert refused.json()["detail"] == (
        "expected at most 210 rows, this file would have 5,040: 7 series of 720; give a filter "
        "such as scope=namespace, step=1d or 1w, or a shorter horizon"
    )


def test_formats_come_by_extension_then_by_accept(files: Client) -> None:
    """A spreadsheet's import can set no header."""
    types = {
        extension: files.get(f"/v1/forecasts{extension}?scope=node", Accept=accept).headers[
            "content-type"
        ]
        for extension, accept in (("", "text/csv"), (".json", "text/csv"), (".csv", "*/*"))
    }
    assert types == {
        "": "text/csv; charset=utf-8",
        ".json": "application/json",
        ".csv": "text/csv; charset=utf-8",
    }
    assert files.get("/v1/forecasts", Accept="image/png").problem == "not-acceptable"


@pytest.mark.parametrize(
    "question",
    [
        "",
        "step=1h&tz=Asia/Kolkata&horizon=next_day",
        "tz=Asia/Kolkata&horizon=next_week&agg=peak",
        "tz=America/New_York&step=1w&agg=peak&quantiles=p90",
        "tz=UTC&step=1h&horizon=next_day&scope=namespace",
    ],
)
def test_json_and_csv_hold_the_same(files: Client, question: str) -> None:
    """In every column, to the last digit; a local time of JSON has its offset as well."""
    body = ForecastRows.model_validate_json(files.get(f"/v1/forecasts.json?{question}").body)
    found = asked(files, question)
    assert (body.rows, body.columns) == (len(found), list(found[0]))
    for place, name in enumerate(body.columns):
        told = [row[place] for row in body.data]
        assert [as_in_csv(cell, name) for cell in told] == [row[name] for row in found], name
        if name.endswith("_local"):
            instants = [row[body.columns.index(name.removesuffix("_local"))] for row in body.data]
            assert [moment(cell) for cell in told] == [moment(cell) for cell in instants]


def test_a_local_time_is_told_only_of_what_gets_full(files: Client) -> None:
    """The p90 of the node passes 85 % of its 36 cores every day, a namespace's not that of 60."""
    question = "tz=Asia/Kolkata&horizon=next_week&step=1d&agg=peak&metric=cpu"
    full = {}
    for scope in ("node", "namespace"):
        body = files.get(f"/v1/forecasts.json?{question}&scope={scope}").json()
        full[scope] = body["data"][0][body["columns"].index("full_on_p90_local")]
    assert full == {"node": "2026-11-22T00:30:00+05:30", "namespace": None}


def as_in_csv(cell: str | float | None, name: str) -> str:
    """Return a cell of the JSON as the CSV writes it."""
    if isinstance(cell, str) and KINDS.get(name) in {"utc", "local"}:
        return cell[: len("2026-11-21T09:00:00")].replace("T", " ")
    return "" if cell is None else str(cell)


def moment(cell: object) -> datetime | None:
    """Return the instant that a cell of the JSON names."""
    return None if cell is None else datetime.fromisoformat(str(cell))


def test_a_workbook_has_every_row_and_a_row_per_series(files: Client) -> None:
    """Dates are dates, numbers numbers, and each unit has its format."""
    body = files.get("/v1/forecasts.xlsx?scope=node&agg=peak").body
    book = openpyxl.load_workbook(io.BytesIO(body))
    assert book.sheetnames == ["Forecasts", "Series", "About"]
    rows = [
        dict(zip(header_of(book["Forecasts"]), row, strict=True))
        for row in book["Forecasts"].iter_rows(min_row=2)
    ]
    found = asked(files, "scope=node&agg=peak")
    assert [row["p90"].value for row in rows] == [float(row["p90"]) for row in found]
    assert [f"{row['ds (UTC)'].value}" for row in rows] == [row["ds"] for row in found]
    formats = {row["unit"].value: row["p90"].number_format for row in rows}
    assert formats == {"cores": "#,##0.000", "bytes": '#,##0.000,,," GB"'}
    cpu, memory = book["Series"].iter_rows(min_row=2, values_only=True)
    names = header_of(book["Series"])
    assert (cpu[names.index("peak_p90")], cpu[names.index("headroom_p90")]) == (35, 1)
    assert memory[names.index("peak_p50")] == 8_589_935_000
    assert (book["Forecasts"].dimensions, book["Forecasts"].auto_filter.ref) == ("A1:AG61",) * 2


def test_names_stay_text_in_every_file(hostile: Client) -> None:
    """In a CSV they are made harmless; in a workbook they are text as they are."""
    found = asked(hostile, "step=1w")
    assert {row["series"] for row in found} == {harmless(name) for name in HOSTILE}
    book = openpyxl.load_workbook(io.BytesIO(hostile.get("/v1/forecasts.xlsx?step=1w").body))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "inlineStr", "n", "d"}
    unescape = openpyxl.utils.escape.unescape
    names = {unescape(str(row[0])) for row in book["Series"].iter_rows(min_row=2, values_only=True)}
    assert names == set(HOSTILE)
    body = hostile.get("/v1/forecasts.json?step=1w").json()
    assert {row[0] for row in body["data"]} == set(HOSTILE)


def test_a_refresh_without_news_gets_no_body(files: Client) -> None:
    """The tag is known before the file is made; of another question or format it is another."""
    first = files.get("/v1/forecasts.csv?scope=node")
    tag = first.headers["etag"]
    again = files.get("/v1/forecasts.csv?scope=node", If_None_Match=tag)
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    for path in ("/v1/forecasts.csv?scope=cluster", "/v1/forecasts.json?scope=node"):
        assert files.get(path, If_None_Match=tag).status == 200
    assert files.get("/v1/forecasts.csv?scope=node", Accept_Encoding="gzip").headers["etag"] != tag


@pytest.mark.parametrize(
    ("question", "status"),
    [("scope=node", 304), ("metric=nope", 404), ("cluster=other", 404), ("match={", 400)],
)
def test_any_file_at_all_is_only_held_where_there_is_one(
    files: Client, question: str, status: int
) -> None:
    """`If-None-Match: *` asks for what does not exist yet: a problem is no file."""
    answer = files.get(f"/v1/forecasts.csv?{question}", If_None_Match="*")
    assert answer.status == status
    assert (answer.body == b"") == (status == 304)


def test_a_tag_ends_with_the_hour_and_with_the_version(tmp_path: Path) -> None:
    """The same question has another file then."""
    clock = SetClock(TRAINED)
    bundles.publish(tmp_path)
    with serving(tmp_path, clock) as client:
        tags = [client.get("/v1/forecasts.csv").headers["etag"]]
        clock.forward(hours=1)
        tags.append(client.get("/v1/forecasts.csv").headers["etag"])
        bundles.publish(tmp_path, version="2", level=11.0)
        _wait(client)
        tags.append(client.get("/v1/forecasts.csv").headers["etag"])
    assert len(set(tags)) == 3


def _wait(client: Client) -> None:
    for _ in range(400):
        if client.get("/v1/models").json()["models"][0]["version"] == "2":
            return
    pytest.fail("version 2 is not served")


def test_files_are_compressed_where_that_is_accepted(files: Client) -> None:
    """A workbook is already, and the same question has the same bytes."""
    path = "/v1/forecasts.csv?step=1w"
    packed = files.get(path, Accept_Encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == files.get(path).body
    assert files.get(path, Accept_Encoding="gzip").body == packed.body
    workbook = files.get("/v1/forecasts.xlsx?step=1w", Accept_Encoding="gzip")
    assert "content-encoding" not in workbook.headers
    assert files.get("/v1/forecasts.xlsx?step=1w").body == workbook.body


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, SetClock]]:
    """A server of one whole series and one that never had a forecast."""
    cache = tmp_path_factory.mktemp("mixed")
    none = {h: HorizonEntry(winner=None, code=203, reason="ended") for h in bundles.WHOLE}
    bundles.publish(
        cache,
        index=(
            bundles.entry("a", {"cluster": "prod", "scope": "cluster"}),
            bundles.entry("b", {"cluster": "prod", "scope": "node", "node": "b"}, hours=0,
                          horizons=none, segments=()),
        ),
    )  # fmt: skip
    clock = SetClock(TRAINED)
    with serving(cache, clock) as client:
        yield client, clock


@pytest.mark.parametrize(
    ("days", "freshness"), [(0, "fresh"), (2, "stale"), (7, "expiring"), (20, "expiring")]
)
def test_headers_tell_of_the_worst_series(
    mixed: tuple[Client, SetClock], days: int, freshness: str
) -> None:
    """Of those that have a forecast: one that never had one makes the others no older."""
    client, clock = mixed
    clock.now = TRAINED + timedelta(days=days)
    headers = client.get("/v1/forecasts.csv").headers
    assert headers["forecast-status"] == freshness
    assert headers["forecast-generated"] == "2026-11-21T00:00:00Z"
    assert headers["forecast-covers-until"] == "2026-12-28T00:00:00Z"


def test_names_of_files_are_safe_and_say_what_they_hold(files: Client) -> None:
    """They come from the question's own words, never from names of series."""
    found = [
        files.get(f"/v1/forecasts.{form}?step=1w&horizon=next_week").headers["content-disposition"]
        for form in ("csv", "xlsx")
    ]
    assert found == [
        'inline; filename="forecasts_next_week_1w.csv"',
        'attachment; filename="forecasts_next_week_1w.xlsx"',
    ]


def test_examples_have_the_columns_that_are_answered(files: Client) -> None:
    """An example that the server could not give would be a lie."""
    assert FORECASTS_CSV.splitlines()[0] == ",".join(asked(files, "scope=node")[0])
    ForecastRows.model_validate_json(json.dumps(forecasts_example()))


def header_of(sheet: openpyxl.worksheet.worksheet.Worksheet) -> list[str]:
    """Return the names in the first row."""
    return [str(cell.value) for cell in next(sheet.iter_rows())]
