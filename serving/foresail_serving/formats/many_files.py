"""Many series as CSV, JSON or XLSX, in pieces: no file is ever whole in memory."""

import itertools
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from foresail.times import isoformat
from foresail_serving.answers.schemas import Instant, ModelRef
from foresail_serving.formats.columns import Cell, Column, cell_time
from foresail_serving.formats.csv_file import csv_header, csv_rows
from foresail_serving.formats.many import Many
from foresail_serving.formats.many_xlsx import xlsx_pieces
from foresail_serving.formats.negotiation import Format

_ROWS_A_PIECE = 400
"""So many that a piece is worth its thread, so few that none of its steps keeps others waiting."""
_GZIP = 31  # zlib's number for the gzip format, which it writes without a time
_LEVEL = 4


class ForecastRows(BaseModel):
    """Many forecasts as rows: `data` holds one list per series and period, as `columns` names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    horizon: Literal["next_day", "next_week", "next_month"]
    step: Literal["1h", "1d", "1w"]
    agg: Literal["mean", "peak"] | None = Field(description="What is told of each day or week.")
    tz: str | None = Field(description="Where one was asked for.")
    start: Instant
    end: Instant
    alias: Literal["champion", "challenger"]
    models: list[ModelRef]
    rows: int = Field(description="Length of `data`.")
    columns: list[str]
    data: list[list[str | int | float | None]] = Field(
        description="Ordered by series, metric, stat and time. Instants are ISO 8601; null where "
        "there is nothing to say."
    )


def pieces(many: Many, form: Format) -> Iterator[bytes]:
    """Yield a file piece by piece."""
    match form:
        case "csv":
            return _csv(many)
        case "json":
            return _json(many)
        case "xlsx":
            return xlsx_pieces(many, many.blocks(_ROWS_A_PIECE))


def compressed(body: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same as gzip; the same pieces give the same bytes."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    for piece in body:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


def _csv(many: Many) -> Iterator[bytes]:
    yield csv_header([Column(name, ()) for name in many.names])
    for columns in many.blocks(_ROWS_A_PIECE):
        yield csv_rows(columns)


def _json(many: Many) -> Iterator[bytes]:
    query, periods = many.query, many.periods
    about = {
        "horizon": query.horizon,
        "step": query.step,
        "agg": periods.aggregate,
        "tz": many.zone or None,
        "start": isoformat(periods.start),
        "end": isoformat(periods.end),
        "alias": query.alias,
        "models": [
            {"name": served.name, "version": served.version} for served in many.models.values()
        ],
        "rows": many.rows,
        "columns": many.names,
    }
    head = orjson.dumps(about)
    yield head[:-1] + b',"data":['
    between = itertools.chain((b"",), itertools.repeat(b","))
    local: dict[Cell, str] = dict(zip(map(cell_time, periods.ds), periods.local, strict=True))
    for comma, columns in zip(between, many.blocks(_ROWS_A_PIECE), strict=False):
        rows = zip(*_as_json(columns, local), strict=True)
        yield comma + orjson.dumps(list(rows))[1:-1]
    yield b"]}"


def _as_json(columns: Sequence[Column], local: Mapping[Cell, str]) -> Iterator[Sequence[Cell]]:
    """Yield the cells of each column with instants as everywhere in JSON, in ISO 8601.

    Args:
        columns: Each local time has a column of the same instant in UTC.
        local: UTC as in a cell -> ISO 8601 with the offset, which a cell's own time lacks.
    """
    cells = {column.name: column.cells for column in columns}
    for column in columns:
        match column.kind:
            case "utc":
                yield [cell and f"{str(cell).replace(' ', 'T')}Z" for cell in column.cells]
            case "local":
                yield [local.get(cell) for cell in cells[column.name.removesuffix("_local")]]
            case _:
                yield column.cells
