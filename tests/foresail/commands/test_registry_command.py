"""`foresail registry`, on a sqlite file."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from factories.mlflow_files import fresh_mlflow
from factories.registry_bundle import TRAINED_UNTIL, write_registry_bundle
from typer.testing import CliRunner

from foresail.commands.registry import app
from foresail.errors import ForesailError, UsageError
from foresail.registry import Registry

HELD_BACK = (
    "version 1 was rolled back by hand; `foresail registry promote foresail-cpu 1` to insist"
)


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """Return a registry with two versions of cpu, the first trained later."""
    value = fresh_mlflow(tmp_path)
    registry = Registry(value)
    for day in (1, 0):
        folder = tmp_path / f"b{day}"
        write_registry_bundle(folder, trained_until=TRAINED_UNTIL + timedelta(days=day))
        registry.register(folder, experiment="foresail")
    return value


def test_list_promote_and_rollback(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The round that a person walks by hand."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("COLUMNS", "80")
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
    today = f"{datetime.now(tz=UTC):%Y-%m-%d}"
    assert [line.rstrip() for line in lines] == [
        "model        version aliases              trained until    series created",
        f"foresail-cpu       2 challenger, champion 2026-11-21 08:00      3 {today}",
        f"foresail-cpu       1 -                    2026-11-22 08:00      3 {today}",
        "foresail-cpu 2 was rolled back to",
        f"foresail-cpu: {HELD_BACK}",
    ]


def test_the_list_fits_a_narrow_terminal(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The longest of the usual names, both aliases and the times stand uncut in 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    write_registry_bundle(tmp_path / "memory", metric="memory")
    registry = Registry(uri)
    registry.register(tmp_path / "memory", experiment="foresail")
    registry.promote("foresail-memory", "1")
    lines = CliRunner().invoke(app, ["list", "--tracking-uri", uri]).stdout.splitlines()
    assert lines[3].startswith(
        "foresail-memory       1 challenger, champion 2026-11-21 08:00      3 "
    )
    assert max(map(len, lines)) <= 80


def test_a_person_insists_where_a_pipeline_does_not(uri: str) -> None:
    """What was rolled back by hand is promoted by hand, and then it is no rollback any more."""
    registry = Registry(uri)
    registry.promote("foresail-cpu", "2")
    registry.promote("foresail-cpu", "1")
    registry.rollback("foresail-cpu")
    assert not registry.promote("foresail-cpu", "1").promoted
    options = ["--tracking-uri", uri]
    result = CliRunner().invoke(app, ["promote", "foresail-cpu", "1", *options])
    assert "version 1 is champion" in result.stdout
    assert "foresail.rolled_back" not in registry.tags("foresail-cpu", "1")


def test_a_reason_is_kept_until_the_version_is_promoted(uri: str) -> None:
    """Whoever asks why the version is held back gets it, on one line; a promotion removes it."""
    registry, runner, options = Registry(uri), CliRunner(), ["--tracking-uri", uri]
    registry.promote("foresail-cpu", "2")
    registry.promote("foresail-cpu", "1")
    runner.invoke(app, ["rollback", "foresail-cpu", "--reason", " too low\non Mondays ", *options])
    assert registry.tags("foresail-cpu", "1")["foresail.rollback_reason"] == "too low on Mondays"
    told = (
        "version 1 was rolled back: too low on Mondays; "
        "`foresail registry promote foresail-cpu 1` to insist"
    )
    assert registry.version("foresail-cpu", "1").held_back == told
    assert f"foresail-cpu: {told}\n" in runner.invoke(app, ["list", *options]).stdout
    registry.promote("foresail-cpu", "1", insist=True)
    assert "foresail.rollback_reason" not in registry.tags("foresail-cpu", "1")
    registry.rollback("foresail-cpu")
    assert registry.version("foresail-cpu", "1").held_back == HELD_BACK


@pytest.mark.parametrize("version", ["abc", "1.5", "-1", "0", "²"])
def test_a_version_is_a_number(version: str) -> None:
    """A slip is told before MLflow is asked."""
    result = CliRunner().invoke(app, ["promote", "foresail-cpu", "--", version])
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == f"a version is a number such as 3, got {version!r}"


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
