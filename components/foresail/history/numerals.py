"""Numbers as people write them: what is certain is read, what is not is refused by name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import structlog

from foresail.errors import BadInput
from foresail.history.sheet import Place
from foresail.panel import UNITS, BoolArray, FloatArray

_log = structlog.get_logger(__name__)

_GAP = r"(?i)^(?:nan|stalenan|na|n/a|#n/a|null|none)?$"
_PLAIN = r"(?i)^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf|infinity)$"
_COMMA = r"^[+-]?(?:\d+,\d*|,\d+)(?:[eE][+-]?\d+)?$"
_WHOLE = r"^[+-]?\d+$"
_EITHER = r"^[+-]?[1-9]\d{0,2},\d{3}$"
"""1,234 is a thousand and more to some, and little more than one to others."""
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:[.,' \u00a0\u2009\u2019\u202f]\d{2,3})+(?:[.,]\d*)?")
_WITH_UNIT = re.compile(
    r"[+-]?[\d.,]*\d[.,]?(?:[eE][+-]?\d+)?\s*(?![eE][+-]?$)[A-Za-z%\u00b0\u00b5\u03bc][A-Za-z%/]*"
)
_COMMA_SEPARATORS = (";", "\t")
_SHOWN_LENGTH = 40
_VALUES = {"y", *UNITS}


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of text.

    Attributes:
        name: Of the column.
        cells: As they stand in the file.
        trimmed: The same without blanks around, in Arrow.
        gap: Which of them say that there is no value.
        plain: Which of them are numbers with a decimal point or none.
    """

    name: str
    cells: pd.Series
    trimmed: pa.ChunkedArray
    gap: BoolArray
    plain: BoolArray

    @property
    def odd(self) -> BoolArray:
        """Return which cells are no plain numbers."""
        return ~(self.gap | self.plain)

    @property
    def strange(self) -> BoolArray:
        """Return which cells are no numbers with a decimal comma either."""
        return self.odd & ~self.matching(_COMMA)

    def matching(self, pattern: str) -> BoolArray:
        """Return which cells match."""
        return _matching(self.trimmed, pattern)

    def values(self) -> FloatArray:
        """Return the numbers; only where no cell is odd."""
        return _cast(pc.if_else(pa.array(self.gap), None, self.trimmed))


def parse_numbers(
    columns: Mapping[str, pd.Series],
    *,
    separator: str,
    name: str,
    place: Place,
) -> dict[str, FloatArray]:
    """Return the numbers of a file's columns; NaN where a cell is empty or says so.

    A decimal comma is read only where semicolons or tabs separate the fields, every number of the
    file fits, and it can be no thousands separator; that is logged.

    Args:
        columns: Text or numbers, of equal length.
        separator: Of the CSV; empty for Parquet.
        name: Of the file.
        place: For messages.

    Raises:
        BadInput: Cells hold something else; one sentence a column.
    """
    numeric = {
        column: cells.to_numpy(dtype=np.float64, na_value=np.nan)
        for column, cells in columns.items()
        if pd.api.types.is_numeric_dtype(cells.dtype)
    }
    texts = {c: _trimmed(cells) for c, cells in columns.items() if c not in numeric}
    try:
        return numeric | {column: _cast(_empty_as_nan(text)) for column, text in texts.items()}
    except pa.ArrowInvalid:  # not only plain numbers: look at each
        pass
    found = [_column(column, columns[column], text) for column, text in texts.items()]
    if separator in _COMMA_SEPARATORS:
        found = _with_points(found, separator=separator, name=name)
    pointed = any((c.plain & c.matching(r"\.")).any() for c in found)
    culprits = [c for c in found if c.strange.any()] if separator in _COMMA_SEPARATORS else []
    if not culprits or pointed:  # else decimal commas are refused only for what stands beside them
        culprits = [c for c in found if c.odd.any()]
    problems = [
        _fault(column, separator=separator, pointed=pointed, place=place) for column in culprits
    ]
    if problems:
        raise BadInput(problems)
    return numeric | {column.name: column.values() for column in found}


def _trimmed(cells: pd.Series) -> pa.ChunkedArray:
    texts = cells if cells.dtype == "str" else cells.astype("str")
    array = pc.cast(pa.array(texts.array, from_pandas=True), pa.large_string())
    return pc.utf8_trim_whitespace(pc.fill_null(array, ""))


def _column(name: str, cells: pd.Series, trimmed: pa.ChunkedArray) -> _Column:
    return _Column(name, cells, trimmed, _matching(trimmed, _GAP), _matching(trimmed, _PLAIN))


def _empty_as_nan(trimmed: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.equal(trimmed, ""), None, trimmed)


def _matching(texts: pa.ChunkedArray, pattern: str) -> BoolArray:
    found: BoolArray = pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)
    return found


def _cast(texts: pa.ChunkedArray) -> FloatArray:
    numbers: FloatArray = pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False)
    return numbers


def _with_points(columns: list[_Column], *, separator: str, name: str) -> list[_Column]:
    """Return the columns with decimal points, if the file can only be meant with commas."""
    commas = [column.matching(_COMMA) for column in columns]
    if not any(c.any() for c in commas) or not all(
        (column.gap | comma | column.matching(_WHOLE)).all()
        for column, comma in zip(columns, commas, strict=True)
    ):
        return columns
    either = [column.matching(_EITHER) for column in columns]
    certain = [comma & ~e for comma, e in zip(commas, either, strict=True)]
    # spreadsheets write semicolons where the comma is the decimal mark; three decimals throughout
    # are a format of the cells, while grouped thousands stand among smaller numbers without a comma
    formatted = separator == ";" and all(
        (e | column.gap).all() for column, e in zip(columns, either, strict=True) if e.any()
    )
    if not formatted and not any(c.any() for c in certain):
        return columns
    example = next(
        c.cells[comma].iloc[0] for c, comma in zip(columns, commas, strict=True) if comma.any()
    )
    _log.info("every number fits a decimal comma, and is read so", file=name, example=example)
    return [_column(c.name, c.cells, pc.replace_substring(c.trimmed, ",", ".")) for c in columns]


def _fault(column: _Column, *, separator: str, pointed: bool, place: Place) -> str:
    """Return what is wrong with the first cell that is no number, and what to do."""
    odd, strange = column.odd, column.strange
    first = int(np.flatnonzero(strange if strange.any() else odd)[0])
    cell = str(column.cells.iloc[first]).strip()
    shown, where = repr(cell)[:_SHOWN_LENGTH], place(int(column.cells.index[first]))
    reason = _reason(cell, separator=separator, pointed=pointed)
    if not reason and column.name not in _VALUES and not column.plain.any():
        return (
            f"the column {column.name} holds text, {shown} in {where}: beside timestamp a wide "
            "file has columns of numbers, one a metric; remove it, or use the long form"
        )
    return (
        f"{column.name} is no number in {int(odd.sum())} rows, first in {where}: {shown}"
        f"{' ' if reason else ''}{reason}"
    )


def _reason(cell: str, *, separator: str, pointed: bool) -> str:
    """Return what makes a cell no number, and what to write; nothing where we do not know."""
    if re.fullmatch(_EITHER, cell) and not pointed:
        thousand = cell.replace(",", "")
        return (
            "has a thousands separator or a decimal comma, nobody can tell; write "
            f"{thousand} or {cell.replace(',', '.')}"
        )
    if re.fullmatch(_COMMA, cell) and not re.fullmatch(_EITHER, cell):
        why = (
            "while others have a decimal point"
            if separator in _COMMA_SEPARATORS
            else "which is read only where semicolons or tabs separate the fields"
        )
        return f"has a decimal comma, {why}; write {cell.replace(',', '.')}"
    if _GROUPED.fullmatch(cell):
        return "has thousands separators; write numbers without them, such as 1234.5"
    if _WITH_UNIT.fullmatch(cell):
        return (
            "has a unit in the cell; write plain numbers, cpu in cores (0.25) and memory in bytes "
            "(268435456)"
        )
    return ""
