"""One file as columns, before its cells are read: what CSV and Parquet have in common."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from foresail.errors import BadInput
from foresail.history.naming import LABELS
from foresail.panel import UNITS

LONG = ("series", "metric", "ds", "y")
TIMESTAMP = "timestamp"
OPTIONAL = ("stat", "unit", *LABELS)

Place = Callable[[int], str]
"""Where a row of a frame (by its index) stands in its file, such as `line 12`."""

_KNOWN = {TIMESTAMP, *LONG, *OPTIONAL, *UNITS}


@dataclass(frozen=True, slots=True)
class Sheet:
    """The columns of one file.

    Attributes:
        frame: Column names without blanks around them, known ones in lower case. A CSV's cells are
            text. The index numbers the rows of the file from 0; blank ones are left out.
        separator: Of a CSV; empty for Parquet.
        place: For messages.
    """

    frame: pd.DataFrame
    separator: str
    place: Place


def clean_names(names: Sequence[object]) -> list[str]:
    """Return column names without blanks around them, known ones in lower case."""
    stripped = [str(name).strip() for name in names]
    return [name.lower() if name.lower() in _KNOWN else name for name in stripped]


def has_form(names: Sequence[str]) -> bool:
    """Say whether clean names are those of a long or a wide file."""
    return set(LONG) <= set(names) or (TIMESTAMP in names and len(names) > 1)


def named(frame: pd.DataFrame, names: Sequence[object], *, name: str) -> pd.DataFrame:
    """Return a frame with clean column names; a column without name and value is left out.

    Args:
        frame: Its columns in order; what they are called does not matter.
        names: As the file has them.
        name: Of the file, for messages.

    Raises:
        BadInput: A column has values but no name, or two have the same.
    """
    clean = clean_names(names)
    for i in [i for i, column in enumerate(clean) if not column]:
        cells = frame.iloc[:, i]
        if (cells != "").any():
            raise BadInput(
                f"{name}: column {i + 1} has no name but holds values, the first "
                f"{cells[cells != ''].iloc[0]!r}; name the column or remove it"
            )
    kept = [i for i, column in enumerate(clean) if column]
    out = frame.iloc[:, kept].set_axis([clean[i] for i in kept], axis=1)
    twice = out.columns[out.columns.duplicated()]
    if len(twice):
        raise BadInput(f"{name}: the column {twice[0]} stands twice; remove one of them")
    return out


def first_place(mask: pd.Series, place: Place) -> str:
    """Return where the first row stands for which a mask is true."""
    return place(int(mask.index.to_numpy()[int(np.flatnonzero(mask.to_numpy())[0])]))
