"""Numbers as people write them."""

import numpy as np
import pandas as pd
import pytest
from structlog.testing import capture_logs

from foresail.errors import BadInput
from foresail.history.numerals import parse_numbers


def parsed(
    *cells: str, separator: str = ",", column: str = "cpu", **others: list[str]
) -> dict[str, list[float]]:
    """Parse a column, and others beside it."""
    columns = {column: list(cells), **others}
    found = parse_numbers(
        {name: pd.Series(texts, dtype="str") for name, texts in columns.items()},
        separator=separator,
        name="h.csv",
        place=lambda row: f"line {row + 2}",
    )
    return {name: values.tolist() for name, values in found.items()}


def test_numbers_with_a_point_are_read_to_the_last_bit() -> None:
    """Signs, exponents, blanks around, and 17 digits."""
    texts = ["1", "+1.5", "-2.", ".5", " 1e-3\u00a0", "0.1", "0.30000000000000004", "-Inf"]
    assert parsed(*texts)["cpu"] == [1, 1.5, -2, 0.5, 0.001, 0.1, 0.1 + 0.2, -np.inf]


def test_random_doubles_come_back_the_same() -> None:
    """The shortest text of a double names that double and no other."""
    values = np.random.default_rng(7).standard_normal(20_000) * 10.0 ** np.arange(-100, 100).repeat(
        100
    )
    assert parsed(*map(repr, values.tolist()))["cpu"] == values.tolist()


@pytest.mark.parametrize("text", ["", " ", "NaN", "nan", "NA", "null", "None", "#N/A", "StaleNaN"])
def test_no_value_is_a_gap(text: str) -> None:
    """Never zero."""
    assert np.isnan(parsed("1", text)["cpu"]).tolist() == [False, True]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_decimal_comma_is_read_where_every_number_of_the_file_fits(separator: str) -> None:
    """And a logged line says so, with an example."""
    with capture_logs() as lines:
        found = parsed("0,25", "1", "", "1,5E-3", separator=separator, memory=["1,234"] * 4)
    np.testing.assert_array_equal(found["cpu"], [0.25, 1, np.nan, 0.0015])
    assert found["memory"] == [1.234] * 4
    assert lines == [
        {
            "event": "every number fits a decimal comma, and is read so",
            "file": "h.csv",
            "example": "0,25",
            "log_level": "info",
        }
    ]


def test_three_decimals_throughout_are_a_format_between_semicolons() -> None:
    """Spreadsheets write semicolons where the comma is the decimal mark."""
    found = parsed("10,038", "7,250", separator=";", memory=["60269786713", ""])
    assert found["cpu"] == [10.038, 7.25]


def test_a_point_is_the_decimal_point_under_any_separator() -> None:
    """1.234 is little more than one, also between semicolons."""
    assert parsed("1.234", "2", separator=";")["cpu"] == [1.234, 2.0]


@pytest.mark.parametrize(
    ("cells", "separator", "message"),
    [
        (["0,25"], ",", "'0,25' has a decimal comma, which is read only where semicolons"),
        (["0,25"], "", "'0,25' has a decimal comma, which is read only where semicolons"),
        (["1.5", "0,25"], ";", "line 3: '0,25' has a decimal comma, while others have a decimal"),
        (["1,234"], "\t", "'1,234' has a thousands separator or a decimal comma, nobody can tell"),
        (["1,234", "987"], ";", "has a thousands separator or a decimal comma, nobody can tell; "),
        (["1,234"], ",", "write 1234 or 1.234"),
        (["1.5", "1,234"], ",", "'1,234' has thousands separators; write numbers without them"),
        (["1,234.5"], ",", "in 1 rows, first in line 2: '1,234.5' has thousands separators"),
        (["1.234,5", "0,5"], ";", "'1.234,5' has thousands separators"),
        (["1,234,567"], ";", "'1,234,567' has thousands separators"),
        (["1.234.567"], ";", "'1.234.567' has thousands separators"),
        (["12,34,567"], ",", "'12,34,567' has thousands separators"),
        (["1 234"], ";", "'1 234' has thousands separators"),
        (["1 234,5"], "\t", "'1 234,5' has thousands separators"),
        (["1'234"], ",", "has thousands separators"),
        (["1\u2019234.5"], ",", "has thousands separators"),
        (["1\u00a0234"], ";", "has thousands separators; write numbers without them, such as 1234"),
        (["1\u202f234"], ";", "has thousands separators"),
        (["5", "250m"], ",", "first in line 3: '250m' has a unit in the cell; write plain numbers"),
        (["1Gi"], ",", "'1Gi' has a unit in the cell"),
        (["512 MiB"], ",", "'512 MiB' has a unit in the cell"),
        (["35 %"], ",", "'35 %' has a unit in the cell"),
        (["0,35%"], ";", "'0,35%' has a unit in the cell"),
        (["1.5 cores/s"], ",", "has a unit in the cell"),
        (["1.5e"], ",", "no number in 1 rows, first in line 2: '1.5e'$"),
        (["1.5e-"], ",", "no number in 1 rows, first in line 2: '1.5e-'$"),
        (["much", "x"], ",", "cpu is no number in 2 rows, first in line 2: 'much'$"),
        (["#DIV/0!"], ",", "no number"),
        (["1_000"], ",", "no number"),
        (["0x10"], ",", "no number"),
        (["٣"], ",", "no number"),
    ],
)
def test_what_is_not_certain_is_refused_by_name(
    cells: list[str], separator: str, message: str
) -> None:
    """With the line, the cell and what to write."""
    with pytest.raises(BadInput, match=message):
        parsed(*cells, separator=separator)


def test_decimal_commas_are_not_blamed_for_what_stands_beside_them() -> None:
    """Where a unit keeps the file from being read, only the unit is named."""
    with pytest.raises(BadInput, match="memory is no number") as caught:
        parsed("0,25", separator=";", memory=["1Gi"])
    assert len(caught.value.problems) == 1


def test_each_column_is_named() -> None:
    """One sentence a column."""
    with pytest.raises(BadInput, match="cpu is no number in 2 rows") as caught:
        parsed("250m", "x", memory=["1", "1Gi"], disk=["1", "2"])
    assert [problem.split()[0] for problem in caught.value.problems] == ["cpu", "memory"]


def test_a_column_of_text_is_no_metric() -> None:
    """It is named as such, not cell by cell."""
    with pytest.raises(BadInput, match="the column host holds text, 'n1' in line 2: beside time"):
        parsed("1", "2", host=["n1", "n2"])


def test_numbers_that_are_numbers_already_pass() -> None:
    """Of any type, as Parquet has them."""
    columns = {"a": pd.Series([1, 2]), "b": pd.Series(pd.array([1.5, None], dtype="Float64"))}
    found = parse_numbers(columns, separator="", name="x", place=str)
    assert found["a"].tolist() == [1.0, 2.0]
    np.testing.assert_array_equal(found["b"], [1.5, np.nan])
