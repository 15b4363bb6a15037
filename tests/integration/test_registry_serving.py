"""`mlflow models serve` answers from a registered version, also beyond its stored hours."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from factories.registry_bundle import NAIVE, PROPHET, REFUSED, TRAINED_UNTIL, write_registry_bundle
from servers.base import free_port, wait_http
from servers.mlflow import MlflowServer

from foresail.registry import Registry
from foresail.times import isoformat

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def scoring(
    mlflow_server: MlflowServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """Register a fitted bundle, promote it, and serve the champion; yield URL and bundle."""
    folder = tmp_path_factory.mktemp("serving")
    write_registry_bundle(folder / "bundle", metric="served", fitted=True)
    registry = Registry(mlflow_server.uri)
    made = registry.register(folder / "bundle", experiment="serving")
    registry.promote(made.name, made.version)
    port = free_port()
    command = [
        *(sys.executable, "-m", "mlflow", "models", "serve"),
        *("-m", f"models:/{made.name}@champion", "--env-manager", "local"),
        *("--host", "127.0.0.1", "--port", str(port)),
    ]
    # it starts its server through the shell, as `uvicorn`
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "MLFLOW_TRACKING_URI": mlflow_server.uri, "PATH": path}
    log = folder / "log.txt"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=env, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            wait_http(f"http://127.0.0.1:{port}/ping", seconds=90, log=log)
            yield f"http://127.0.0.1:{port}/invocations", folder / "bundle"
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=15)


def ask(url: str, rows: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Return the answers to rows; an error's text is raised as it came."""
    request = urllib.request.Request(  # noqa: S310  # loopback
        url,
        data=json.dumps({"dataframe_records": rows}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310  # loopback
        predictions: list[dict[str, Any]] = json.load(response)["predictions"]
        return predictions


def at(hours: int) -> str:
    """Return the stamp so many hours after the first stored one."""
    return isoformat(TRAINED_UNTIL + timedelta(hours=hours))


def test_stored_hours_are_answered_from_the_file(scoring: tuple[str, Path]) -> None:
    """The numbers are those of forecast.npy, to the last bit of float32."""
    url, bundle = scoring
    stored = np.load(bundle / "forecast.npy")
    answers = ask(url, [{"series": NAIVE, "ds": at(h)} for h in (0, 5, 191)])
    assert [a["ds"] for a in answers] == [
        "2026-11-21T08:00:00+00:00",
        "2026-11-21T13:00:00+00:00",
        "2026-11-29T07:00:00+00:00",
    ]
    assert [a["model"] for a in answers] == ["seasonal_naive_24h"] * 3
    for answer, hour in zip(answers, (0, 5, 191), strict=True):
        expected = [float(v) for v in stored[1, hour]]
        assert [answer["p10"], answer["p50"], answer["p90"]] == pytest.approx(expected, rel=1e-7)


def test_hours_beyond_the_naive_series_repeat_its_last_day(scoring: tuple[str, Path]) -> None:
    """Four weeks ahead the naive still says what was at this hour on the last known day."""
    url, bundle = scoring
    history = np.load(bundle / "history.npy")
    (answer,) = ask(url, [{"series": NAIVE, "ds": at(24 * 28 + 3)}])
    assert answer["model"] == "seasonal_naive_24h"
    assert answer["p50"] == pytest.approx(float(history[1, -24 + 3]), rel=1e-6)
    assert answer["p10"] < answer["p50"] < answer["p90"]


def test_hours_beyond_the_prophet_series_come_from_its_fit(scoring: tuple[str, Path]) -> None:
    """The fitted Prophet, read from the bundle, follows the daily wave it has learnt."""
    url, _ = scoring
    rows = [{"series": PROPHET, "ds": at(24 * 20 + h)} for h in range(24)]
    answers = ask(url, rows)
    hour = [(8 + h) % 24 for h in range(24)]
    expected = 10 + 3 * np.sin(2 * np.pi * np.array(hour) / 24)
    assert {a["model"] for a in answers} == {"prophet"}
    assert [a["p50"] for a in answers] == pytest.approx(list(expected), abs=0.2)
    assert all(0 <= a["p10"] <= a["p50"] <= a["p90"] for a in answers)


def test_the_same_question_gets_the_same_answer(scoring: tuple[str, Path]) -> None:
    """Nothing is drawn, and no hour's numbers depend on those asked with it."""
    url, _ = scoring
    alone = ask(url, [{"series": PROPHET, "ds": at(300)}])
    among = ask(url, [{"series": PROPHET, "ds": at(h)} for h in (250, 300, 350)])
    assert among[1] == alone[0]


def test_a_refused_series_is_answered_with_its_reason(scoring: tuple[str, Path]) -> None:
    """No number, and the code and sentence that say why."""
    url, _ = scoring
    (answer,) = ask(url, [{"series": REFUSED, "ds": at(1)}])
    assert answer["p50"] is None
    assert (answer["model"], answer["code"], answer["reason"]) == (
        "",
        201,
        "20 hourly values, 48 needed",
    )


def test_an_unknown_series_is_a_400_that_names_it(scoring: tuple[str, Path]) -> None:
    """The scoring server hands our sentence through."""
    url, _ = scoring
    with pytest.raises(urllib.error.HTTPError) as raised:
        ask(url, [{"series": "prod/namespace/nowhere", "ds": at(1)}])
    with raised.value as response:
        told = json.load(response)
    assert response.code == 400
    assert (
        "1 of the series asked are not in this version: prod/namespace/nowhere" in told["message"]
    )
