"""Under which names the server answers."""

from pathlib import Path

import pytest

from foresail_serving.access.hosts import HostRule, is_loopback
from foresail_serving.settings import ServeSettings


@pytest.mark.parametrize(
    ("host", "answered"),
    [
        (b"localhost:8080", True),
        (b"LOCALHOST", True),
        (b"localhost.:8080", True),
        (b"foresail.localhost", True),
        (b"127.0.0.1:8080", True),
        (b"[::1]:8080", True),
        (b"10.1.2.3", True),  # a probe or a scrape by the pod's address
        (b"", True),  # no browser
        (b"foresail.example.com:443", True),
        (b"a.b.intern.example", True),
        (b"intern.example", False),
        (b"evil.example", False),
        (b"localhost.evil.example", False),
        (b"127.0.0.1.evil.example", False),
        (b"foresail.example.com.evil.example", False),
        (b"\xff\xfe", False),
    ],
)
def test_addresses_localhost_and_the_names_given_are_answered(host: bytes, answered: bool) -> None:  # noqa: FBT001  # a table
    """Any other name may have been led here from elsewhere."""
    rule = HostRule(("foresail.example.com", "*.intern.example"))
    assert rule.allows(host) is answered


def test_on_loopback_without_tokens_the_rule_holds_unasked() -> None:
    """Elsewhere, or with tokens, it holds where names are given."""
    asked = ServeSettings(allowed_hosts=("foresail.example.com",))
    tokens = ServeSettings(tokens_file=Path("tokens.toml"))
    assert HostRule.of(ServeSettings(), listen_host="127.0.0.1") is not None
    assert HostRule.of(ServeSettings(), listen_host="0.0.0.0") is None  # noqa: S104  # not bound
    assert HostRule.of(tokens, listen_host="127.0.0.1") is None
    assert HostRule.of(asked, listen_host="0.0.0.0") is not None  # noqa: S104  # as above


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104  # as above
        ("::", False),
        ("10.0.0.1", False),
        ("foresail", False),
    ],
)
def test_loopback_is_known(host: str, loopback: bool) -> None:  # noqa: FBT001  # a table
    """Reached from this machine alone."""
    assert is_loopback(host) is loopback
