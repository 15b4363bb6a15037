"""No text of ours is a formula in somebody's spreadsheet."""

import pytest

from foresail.cells import harmless


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_what_could_be_a_formula_is_text(start: str) -> None:
    """An apostrophe stands before it."""
    assert harmless(start + "SUM(A1)") == "'" + start + "SUM(A1)"


@pytest.mark.parametrize("text", ["", "prod/cluster", "a=b", "2026-11-21"])
def test_other_text_stays(text: str) -> None:
    """Only the start counts."""
    assert harmless(text) == text
