"""The CSV of one series."""

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from factories import bundles
from factories.sheets import HOSTILE, csv_rows
from servers.foresail import Client, SetClock, serving

from foresail.cells import harmless


def test_the_plain_question_has_the_columns_it_always_had(files: Client) -> None:
    """Scripts read the file by its header: a parameter adds columns, its absence adds none."""
    body = files.get("/v1/next_day.csv").body.decode()
    assert body.splitlines()[:2] == [
        (
            "ds,p10,p50,p90,planning_low,planning_high,unit,series,metric,stat,model,status,code,"
            "reason,coverage,vs_naive,windows,lead_hour"
        ),
        (
            "2026-11-21 12:00:00,21.0,22.0,24.0,17.6,26.4,cores,prod/cluster,cpu,mean,prophet,ok,"
            "0,,0.81,0.641791,3,13"
        ),
    ]


def test_a_time_zone_adds_the_local_time_and_its_offset(files: Client) -> None:
    """India's half hours are a number of hours, and the UTC column stays."""
    row = csv_rows(files.get("/v1/next_day.csv?tz=Asia/Kolkata").body)[0]
    assert list(row)[:4] == ["ds", "ds_local", "utc_offset", "p10"]
    assert (row["ds"], row["ds_local"], row["utc_offset"]) == (
        "2026-11-21 12:00:00",
        "2026-11-21 17:30:00",
        "5.5",
    )


def test_days_of_a_time_zone_have_their_hours(tmp_path: Path) -> None:
    """The day on which Berlin's clocks go back has 25, and its neighbours 24."""
    saturday = datetime(2026, 10, 24, tzinfo=UTC)
    bundles.publish(tmp_path, trained_until=saturday)
    with serving(tmp_path, SetClock(saturday)) as client:
        body = client.get("/v1/next_week.csv?step=1d&tz=Europe/Berlin&agg=peak").body
    found = [(r["ds"], r["ds_local"], r["utc_offset"], r["hours"]) for r in csv_rows(body)][:3]
    assert found == [
        ("2026-10-24 22:00:00", "2026-10-25 00:00:00", "2.0", "25"),
        ("2026-10-25 23:00:00", "2026-10-26 00:00:00", "1.0", "24"),
        ("2026-10-26 23:00:00", "2026-10-27 00:00:00", "1.0", "24"),
    ]
    assert {row["agg"] for row in csv_rows(body)} == {"peak"}


@pytest.mark.parametrize(
    ("quantiles", "columns"),
    [
        ("p90", ["ds", "p90", "unit"]),
        ("p10,p90", ["ds", "p10", "p90", "unit"]),
        ("0.5", ["ds", "p50", "planning_low", "planning_high", "unit"]),
    ],
)
def test_quantiles_that_nobody_asked_are_no_columns(
    files: Client, quantiles: str, columns: list[str]
) -> None:
    """The planning range is of the p50, and comes and goes with it."""
    (row, *_) = csv_rows(files.get(f"/v1/next_day.csv?quantiles={quantiles}").body)
    assert list(row)[: len(columns)] == columns


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text(hostile: Client, name: str) -> None:
    """What a spreadsheet would take for a formula has an apostrophe before it."""
    body = hostile.get(f"/v1/next_day.csv?series={quote(name, safe='')}").body
    assert {row["series"] for row in csv_rows(body)} == {harmless(name)}


@pytest.mark.parametrize("question", ["namespace=shop", "step=1d&agg=peak&metric=memory"])
def test_numbers_are_those_of_the_json(files: Client, question: str) -> None:
    """To the last digit."""
    body = files.get(f"/v1/next_week.json?{question}").json()
    found = csv_rows(files.get(f"/v1/next_week.csv?{question}").body)
    for name in ("p10", "p50", "p90"):
        assert [float(row[name]) for row in found] == body[name]


def test_periods_without_a_forecast_keep_their_row(files: Client) -> None:
    """Fourteen days are forecast of the young workload, and a month of it is not."""
    found = csv_rows(files.get("/v1/next_month.csv?workload=young&step=1d").body)
    assert len(found) == 30
    assert {(r["p50"], r["planning_low"], r["model"], r["code"]) for r in found} == {
        ("", "", "", "202")
    }
