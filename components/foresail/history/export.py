"""Write a history as a CSV that people open in a spreadsheet, with the sidecar that guards it."""

import csv
import errno
import hashlib
import io
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import structlog

from foresail.errors import AccessDenied, BadInput, ForesailError
from foresail.history.escapes import protected
from foresail.history.naming import LABELS
from foresail.history.sidecar import SUFFIX, Sidecar
from foresail.objects.local import LocalStore
from foresail.panel import Panel
from foresail.targets import check_file

EXPORT_COLUMNS = ("series", "metric", "stat", "ds", "y", "unit", *LABELS)
SPREADSHEET_ROWS = 1_048_576
"""What a sheet of Excel or LibreOffice holds, its header included."""

_log = structlog.get_logger(__name__)


def export_csv(panel: Panel, file: Path) -> Sidecar:
    """Write the values of a history, one row each, and `FILE.sha256.json` beside them.

    `read_table` gives the same rows again, to the last bit: numbers are written with up to 17
    digits. Gaps have no row. Only one series at a time is held as text.

    Args:
        panel: Of the history, or of a part of it.
        file: Ends in `.csv`; a file that is there is replaced when the new one is whole.

    Returns:
        The sidecar.

    Raises:
        UsageError: The file cannot be one.
        BadInput: There is no value.
        ForesailError: The disk is full, or fails; AccessDenied where it may not be written.
    """
    check_file(file, (".csv",))
    stamps = [f"{stamp}Z" for stamp in np.datetime_as_string(panel.ds, unit="s")]
    digest, rows, size = hashlib.sha256(), 0, 0
    with _replacing(file) as out:
        for text, count in _texts(panel, stamps):
            data = text.encode()
            out.write(data)
            digest.update(data)
            size += len(data)
            rows += count
        if not rows:
            raise BadInput("there is no value to write; choose other metrics, scopes or statistics")
    sidecar = Sidecar(rows=rows, size=size, sha256=digest.hexdigest())
    LocalStore(file.parent).put(file.name + SUFFIX, sidecar.encoded())
    if rows >= SPREADSHEET_ROWS:
        _log.warning(
            "a sheet shows only the first rows of this file", rows=rows, shown=SPREADSHEET_ROWS - 1
        )
    return sidecar


def _texts(panel: Panel, stamps: list[str]) -> Iterator[tuple[str, int]]:
    """Yield the header, then the rows of each series and how many they are."""
    yield _record(EXPORT_COLUMNS) + "\n", 0
    for info, values in zip(panel.index, panel.values, strict=True):
        there = np.flatnonzero(~np.isnan(values))
        head = _record([info.series, info.metric, info.stat])
        tail = _record([info.unit, *(info.labels.get(name, "") for name in LABELS)])
        rows = zip(there.tolist(), values[there].tolist(), strict=True)
        # repr is the shortest text that reads back as the same number
        yield "".join([f"{head},{stamps[t]},{y!r},{tail}\n" for t, y in rows]), len(there)


def _record(names: Sequence[str]) -> str:
    """Return names as cells of one record, without its end."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([protected(name) for name in names])
    return out.getvalue().removesuffix("\r\n")


@contextmanager
def _replacing(file: Path) -> Iterator[BinaryIO]:
    """Open a file beside the place that it takes when all went well."""
    with _explained(file):
        handle, name = tempfile.mkstemp(prefix=".unfinished-", dir=file.parent)
        try:
            with os.fdopen(handle, "wb") as out:
                yield out
                out.flush()
                os.fsync(out.fileno())  # else a crash may leave the new name on an empty file
            Path(name).chmod(0o644)  # mkstemp makes it private
            Path(name).replace(file)
        finally:
            Path(name).unlink(missing_ok=True)


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kind = AccessDenied if isinstance(error, PermissionError) else ForesailError
        raise kind(f"cannot write {file}: {os.strerror(error.errno or errno.EIO)}") from error
