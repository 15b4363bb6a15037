"""The rows of a large sheet, streamed into a frame that XlsxWriter has made.

XlsxWriter takes seven times as long over a cell, and for a sheet that does not fit into memory it
wants a disk, which a server may not have. So it writes the sheet with one empty row for each kind
of style, and the rows that belong in their place are written as they come.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from foresail.cells import harmless
from foresail_serving.formats.columns import Cell, Column
from foresail_serving.formats.workbook import Styles, serial, shown_as

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

_PLAIN, _QUOTED = "", "'"
"""Keys of the styles of text, and of text that would else be taken for a formula."""
_ROW = re.compile(rb"<row [^>]*>.*?</row>")
_STYLE = re.compile(rb'<c r="[A-Z]+\d+" s="(\d+)"')
_DIMENSION = re.compile(rb'(<dimension ref="A1:[A-Z]+)\d+')
_NOT_IN_XML = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")
_CODED = re.compile("_(x[0-9A-Fa-f]{4}_)")
"""How a sheet writes what XML cannot hold, and so what must not be taken for it."""
_LONGEST = 32_000
"""Characters of a cell; a sheet takes a few more."""
_LETTERS = 26


def put_styles(
    sheet: "Worksheet",
    columns: Sequence[Column],
    styles: Styles,
    *,
    units: Sequence[str],
    rows: int,
) -> None:
    """Write the rows that hold the styles, below those that are to come.

    Args:
        sheet: With a header in its first row.
        columns: Its columns.
        styles: Of the workbook.
        units: All that its rows have.
        rows: How many are to come.
    """
    for row, key in enumerate((_PLAIN, _QUOTED, *units), start=rows + 1):
        for index, column in enumerate(columns):
            if column.kind == "text":
                style = styles.quoted if key == _QUOTED else styles.text
            else:
                style = styles.number(shown_as(column.kind, key))
            sheet.write_blank(row, index, None, style)


@dataclass(frozen=True, slots=True)
class Frame:
    """A sheet without its rows.

    Attributes:
        head: Up to the header's row and with it.
        tail: What follows the last row.
        styles: Unit -> the style of each column, by its number in the file.
    """

    head: bytes
    tail: bytes
    styles: Mapping[str, Sequence[str]]

    @staticmethod
    def of(sheet: bytes, *, units: Sequence[str], rows: int) -> "Frame":
        """Take the rows of `put_styles` out of a sheet.

        Args:
            sheet: As XlsxWriter has made it.
            units: As they were put.
            rows: As above.
        """
        header, *found = _ROW.finditer(sheet)
        styles = {
            key: [number.decode() for number in _STYLE.findall(row.group())]
            for key, row in zip((_PLAIN, _QUOTED, *units), found, strict=True)
        }
        head = _DIMENSION.sub(rb"\g<1>%d" % (rows + 1), sheet[: header.end()], count=1)
        return Frame(head, sheet[found[-1].end() :], styles)

    def rows(self, columns: Sequence[Column], *, first: int) -> bytes:
        """Return rows of the sheet.

        Args:
            columns: All of the sheet, one of them `unit`.
            first: Number of the first of these rows; the header is 1.
        """
        units = next(column.cells for column in columns if column.name == "unit")
        numbers = range(first, first + len(units))
        made = []
        for index, column in enumerate(columns):
            place = f'<c r="{_letters(index)}'
            if column.kind == "text":
                styles = (self.styles[_PLAIN][index], self.styles[_QUOTED][index])
                inner = {cell: _text(cell, *styles) for cell in set(column.cells)}
                made.append(
                    [
                        f'{place}{row}"{inner[cell]}' if cell else ""
                        for row, cell in zip(numbers, column.cells, strict=True)
                    ]
                )
            else:
                by_unit = {unit: self.styles[str(unit)][index] for unit in set(units)}
                made.append(
                    [
                        ""
                        if cell is None
                        else f'{place}{row}" s="{by_unit[unit]}"><v>{_number(cell)}</v></c>'
                        for row, unit, cell in zip(numbers, units, column.cells, strict=True)
                    ]
                )
        rows = zip(numbers, zip(*made, strict=True), strict=True)
        return "".join(f'<row r="{row}">{"".join(cells)}</row>' for row, cells in rows).encode()


class Sink:
    """A file that is only written to, and read from the other end."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Take bytes."""
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: what is written can be drained."""

    def drain(self) -> bytes:
        """Return what was written since the last time."""
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data


def _number(cell: str | float) -> str:
    return _serial(cell) if isinstance(cell, str) else repr(cell)


@lru_cache(maxsize=4096)
def _serial(text: str) -> str:
    return f"{serial(text):.16g}"


def _text(cell: Cell, plain: str, quoted: str) -> str:
    if not cell:
        return ""
    text = str(cell)[:_LONGEST]
    style = plain if harmless(text) == text else quoted
    xml = _CODED.sub(r"_x005F_\1", text)
    xml = _NOT_IN_XML.sub(lambda found: f"_x{ord(found.group()):04X}_", xml)
    xml = xml.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f' s="{style}" t="inlineStr"><is><t xml:space="preserve">{xml}</t></is></c>'


@lru_cache(maxsize=64)
def _letters(index: int) -> str:
    """Return the name of a column, `A` for 0."""
    first, last = divmod(index, _LETTERS)
    return (chr(ord("A") - 1 + first) if first else "") + chr(ord("A") + last)
