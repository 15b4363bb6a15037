"""A measured figure, and a table of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.console import Console
from rich.table import Table

WHOLE_FROM = 100
"""From here a figure is told without decimals: no timing is better than that."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure and the bar it is held to.

    Attributes:
        name: What was measured.
        value: None where it could not be measured; `note` says why.
        unit: Of the value.
        bar: What it is held to; None for a figure that only informs.
        ok: Whether it meets the bar; None without a bar, and without a value.
        group: Title of the table that it stands in.
        note: What a reader must know of it, below the table.
    """

    name: str
    value: float | None
    unit: str
    bar: str | None = None
    ok: bool | None = None
    group: str = ""
    note: str = ""


def at_least(name: str, value: float, unit: str, *, least: float, note: str = "") -> Figure:
    """Return a figure that is to be `least` or more."""
    return Figure(name, value, unit, f">= {least:g}", value >= least, note=note)


def at_most(name: str, value: float, unit: str, *, most: float, note: str = "") -> Figure:
    """Return a figure that is to be `most` or less."""
    return Figure(name, value, unit, f"<= {most:g}", value <= most, note=note)


def below(name: str, value: float, unit: str, *, limit: float, note: str = "") -> Figure:
    """Return a figure that is to be less than `limit`."""
    return Figure(name, value, unit, f"< {limit:g}", value < limit, note=note)


def show(figures: Iterable[Figure], console: Console) -> None:
    """Print figures, a table for each group of them."""
    for group, some in groupby(figures, key=lambda figure: figure.group):
        rows = list(some)
        if group:
            console.print(f"\n[bold]{group}[/bold]", highlight=False)
        console.print(_table(rows))
        for row in rows:
            if row.note:
                console.print(f"  {row.name.strip()}: {row.note}", style="dim", highlight=False)


def _table(figures: Sequence[Figure]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name in ("unit", "bar", "met"):
        table.add_column(name)
    for figure in figures:
        met = {True: "yes", False: "no", None: ""}[figure.ok]
        table.add_row(figure.name, _told(figure.value), figure.unit, figure.bar or "", met)
    return table


def _told(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= WHOLE_FROM else f"{value:.3g}"
