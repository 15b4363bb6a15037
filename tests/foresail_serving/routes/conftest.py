"""The two clusters that the dashboard's tests look at."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from factories import dashboards
from factories.clocks import SetClock
from servers.foresail import Client, serving


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with cpu and memory of both, and a challenger for cpu."""
    folder = tmp_path_factory.mktemp("dashboards")
    dashboards.publish(folder)
    return folder


@pytest.fixture(scope="module")
def server(world: Path) -> Iterator[Client]:
    """A server six hours after the training."""
    with serving(world, SetClock(dashboards.NOW)) as client:
        yield client
