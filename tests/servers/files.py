"""Servers over made-up forecasts, for the tests of files."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from factories import bundles, sheets

from servers.foresail import Client, SetClock, serving

NOON = bundles.TRAINED_UNTIL + timedelta(hours=12)


@contextmanager
def plain_files(cache: Path) -> Iterator[Client]:
    """Serve a small cluster at noon on the day the forecast begins."""
    bundles.publish(cache)
    bundles.publish(cache, metric="memory", level=8 * bundles.GIB)
    with serving(cache, SetClock(NOON)) as client:
        yield client


@contextmanager
def hostile_files(cache: Path) -> Iterator[Client]:
    """Serve series whose names would do harm in a spreadsheet."""
    bundles.publish(cache, index=sheets.hostile_entries())
    with serving(cache, SetClock(NOON)) as client:
        yield client
