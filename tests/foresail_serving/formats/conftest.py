"""Servers over made-up forecasts, for the tests of files."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from factories import bundles, sheets
from servers.foresail import Client, SetClock, serving

NOON = bundles.TRAINED_UNTIL + timedelta(hours=12)


@pytest.fixture(scope="package")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server at noon on the day the forecast begins."""
    cache = tmp_path_factory.mktemp("files")
    bundles.publish(cache)
    bundles.publish(cache, metric="memory", level=8 * bundles.GIB)
    with serving(cache, SetClock(NOON)) as client:
        yield client


@pytest.fixture(scope="package")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server of series whose names would do harm in a spreadsheet."""
    cache = tmp_path_factory.mktemp("hostile")
    bundles.publish(cache, index=sheets.hostile_entries())
    with serving(cache, SetClock(NOON)) as client:
        yield client
