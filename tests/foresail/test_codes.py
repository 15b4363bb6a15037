"""The table of reason codes is a public contract."""

from pathlib import Path

from foresail.codes import Code

PAGE = Path(__file__).parents[2] / "docs" / "codes.md"


def test_every_code_has_a_sentence() -> None:
    """No code goes unexplained."""
    assert all(code.meaning.endswith(".") for code in Code)
    assert Code.HORIZON_TOO_LONG.slug == "horizon-too-long"


def test_the_documented_table_is_the_one_in_the_code() -> None:
    """docs/codes.md lists every code with its name and sentence."""
    text = PAGE.read_text(encoding="utf-8")
    for code in Code:
        assert f"| {code.value} | `{code.slug}` | {code.meaning} |" in text
