"""Part of the world down, over a real MLflow: registered, promoted, fetched and served."""

import os
import signal
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from factories import bundles
from servers.base import free_port
from servers.foresail import Client
from servers.mlflow import MlflowServer

from foresail.bundle import Bundle
from foresail.bundle.publish import BUNDLE
from foresail.registry import Registered, Registry, model_name
from foresail.registry.publish import Upload
from foresail.registry.registry import checked
from foresail.steps import register
from foresail.steps.artifacts import HistoryFacts
from foresail.times import isoformat

pytestmark = [pytest.mark.integration, pytest.mark.heavy]

SERVE = "from foresail_serving.command import app; app()"
REGISTER = """
import sys
from foresail.steps import register
register.run(model=sys.argv[1], registered=sys.argv[2], tracking_uri=sys.argv[3])
"""
MIDNIGHT = datetime.now(tz=UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture
def registry(mlflow_server: MlflowServer) -> Registry:
    """Return a registry on the real server."""
    return Registry(mlflow_server.uri)


@pytest.fixture
def metric() -> str:
    """Return a metric that no other test registers."""
    return f"m{uuid.uuid4().hex[:8]}"


def trained(
    folder: Path, metric: str, *clusters: str, day: int, silent: tuple[str, ...] = ()
) -> Path:
    """Write what train writes so many days after three days ago."""
    start = MIDNIGHT + timedelta(days=day - 3)
    index = [e for c in clusters for e in bundles.cluster_entries(metric, cluster=c)]
    home = folder / "metric" / BUNDLE
    bundles.write(home, metric=metric, index=index, trained_until=start, level=10.0 * (day + 1))
    HistoryFacts(history_digest="d" * 64, as_of=start, silent=silent).write(folder)
    return folder


def promoted(registry: Registry, folder: Path, record: Path) -> str:
    """Register what was trained, make it champion, and return its version."""
    register.run(model=folder, registered=record, tracking_uri=registry.tracking_uri)
    (made,) = Registered.read(record).models
    checked(registry.promote(made.name, made.version))
    return made.version


def test_a_cluster_that_is_silent_for_three_runs_is_served_as_of_the_first(
    registry: Registry, metric: str, tmp_path: Path
) -> None:
    """Day by day prod's forecast is new and dev's is the old one; then dev answers again."""
    name = model_name(metric)
    promoted(registry, trained(tmp_path / "0", metric, "prod", "dev", day=0), tmp_path / "r")
    as_of = MIDNIGHT - timedelta(days=3, hours=1)
    for day in (1, 2, 3):
        home = trained(tmp_path / f"{day}", metric, "prod", day=day, silent=("dev",))
        version = promoted(registry, home, tmp_path / "r")
        champion = Bundle.open(registry.fetch(name, version, tmp_path / f"champion{day}"))
        dev = [e for e in champion.index if e.labels["cluster"] == "dev"]
        assert {(e.as_of, e.is_carried_over) for e in dev} == {(as_of, True)}
        assert champion.forecast[:9:8, 0, 1].tolist() == [10.0 * (day + 1), 10.0]
        assert dev[0].hours == bundles.STEPS - 24 * day
        assert registry.tags(name, version)["foresail.carried"] == "8"
    home = trained(tmp_path / "back", metric, "prod", "dev", day=3)
    register.run(model=home, registered=tmp_path / "r", tracking_uri=registry.tracking_uri)
    (made,) = Registered.read(tmp_path / "r").models
    back = Bundle.open(registry.fetch(name, made.version, tmp_path / "fetched"))
    assert not any(entry.is_carried_over for entry in back.index)


def test_the_server_serves_both_forecasts_side_by_side(
    registry: Registry, metric: str, tmp_path: Path
) -> None:
    """Sync brings the completed version, and each answer tells its own as-of."""
    promoted(registry, trained(tmp_path / "0", metric, "prod", "dev", day=2), tmp_path / "r")
    home = trained(tmp_path / "1", metric, "prod", day=3, silent=("dev",))
    promoted(registry, home, tmp_path / "r")
    port = free_port()
    options = ["--port", str(port), "--cache", str(tmp_path / "cache")]
    environment = {**os.environ, "FORESAIL_MODELS": model_name(metric)}
    command = [sys.executable, "-c", SERVE, *options, "--tracking-uri", registry.tracking_uri]
    with subprocess.Popen(command, env=environment) as process:
        client = Client(port)
        try:
            path = f"/v1/next_day?metric={metric}&cluster="
            dev = client.wait(f"{path}dev", 200, seconds=60).json()
            prod = client.get(f"{path}prod").json()
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)
    assert (prod["code"], prod["trained_until"]) == (0, isoformat(MIDNIGHT))
    assert (dev["code"], dev["trained_until"]) == (402, isoformat(MIDNIGHT - timedelta(days=1)))
    as_of = isoformat(MIDNIGHT - timedelta(days=1, hours=1))
    why = f"cluster dev did not answer; the forecast as of {as_of} goes on serving"
    assert dev["reason"].startswith(why)
    assert dev["lead_hours"][0] == prod["lead_hours"][0] + 24
    assert prod["p50"][0] - dev["p50"][0] == 10.0


def test_killed_at_any_moment_it_registers_a_whole_bundle_or_none(
    registry: Registry, metric: str, tmp_path: Path
) -> None:
    """Whatever stands there after each kill is complete, and a last run makes one version of it."""
    name = model_name(metric)
    promoted(registry, trained(tmp_path / "0", metric, "prod", "dev", day=2), tmp_path / "r")
    home = trained(tmp_path / "1", metric, "prod", day=3, silent=("dev",))
    command = [sys.executable, "-c", REGISTER, str(home), str(tmp_path / "r1")]
    for seconds in (1.5, 2.5, 3.5, 5.0):
        with subprocess.Popen([*command, registry.tracking_uri]) as process:
            time.sleep(seconds)
            process.kill()
        _all_whole(registry, name, tmp_path / f"killed{seconds}")
    subprocess.run([*command, registry.tracking_uri], check=True)
    assert _all_whole(registry, name, tmp_path / "last") == [8, 0]


def _all_whole(registry: Registry, name: str, folder: Path) -> list[int]:
    """Verify every file of every version, newest first; return how many series are carried."""
    found = []
    for version in registry.versions(name):
        there = registry.fetch(name, version.version, folder / version.version, files=None)
        bundle = Upload.read(there, metrics={}, tags={}).bundle
        assert bundle.manifest.series == 16
        found.append(sum(entry.is_carried_over for entry in bundle.index))
    return found
