"""Which format a request wants."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foresail_serving.formats.negotiation import accepts_gzip, of_extension, preferred

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", "json"),
        ("*/*", "json"),
        ("text/csv", "csv"),
        ("text/*", "csv"),
        ("TEXT/CSV", "csv"),
        (XLSX, "xlsx"),
        ("application/*", "json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "json"),
        ("text/csv;q=0.5, application/json", "json"),
        ("text/csv, application/json;q=0.5", "csv"),
        ("text/csv;q=0.9, */*;q=0.1", "csv"),
        ("*/*, application/json;q=0", "csv"),
        ("text/csv;header=present", "csv"),
        ("text/csv;q=0", None),
        ("image/png", None),
        ("*/*;q=0", None),
        ("application/json;q=2", "json"),
        (";;;,,,", "json"),
        ("nonsense", "json"),
        ("text/csv;q=0.5;q=0", None),
    ],
)
def test_the_heaviest_format_is_chosen(accept: str, form: str | None) -> None:
    """The weights of Accept decide; the more specific range counts, and nonsense counts nothing."""
    assert preferred(accept) == form


@pytest.mark.parametrize(
    ("accepted", "compressed"),
    [
        ("", False),
        ("identity", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("br, gzip;q=0.1", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("deflate, br", False),
        ("gzip;q=nonsense", False),
    ],
)
def test_gzip_comes_only_where_it_is_accepted(accepted: str, compressed: bool) -> None:  # noqa: FBT001  # a table's column
    """A body is compressed where Accept-Encoding gives gzip a weight."""
    assert accepts_gzip(accepted) is compressed


@given(st.text(max_size=200))
def test_no_header_is_too_odd(header: str) -> None:
    """Whatever a client writes into Accept and Accept-Encoding, there is a decision."""
    assert preferred(header) in {"json", "csv", "xlsx", None}
    assert accepts_gzip(header) in {True, False}


def test_a_path_may_name_its_format() -> None:
    """The end of a path names a format that there is, and nothing else."""
    assert [of_extension(p) for p in ("/a.csv", "/a.xlsx", "/a.json", "/a.pdf", "/csv")] == [
        "csv",
        "xlsx",
        "json",
        None,
        None,
    ]
