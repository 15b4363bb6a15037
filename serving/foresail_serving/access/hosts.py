"""Under which names this server answers.

A page on the internet can let its own name lead to an address of the reader's machine or network
(DNS rebinding), and a browser then lets that page read what is served there. Such a request names
the page's host. Only names can be led elsewhere: a request that names an address is what it says.
"""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from foresail_serving.access.settings import AccessSettings

_REMEMBERED = 256
_LOCAL = "localhost"


class HostRule:
    """Says which `Host` is answered: addresses, localhost, and the names given.

    A browser never leaves the header out, so a request without it is answered.

    Args:
        names: More names; `*.example.com` is any name below example.com.

    Attributes:
        allows: Whether a `Host` header is answered.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._names = frozenset(name for name in names if not name.startswith("*"))
        self._suffixes = tuple(name[1:] for name in names if name.startswith("*"))
        self.allows = lru_cache(maxsize=_REMEMBERED)(self._allows)

    @staticmethod
    def of(settings: AccessSettings, *, listen_host: str) -> "HostRule | None":
        """Return the rule; None where any name will do.

        Listening on loopback without tokens, the machine's own user is whom it serves: there the
        rule holds without being asked for. Elsewhere the names are the operator's to know.
        """
        if settings.allowed_hosts:
            return HostRule(settings.allowed_hosts)
        if settings.tokens_file is None and is_loopback(listen_host):
            return HostRule()
        return None

    def _allows(self, host: bytes) -> bool:
        text = host.decode("latin-1").lower()
        name = text[1:].partition("]")[0] if text.startswith("[") else text.partition(":")[0]
        name = name.rstrip(".")
        if name in ("", _LOCAL) or name.endswith(f".{_LOCAL}") or name in self._names:
            return True
        return name.endswith(self._suffixes) or _is_address(name)


def is_loopback(host: str) -> bool:
    """Return whether an address to listen on is reached from this machine alone."""
    return host == _LOCAL or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
