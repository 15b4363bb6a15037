"""Rows as CSV: numbers as in the JSON answer, names that no spreadsheet executes."""

import csv
import io
from collections.abc import Sequence

from foresail.cells import harmless
from foresail_serving.answers.answer import Forecast
from foresail_serving.formats.columns import Cell, Column, forecast_columns


def forecast_csv(forecast: Forecast) -> bytes:
    """Return one row per period asked; those without a forecast have empty quantiles.

    The unit stands in a column and not in the header: the header is what scripts read the file by,
    and a file of cpu and memory has two.
    """
    columns = forecast_columns(forecast)
    return csv_header(columns) + csv_rows(columns)


def csv_header(columns: Sequence[Column]) -> bytes:
    """Return the names of the columns as the first line."""
    return _lines([tuple(column.name for column in columns)])


def csv_rows(columns: Sequence[Column]) -> bytes:
    """Return the lines of these columns."""
    return _lines(zip(*(_safe(column) for column in columns), strict=True))


def _safe(column: Column) -> Sequence[Cell]:
    if column.kind != "text":
        return column.cells
    # most text is the same in every row of a series
    safe = {cell: harmless(cell) for cell in set(column.cells) if isinstance(cell, str)}
    return [safe.get(cell) for cell in column.cells]  # type: ignore[arg-type]  # None, or text


def _lines(rows: "zip[tuple[Cell, ...]] | Sequence[tuple[str, ...]]") -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
