"""What a key may look like: never a way out of the store's root."""

from foresail.errors import UsageError


def checked_key(key: str) -> str:
    """Return the key unchanged when it stays below the root.

    Raises:
        UsageError: It is empty, absolute, or has an empty, `.` or `..` segment, a backslash or NUL.
    """
    segments = key.split("/")
    if any(s in {"", ".", ".."} for s in segments) or "\\" in key or "\0" in key:
        raise UsageError(f"expected a key such as history/part.parquet, got {key!r}")
    return key
