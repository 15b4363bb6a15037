"""The workbook of one series."""

import io
import zipfile
from datetime import datetime
from urllib.parse import quote

import openpyxl
import pytest
from factories.sheets import HOSTILE
from openpyxl.workbook import Workbook
from servers.foresail import Client


def opened(client: Client, path: str) -> Workbook:
    """Return the workbook at a path."""
    return openpyxl.load_workbook(io.BytesIO(client.get(path).body))


def test_cells_are_dates_and_numbers_under_a_header_with_units(files: Client) -> None:
    """The header stays in sight and filters; cores show their millicores."""
    sheet = opened(files, "/v1/next_day.xlsx?tz=Europe/Berlin")["Forecast"]
    header, first, *rest = sheet.iter_rows()
    assert [cell.value for cell in header][:6] == [
        "ds (UTC)",
        "ds_local (Europe/Berlin)",
        "utc_offset",
        "p10 (cores)",
        "p50 (cores)",
        "p90 (cores)",
    ]
    assert [cell.value for cell in first][:6] == [
        datetime(2026, 11, 21, 12),  # noqa: DTZ001  # a sheet's times have no zone
        datetime(2026, 11, 21, 13),  # noqa: DTZ001  # as above
        1,
        21,
        22,
        24,
    ]
    assert first[4].number_format == "#,##0.000"
    assert len(rest) == 23
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:V25")


def test_bytes_are_kept_and_shown_in_gigabytes(files: Client) -> None:
    """Sums and other files want the plain number, people a short one."""
    sheet = opened(files, "/v1/next_day.xlsx?metric=memory")["Forecast"]
    cell = sheet["C2"]
    assert (sheet["C1"].value, cell.value) == ("p50 (bytes)", 8_589_935_000)
    assert cell.number_format == '#,##0.000,,," GB"'


def test_the_chart_has_band_middle_and_ceiling(files: Client) -> None:
    """It stands on a sheet of its own and draws from the rows."""
    book = opened(files, "/v1/next_week.xlsx?node=n1")
    assert book.sheetnames == ["Forecast", "Chart", "About"]
    xml = chart_of(files, "/v1/next_week.xlsx?node=n1")
    assert [name in xml for name in ("<c:v>p10 to p90</c:v>", "<c:v>ceiling</c:v>")] == [True] * 2
    assert "Forecast!$C$2:$C$169" in xml


@pytest.mark.parametrize(
    ("question", "there", "missing"),
    [
        ("workload=api&kind=deployment", "p50", "ceiling"),
        ("quantiles=p50", "p50", "p10 to p90"),
        ("quantiles=p90", "p90", "p50"),
    ],
)
def test_the_chart_draws_what_there_is(
    files: Client, question: str, there: str, missing: str
) -> None:
    """Without a ceiling or a quantile there is no line for it."""
    xml = chart_of(files, f"/v1/next_day.xlsx?{question}")
    assert f"<c:v>{there}</c:v>" in xml
    assert f"<c:v>{missing}</c:v>" not in xml


def test_without_a_forecast_there_is_no_chart_but_a_reason(files: Client) -> None:
    """An empty chart would look like a fault."""
    book = opened(files, "/v1/next_month.xlsx?workload=young")
    assert book.sheetnames == ["Forecast", "About"]
    assert about(book)["Why"] == "needs 14 days, has 3 (code 202, horizon-too-long)"


def test_about_says_what_the_numbers_mean(files: Client) -> None:
    """Series, promise, room and planning range stand in sentences."""
    said = about(opened(files, "/v1/next_day.xlsx?node=n1"))
    assert said["Series"] == "prod/node/n1"
    assert said["coverage"] == "81% of the hours fell inside p10 to p90"
    assert said["Ceiling"] == "36.000 cores (allocatable)"
    assert said["Headroom at p90"] == (
        "1.000 cores; at 85% of the ceiling from 2026-11-21 19:00:00 UTC on"
    )
    assert said["Planning range"] == "0.8 to 1.2 times the p50 (planning_low, planning_high)"
    assert said["p90"].startswith("High: nine hours in ten")


@pytest.mark.parametrize("name", HOSTILE)
def test_names_stay_text(hostile: Client, name: str) -> None:
    """No cell is a formula or a link, and a name is not changed."""
    book = opened(hostile, f"/v1/next_day.xlsx?series={quote(name, safe='')}")
    cells = [cell for row in book["Forecast"].iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n", "d"}
    assert not any(cell.hyperlink for cell in cells)
    names = [cell.value for cell in book["Forecast"].iter_rows(min_row=2).__next__()]
    assert names[7] == {"bell\x07": "bell_x0007_", HOSTILE[6]: f"{HOSTILE[6]} "}.get(name, name)


def test_the_same_question_has_the_same_bytes(files: Client) -> None:
    """The file says when the forecast begins, not when it was written."""
    question = "/v1/next_day.xlsx?namespace=shop"
    first = files.get(f"{question}&tz=UTC").body
    assert files.get(f"{question}&tz=UTC&alias=champion").body == first
    with zipfile.ZipFile(io.BytesIO(first)) as book:
        assert "2026-11-21T12:00:00Z" in book.read("docProps/core.xml").decode()
        assert {info.date_time[0] for info in book.infolist()} == {1980}


def chart_of(client: Client, path: str) -> str:
    """Return the chart of a workbook."""
    with zipfile.ZipFile(io.BytesIO(client.get(path).body)) as book:
        return book.read("xl/charts/chart1.xml").decode()


def about(book: Workbook) -> dict[str, str]:
    """Return what the sheet of words says."""
    pairs = book["About"].iter_rows(min_row=3, values_only=True)
    return {str(name): str(said) for name, said in pairs if name}
