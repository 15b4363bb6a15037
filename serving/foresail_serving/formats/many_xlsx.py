"""Many series as a workbook: every row, a sheet with one row per series, and words about them."""

import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from foresail_serving.formats.about import GAP, quantile_words, rows_words, unit_words
from foresail_serving.formats.columns import Cell, Column, time_of
from foresail_serving.formats.many import LABELS, Many
from foresail_serving.formats.sheet_xml import Frame, Sink, put_styles
from foresail_serving.formats.workbook import heading, put_about, put_header, written

_ROWS_SHEET, _SERIES_SHEET = "xl/worksheets/sheet1.xml", "xl/worksheets/sheet2.xml"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_SERIES_COLUMNS = (
    "series",
    *LABELS,
    "metric",
    "stat",
    "unit",
    "peak_p50",
    "peak_p90",
    "peak_p90_at",
    "peak_p90_at_local",
    "ceiling",
    "ceiling_kind",
    "headroom_p90",
    "full_on_p50",
    "full_on_p90",
    "full_on_p50_local",
    "full_on_p90_local",
    "status",
    "code",
    "reason",
    "coverage",
    "vs_naive",
)
_PEAKS = {
    "peak_p50": ("p50", "p50"),
    "peak_p90": ("p90", "p90"),
    "peak_p90_at": ("p90", "ds"),
    "peak_p90_at_local": ("p90", "ds_local"),
}
"""Column -> the quantile of which it tells the highest row, and the column that it tells."""
_FAST = 1


def xlsx_pieces(many: Many, blocks: Iterable[list[Column]]) -> Iterator[bytes]:
    """Yield a workbook piece by piece.

    Args:
        many: What it holds.
        blocks: Its columns, whole series at a time.
    """
    units = sorted({found.entry.unit for found in many.found})
    made = zipfile.ZipFile(io.BytesIO(_book(many, units)))
    every_row = Frame.of(made.read(_ROWS_SHEET), units=units, rows=many.rows)
    every_series = Frame.of(made.read(_SERIES_SHEET), units=units, rows=len(many.found))
    waiting = _Waiting(every_series, len(many.periods))
    sheets = {
        _ROWS_SHEET: _rows(every_row, waiting.passing(blocks)),
        _SERIES_SHEET: waiting.sheet(),
    }
    sink = Sink()
    with zipfile.ZipFile(sink, "w") as book:  # type: ignore[call-overload]  # it only writes
        for name in made.namelist():
            info = zipfile.ZipInfo(name, _LONG_AGO)
            info.compress_type = zipfile.ZIP_DEFLATED
            with book.open(info, "w") as file:
                for piece in sheets.get(name) or (made.read(name),):
                    file.write(piece)
                    yield sink.drain()
    yield sink.drain()


class _Waiting:
    """The sheet of series, made while the rows pass by, and kept small until its turn comes."""

    def __init__(self, frame: Frame, rows_each: int) -> None:
        self._frame = frame
        self._rows_each = rows_each
        self._packed: list[bytes] = []
        self._next = 2

    def passing(self, blocks: Iterable[list[Column]]) -> Iterator[list[Column]]:
        """Hand blocks through, and keep one row of each series."""
        for columns in blocks:
            series = _one_row_each(columns, self._rows_each)
            rows = self._frame.rows(series, first=self._next)
            self._packed.append(zlib.compress(rows, _FAST))
            self._next += len(series[0].cells)
            yield columns

    def sheet(self) -> Iterator[bytes]:
        """Yield the sheet, once all blocks have passed."""
        yield self._frame.head
        yield from map(zlib.decompress, self._packed)
        yield self._frame.tail


def _rows(frame: Frame, blocks: Iterable[list[Column]]) -> Iterator[bytes]:
    yield frame.head
    following = 2
    for columns in blocks:
        yield frame.rows(columns, first=following)
        following += len(columns[0].cells)
    yield frame.tail


def _series_names(names: Sequence[str]) -> list[str]:
    """Return the columns of the sheet of series, where these are those of the rows."""
    return [name for name in _SERIES_COLUMNS if set(_PEAKS.get(name, (name,))) <= set(names)]


def _one_row_each(columns: Sequence[Column], rows_each: int) -> list[Column]:
    """Return one row for each series: its highest p50 and p90, and what is the same in all rows."""
    cells = {column.name: column.cells for column in columns}
    found: dict[str, Sequence[Cell]] = {
        name: given[::rows_each] for name, given in cells.items() if name in _SERIES_COLUMNS
    }
    starts = range(0, len(columns[0].cells), rows_each)
    for name, (quantile, told) in _PEAKS.items():
        if quantile in cells and told in cells:
            peaks = [_highest(cells[quantile], start, start + rows_each) for start in starts]
            found[name] = [None if row is None else cells[told][row] for row in peaks]
    return [Column(name, found[name]) for name in _series_names(list(cells))]


def _highest(values: Sequence[Cell], start: int, end: int) -> int | None:
    """Return the row of the highest value, the first of equals; None where there is none."""
    there = [row for row in range(start, end) if values[row] is not None]
    return max(there, key=lambda row: float(values[row] or 0)) if there else None


def _book(many: Many, units: Sequence[str]) -> bytes:
    """Return the workbook with headers and styles in place of rows."""
    out = io.BytesIO()
    title = f"Forecasts, {many.horizon.name.replace('_', ' ')}"
    unit = units[0] if len(units) == 1 else ""
    widths = _widest(many)
    with written(out, created=many.moment.hour, title=title) as (book, styles):
        for sheet_name, names, rows in (
            ("Forecasts", many.names, many.rows),
            ("Series", _series_names(many.names), len(many.found)),
        ):
            sheet = book.add_worksheet(sheet_name)
            columns = [Column(name, widths.get(name, ())) for name in names]
            headings = [heading(column, unit=unit, zone=many.zone) for column in columns]
            put_header(sheet, columns, headings, styles, rows=rows)
            sheet.freeze_panes(1, 1)
            put_styles(sheet, columns, styles, units=units, rows=rows)
        put_about(book, styles, title=title, facts=_facts(many, units))
    return out.getvalue()


def _widest(many: Many) -> Mapping[str, Sequence[Cell]]:
    """Return cells of text columns, of which one is as long as the longest."""
    entries = [found.entry for found in many.found]
    return {
        "series": [entry.series for entry in entries],
        **{name: [entry.labels.get(name, "") for entry in entries] for name in LABELS},
        "metric": [entry.metric for entry in entries],
        "reason": ["x" * 40],
        "model": ["seasonal-naive"],
        "status": ["abstained"],
    }


def _facts(many: Many, units: Sequence[str]) -> Iterator[tuple[str, str]]:
    query, periods, moment = many.query, many.periods, many.moment
    yield "Series", f"{len(many.found):,}; the sheet Series has a row for each, with its peaks"
    yield "Rows", f"{many.rows:,}: {rows_words(query.step, periods.aggregate)}"
    yield "From", f"{time_of(periods.start)} UTC"
    yield "To", f"{time_of(periods.end)} UTC"
    if many.zone:
        yield "Time zone", f"{many.zone}; the columns in UTC are the exact ones"
    yield GAP
    for served in many.models.values():
        until = time_of(served.bundle.manifest.trained_until)
        yield (
            "Model",
            f"{served.name} version {served.version}; nothing after {until} UTC was known",
        )
    low, high = moment.settings.planning(many.horizon.name)
    yield "Planning range", f"{low:g} to {high:g} times the p50 (planning_low, planning_high)"
    share = f"{moment.settings.full_threshold:.0%}"
    yield "full_on", f"the first row in which the p50 or the p90 reaches {share} of the ceiling"
    yield "headroom_p90", "the ceiling minus the highest p90 of the rows of the series"
    yield "status", "ok, or why a series has less; its rows stay, without numbers"
    yield GAP
    yield from quantile_words(query.step, None)
    for unit in units:
        yield from unit_words(unit)
