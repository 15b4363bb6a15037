"""Names that would do harm in a spreadsheet, and how a CSV is read back."""

import csv
import io

from factories import bundles
from foresail.bundle import SeriesEntry

HOSTILE = (
    "=cmd|'/c calc'!A0",
    '=HYPERLINK("http://evil.example","x")',
    "+1",
    "-1+2",
    "@x",
    "\ttab",
    "<r><t>x</t></r>",
    "_x0041_",
    "bell\x07",
    "http://evil.example",
    "007",
    'quo"te,comma',
    "line\nend",
)


def hostile_entries() -> tuple[SeriesEntry, ...]:
    """Return a series for each hostile name, which is its id and its workload."""
    return tuple(
        bundles.entry(name, {"cluster": "prod", "scope": "workload", "workload": name})
        for name in HOSTILE
    )


def csv_rows(body: bytes) -> list[dict[str, str]]:
    """Return the rows of a CSV, by the names in its header."""
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))
