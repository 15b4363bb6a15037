"""Who asks, by address."""

import ipaddress

import pytest
from starlette.types import Scope

from foresail_serving.access.clients import Clients

PROXIES = [ipaddress.ip_network(text) for text in ("10.0.0.0/8", "2001:db8:ffff::/48")]


def asked(peer: str | None, *forwarded: str) -> Scope:
    """Return a request from this peer."""
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    return {"headers": headers, "client": (peer, 1) if peer is not None else None}


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", (), "192.0.2.1"),
        ("192.0.2.1", ("203.0.113.7",), "192.0.2.1"),  # nobody's proxy
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("203.0.113.7",), "203.0.113.7"),
        ("10.0.0.1", ("1.1.1.1, 203.0.113.7",), "203.0.113.7"),  # 1.1.1.1 is the client's claim
        ("10.0.0.1", ("1.1.1.1", "203.0.113.7"), "203.0.113.7"),  # a proxy with a line of its own
        ("10.0.0.1", ("203.0.113.7, 10.0.0.9",), "203.0.113.7"),
        ("10.0.0.1", ("203.0.113.7:4711",), "203.0.113.7"),
        ("10.0.0.1", ("[2001:db8::1]:4711",), "2001:db8::/64"),
        ("10.0.0.1", ("203.0.113.7, unknown",), "10.0.0.1"),
        ("10.0.0.1", ("",), "10.0.0.1"),
        ("2001:db8:ffff::1", ("203.0.113.7",), "203.0.113.7"),
        ("::ffff:10.0.0.1", ("203.0.113.7",), "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", (), "2001:db8:1:2::/64"),
        (None, (), "unknown"),
    ],
)
def test_the_last_address_that_is_no_proxy_of_ours_asks(
    peer: str | None, forwarded: tuple[str, ...], client: str
) -> None:
    """Whatever stands further left in X-Forwarded-For, anybody can have written."""
    assert Clients(PROXIES).of(asked(peer, *forwarded)) == client


def test_a_household_is_one_client() -> None:
    """A /64 of IPv6 holds more addresses than any table."""
    clients = Clients([])
    assert clients.of(asked("2001:db8::1")) == clients.of(asked("2001:db8::ffff:1"))
    assert clients.of(asked("2001:db8::1")) != clients.of(asked("2001:db8:0:1::1"))
