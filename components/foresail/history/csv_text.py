"""From the bytes of a CSV file, as people have it, to columns of text.

What a spreadsheet writes is taken as it is: a byte order mark, UTF-16, semicolons or tabs, CRLF,
quotes, blank lines and blank columns at the right. The header alone decides the separator.
"""

import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pv
import structlog

from foresail.errors import BadInput
from foresail.history.sheet import LONG, OPTIONAL, Sheet, clean_names, has_form, named

_log = structlog.get_logger(__name__)

_SEPARATORS = (",", ";", "\t")
_DIRECTIVE = re.compile(r"sep=([,;\t])\s*", re.IGNORECASE)
"""A first line that tells Excel the separator; Grafana and others write it."""
_HEAD_BYTES = 1 << 16
_RARELY = 0.01
"""Of the last fields that are no longer than that of a line without an end."""
_FOREIGN = {
    b"PK\x03\x04": "is a workbook of Excel or LibreOffice, or a zip archive",
    b"\xd0\xcf\x11\xe0": "is a workbook of an old Excel",
    b"\x1f\x8b": "is compressed with gzip",
}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_REPEATED = pa.dictionary(pa.int32(), pa.string())
_REPEATING = {*LONG, *OPTIONAL} - {"y"}
_CUT = ("unexpected end of data", "truncated data")
_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class _Body:
    """A CSV whose header is read.

    Attributes:
        data: UTF-8 without a mark.
        start: Where the rows begin in it.
        lines: How many lines stand before them.
        separator: Between the fields.
        names: Of the columns, blank ones too.
    """

    data: bytes
    start: int
    lines: int
    separator: str
    names: tuple[str, ...]

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each row that is not blank with the line it begins in; slow, for messages."""
        text = io.TextIOWrapper(io.BytesIO(self.data[self.start :]), "utf-8", newline="")
        reader = csv.reader(text, delimiter=self.separator)
        line = 1
        for fields in reader:
            if len(fields) > 1 or "".join(fields).strip():
                yield self.lines + line, fields
            line = reader.line_num + 1

    def place(self, row: int) -> str:
        """Return the line of a row."""
        try:
            line, _ = next(itertools.islice(self.records(), row, None))
        except (csv.Error, StopIteration):  # a field too long for this reader
            return f"row {row + 1}"
        return f"line {line}"


def parse_csv(data: bytes, *, name: str) -> Sheet:
    """Return the columns of a CSV file.

    Args:
        data: The whole file.
        name: Of the file, for messages.

    Raises:
        BadInput: It is no CSV, is cut, its rows have not all the fields of the header, or a column
            has no name of its own.
    """
    body = _header(_utf8(data, name=name), name=name)
    if body.data.count(b'"') % 2:
        raise BadInput(
            f"{name} is cut inside quotes, or a name in it holds a single quote mark; write it "
            "anew (a quote mark inside quotes is written twice)"
        )
    frame = _table(body, name=name)
    _check_end(body, frame, name=name)
    blank = frame.iloc[:, 0].str.strip() == ""
    if blank.any():
        rest = frame[blank]
        frame = frame.drop(
            index=rest.index[(rest.apply(lambda c: c.str.strip()) == "").all(axis=1)]
        )
    return Sheet(named(frame, body.names, name=name), body.separator, body.place)


def _utf8(data: bytes, *, name: str) -> bytes:
    for magic, what in _FOREIGN.items():
        if data.startswith(magic):
            raise BadInput(f'{name} {what}; save the sheet as "CSV UTF-8" and name that file')
    try:
        if data.startswith(_UTF16):
            data = data.decode("utf-16").encode()
        data = data.removeprefix(_MARK)
        if not data.isascii():
            data.decode()
    except UnicodeDecodeError as error:
        if error.reason in _CUT:
            raise BadInput(f"{name} is cut inside a character; write it anew") from error
        line = data.count(b"\n", 0, error.start) + 1
        raise BadInput(
            f"{name} is not UTF-8: line {line} holds the byte 0x{data[error.start]:02x}; save it "
            'as "CSV UTF-8"'
        ) from error
    if b"\0" in data:
        raise BadInput(f"{name} holds NUL bytes: it is damaged, or no text; write it anew")
    return data


def _header(data: bytes, *, name: str) -> _Body:
    head = data[:_HEAD_BYTES].decode("utf-8", "ignore")
    lines = list(io.StringIO(head, newline=""))
    first = next((i for i, line in enumerate(lines) if line.strip()), None)
    if first is None:
        raise BadInput(f"{name} is empty; expected a header and rows")
    told = _DIRECTIVE.fullmatch(lines[first])
    first += told is not None
    separators = (told[1],) if told else _SEPARATORS
    found = [(s, *_record(lines[first:], s)) for s in separators]
    fitting = [f for f in found if has_form(clean_names(f[1]))]
    separator, names, used = (fitting or sorted(found, key=lambda f: -len(f[1])))[0]
    if not names:
        raise BadInput(f"{name} has no header; expected one, such as timestamp,cpu,memory")
    start = len("".join(lines[: first + used]).encode())
    return _Body(data, start, first + used, separator, tuple(names))


def _record(lines: Iterable[str], separator: str) -> tuple[list[str], int]:
    """Return the first record's fields, and how many lines it takes."""
    reader = csv.reader(lines, delimiter=separator)
    try:
        return next(reader, []), reader.line_num
    except csv.Error:
        return [], 0


def _table(body: _Body, *, name: str) -> pd.DataFrame:
    places = [str(i) for i in range(len(body.names))]
    types = {
        # names and stamps of a long file repeat: each is held once
        place: _REPEATED if column in _REPEATING else pa.string()
        for place, column in zip(places, clean_names(body.names), strict=True)
    }
    rows = memoryview(body.data)[body.start :]
    if not bytes(rows[:_HEAD_BYTES]).strip() and not bytes(rows).strip():
        return pd.DataFrame({place: pd.Series([], dtype="str") for place in places})
    try:
        table = pv.read_csv(
            pa.BufferReader(pa.py_buffer(rows)),
            read_options=pv.ReadOptions(column_names=places),
            parse_options=pv.ParseOptions(
                delimiter=body.separator,
                newlines_in_values=True,
                invalid_row_handler=lambda row: "error" if row.text.strip() else "skip",
            ),
            convert_options=pv.ConvertOptions(column_types=types, strings_can_be_null=False),
        )
    except pa.ArrowException as error:
        raise BadInput(f"{name} {_fault_of_rows(body)}") from error
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _fault_of_rows(body: _Body) -> str:
    width = len(body.names)
    rows = body.records()
    try:
        line, fields = next((n, f) for n, f in rows if len(f) != width)
        last = next(rows, None) is None
    except (csv.Error, StopIteration):
        return "is no readable CSV file; write it anew"
    if len(fields) > width:
        return (
            f"has {len(fields)} fields in line {line}, {width} in its header: is there a "
            f"{body.separator!r} within a number or a name? Quote names, and write numbers like "
            "1234.5"
        )
    of = f"{len(fields)} of {width} fields; write it anew"
    return (
        f"is cut: its last line, {line}, has {of}" if last else f"is broken: line {line} has {of}"
    )


def _check_end(body: _Body, frame: pd.DataFrame, *, name: str) -> None:
    """Refuse a file that ends inside a value, as far as the file itself can tell."""
    if not len(frame) or body.data.endswith((b"\n", b"\r", b'"')):
        return
    cells = frame.iloc[:, -1]
    last = str(cells.iloc[-1])
    no_longer = np.mean(cells.iloc[:-1].str.len().to_numpy() <= len(last)) if len(frame) > 1 else 1
    if last.endswith((".", ",")) or no_longer < _RARELY:
        raise BadInput(
            f"{name} seems cut: its last line has no line end, and its last field {last!r} looks "
            "short beside the others; write it anew, or end the last line if it is whole"
        )
    _log.info("the last line has no line end; a cut in its last field cannot be seen", file=name)
