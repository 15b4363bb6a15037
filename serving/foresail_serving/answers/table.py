"""An answer as rows: what CSV, XLSX and every other table of it is made from."""

from dataclasses import dataclass
from datetime import datetime

from foresail.panel import FloatArray


@dataclass(frozen=True, slots=True)
class Table:
    """One row for every period asked, also where there is no forecast.

    All columns have the same length n.

    Attributes:
        starts: Where each period begins, UTC-aware.
        hours: How long each is: 1; of a day 24, where clocks change 23 or 25; of a week 168, or
            an hour less or more.
        zone: Whose days and weeks these are: `UTC`, or an IANA name.
        values: p10, p50, p90, shape `(n, 3)`, as every answer writes them; NaN where there is none.
        columns: Which of the three were asked, ascending.
        models: Who forecast each period; empty where there is no forecast.
        leads: How many hours ahead of what was known its first hour is; None where there is no
            forecast.
    """

    starts: list[datetime]
    hours: list[int]
    zone: str
    values: FloatArray
    columns: tuple[int, ...]
    models: list[str]
    leads: list[int | None]
