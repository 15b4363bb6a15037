"""The table of reason codes is a public contract."""

from pathlib import Path

from foresail.codes import Code, is_whole, table

PAGE = Path(__file__).parents[2] / "docs" / "codes.md"


def test_every_code_has_a_sentence() -> None:
    """No code goes unexplained."""
    assert all(code.meaning.endswith(".") for code in Code)
    assert Code.HORIZON_TOO_LONG.slug == "horizon-too-long"


def test_the_documented_table_is_the_one_in_the_code() -> None:
    """docs/codes.md holds the table of every code with its name and sentence, and no other."""
    text = PAGE.read_text(encoding="utf-8")
    assert table() in text
    assert text.count("\n|") == len(Code) + 2


def test_only_a_forecast_that_lacks_nothing_is_whole() -> None:
    """A note does not make it less; a shorter or plainer one is less."""
    assert [code for code in Code if is_whole(code)] == [Code.OK, Code.CONSTANT]
    assert [is_whole(code) for code in (199, 200, 499)] == [True, False, False]
