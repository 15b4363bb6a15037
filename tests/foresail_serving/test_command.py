"""`foresail serve` and `foresail sync` refuse what cannot work, in one line."""

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
    yield
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
