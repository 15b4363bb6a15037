"""A server of two made-up clusters, and one browser for all that is looked at."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from factories import dashboards
from factories.clocks import SetClock
from servers.chromium import Browser, browsing
from servers.foresail import Client, serving


@pytest.fixture(scope="package")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both clusters."""
    folder = tmp_path_factory.mktemp("dashboards")
    dashboards.publish(folder)
    return folder


@pytest.fixture(scope="package")
def server(cache: Path) -> Iterator[Client]:
    """A server six hours after the training."""
    with serving(cache, SetClock(dashboards.NOW)) as client:
        yield client


@pytest.fixture(scope="package")
def opened() -> Iterator[Browser]:
    """One browser for all tests of this folder."""
    with browsing() as browser:
        yield browser


@pytest.fixture
def browser(opened: Browser, server: Client) -> Browser:
    """The browser as if it was new."""
    opened.look()
    opened.forget(server.url)
    return opened
