"""What is told of a challenger, and that it harms nothing."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from factories import bundles
from servers.foresail import Client, SetClock, serving

from foresail_serving.cache import (
    CURRENT,
    SYNC,
    Current,
    SyncCount,
    SyncState,
    replace_json,
    version_folder,
)

CPU = "foresail-cpu"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Champion 1 and challenger 2 of cpu, of which the challenger forecasts 20 cores more."""
    for version, level in (("1", 10.0), ("2", 30.0)):
        bundles.write(version_folder(tmp_path, CPU, version), level=level)
    replace_json(tmp_path / CURRENT, Current(models={CPU: "1"}, challengers={CPU: "2"}))
    return tmp_path


@pytest.fixture
def client(cache: Path) -> Iterator[Client]:
    """Serve them, and follow cpu alone."""
    with serving(cache, SetClock(bundles.TRAINED_UNTIL), models=(CPU,)) as client:
        yield client


def test_models_tell_of_challengers(client: Client) -> None:
    """Each with its alias, after the champions."""
    told = client.get("/v1/models").json()["models"]
    assert [(m["name"], m["version"], m["alias"]) for m in told] == [
        (CPU, "1", "champion"),
        (CPU, "2", "challenger"),
    ]


def test_a_challenger_answers_where_it_is_asked(client: Client) -> None:
    """Whoever does not ask for it has the champion."""
    paths = ("/v1/next_day", "/v1/next_day?alias=challenger")
    answers = [client.get(path).json() for path in paths]
    assert [answer["p50"][0] for answer in answers] == [10.0, 30.0]
    assert [answer["model"]["version"] for answer in answers] == ["1", "2"]


def test_without_a_challenger_it_is_a_problem(client: Client, cache: Path) -> None:
    """The champion goes on answering."""
    bundles.point(cache, {CPU: "1"})
    missing = client.wait("/v1/next_day?alias=challenger", 404)
    assert missing.problem == "no-challenger"
    assert client.get("/v1/next_day").status == 200


def test_its_trouble_is_told_and_degrades_nothing(client: Client, cache: Path) -> None:
    """It stands among sync's messages and in the metrics, under its own name."""
    told = f"{CPU} (challenger)"
    now = bundles.TRAINED_UNTIL + timedelta(seconds=1)
    replace_json(
        cache / SYNC,
        SyncState(
            last_attempt=now,
            seconds=30,
            last_success=now,
            refused=(SyncCount(model=told, reason="sha256", count=1),),
            messages={told: "forecast.npy is not the file that was published"},
        ),
    )
    health = client.get("/health").json()
    assert (health["status"], health["reasons"]) == ("ok", [])
    assert list(health["sync"]["messages"]) == [told]
    labels = f'{{model="{told}",reason="sha256",by="sync"}}'
    assert f"foresail_bundles_refused_total{labels} 1" in client.get("/metrics").body.decode()
