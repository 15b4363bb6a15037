"""A real MLflow server on loopback: sqlite behind it, artifacts in a folder."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from servers.base import free_port, require, wait_http


@dataclass(frozen=True, slots=True)
class MlflowServer:
    """A running server.

    Attributes:
        uri: Its tracking URI.
        artifacts: The folder where it keeps what clients upload.
    """

    uri: str
    artifacts: Path


def start_mlflow(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """Start the program over a folder that it keeps everything in; it is ready some 15 s later.

    Its workers are children of its own: end its process group.
    """
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
        *("--artifacts-destination", str(folder / "artifacts")),
    ]
    # with job execution MLflow starts ten processes that nobody here needs
    env = {
        **{k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")},
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with (folder / "log.txt").open("ab") as out:
        return subprocess.Popen(
            command, env=env, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """Start MLflow once a session: it needs 15 s and half a gigabyte."""
    require(str(Path(sys.executable).with_name("mlflow")), package="python package mlflow")
    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    process = start_mlflow(folder, port)
    try:
        uri = f"http://127.0.0.1:{port}"
        wait_http(f"{uri}/health", seconds=90, log=folder / "log.txt")
        yield MlflowServer(uri=uri, artifacts=folder / "artifacts")
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=15)
