"""CSV as people have it, from bytes to columns of text."""

import gzip
import io

import openpyxl
import pandas as pd
import pytest
from structlog.testing import capture_logs

from foresail.errors import BadInput
from foresail.history.csv_text import parse_csv

ROWS = "2025-01-01T00:00Z{0}1\n2025-01-01T01:00Z{0}2\n"


def rows(data: bytes | str) -> list[list[str]]:
    """Return header and cells of a file."""
    sheet = parse_csv(data.encode() if isinstance(data, str) else data, name="h.csv")
    return [list(sheet.frame.columns), *sheet.frame.astype(object).to_numpy().tolist()]


EXPECTED = [["timestamp", "cpu"], ["2025-01-01T00:00Z", "1"], ["2025-01-01T01:00Z", "2"]]


@pytest.mark.parametrize(
    "data",
    [
        ("timestamp,cpu\n" + ROWS.format(",")).encode("utf-8-sig"),
        ("timestamp;cpu\n" + ROWS.format(";")).encode(),
        ("timestamp\tcpu\n" + ROWS.format("\t")).encode("utf-16"),
        ("timestamp\tcpu\n" + ROWS.format("\t")).encode("utf-16-be").join([b"\xfe\xff", b""]),
        ("timestamp,cpu\n" + ROWS.format(",")).replace("\n", "\r\n").encode(),
        ("timestamp,cpu\n" + ROWS.format(",")).replace("\n", "\r").encode(),
        ("sep=;\r\ntimestamp;cpu\n" + ROWS.format(";")).encode(),
        ("\n \ntimestamp,cpu\n\n" + ROWS.format(",") + "\n  \n,\n").encode(),
        ("timestamp,cpu,,\n" + ROWS.format(",").replace("\n", ",,\n")).encode(),
        (" Timestamp , CPU \n" + ROWS.format(",")).encode(),
        (
            '"timestamp","cpu"\n' + ROWS.format(",").replace("2025", '"2025').replace("Z", 'Z"')
        ).encode(),
    ],
    ids=[
        "byte order mark",
        "semicolons",
        "Excel Unicode text",
        "UTF-16 big endian",
        "CRLF",
        "CR",
        "sep= line",
        "blank lines",
        "blank columns",
        "header in another case",
        "quotes",
    ],
)
def test_what_spreadsheets_write_is_read(data: bytes) -> None:
    """Each form gives the same columns and cells."""
    assert rows(data) == EXPECTED


def test_the_header_decides_the_separator() -> None:
    """Values may hold any of the others."""
    found = rows("series;metric;ds;y\na,b;cpu;x;0,5\n")
    assert found == [["series", "metric", "ds", "y"], ["a,b", "cpu", "x", "0,5"]]


def test_names_of_other_metrics_keep_their_case() -> None:
    """Only known names are brought to lower case."""
    assert rows("TIMESTAMP,Queue Length,MEMORY\nx,1,2\n")[0] == [
        "timestamp",
        "Queue Length",
        "memory",
    ]


def test_quoted_cells_hold_separators_quotes_and_line_ends() -> None:
    """As RFC 4180 has it."""
    found = rows('series,metric,ds,y\n"a,""b""\nc",cpu,x,1\n')
    assert found[1] == ['a,"b"\nc', "cpu", "x", "1"]


def test_rows_are_named_by_their_line() -> None:
    """Blank lines and lines within quotes are counted, as an editor counts them."""
    sheet = parse_csv(b'\nseries,metric,ds,y\n\n"a\nb",cpu,x,1\n\nc,cpu,x,2\n', name="h.csv")
    assert [sheet.place(row) for row in (0, 1)] == ["line 4", "line 7"]


def test_rows_keep_their_number_where_blank_ones_are_left_out() -> None:
    """So that messages name the right line."""
    sheet = parse_csv(b"timestamp,cpu\nx,1\n,\ny,2\n", name="h.csv")
    assert list(sheet.frame.index) == [0, 2]
    assert sheet.place(2) == "line 4"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "h.csv is empty; expected a header and rows"),
        (" \n\n", "h.csv is empty"),
        ("sep=;\n", "h.csv has no header"),
        ("timestamp,cpu,CPU\nx,1,2\n", "the column cpu stands twice; remove one of them"),
        (",timestamp,cpu\n0,x,1\n", "column 1 has no name but holds values, the first '0'"),
        ("timestamp,cpu\nx,1,234\n", "has 3 fields in line 2, 2 in its header: is there a ','"),
        ("timestamp,cpu\nx\ny,2\n", "is broken: line 2 has 1 of 2 fields"),
        ('timestamp,cpu\n"x,1\n', "is cut inside quotes, or a name in it holds a single quote"),
        ("timestamp,cpu\nx,\0\n", "h.csv holds NUL bytes"),
    ],
)
def test_broken_files_are_refused_by_name(text: str, message: str) -> None:
    """With the line, what stands there and what to do."""
    with pytest.raises(BadInput, match=message):
        parse_csv(text.encode(), name="h.csv")


def test_other_encodings_are_refused_by_name() -> None:
    """What Excel calls plain CSV has no UTF-8."""
    with pytest.raises(BadInput, match=r"is not UTF-8: line 2 holds the byte 0xfc; save it as"):
        parse_csv("series,metric,ds,y\nküche,cpu,x,1\n".encode("cp1252"), name="h.csv")


def test_workbooks_and_archives_are_refused_by_name() -> None:
    """With what to do about them."""
    book = io.BytesIO()
    openpyxl.Workbook().save(book)
    with pytest.raises(
        BadInput, match=r'is a workbook of Excel or .*save the sheet as "CSV UTF-8"'
    ):
        parse_csv(book.getvalue(), name="h.xlsx")
    with pytest.raises(BadInput, match=r"h\.csv\.gz is compressed with gzip"):
        parse_csv(gzip.compress(b"timestamp,cpu\n"), name="h.csv.gz")


WHOLE = 'timestamp,cpu,"mem ory"\n2025-01-01T00:00Z,1.25,"10"\n2025-01-01T01:00Z,2.25,"20"\n'


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ('timestamp,cpu,"mem', "cut inside quotes"),
        ("01T01:00Z,2.2", "is cut: its last line, 3, has 2 of 3 fields"),
        ("01T01:0", "is cut: its last line, 3, has 1 of 3 fields"),
        ("01T01:00Z,2.25,", r"seems cut: its last line has no line end.*field '' looks short"),
        ('01T01:00Z,2.25,"2', "cut inside quotes"),
    ],
)
def test_a_cut_is_refused_where_the_file_itself_can_tell(end: str, message: str) -> None:
    """In the header's quotes, within a number, after a separator, within quotes."""
    cut = WHOLE[: WHOLE.index(end) + len(end)]
    with pytest.raises(BadInput, match=message):
        parse_csv(cut.encode(), name="h.csv")


@pytest.mark.parametrize("end", ["t", "time", "timestamp,cp", "timestamp,cpu"])
def test_a_cut_in_the_header_leaves_no_row(end: str) -> None:
    """Which is refused by whoever needs one."""
    assert rows(WHOLE[: len(end)])[1:] == []


@pytest.mark.parametrize("last", ["0.12", "0.", "1"])
def test_a_last_number_that_looks_short_is_refused(last: str) -> None:
    """Where the line has no end, and the number is shorter than in 99 of 100 other rows."""
    text = "timestamp,cpu\n" + "".join(f"x,0.{1000 + i}\n" for i in range(200)) + f"x,{last}"
    with pytest.raises(BadInput, match="looks short beside the others; write it anew, or end"):
        parse_csv(text.encode(), name="h.csv")
    assert len(parse_csv(f"{text}5\n".encode(), name="h.csv").frame) == 201


def test_a_file_without_a_last_line_end_is_read_and_says_so() -> None:
    """Many programs write none; a cut in the last digits cannot be seen."""
    with capture_logs() as lines:
        assert len(rows("timestamp,cpu\nx,0.25\ny,0.35")) == 3
    assert [line["event"] for line in lines] == [
        "the last line has no line end; a cut in its last field cannot be seen"
    ]


def test_utf_16_cut_inside_a_character_is_refused() -> None:
    """And so is UTF-8."""
    with pytest.raises(BadInput, match="is cut inside a character"):
        parse_csv("timestamp\tcpu\nx\t1\n".encode("utf-16")[:-1], name="h.csv")
    with pytest.raises(BadInput, match="is cut inside a character"):
        parse_csv("series,metric,ds,y\nkü".encode()[:-1], name="h.csv")


def test_a_file_of_many_rows_is_read_as_the_csv_module_reads_it() -> None:
    """Also across the blocks that the reader works in."""
    text = "series,metric,ds,y\n" + "".join(f'"a,{i % 9}",cpu,t{i},{i}\n' for i in range(100_000))
    sheet = parse_csv(text.encode(), name="h.csv")
    expected = pd.read_csv(io.StringIO(text), dtype=str)
    pd.testing.assert_frame_equal(sheet.frame.astype("str"), expected.astype("str"))
