"""An answer as it goes over the wire, for a connection that writes it itself."""

from collections.abc import Callable
from typing import Any, NamedTuple

OK = b"HTTP/1.1 200 OK\r\n"
NOT_MODIFIED = b"HTTP/1.1 304 Not Modified\r\n"


class Direct(NamedTuple):
    """An answer without `Date` and `Connection`, which are the connection's to say.

    Attributes:
        status: The first line.
        head: The headers, each with its line's end.
        body: All of it.
    """

    status: bytes
    head: bytes
    body: bytes


Ready = Callable[[Any], Direct | None]
"""Takes the scope of a request, and returns the answer if it can be given without waiting."""
