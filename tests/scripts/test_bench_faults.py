"""A campaign of faults must notice what it looks for."""

import asyncio
import importlib
import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from factories import bundles

from foresail_serving.cache import CURRENT, Current, replace_json, version_folder
from foresail_serving.clock import hour_of, utc_now

ROOT = Path(__file__).parents[2]
PAGE = "/v1/next_day?metric=cpu"
CSV = "/v1/next_week.csv?metric=cpu"


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Yield what was published: two versions of cpu, 20 and 30 cores at midnight."""
    folder = tmp_path_factory.mktemp("truth")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "scripts"))
        module = importlib.import_module("benchmarks.faults_truth")
        made = importlib.import_module("benchmarks.faults_bundles")
        good = []
        for version, level in (("1", 20.0), ("2", 30.0)):
            cache = folder / version
            begin = hour_of(utc_now()) - timedelta(hours=2)
            bundles.write(
                version_folder(cache, "foresail-cpu", version), level=level, trained_until=begin
            )
            replace_json(cache / CURRENT, Current(models={"foresail-cpu": version}))
            good.append(made.Good("foresail-cpu", version, level, cache))
        with module.truth(made.Versions(tuple(good), {})) as published:
            yield published


def verdict(truth: Any, path: str, body: bytes) -> str:
    """Return what is told of a body."""
    told: str = asyncio.run(truth.of(path, body))
    return told


def published(truth: Any, version: int, path: str = PAGE) -> bytes:
    """Return the body of a version."""
    truth.references[version - 1].clock.now = hour_of(utc_now())
    body: bytes = truth.references[version - 1].client.get(path).body
    return body


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("path", [PAGE, CSV])
def test_a_published_body_is_told_by_its_version(truth: Any, version: int, path: str) -> None:
    """Byte for byte."""
    assert verdict(truth, path, published(truth, version, path)) == str(version)


def test_a_body_with_an_hour_of_another_version_is_mixed(truth: Any) -> None:
    """As is one that names the version whose numbers it does not have."""
    one, two = json.loads(published(truth, 1)), json.loads(published(truth, 2))
    hour = {**one, "p50": [two["p50"][0], *one["p50"][1:]]}
    assert verdict(truth, PAGE, json.dumps(hour).encode()) == "mixed"
    assert verdict(truth, PAGE, json.dumps({**one, "model": two["model"]}).encode()) == "mixed"


def test_a_body_that_nobody_published_is_wrong(truth: Any) -> None:
    """Though all its numbers are right."""
    body = published(truth, 1)
    assert verdict(truth, PAGE, body + b" ") == "wrong"
    assert verdict(truth, CSV, published(truth, 1, CSV)[:-2]) == "wrong"
    assert verdict(truth, CSV, body) == "wrong"


def test_a_seed_that_is_given_is_taken(
    truth: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Either way it is told, with what to set."""
    del truth
    campaign = sys.modules.get("benchmarks.faults") or importlib.import_module("benchmarks.faults")
    monkeypatch.setenv("FORESAIL_FAULTS_SEED", "7")
    assert campaign.seed() == 7
    assert "again with FORESAIL_FAULTS_SEED=7" in capsys.readouterr().err
