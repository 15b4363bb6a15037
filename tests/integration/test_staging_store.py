"""Staging into a real S3, and from a file in it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from servers.base import free_port
from servers.prometheus import OddServer
from servers.rgw import S3Server

from foresail.errors import AccessDenied, NotFound, Unreachable
from foresail.history import read_history
from foresail.history.simulate import Simulation
from foresail.settings import Settings
from foresail.steps import stage_history

pytestmark = pytest.mark.integration

WIDE = "timestamp,cpu,memory\n" + "".join(
    f"2025-01-0{day}T{hour:02d}:00:00Z,{day}.5,{hour}e9\n" for day in (1, 2) for hour in range(24)
)


@pytest.fixture
def csv_in_s3(s3_environment: S3Server, new_bucket: Callable[[], str], tmp_path: Path) -> str:
    """Return the address of a wide CSV in a bucket of its own."""
    bucket = new_bucket()
    (tmp_path / "metrics.csv").write_text(WIDE)
    client = s3_environment.client()
    client.fput_object(bucket, "metrics_dataset.csv", str(tmp_path / "metrics.csv"))
    return f"s3://{bucket}/metrics_dataset.csv"


def stage(source: str, history: str, tmp_path: Path) -> str:
    """Stage and return the digest."""
    return stage_history.run(
        source=source, history_uri=history, summary=tmp_path / "summary.md"
    ).digest


def test_a_csv_in_s3_is_staged_into_s3(csv_in_s3: str, tmp_path: Path) -> None:
    """The file someone already has is a history like any other, in the same bucket."""
    history = csv_in_s3.replace("metrics_dataset.csv", "foresail/history")
    digest = stage(csv_in_s3, history, tmp_path)
    found = read_history(history, settings=Settings(), digest=digest)
    cpu = found.frame[found.frame["metric"] == "cpu"]
    assert list(cpu["y"]) == [1.5] * 24 + [2.5] * 24
    assert set(found.frame["series"]) == {"cluster/cluster"}
    assert "| file | 0 | 2 | 96 |" in (tmp_path / "summary.md").read_text()


def test_the_simulated_cluster_is_staged_into_s3(
    simulation: Simulation,
    s3_environment: S3Server,
    new_bucket: Callable[[], str],
    tmp_path: Path,
) -> None:
    """Every row and every capacity comes back from the object store."""
    del s3_environment  # its variables are what counts
    simulation.write_folder(tmp_path / "simulated")
    history = f"s3://{new_bucket()}/foresail/history"
    digest = stage(str(tmp_path / "simulated"), history, tmp_path)
    found = read_history(history, settings=Settings(), digest=digest)
    assert len(found.frame) == len(simulation.usage)
    assert len(found.capacity) == len(simulation.capacity)
    nodes = read_history(history, settings=Settings(), scopes={"node"}, metrics={"cpu"})
    assert set(nodes.frame["scope"]) == {"node"}


def test_wrong_credentials_publish_nothing(
    csv_in_s3: str,
    s3_environment: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The message names bucket and key, never the credentials."""
    monkeypatch.setenv("S3_SECRET_KEY", "wrong-hunter2")
    (tmp_path / "m.csv").write_text(WIDE)
    history = csv_in_s3.replace("metrics_dataset.csv", "history")
    bucket = csv_in_s3.split("/")[2]
    with pytest.raises(AccessDenied, match=f"history/manifest.json in bucket {bucket}") as caught:
        stage(str(tmp_path / "m.csv"), history, tmp_path)
    assert "hunter2" not in str(caught.value)
    assert s3_environment.access_key not in str(caught.value)
    names = [found.object_name for found in s3_environment.client().list_objects(bucket)]
    assert names == ["metrics_dataset.csv"]


def test_a_missing_bucket_is_named(s3_environment: S3Server, tmp_path: Path) -> None:
    """It is not made on the way: a typing error would make one, too."""
    del s3_environment
    (tmp_path / "m.csv").write_text(WIDE)
    with pytest.raises(NotFound, match="there is no bucket never-made"):
        stage(str(tmp_path / "m.csv"), "s3://never-made/history", tmp_path)


def test_an_unreachable_store_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the setting to check."""
    monkeypatch.setenv("S3_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    (tmp_path / "m.csv").write_text(WIDE)
    with pytest.raises(Unreachable, match="check S3_ENDPOINT"):
        stage(str(tmp_path / "m.csv"), "s3://mlpipeline/history", tmp_path)


def test_a_hanging_prometheus_publishes_nothing(
    odd_server: OddServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The step ends in time, with the preset and the setting in the message."""
    monkeypatch.setenv("FORESAIL_PROMETHEUS_TIMEOUT_SECONDS", "0.3")
    odd_server.will(200, "{}")
    odd_server.delay_seconds = 30
    with pytest.raises(Unreachable, match=r"did not answer usage.cpu.cluster within 0.3 s"):
        stage(odd_server.url, str(tmp_path / "history"), tmp_path)
    assert not (tmp_path / "history").exists()
