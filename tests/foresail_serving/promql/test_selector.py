"""Selectors as Prometheus writes them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresail_serving.problems import ProblemError
from foresail_serving.promql.parse import parse
from foresail_serving.promql.selector import parse_selector

SHOP = {
    "metric": "cpu",
    "stat": "mean",
    "series": "prod/namespace/shop",
    "cluster": "prod",
    "scope": "namespace",
    "namespace": "shop",
}


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ('{namespace="shop"}', True),
        ('{namespace="shop",cluster="test"}', False),
        ('{namespace!="shop",cluster="prod"}', False),
        ('{node="",cluster="prod"}', True),
        ('{node!="",cluster="prod"}', False),
        ('{cluster=~"pr.*|test"}', True),
        ('{cluster=~"pro"}', False),
        ('{cluster=~"rod"}', False),
        ('{cluster=~"PROD"}', False),
        ('{cluster=~"(?i)PROD"}', True),
        ('{cluster!~"te.*",scope="namespace"}', True),
        ('{namespace=~"shop|.*-shop",metric="cpu"}', True),
        ('foresail_forecast{namespace="shop"}', True),
        ("foresail_forecast", True),
        ('up{namespace="shop"}', False),
        ('{__name__=~"foresail_.*",series="prod/namespace/shop"}', True),
        ("{'namespace'=`shop`}", True),
    ],
)
def test_a_selector_fits_as_in_prometheus(text: str, *, fits: bool) -> None:
    """All matchers hold, patterns fit the whole value, a missing label is empty."""
    assert parse_selector(text).fits(SHOP) is fits


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not PromQL: no expression found in input"),
        ("{}", "not PromQL: vector selector must contain at least one non-empty matcher"),
        ('{a="b"', "not PromQL: unexpected end of input inside braces"),
        ('{a=~"("}', r"not PromQL: illegal regex for \("),
        ('{a=~"x)|(y"}', "not a regular expression of RE2: 'x\\)\\|\\(y': unopened group"),
        ('{a=~"x",b=~"{"}', "not a regular expression of RE2: '{': repetition operator missing"),
        ('{a="b" or c="d"}', "with commas between them, got or"),
        ('x{a="b"}[5m]', 'expected a selector such as {namespace="shop"}, got '),
        ('x{a="b"} offset 1h', "expected a selector such as"),
        ("max(x)", "expected a selector such as"),
        ("1", "expected a selector such as"),
        ('{a=~"(x{100}){100}"}', "patterns that repeat at most 1000 times in all"),
        ('{a=~"\\\\w{1001}"}', "patterns that repeat at most 1000 times in all"),
        ('{a=~"' + r"\\w" * 51 + '"}', "W and .p at most 50 times; use"),
        ('{#"}"}"}' + "(" * 4000, "comments are not supported in queries"),
        ('`a\\`,"x`' + "(" * 4000, "at most 1000 characters outside the label matchers"),
        ("(" * 600 + "x" + ")" * 600, "at most 1000 characters outside the label matchers"),
        (f'{{a="{"b" * 16_384}"}}', "a query of at most 16384 characters, got 16390"),
    ],
)
def test_what_is_no_selector_is_refused_with_the_reason(text: str, reason: str) -> None:
    """The parser's own words come back, and nothing that would keep it busy gets there."""
    with pytest.raises(ProblemError, match=reason) as caught:
        parse_selector(text)
    assert caught.value.slug == "bad-request"


def test_a_pattern_from_outside_takes_no_time() -> None:
    """A pattern that keeps a backtracking engine busy for ever is answered at once."""
    selector = parse_selector('{namespace=~"(a+)+b|(a|a)*c"}')
    assert not selector.fits({"namespace": "a" * 5000})


TOKENS = st.sampled_from(
    [
        *("x", "1", "1h", "NaN", "1e400", "99999999999999999999", "offset", "max", "by", "and"),
        *("(", ")", "[", "]", "{", "}", ",", ":", "@", "#", "\\", "\n", " ", "-", "+", "=~", "="),
        *('"', "'", "`", '"a"', "[1d]", "offset -1d", "max_over_time(", "start()"),
    ]
)


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(st.lists(TOKENS, max_size=12).map("".join))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """Nothing gets as far as to break off the parser in the middle."""
    try:
        parse(text)
    except ProblemError as error:
        assert error.slug == "bad-request"  # noqa: PT017  # either outcome is right
