"""`foresail registry`, on a sqlite file."""

from datetime import timedelta
from pathlib import Path

import pytest
from factories.registry_bundle import TRAINED_UNTIL, write_registry_bundle
from typer.testing import CliRunner

from foresail.commands.registry import app
from foresail.errors import ForesailError
from foresail.registry import Registry


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """Return a registry with two versions of cpu, the first trained later."""
    value = f"sqlite:///{tmp_path / 'mlflow.db'}"
    registry = Registry(value)
    for day in (1, 0):
        folder = tmp_path / f"b{day}"
        write_registry_bundle(folder, trained_until=TRAINED_UNTIL + timedelta(days=day))
        registry.register(folder, experiment="foresail")
    return value


def test_list_promote_and_rollback(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The round that a person walks by hand."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("COLUMNS", "160")
    runner = CliRunner()
    first = runner.invoke(app, ["promote", "foresail-cpu", "2"])
    assert first.stdout == (
        "foresail-cpu: version 2 is champion; "
        "version 2 (trained until 2026-11-21T08:00:00Z) follows no champion\n"
    )
    second = runner.invoke(app, ["promote", "foresail-cpu", "1"])
    assert "version 1 is champion" in second.stdout
    assert runner.invoke(app, ["rollback", "foresail-cpu"]).stdout == (
        "foresail-cpu: version 2 is champion; rolled back from "
        "version 1 (trained until 2026-11-22T08:00:00Z) to "
        "version 2 (trained until 2026-11-21T08:00:00Z)\n"
    )
    lines = runner.invoke(app, ["list"]).stdout.splitlines()
    assert " ".join(lines[0].split()) == "model version aliases trained until series created"
    assert lines[1].split()[:7] == [
        "foresail-cpu",
        "2",
        "challenger,",
        "champion",
        "(rollback)",
        "2026-11-21T08:00:00Z",
        "3",
    ]
    assert lines[2].split()[:5] == ["foresail-cpu", "1", "-", "2026-11-22T08:00:00Z", "3"]


def test_promoting_an_older_version_fails_with_its_reason(uri: str) -> None:
    """The command fails, because what was asked was not done."""
    Registry(uri).promote("foresail-cpu", "1")
    result = CliRunner().invoke(app, ["promote", "foresail-cpu", "2", "--tracking-uri", uri])
    assert isinstance(result.exception, ForesailError)
    assert str(result.exception) == (
        "foresail-cpu 2 was not promoted: version 1 (trained until 2026-11-22T08:00:00Z) is newer "
        "than version 2 (trained until 2026-11-21T08:00:00Z); roll it back first"
    )


def test_an_empty_registry_says_what_to_do(tmp_path: Path) -> None:
    """A database without a version is no error."""
    (tmp_path / "mlflow.db").touch()
    result = CliRunner().invoke(
        app, ["list", "--tracking-uri", f"sqlite:///{tmp_path / 'mlflow.db'}"]
    )
    assert result.stdout == "No forecast is registered yet; run the pipeline first.\n"


@pytest.mark.parametrize("command", ["list", "promote", "rollback"])
def test_each_command_shows_an_example(command: str) -> None:
    """Help without an example helps half."""
    assert "Example: foresail registry" in CliRunner().invoke(app, [command, "--help"]).stdout
