"""Servers over made-up forecasts, for the tests of files."""

from collections.abc import Iterator

import pytest
from servers.files import hostile_files, plain_files
from servers.foresail import Client


@pytest.fixture(scope="package")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server at noon on the day the forecast begins."""
    with plain_files(tmp_path_factory.mktemp("files")) as client:
        yield client


@pytest.fixture(scope="package")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server of series whose names would do harm in a spreadsheet."""
    with hostile_files(tmp_path_factory.mktemp("hostile")) as client:
        yield client
