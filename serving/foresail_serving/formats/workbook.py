"""What every workbook of ours has in common: its sheets, styles and words."""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from foresail.cells import harmless
from foresail_serving.formats.columns import CELL_TIME, Column, Kind

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

_EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
"""Day 0 of a sheet: with it every date from March 1900 on is right."""
_DAY_SECONDS = 86400.0
_TIME_FORMAT = "yyyy-mm-dd hh:mm"
_UNIT_FORMATS = {
    "cores": "#,##0.000",
    "bytes": '#,##0.000,,," GB"',
}
"""The cells hold cores and bytes: only what is shown is rounded, to millicores and to megabytes."""
_KIND_FORMATS: Mapping[Kind, str] = {
    "utc": _TIME_FORMAT,
    "local": _TIME_FORMAT,
    "ratio": "0.00",
    "share": "0%",
    "count": "0",
    "number": "General",
}
_WIDTHS: Mapping[Kind, int] = {
    "utc": 16,
    "local": 16,
    "value": 14,
    "ratio": 9,
    "share": 9,
    "count": 9,
    "number": 9,
}
_LEAST_WIDTH, _MOST_WIDTH = 8, 44
BLUE, PALE, RED, GREY = "#1F5FA8", "#C9DDF2", "#B3261E", "#5F6368"


@dataclass(frozen=True, slots=True)
class Styles:
    """The styles of one workbook."""

    header: "Format"
    header_right: "Format"
    text: "Format"
    title: "Format"
    label: "Format"
    words: "Format"
    quoted: "Format"
    _book: "Workbook"
    _numbers: "dict[str, Format]"

    @staticmethod
    def of(book: "Workbook") -> "Styles":
        """Add the styles to a workbook."""
        top = {"valign": "top"}
        head = {"bold": True, "font_color": "#FFFFFF", "bg_color": BLUE}
        head |= {"text_wrap": True, "valign": "vcenter"}
        return Styles(
            book.add_format({**head, "indent": 1}),
            book.add_format({**head, "align": "right"}),
            book.add_format({"indent": 1}),
            book.add_format({"bold": True, "font_size": 14}),
            book.add_format({**top, "bold": True, "font_color": GREY}),
            book.add_format({**top, "text_wrap": True, "quote_prefix": True}),
            book.add_format({"indent": 1, "quote_prefix": True}),
            book,
            {},
        )

    def number(self, shown: str) -> "Format":
        """Return the style of numbers that are shown like this."""
        if shown not in self._numbers:
            self._numbers[shown] = self._book.add_format({"num_format": shown, "align": "right"})
        return self._numbers[shown]


@contextmanager
def written(
    out: io.BytesIO, *, created: datetime, title: str
) -> "Iterator[tuple[Workbook, Styles]]":
    """Write a workbook into `out`; the same calls give the same bytes.

    Args:
        out: Holds the file once the block has ended.
        created: What the document's properties say.
        title: As above.
    """
    import xlsxwriter  # noqa: PLC0415  # a server that nobody asks for a workbook starts without

    options = {
        "in_memory": True,  # a server's file system may be read-only
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(out, options) as book:
        book.set_properties({"title": title, "author": "Foresail", "created": created})
        book.set_size(2400, 1400)
        yield book, Styles.of(book)


def serial(text: str) -> float:
    """Return a cell's time as a sheet counts it: days, hours as their fraction."""
    stamp = datetime.strptime(text, CELL_TIME).replace(tzinfo=UTC)
    return (stamp - _EPOCH).total_seconds() / _DAY_SECONDS


def shown_as(kind: Kind, unit: str) -> str:
    """Return the number format of a kind of column.

    Args:
        kind: Not `text`.
        unit: Of the series.
    """
    return _KIND_FORMATS.get(kind) or _UNIT_FORMATS.get(unit, "General")


def heading(column: Column, *, unit: str, zone: str) -> str:
    """Return the header of a column, with its unit or its time zone.

    Args:
        column: The column.
        unit: Of all series; empty where they have several.
        zone: Of local times.
    """
    match column.kind:
        case "value" if unit:
            return f"{column.name} ({unit})"
        case "utc":
            return f"{column.name} (UTC)"
        case "local":
            return f"{column.name} ({zone})"
        case _:
            return column.name


def as_text(text: str) -> str:
    """Return a text that the writer takes for text: what looks like its own markup it copies."""
    return f"{text} " if text.startswith("<r>") and text.endswith("</r>") else text


def put_text(sheet: "Worksheet", row: int, column: int, text: str, styles: Styles) -> None:
    """Write a text that stays one: no formula, also when somebody edits the cell."""
    style = styles.text if harmless(text) == text else styles.quoted
    sheet.write_string(row, column, as_text(text), style)


def put_header(
    sheet: "Worksheet",
    columns: Sequence[Column],
    names: Sequence[str],
    styles: Styles,
    *,
    rows: int,
) -> None:
    """Write the header of a sheet of rows: it stays in sight, and has filters.

    Args:
        sheet: The sheet.
        columns: Its columns; the widths are chosen by their cells.
        names: Their headers.
        styles: Of the workbook.
        rows: How many rows follow.
    """
    for index, (column, name) in enumerate(zip(columns, names, strict=True)):
        style = styles.header if column.kind == "text" else styles.header_right
        sheet.write_string(0, index, as_text(name), style)
        sheet.set_column(index, index, _width(column, name))
    sheet.set_row(0, 32)
    sheet.repeat_rows(0)
    _fit(sheet)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, rows, len(columns) - 1)


def put_about(
    book: "Workbook", styles: Styles, *, title: str, facts: Iterable[tuple[str, str]]
) -> None:
    """Add the sheet that says in words what the file holds.

    Args:
        book: The workbook.
        styles: Its styles.
        title: First line.
        facts: What, and what of it; an empty pair is a gap.
    """
    sheet = book.add_worksheet("About")
    sheet.hide_gridlines(2)
    _fit(sheet)
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 1, 100)
    sheet.write_string(0, 0, as_text(title), styles.title)
    for row, (name, said) in enumerate(facts, start=2):
        sheet.write_string(row, 0, name, styles.label)
        sheet.write_string(row, 1, as_text(said), styles.words)


def _fit(sheet: "Worksheet") -> None:
    """Let a sheet be printed on A4, all columns beside each other."""
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)


def _width(column: Column, name: str) -> int:
    if column.kind in _WIDTHS:
        return max(_WIDTHS[column.kind], min(len(name), _MOST_WIDTH) // 2 + 3)
    longest = max((len(str(cell)) for cell in set(column.cells)), default=0)
    return min(max(longest + 2, len(name) + 4, _LEAST_WIDTH), _MOST_WIDTH)
