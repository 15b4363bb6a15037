"""What docs/api.md shows is what the server answers."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from factories import bundles
from servers.foresail import Client, SetClock, serving

from foresail.bundle import Segment
from foresail_serving.problems import PROBLEMS
from foresail_serving.settings import ServeSettings, SyncSettings

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "api.md").read_text(encoding="utf-8")
SHOWN = re.findall(
    r"```sh\ncurl -s 'http://127\.0\.0\.1:8080(\S+)'\n```\n\n```(\w+)\n(.*?)\n```", PAGE, re.DOTALL
)
COLUMNS = ("ds", "local", "p10", "p50", "p90")
MEASURED = Segment(
    until_hours=bundles.STEPS,
    model="prophet",
    quality=bundles.QUALITY,
    peak=(0.25, 0.75, 1.5),
    daily_mean=(-0.5, 0.0, 0.5),
    week_peak=(0.5, 1.0, 2.0),
    weekly_mean=(-0.5, 0.0, 0.5),
)
"""Of the node's series: its days and weeks were measured."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The cluster that the page speaks of, at the time that it names."""
    cache = tmp_path_factory.mktemp("cache")
    index = [
        entry.model_copy(update={"segments": (MEASURED,)}) if "node" in entry.labels else entry
        for entry in bundles.cluster_entries()
    ]
    bundles.publish(cache, index=index)
    bundles.publish(cache, metric="memory", level=8 * bundles.GIB)
    with serving(cache, SetClock(bundles.TRAINED_UNTIL + timedelta(hours=12, minutes=34))) as up:
        yield up


def test_every_command_is_followed_by_its_answer() -> None:
    """The pattern below misses no command of the page."""
    assert len(SHOWN) == PAGE.count("\ncurl ") == 12


@pytest.mark.parametrize(("path", "kind", "block"), SHOWN, ids=[path for path, _, _ in SHOWN])
def test_a_shown_answer_is_a_given_one(server: Client, path: str, kind: str, block: str) -> None:
    """JSON is compared whole with its columns cut, text line by line."""
    body = server.get(path).body.decode()
    if kind == "json":
        answer: dict[str, Any] = json.loads(body)
        for column in COLUMNS:
            if column in answer:
                answer[column] = answer[column][:3]
        shown = json.loads(block)
        if path == "/health":  # the release changes it
            shown["version"] = answer["version"]
        assert shown == answer
    elif kind == "csv":
        assert body.splitlines()[: len(block.splitlines())] == block.splitlines()
    else:
        assert set(block.splitlines()) <= set(body.splitlines())


@pytest.mark.parametrize("slug", PROBLEMS)
def test_every_problem_is_explained(slug: str) -> None:
    """A type that a client may branch on stands in the table with its status."""
    assert f"| `{slug}` | {PROBLEMS[slug][0]} |" in PAGE


def test_every_setting_is_explained() -> None:
    """Each variable has its row, on the page of what it sets."""
    pages = "".join(p.read_text(encoding="utf-8") for p in DOCS.glob("*.md"))
    names = {f"FORESAIL_{name.upper()}" for name in ServeSettings.model_fields}
    names |= {f"FORESAIL_{name.upper()}" for name in SyncSettings.model_fields}
    names = names - {"FORESAIL_TRACKING_URI"} | {"MLFLOW_TRACKING_URI"}
    assert {name for name in names if f"\n| `{name}` |" not in pages} == set()
