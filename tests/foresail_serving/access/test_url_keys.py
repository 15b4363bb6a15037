"""Tokens in URLs."""

import pytest
from starlette.types import Scope

from foresail_serving.access.url_keys import UrlKeys


@pytest.mark.parametrize(
    ("query", "rest", "key"),
    [
        (b"", b"", None),
        (b"namespace=shop", b"namespace=shop", None),
        (b"workload=monkey&metric=cpu", b"workload=monkey&metric=cpu", None),
        (b"key=abc", b"", b"abc"),
        (b"namespace=shop&key=abc&metric=cpu", b"namespace=shop&metric=cpu", b"abc"),
        (b"KEY=abc", b"", b"abc"),
        (b"k%65y=abc", b"", b"abc"),
        (b"key=%61bc", b"", b"abc"),
        (b"key", b"", b""),
        (b"key=a&key=b", b"", b""),
        (b"a=%20&b=", b"a=%20&b=", None),
    ],
)
def test_the_key_is_taken_out(query: bytes, rest: bytes, key: bytes | None) -> None:
    """However it is written; the other parameters stay as they came, also the second time."""
    keys = UrlKeys(allowed=True)
    assert keys.split(query) == (rest, key)
    assert keys.split(query) == (rest, key)


def test_nothing_with_a_key_in_it_is_remembered() -> None:
    """And what is remembered stays small."""
    keys = UrlKeys(allowed=True)
    keys.split(b"key=secret")
    for n in range(3000):
        keys.split(b"q=%d" % n)
    keys.split(b"q=" + b"x" * 5000)
    assert len(keys._keyless) <= 1024  # noqa: SLF001  # no request can tell
    assert not [query for query in keys._keyless if b"secret" in query or len(query) > 1000]  # noqa: SLF001  # as above


@pytest.mark.parametrize(
    ("method", "path", "opened"),
    [
        ("GET", "/v1/next_week.csv", True),
        ("HEAD", "/next_day.xlsx", True),
        ("GET", "/v1/next_month", True),
        ("GET", "/v1/forecasts.csv", True),
        ("POST", "/v1/next_week.csv", False),
        ("GET", "/v1/series", False),
        ("GET", "/metrics", False),
        ("GET", "/prometheus/api/v1/query", False),
    ],
)
def test_a_key_opens_forecast_files_alone(method: str, path: str, opened: bool) -> None:  # noqa: FBT001  # a table
    """Whoever finds it in a log can read those, and no more."""
    scope: Scope = {"method": method, "path": path}
    assert (UrlKeys(allowed=True).trouble(scope) == "") is opened
    assert "switched off" in UrlKeys(allowed=False).trouble(scope)
