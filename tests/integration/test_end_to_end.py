"""The main job whole: Prometheus, S3, compiled pipeline, MLflow over HTTP, server, CSV."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from servers.base import free_port
from servers.foresail import Client
from servers.mlflow import MlflowServer
from servers.prometheus import StartPrometheus
from servers.rgw import S3Server

from foresail.history import read_history
from foresail.history.simulate import Simulation, simulate
from foresail_pipelines.compiler import FORECAST
from foresail_pipelines.local import run
from foresail_pipelines.runs import LocalRun

pytestmark = pytest.mark.integration
DAYS = 16


@dataclass(frozen=True)
class Served:
    """All that ran, and the server that answers at its end."""

    simulation: Simulation
    history_uri: str
    first: LocalRun
    second: LocalRun
    client: Client


@pytest.fixture(scope="module")
def served(
    start_prometheus: StartPrometheus,
    rgw: S3Server,
    mlflow_server: MlflowServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    """Run the pipeline twice, an hour apart, and serve the champion."""
    folder = tmp_path_factory.mktemp("end-to-end")
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    simulation = simulate(until=now, days=DAYS, seed=5)
    simulation.write_openmetrics(folder / "cluster.txt")
    rgw.client().make_bucket("end-to-end")
    arguments = {
        "source": start_prometheus(folder / "cluster.txt"),
        "history_uri": "s3://end-to-end/foresail/history",
        "cluster": "prod",
        "scopes": "cluster,namespace",
        "days": DAYS + 4,  # further back than Prometheus knows
        "tracking_uri": mlflow_server.uri,
        "experiment": "end-to-end",
    }
    runs = [
        run(
            FORECAST,
            arguments | {"until": f"{until:%Y-%m-%dT%H:%M:%SZ}"},
            root=folder,
            environment=rgw.environment(),
        )
        for until in (now - timedelta(hours=1), now)
    ]
    with _server(mlflow_server.uri, folder) as client:
        yield Served(simulation, arguments["history_uri"], *runs, client)


def _server(uri: str, folder: Path) -> "ServerProcess":
    return ServerProcess(uri, folder)


class ServerProcess:
    """`foresail serve` as a person starts it: server and sync in processes of their own."""

    def __init__(self, uri: str, folder: Path) -> None:
        self.uri, self.folder, self.port = uri, folder, free_port()

    def __enter__(self) -> Client:
        command = [
            *(sys.executable, "-m", "foresail", "serve", "--port", str(self.port)),
            *("--tracking-uri", self.uri, "--cache", str(self.folder / "cache")),
        ]
        self.log = (self.folder / "serve.log").open("wb")
        self.process = subprocess.Popen(
            command, stdout=self.log, stderr=subprocess.STDOUT, env=dict(os.environ)
        )
        client = Client(self.port)
        for metric in ("cpu", "memory"):  # sync fetches one model after the other
            client.wait(f"/v1/next_day?metric={metric}", 200, seconds=60)
        return client

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=30)
        self.log.close()


def csv(answer: bytes) -> pd.DataFrame:
    """Read a CSV as a spreadsheet would."""
    return pd.read_csv(io.BytesIO(answer))


def test_every_horizon_is_answered_as_csv(served: Served) -> None:
    """A row an hour from the present hour on, with an ordered band at or above zero."""
    for horizon, hours in (("next_day", 24), ("next_week", 168), ("next_month", 720)):
        for metric in ("cpu", "memory"):
            answer = served.client.get(f"/v1/{horizon}.csv?metric={metric}")
            assert answer.status == 200
            rows = csv(answer.body)
            assert len(rows) == hours
            low, middle, high = (rows.filter(like=q).iloc[:, 0] for q in ("p10", "p50", "p90"))
            assert ((low >= 0) & (low <= middle) & (middle <= high)).all()


def test_the_forecast_is_in_the_range_that_the_cluster_has_shown(served: Served) -> None:
    """Cores are cores and bytes are bytes, from cAdvisor's counters to the CSV's cells."""
    usage = served.simulation.usage
    for metric in ("cpu", "memory"):
        truth = usage[
            (usage["scope"] == "cluster") & (usage["metric"] == metric) & (usage["stat"] == "mean")
        ]["y"]
        answer = served.client.get(f"/v1/next_day?metric={metric}").json()
        assert 0.5 * truth.min() < min(answer["p50"])
        assert max(answer["p50"]) < 1.5 * truth.max()


def test_a_namespace_has_a_forecast_of_its_own(served: Served) -> None:
    """Filtered by its label, with maximum as well as mean, and its capacity beside it."""
    namespace = served.simulation.usage.query("scope == 'namespace'")["namespace"].iloc[0]
    for stat in ("mean", "max"):
        answer = served.client.get(f"/v1/next_week?namespace={namespace}&stat={stat}").json()
        assert answer["series"] == f"prod/namespace/{namespace}"
        assert answer["unit"] == "cores"
        assert answer["capacity"]["request"] > 0


def test_capacity_travels_from_kube_state_metrics_to_the_answer(served: Served) -> None:
    """The allocatable cores are the simulator's, and the headroom is counted from them."""
    capacity = served.simulation.capacity
    cores = capacity.query("series.str.endswith('/cluster') and metric == 'cpu'")
    allocatable = cores[cores["kind"] == "allocatable"]["value"].iloc[-1]
    answer = served.client.get("/v1/next_day?metric=cpu").json()
    assert answer["capacity"]["allocatable"] == pytest.approx(allocatable)
    headroom = answer["capacity"]["headroom"]["p90"]
    assert headroom == pytest.approx(allocatable - max(answer["p90"]), rel=1e-6)


def test_the_second_run_adds_an_hour_and_is_registered_anew(served: Served) -> None:
    """History grows run by run; the newer forecast becomes the champion and is what is served."""
    assert (
        served.first.task("stage-history").parameters["digest"]
        != (served.second.task("stage-history").parameters["digest"])
    )
    models = served.client.get("/v1/models").json()
    versions = {model["name"]: model["version"] for model in models["models"]}
    assert set(versions) == {"foresail-cpu", "foresail-memory"}
    answer = served.client.get("/v1/next_day").json()
    assert answer["lead_hours"][0] in {0, 1, 2}  # 2 if the clock struck since it was trained


def test_the_reports_are_there_for_people(served: Served) -> None:
    """Data quality, the decision with pictures, the promotion in words."""
    quality = served.second.task("validate").artifacts["report"].read_text()
    assert "History: what came and what may go on" in quality
    decision = served.second.task("validate-model").artifacts["report"].read_text()
    assert "foresail-cpu" in decision
    assert "<svg" in decision
    promoted = served.second.task("promote").artifacts["summary"].read_text()
    assert "foresail-memory" in promoted


def test_the_history_in_s3_is_readable_and_whole(served: Served, rgw: S3Server) -> None:
    """What was staged can be read back with its checksums, every scope that was asked for."""
    history = read_history(served.history_uri, settings=rgw.settings())
    assert set(history.frame["scope"]) == {"cluster", "namespace"}
    assert set(history.frame["stat"]) == {"mean", "max"}
