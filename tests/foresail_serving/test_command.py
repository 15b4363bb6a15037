"""`foresail serve` and `foresail sync` refuse what cannot work, in one line."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import typer
from factories import bundles

from foresail.errors import ForesailError, UsageError
from foresail.registry import Registry
from foresail_serving.cache import read_current
from foresail_serving.command import app, sync_app


def run(command: typer.Typer, *arguments: str) -> None:
    """Run a command in this process; its errors come out as they are."""
    command(list(arguments), standalone_mode=False)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No MLflow is named by the machine that runs the tests, and the log is left as it was."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    terminate = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, terminate)
    structlog.reset_defaults()


def test_sync_needs_a_registry() -> None:
    """The message names the variable and the option."""
    with pytest.raises(UsageError, match="set MLFLOW_TRACKING_URI or give --tracking-uri"):
        run(sync_app, "--once")


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slip in the environment is an error of usage that names the variable."""
    monkeypatch.setenv("FORESAIL_STALE_AFTER_HOURS", "soon")
    with pytest.raises(UsageError, match=r"^FORESAIL_STALE_AFTER_HOURS: Input should be a valid"):
        run(app, "--port", "0")


def test_sync_once_brings_the_champion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One look at a local MLflow fills the cache; a model without a champion is an error."""
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    registry = Registry(uri)
    bundles.write(tmp_path / "bundle")
    version = registry.register(tmp_path / "bundle", experiment="test").version
    registry.promote("foresail-cpu", version)
    options = ("--once", "--tracking-uri", uri, "--cache", str(tmp_path / "cache"))
    with pytest.raises(ForesailError, match=r"^no version of foresail-memory has the alias"):
        run(sync_app, *options)
    monkeypatch.setenv("FORESAIL_MODELS", "foresail-cpu")
    run(sync_app, *options)
    assert read_current(tmp_path / "cache").models == {"foresail-cpu": "1"}


@pytest.mark.parametrize(
    "address", ["foo", "ftp://mlflow.example", "http://", "http://mlflow:99999", "http://[::1"]
)
@pytest.mark.parametrize("command", [app, sync_app])
def test_a_bad_address_of_mlflow_is_an_error_of_usage(command: typer.Typer, address: str) -> None:
    """It is told at once, and not by a sync that dies behind the server's back."""
    with pytest.raises(UsageError, match=r"^expected MLflow's address as http\(s\)://HOST"):
        run(command, "--tracking-uri", address)


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    """One line, exit code 1, and nothing is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            ForesailError,
            match=rf"^cannot listen on 127.0.0.1 port {port}: Address already in use; choose",
        ) as raised:
            run(app, "--port", str(port), "--tracking-uri", f"sqlite:///{tmp_path / 'm.db'}")
    assert raised.value.exit_code == 1


def test_an_address_that_is_none_is_an_error_of_usage() -> None:
    """The option is named."""
    with pytest.raises(UsageError, match=r"as --host, got 'no such host'"):
        run(app, "--host", "no such host")


def test_each_variable_is_named_as_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planning ranges are judged as a pair, so the message names the family."""
    monkeypatch.setenv("FORESAIL_PLANNING_DAY", "1.2,1.3")
    with pytest.raises(UsageError, match=r"^FORESAIL_PLANNING_\*: expected ranges around 1"):
        run(app, "--port", "0")


def test_sync_as_a_module_tells_a_bad_variable(tmp_path: Path) -> None:
    """One line on stderr and the exit code of a usage error."""
    done = subprocess.run(
        [sys.executable, "-m", "foresail_serving.sync"],
        env={**os.environ, "FORESAIL_SYNC_SECONDS": "often"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("foresail sync: FORESAIL_SYNC_SECONDS: Input should be a valid")
    assert done.stderr.count("\n") == 1


def test_once_ready_fails_with_the_reason_of_a_sync_that_ends(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It does not wait two minutes for what cannot come."""
    (tmp_path / "cache").write_text("a file")
    uri, cache = f"sqlite:///{tmp_path / 'mlflow.db'}", str(tmp_path / "cache")
    began = time.monotonic()
    with pytest.raises(
        ForesailError,
        match=r"^no forecast has come: sync has ended \(cannot write the cache .*exists",
    ):
        run(app, "--once-ready", "--port", "0", "--cache", cache, "--tracking-uri", uri)
    assert time.monotonic() - began < 30
    assert '"event": "sync ended"' in capfd.readouterr().err
