"""Names in the cells of a CSV: made harmless where it is written, and the same again where read."""

from typing import TYPE_CHECKING

from foresail.cells import harmless

if TYPE_CHECKING:
    import pandas as pd

_QUOTE = "'"


def protected(text: str) -> str:
    """Return a name as a cell that no spreadsheet executes, in a way that can be undone.

    A name that looks protected already gets one more apostrophe, or it would lose its own.
    """
    bare = text.lstrip(_QUOTE)
    return text if harmless(bare) == bare else _QUOTE + text


def unprotected(cells: "pd.Series") -> "pd.Series":
    """Return the names that were protected; others unchanged."""
    quoted = cells.str.startswith(_QUOTE)
    if not quoted.any():
        return cells
    names = {cell: cell[1:] for cell in cells[quoted].unique() if protected(cell[1:]) == cell}
    return cells.replace(names)
