"""The forecast of one series as a workbook: rows, a chart, and what it all means."""

import io
from datetime import datetime
from typing import TYPE_CHECKING

from foresail_serving.answers.answer import Forecast
from foresail_serving.answers.window import plain
from foresail_serving.formats.about import forecast_facts
from foresail_serving.formats.columns import QUANTILE_NAMES, Column, forecast_columns
from foresail_serving.formats.workbook import (
    BLUE,
    GREY,
    PALE,
    RED,
    Styles,
    heading,
    put_about,
    put_header,
    put_text,
    serial,
    shown_as,
    written,
)

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.chart import Chart
    from xlsxwriter.worksheet import Worksheet

_ROWS = "Forecast"
_LABELS = 10
_DAY_HOURS, _WEEK = 24, 168
_GIGABYTE = 1e9
_WIDTHS = {"p10": 1.0, "p50": 2.25, "p90": 1.0}
_BAND, _CEILING = "band", "ceiling"


def forecast_xlsx(forecast: Forecast) -> bytes:
    """Return one row per period asked, a chart of them, and a sheet of words about them."""
    body = forecast.body
    columns = forecast_columns(forecast)
    columns += _for_chart(columns, forecast)
    out = io.BytesIO()
    title = f"{body.metric} of {body.series}, {body.horizon.replace('_', ' ')}"
    with written(out, created=datetime.fromisoformat(body.start), title=title) as (book, styles):
        sheet = book.add_worksheet(_ROWS)
        names = [heading(column, unit=body.unit, zone=body.tz) for column in columns]
        rows = len(columns[0].cells)
        put_header(sheet, columns, names, styles, rows=rows)
        for index, column in enumerate(columns):
            _put_column(sheet, index, column, styles, unit=body.unit)
        if len(body.ds) > 1:  # a line needs two points
            _put_chart(book, columns, title=title, unit=body.unit)
        put_about(book, styles, title=title, facts=forecast_facts(forecast))
    return out.getvalue()


def _for_chart(columns: list[Column], forecast: Forecast) -> list[Column]:
    """Return what the chart needs beside the columns of the answer: the band and the ceiling."""
    found = []
    cells = {column.name: column.cells for column in columns}
    lows, highs = (
        [None if cell is None else float(cell) for cell in cells.get(name, ())]
        for name in ("p10", "p90")
    )
    # what is stacked on a value below zero stands on zero
    if lows and highs and min((low for low in lows if low is not None), default=-1.0) >= 0:
        width = [
            None if low is None or high is None else plain(high - low)
            for low, high in zip(lows, highs, strict=True)
        ]
        found.append(Column(_BAND, width))
    capacity = forecast.body.capacity
    if capacity.ceiling is not None:
        value: float = getattr(capacity, capacity.ceiling)
        found.append(Column(_CEILING, [value] * len(forecast.periods)))
    return found


def _put_column(
    sheet: "Worksheet", index: int, column: Column, styles: Styles, *, unit: str
) -> None:
    if column.kind == "text":
        for row, cell in enumerate(column.cells, start=1):
            if cell:
                put_text(sheet, row, index, str(cell), styles)
        return
    style = styles.number(shown_as(column.kind, unit))
    for row, cell in enumerate(column.cells, start=1):
        if cell is not None:
            number = serial(cell) if isinstance(cell, str) else cell
            sheet.write_number(row, index, number, style)


def _put_chart(book: "Workbook", columns: list[Column], *, title: str, unit: str) -> None:
    """Add the chart on a sheet of its own: the band, the p50 in it, the ceiling above."""
    at = {column.name: index for index, column in enumerate(columns)}
    rows = len(columns[0].cells)
    time = at.get("ds_local", 0)

    def series(name: str, **look: object) -> dict[str, object]:
        return {
            "name": name,
            "categories": [_ROWS, 1, time, rows, time],
            "values": [_ROWS, 1, at[name], rows, at[name]],
            **look,
        }

    lines = book.add_chart({"type": "line"})
    chart: Chart = lines
    if _BAND in at:
        # an area charts from zero: the band stands on an area that is not seen
        chart = book.add_chart({"type": "area", "subtype": "stacked"})
        chart.add_series(series("p10", fill={"none": True}, border={"none": True}))
        band = series(_BAND, fill={"color": PALE}, border={"none": True})
        chart.add_series({**band, "name": "p10 to p90"})
        chart.combine(lines)
    for name in ("p50",) if _BAND in at else QUANTILE_NAMES:
        if name in at:
            lines.add_series(series(name, line={"color": BLUE, "width": _WIDTHS[name]}))
    if _CEILING in at:
        dashed = {"color": RED, "width": 1.5, "dash_type": "dash"}
        lines.add_series(series(_CEILING, line=dashed))
    hourly = "hours" not in at
    _put_axes(chart, rows=rows, hourly=hourly, unit=unit, values=_drawn(columns))
    # what looks like `Sheet!A1` is taken for the cell whose text to show
    chart.set_title({"name": title.replace("!", "! "), "name_font": {"size": 14}})
    chart.set_legend({"position": "bottom", "delete_series": [0] if _BAND in at else []})
    sheet = book.add_chartsheet("Chart")
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.set_chart(chart)


def _put_axes(chart: "Chart", *, rows: int, hourly: bool, unit: str, values: list[float]) -> None:
    # a date axis of a sheet has one place for each day, so the times of hours are its labels
    between = max(1, rows // _LABELS)
    if hourly and rows > _DAY_HOURS:
        between = -(-between // _DAY_HOURS) * _DAY_HOURS
    shown = "hh:mm" if rows <= _DAY_HOURS else "ddd d mmm hh:mm" if rows <= _WEEK else "ddd d mmm"
    chart.set_x_axis(
        {
            "text_axis": True,
            "num_format": shown if hourly else "ddd d mmm",
            "interval_unit": between,
            "interval_tick": between,
            "major_tick_mark": "none",
            "label_position": "low",
        }
    )
    grid = {"visible": True, "line": {"color": "#E3E6EA"}}
    axis: dict[str, object] = {"major_gridlines": grid, "line": {"color": GREY}}
    if unit == "bytes":  # the labels say which
        large = max(map(abs, values), default=0.0) >= _GIGABYTE
        axis["num_format"] = '#,##0.0,,," GB"' if large else '#,##0,," MB"'
    else:
        axis |= {"name": unit, "num_format": "General"}
    if min(values, default=0.0) >= 0:
        axis["min"] = 0
    chart.set_y_axis(axis)


def _drawn(columns: list[Column]) -> list[float]:
    """Return the values that a chart shows."""
    shown = (*QUANTILE_NAMES, _CEILING)
    cells = (cell for column in columns if column.name in shown for cell in column.cells)
    return [float(cell) for cell in cells if cell is not None]
