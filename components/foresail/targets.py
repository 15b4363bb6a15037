"""Files that a command is asked to write."""

from collections.abc import Sequence
from pathlib import Path

from foresail.errors import UsageError


def check_file(path: Path, suffixes: Sequence[str]) -> None:
    """Refuse an output that cannot be written, before any work is done.

    Args:
        path: Where it is to be written.
        suffixes: The endings that are known, lower case, with their dots.

    Raises:
        UsageError: It has none of the endings, is a folder, or lies in one that does not exist.
    """
    if path.suffix.lower() not in suffixes:
        raise UsageError(f"expected a file ending in {', '.join(suffixes)}, got {path.name!r}")
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file")
    if not path.parent.is_dir():
        raise UsageError(f"the folder {path.parent} does not exist; create it first")
