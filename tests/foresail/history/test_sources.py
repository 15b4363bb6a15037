"""What is staged from."""

import pytest

from foresail.errors import UsageError
from foresail.history.sources import Source, is_prometheus, parse_sources


def test_one_address_is_one_source() -> None:
    """A file's name may hold a comma or an equals sign."""
    assert parse_sources("https://a:9090", cluster="c") == (Source("c", "https://a:9090"),)
    assert parse_sources("a=b,c.csv", cluster="c") == (Source("c", "a=b,c.csv"),)
    assert not is_prometheus("usage.csv")


def test_several_prometheus_each_name_their_cluster() -> None:
    """Blanks around them do not matter."""
    found = parse_sources("prod=https://a:9090, dev=http://b/prometheus", cluster="c")
    assert found == (Source("prod", "https://a:9090"), Source("dev", "http://b/prometheus"))
    assert is_prometheus("prod=https://a,dev=https://b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prod=https://a,https://b", "each needs the name of its cluster"),
        ("prod=https://a,prod=https://b", "cluster prod is named twice"),
        ("prod=https://a,dev=b.csv", "each needs the name"),
    ],
)
def test_sources_without_a_name_of_their_own_are_refused(text: str, message: str) -> None:
    """Otherwise two clusters would write into one."""
    with pytest.raises(UsageError, match=message):
        parse_sources(text, cluster="c")
