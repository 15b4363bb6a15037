"""The published forecasts that the server's tests ask for."""

from pathlib import Path

import pytest
from factories import bundles


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small clusters for cpu and memory."""
    folder = tmp_path_factory.mktemp("cache")
    bundles.publish(folder)
    bundles.publish(folder, metric="memory", level=8 * bundles.GIB)
    return folder
