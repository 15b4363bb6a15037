"""docs/client.md is run: what it shows is what is printed."""

import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from factories import bundles
from servers.foresail import SetClock, serving

PAGE = (Path(__file__).parents[3] / "docs" / "client.md").read_text(encoding="utf-8")
BLOCKS = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)
ADDRESS = "http://127.0.0.1:8080"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """The cluster that the page speaks of, at the time that it names."""
    bundles.publish(tmp_path)
    bundles.publish(tmp_path, metric="memory", level=8 * bundles.GIB)
    clock = SetClock(bundles.TRAINED_UNTIL + timedelta(hours=12, minutes=34))
    with serving(tmp_path, clock) as server:
        yield server.url


def test_the_page_prints_what_it_shows(url: str) -> None:
    """Its examples run in order, as a reader's notebook would; each is followed by its output."""
    names: dict[str, object] = {}
    found = BLOCKS.findall(PAGE)
    assert len(found) == PAGE.count("```python") == 7
    shown, printed = [], []
    try:
        for code, text in found:
            out = StringIO()
            with redirect_stdout(out):
                exec(code.replace(ADDRESS, url), names)  # noqa: S102  # our own page
            printed.append(told(out.getvalue().replace(url, ADDRESS)))
            shown.append(told(text))
    finally:
        names["client"].close()  # type: ignore[attr-defined]  # a Client
    assert printed == shown


def told(text: str) -> list[str]:
    """Return lines without what pandas pads them with."""
    return [" ".join(line.split()) for line in text.splitlines()]
