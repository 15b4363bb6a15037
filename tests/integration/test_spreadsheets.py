"""Our files in a real office: LibreOffice opens them, and writes down what it saw."""

import csv
import io
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest
from factories import sheets
from factories.sheets import HOSTILE
from openpyxl.worksheet.worksheet import Worksheet
from servers.files import hostile_files, plain_files
from servers.foresail import Client

from foresail.cells import harmless

pytestmark = [
    pytest.mark.integration,
    pytest.mark.heavy,
    pytest.mark.skipif(shutil.which("soffice") is None, reason="there is no LibreOffice here"),
]
CSV_IN = "CSV:44,34,UTF8,1"
DOCS = Path(__file__).parents[2] / "docs/spreadsheets.md"
PRINTABLE = tuple(name for name in HOSTILE if name.isprintable())


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server of a small cluster."""
    with plain_files(tmp_path_factory.mktemp("cache")) as running:
        yield running


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server of series whose names would do harm."""
    with hostile_files(tmp_path_factory.mktemp("hostile")) as running:
        yield running


@pytest.fixture
def office(tmp_path: Path) -> "Office":
    """LibreOffice with a profile of its own."""
    return Office(tmp_path)


class Office:
    """Opens a file without a window and saves it as another kind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def convert(self, body: bytes, suffix: str, to: str, *, infilter: str | None = None) -> Path:
        """Return the file that it saved.

        Args:
            body: What it opens.
            suffix: Of that file, which tells it what it is.
            to: Suffix of what it saves, perhaps with a filter after a colon.
            infilter: How it reads.
        """
        given = self._folder / f"given{suffix}"
        given.write_bytes(body)
        saved = self._folder / "saved"
        subprocess.run(
            [
                "soffice",
                f"-env:UserInstallation=file://{self._folder}/profile",
                "--headless",
                *([f"--infilter={infilter}"] if infilter else []),
                "--convert-to",
                to,
                "--outdir",
                str(saved),
                str(given),
            ],
            check=True,
            capture_output=True,
            timeout=180,
        )
        return saved / f"given.{to.partition(':')[0]}"

    def sheet(self, body: bytes, suffix: str, *, infilter: str | None = None) -> Worksheet:
        """Return the first sheet as it saved it."""
        path = self.convert(body, suffix, "xlsx", infilter=infilter)
        sheet = openpyxl.load_workbook(path).worksheets[0]
        assert isinstance(sheet, Worksheet)
        return sheet


def columns(sheet: Worksheet) -> dict[str, list[object]]:
    """Return the cells of each column."""
    header, *rows = sheet.iter_rows(values_only=True)
    return {
        str(name): list(cells) for name, cells in zip(header, zip(*rows, strict=True), strict=True)
    }


def at(day: int, hour: int) -> datetime:
    """Return a time of November 2026 as a sheet holds it."""
    return datetime(2026, 11, day, hour)  # noqa: DTZ001  # a sheet's times have no zone


def test_a_csv_opens_as_dates_and_numbers(client: Client, office: Office) -> None:
    """Every value is the one of the JSON answer, and every time a time."""
    question = "tz=Europe/Berlin&node=n1"
    found = columns(
        office.sheet(client.get(f"/v1/next_day.csv?{question}").body, ".csv", infilter=CSV_IN)
    )
    body = client.get(f"/v1/next_day.json?{question}").json()
    for name in ("p10", "p50", "p90"):
        assert found[name] == body[name]
    assert (found["ds"][0], found["ds_local"][0]) == (at(21, 12), at(21, 13))
    assert (found["coverage"][0], found["code"][0]) == (0.81, 0)


def test_a_workbook_of_one_series_survives_with_its_chart(client: Client, office: Office) -> None:
    """Saved again it has the same rows, the chart with its three lines, and the words."""
    body = client.get("/v1/next_week.xlsx?node=n1&tz=Europe/Berlin").body
    path = office.convert(body, ".xlsx", "xlsx")
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["Forecast", "Chart", "About"]
    found = columns(book.worksheets[0])
    assert found["p50 (cores)"] == client.get("/v1/next_week.json?node=n1").json()["p50"]
    assert found["ds_local (Europe/Berlin)"][0] == at(21, 13)
    with zipfile.ZipFile(path) as saved:
        (chart,) = [name for name in saved.namelist() if name.startswith("xl/charts/chart")]
        xml = saved.read(chart).decode()
    drawn = [f"<c:v>{name}</c:v>" in xml for name in ("p10 to p90", "p50", "ceiling")]
    assert drawn == [True, True, True]


def test_a_workbook_of_many_series_opens_whole(client: Client, office: Office) -> None:
    """Rows and series are all there, dates are dates and numbers numbers."""
    path = office.convert(client.get("/v1/forecasts.xlsx?step=1d").body, ".xlsx", "xlsx")
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["Forecasts", "Series", "About"]
    found = columns(book["Forecasts"])
    given = sheets.csv_rows(client.get("/v1/forecasts.csv?step=1d").body)
    assert found["series"] == [row["series"] for row in given]
    assert found["p90"] == [float(row["p90"]) if row["p90"] else None for row in given]
    assert found["ds (UTC)"][:2] == [at(22, 0), at(23, 0)]
    assert len(columns(book["Series"])["series"]) == 14


def test_names_in_a_csv_stay_text(hostile: Client, office: Office) -> None:
    """Nothing is calculated, started or fetched; the text is what the file holds."""
    sheet = office.sheet(hostile.get("/v1/forecasts.csv?step=1w").body, ".csv", infilter=CSV_IN)
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert all(cell.data_type != "f" and cell.hyperlink is None for cell in cells)
    found = {str(name) for name in columns(sheet)["series"]}
    # a name of digits alone is a number to every office that opens a CSV
    assert {harmless(name) for name in PRINTABLE} - {"007"} <= found


@pytest.mark.parametrize("path", ["/v1/forecasts.xlsx?step=1w", "/v1/next_day.xlsx?series={name}"])
def test_names_in_a_workbook_stay_text(hostile: Client, office: Office, path: str) -> None:
    """Also once the office has recalculated the sheet and saved it as CSV."""
    name = "%3Dcmd%7C%27%2Fc%20calc%27%21A0"
    body = hostile.get(path.format(name=name)).body
    saved = office.convert(body, ".xlsx", "csv:Text - txt - csv (StarCalc):44,34,76,1")
    rows = list(csv.DictReader(io.StringIO(saved.read_text(), newline="")))
    names = {row["series"] for row in rows}
    assert "=cmd|'/c calc'!A0" in names
    sheet = office.sheet(body, ".xlsx")
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)


def test_the_formulas_of_the_documentation_give_what_it_says(
    client: Client, office: Office
) -> None:
    """Each is calculated in the workbook that it speaks of."""
    shown = re.findall(r"^\| [^|]+ \| `=([^`]+)` \| `([^`]+)` \|$", DOCS.read_text(), re.MULTILINE)
    assert len(shown) == 9
    book = openpyxl.load_workbook(io.BytesIO(client.get("/v1/forecasts.xlsx?agg=peak").body))
    sheet = book.create_sheet("Tried", 0)
    for formula, _ in shown:
        sheet.append([re.sub(r"(MAXIFS|MINIFS)", r"_xlfn.\1", f"={formula}")])
    with_formulas = io.BytesIO()
    book.save(with_formulas)
    text = office.convert(with_formulas.getvalue(), ".xlsx", "csv").read_text()
    assert text.split() == [result for _, result in shown]


def test_the_documented_command_makes_a_sheet_of_times_and_numbers(
    client: Client, office: Office
) -> None:
    """As the page on spreadsheets writes it."""
    (infilter,) = re.findall(r'--infilter="([^"]+)"', DOCS.read_text())
    found = columns(
        office.sheet(client.get("/v1/forecasts.csv?agg=peak").body, ".csv", infilter=infilter)
    )
    assert (found["ds"][0], found["p90"][0], found["lead_hour"][0]) == (at(22, 0), 35, 25)


def test_a_server_that_nobody_asks_for_a_workbook_starts_without_the_writer() -> None:
    """It is imported on first use."""
    code = "import sys, foresail_serving.app; sys.exit('xlsxwriter' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
