"""What docs/query-api.md shows is what the server answers, and what Prometheus and KEDA read."""

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml
from factories import bundles
from servers.base import require
from servers.foresail import Client, SetClock, serving

from foresail_serving.cache import SYNC, SyncCount, SyncState, replace_json

PAGE = (Path(__file__).parents[2] / "docs" / "query-api.md").read_text(encoding="utf-8")
NOW = bundles.TRAINED_UNTIL + timedelta(hours=12, minutes=34)
BLOCKS = re.findall(r"```(\w+)\n(.*?)\n```", PAGE, re.DOTALL)
QUERIES = [(text, answer) for (kind, text), (_, answer) in pairwise(BLOCKS) if kind == "promql"]
COMMANDS = [(text, answer) for (kind, text), (_, answer) in pairwise(BLOCKS) if kind == "sh"]
DOCUMENTS = [yaml.safe_load(text) for kind, text in BLOCKS if kind == "yaml"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The cluster that the page speaks of, at the time that it names."""
    cache = tmp_path_factory.mktemp("cache")
    bundles.publish(cache)
    bundles.publish(cache, metric="memory", level=8 * bundles.GIB)
    count = SyncCount(model="foresail-cpu", reason="sha256", count=1)
    sync = SyncState(
        last_attempt=NOW, seconds=30, last_success=NOW, refused=(count,), failures=(count,)
    )
    replace_json(cache / SYNC, sync)
    with serving(cache, SetClock(NOW)) as up:
        yield up


def result(client: Client, query: str) -> Any:
    """Return the result of a query about the present."""
    answer = client.get(f"/prometheus/api/v1/query?{urlencode({'query': query})}")
    assert answer.status == 200, answer.body
    return answer.json()["data"]["result"]


@pytest.mark.parametrize(("query", "shown"), QUERIES, ids=[query for query, _ in QUERIES])
def test_a_shown_query_has_the_shown_result(server: Client, query: str, shown: str) -> None:
    """Labels, time and value are compared whole."""
    assert result(server, query) == json.loads(shown)


@pytest.mark.parametrize(("command", "shown"), COMMANDS, ids=[text for text, _ in COMMANDS])
def test_a_shown_command_has_the_shown_answer(server: Client, command: str, shown: str) -> None:
    """A curl command is asked as it stands there."""
    page = re.findall(r"'http://127\.0\.0\.1:8080(\S+)'", command)[0]
    pairs = [tuple(pair.split("=", 1)) for pair in re.findall(r"--data-urlencode '(.+)'", command)]
    assert server.get(f"{page}?{urlencode(pairs)}").json() == json.loads(shown)


def test_panel_queries_have_series(server: Client) -> None:
    """The band has two, the median and the ceiling one each."""
    text = next(text for kind, text in BLOCKS if kind == "text")
    found = [result(server, line.replace("$cluster", "prod")) for line in text.splitlines()]
    assert [len(series) for series in found] == [2, 1, 1]


def test_the_scaled_object_reads_one_number(server: Client) -> None:
    """The first trigger's query gives one element, and an empty answer is an error to it."""
    scaled = next(d for d in DOCUMENTS if d.get("kind") == "ScaledObject")
    trigger = scaled["spec"]["triggers"][0]["metadata"]
    assert [item["value"][1] for item in result(server, trigger["query"])] == ["25"]
    assert trigger["serverAddress"].endswith("/prometheus")
    assert trigger["ignoreNullValues"] == "false"
    assert scaled["spec"]["fallback"]["behavior"] == "currentReplicasIfHigher"


def test_the_scrape_parameters_choose(server: Client) -> None:
    """What the page asks Prometheus to send is what narrows the gauges."""
    configs = [d["scrape_configs"][0] for d in DOCUMENTS if "scrape_configs" in d]
    match = next(c["params"]["match"] for c in configs if "params" in c)
    text = server.get(f"/metrics?{urlencode([('match', m) for m in match])}").body.decode()
    lines = [line for line in text.splitlines() if line.startswith("foresail_forecast_ahead{")]
    assert {re.findall(r'scope="(\w+)"', line)[0] for line in lines} == {"workload", "cluster"}
    of_cluster = [line for line in lines if 'scope="cluster"' in line]
    assert {re.findall(r'ahead="(\w+)"', line)[0] for line in of_cluster} == {"highest_hourly_168h"}
    of_workload = [line for line in lines if 'scope="workload"' in line]
    assert {re.findall(r'quantile="([\d.]+)"', line)[0] for line in of_workload} == {"0.9"}


def test_alert_rules_are_valid_and_speak_of_what_there_is(server: Client, tmp_path: Path) -> None:
    """Promtool accepts them, and every metric in them is on the page that is scraped."""
    promtool = require("promtool", package="prometheus")
    rules = next(d for d in DOCUMENTS if "groups" in d)
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump(rules))
    done = subprocess.run(
        [promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = {line.split("{")[0].split(" ")[0] for line in metrics(server)}
    named = {
        name
        for rule in rules["groups"][0]["rules"]
        for name in re.findall(r"foresail_\w+", rule["expr"])
    }
    assert named - told == set()


def metrics(client: Client) -> list[str]:
    """Return the samples on the page that Prometheus scrapes."""
    return [line for line in client.get("/metrics").body.decode().splitlines() if line[0] != "#"]
