"""An answer as bytes, before it meets a connection."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rendered:
    """A body and what is said of it.

    Attributes:
        body: The bytes, not compressed.
        media_type: Its Content-Type.
        headers: More headers, of which none changes while the body stays valid.
        rows: How many rows were computed for it; a measure of work.
    """

    body: bytes
    media_type: str
    headers: tuple[tuple[str, str], ...] = ()
    rows: int = 0
