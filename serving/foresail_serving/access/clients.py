"""Who asks, by address."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from starlette.types import Scope

from foresail_serving.access.settings import Network

_REMEMBERED = 4096
_LONGEST = 1000
"""Bytes of `X-Forwarded-For` that are read, from its end: what our own proxies wrote."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Clients:
    """Tells clients apart.

    Args:
        trusted: Proxies whose `X-Forwarded-For` is believed, from its end to the first address
            that is none of theirs. Anything further left may be a client's invention.
    """

    def __init__(self, trusted: Sequence[Network]) -> None:
        self._trusted = tuple(trusted)
        self._of_peer = lru_cache(maxsize=_REMEMBERED)(self._judge_peer)
        self._behind = lru_cache(maxsize=_REMEMBERED)(self._last_untrusted)

    def of(self, scope: Scope) -> str:
        """Return the address of whoever asks; of IPv6 the /64, which is one household."""
        peer = scope.get("client")
        name, is_proxy = self._of_peer(peer[0] if peer else "")
        if not is_proxy:
            return name
        # a proxy may add a line of its own below the client's
        lines = [value for header, value in scope["headers"] if header == b"x-forwarded-for"]
        return self._behind(name, b",".join(lines)[-_LONGEST:]) if lines else name

    def _judge_peer(self, peer: str) -> tuple[str, bool]:
        address = _address(peer)
        if address is None:
            return peer or "unknown", False
        return _name(address), self._is_trusted(address)

    def _is_trusted(self, address: _Address) -> bool:
        return any(address in network for network in self._trusted)

    def _last_untrusted(self, peer: str, forwarded: bytes) -> str:
        name = peer
        for hop in reversed(forwarded.decode("latin-1").split(",")):
            address = _address(_without_port(hop.strip()))
            if address is None:
                break
            name = _name(address)
            if not self._is_trusted(address):
                break
        return name


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _address(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _name(address: _Address) -> str:
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return f"{ipaddress.IPv6Address(int(address) >> 64 << 64)}/64"
