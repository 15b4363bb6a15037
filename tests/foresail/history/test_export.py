"""A history as a CSV for spreadsheets, and back."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from structlog.testing import capture_logs

from foresail.errors import AccessDenied, BadInput, ForesailError, UsageError
from foresail.history import export, read_table
from foresail.history.escapes import protected
from foresail.history.export import EXPORT_COLUMNS, export_csv
from foresail.panel import Panel, SeriesInfo
from foresail.settings import Settings

SETTINGS = Settings()
NAMES = (
    "prod/namespace/shop",
    '=HYPERLINK("http://x";"y")',
    "'=1+1",
    "''@x",
    "'quoted'",
    "-minus",
    "+plus",
    "@at",
    "\ttab",
    "\rreturn",
    "a,b;c",
    'say "hi"',
    "two\nlines",
    " blanks ",
    "küche/日本",
    "NA",
)


def panel(values: np.ndarray, names: tuple[str, ...] = NAMES) -> Panel:
    """Return a panel of series with these names."""
    ds = np.datetime64("2025-01-01T00", "s") + np.arange(values.shape[1]) * np.timedelta64(1, "h")
    labels = {"cluster": "=prod", "scope": "workload", "workload": "web"}
    index = tuple(SeriesInfo(name, "cpu", "mean", "cores", labels) for name in names)
    return Panel(ds, values, index)


def test_the_same_rows_are_read_back(tmp_path: Path) -> None:
    """Every name, label and stamp, and every number to the last bit; gaps have no row."""
    rng = np.random.default_rng(3)
    values = rng.standard_normal((len(NAMES), 40)) * 10.0 ** rng.integers(-300, 300, (1, 40))
    values[rng.random(values.shape) < 0.1] = np.nan
    values[0, :4] = [0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0]
    made = panel(values)
    export_csv(made, tmp_path / "h.csv")
    found = read_table(str(tmp_path / "h.csv"), settings=SETTINGS)
    rows, hours = np.nonzero(~np.isnan(values))
    assert set(found.columns) == set(EXPORT_COLUMNS)
    assert found["series"].tolist() == [NAMES[row] for row in rows]
    assert found["y"].to_numpy().tobytes() == values[rows, hours].tobytes()
    stamps = found["ds"].dt.tz_localize(None).to_numpy().astype("datetime64[s]")
    np.testing.assert_array_equal(stamps, made.ds[hours])
    assert found.iloc[0][["stat", "unit", "cluster", "scope", "node", "workload"]].tolist() == [
        "mean",
        "cores",
        "=prod",
        "workload",
        "",
        "web",
    ]


def test_no_cell_begins_a_formula(tmp_path: Path) -> None:
    """An apostrophe before it makes it text; a negative number stays a number."""
    export_csv(panel(np.full((len(NAMES), 1), -1.5)), tmp_path / "h.csv")
    cells = pd.read_csv(tmp_path / "h.csv", dtype=str, keep_default_na=False)
    for name in cells.columns.drop("y"):
        assert not cells[name].str.startswith(("=", "+", "-", "@", "\t", "\r")).any()
    assert set(cells["y"]) == {"-1.5"}


@pytest.mark.parametrize("name", NAMES)
def test_protection_tells_names_apart(name: str) -> None:
    """A name that looks protected is protected once more."""
    assert protected(name) != protected(f"'{name}")


def test_the_sidecar_says_what_was_written(tmp_path: Path) -> None:
    """Rows, bytes and sha256."""
    sidecar = export_csv(panel(np.ones((len(NAMES), 3))), tmp_path / "h.csv")
    data = (tmp_path / "h.csv").read_bytes()
    stored = json.loads((tmp_path / "h.csv.sha256.json").read_text())
    assert stored == {
        "rows": 3 * len(NAMES),
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    assert sidecar.rows == 3 * len(NAMES)


def test_the_same_panel_gives_the_same_bytes(tmp_path: Path) -> None:
    """There is nothing of the day or the machine in it."""
    made = panel(np.ones((len(NAMES), 3)))
    assert export_csv(made, tmp_path / "a.csv") == export_csv(made, tmp_path / "b.csv")


def test_a_history_without_a_value_is_refused_and_leaves_what_was_there(tmp_path: Path) -> None:
    """Nothing where nothing was; else the old file, whole, with its sidecar."""
    empty = panel(np.full((len(NAMES), 2), np.nan))
    with pytest.raises(BadInput, match="there is no value to write; choose other metrics"):
        export_csv(empty, tmp_path / "h.csv")
    assert list(tmp_path.iterdir()) == []
    export_csv(panel(np.ones((len(NAMES), 1))), tmp_path / "h.csv")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(BadInput, match="there is no value to write"):
        export_csv(empty, tmp_path / "h.csv")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_cannot_be_a_file_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """A wrong ending, a folder that is not there."""
    made = panel(np.ones((len(NAMES), 1)))
    with pytest.raises(UsageError, match=r"expected a file ending in \.csv, got 'h\.xlsx'"):
        export_csv(made, tmp_path / "h.xlsx")
    with pytest.raises(UsageError, match="does not exist; create it first"):
        export_csv(made, tmp_path / "none" / "h.csv")


def test_a_folder_that_takes_no_files_is_named() -> None:
    """`/proc` is one for everybody, root too."""
    with pytest.raises(ForesailError, match=r"cannot write /proc/h\.csv: ") as caught:
        export_csv(panel(np.ones((len(NAMES), 1))), Path("/proc/h.csv"))
    assert type(caught.value) in {ForesailError, AccessDenied}


def test_more_rows_than_a_sheet_holds_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A spreadsheet shows the first million and keeps quiet about the rest."""
    monkeypatch.setattr(export, "SPREADSHEET_ROWS", 32)
    with capture_logs() as lines:
        export_csv(panel(np.ones((len(NAMES), 2))), tmp_path / "h.csv")
    assert [(line["rows"], line["shown"]) for line in lines] == [(32, 31)]


@pytest.mark.skipif(shutil.which("soffice") is None, reason="there is no LibreOffice here")
def test_libreoffice_opens_it_as_text_and_numbers(tmp_path: Path) -> None:
    """Names are text and nothing is a formula; numbers are numbers to 15 digits."""
    names = tuple(name for name in NAMES if name.isprintable())  # line ends are shown otherwise
    values = np.linspace(0.001, 1e12, len(names)).reshape(-1, 1)
    export_csv(panel(values, names), tmp_path / "h.csv")
    subprocess.run(
        [
            "soffice",
            f"-env:UserInstallation=file://{tmp_path}/profile",
            "--headless",
            "--infilter=CSV:44,34,UTF8,1",
            "--convert-to",
            "xlsx",
            "--outdir",
            str(tmp_path),
            str(tmp_path / "h.csv"),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    sheet = openpyxl.load_workbook(tmp_path / "h.xlsx").active
    assert sheet is not None
    header, *rows = sheet.iter_rows()
    assert [cell.value for cell in header] == list(EXPORT_COLUMNS)
    assert all(cell.data_type != "f" for row in rows for cell in row)
    assert [row[0].value for row in rows] == [protected(name) for name in names]
    np.testing.assert_allclose([row[4].value for row in rows], values[:, 0], rtol=1e-14)
