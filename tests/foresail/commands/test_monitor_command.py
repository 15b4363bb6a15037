"""`foresail monitor`, on a sqlite file and a staged history."""

from datetime import timedelta
from pathlib import Path

import pytest
from factories.live_bundles import TRAINED_UNTIL, history_csv, write_live_bundle
from factories.mlflow_files import fresh_mlflow
from typer.testing import CliRunner

from foresail.commands.monitor import app
from foresail.registry import Registry
from foresail.steps import stage_history


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the history and the registry: cpu doubled since the second champion was trained."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    uri = fresh_mlflow(tmp_path)
    for day in (-1, 0):
        folder = tmp_path / f"b{day}"
        write_live_bundle(folder, trained_until=TRAINED_UNTIL + timedelta(days=day))
        made = Registry(uri).register(folder, experiment="foresail")
        Registry(uri).promote(made.name, made.version)
    file = history_csv(tmp_path / "now.csv", {"cpu": 20.0}, hours=30)
    history = str(tmp_path / "history")
    stage_history.run(source=str(file), history_uri=history, summary=tmp_path / "staged.md")
    return [history, "--tracking-uri", uri]


def test_the_table_fits_a_narrow_terminal(words: list[str], tmp_path: Path) -> None:
    """A dry run shows each horizon and says what it would do; it writes nothing unasked."""
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.exception
    lines = [line.rstrip() for line in done.stdout.splitlines()][-5:]  # below the log
    assert lines[:4] == [
        "metric version horizon   hours series vs promise vs naive coverage   bias",
        "cpu          2 next_day     24    6/6      66.12     1.06 0% (80%) -10.00",
        "cpu          2 next_week    30    6/6      66.12     1.06 0% (80%) -10.00",
        "cpu          2 all          30    6/6      66.12     1.06 0% (80%) -10.00",
    ]
    assert max(map(len, lines[:4])) <= 80
    assert lines[4] == (
        "cpu: worse; the live error is 66.12 (90 % interval 66.12 to 66.12) times the promise over "
        "6 series and 30 hours; the seasonal naive's is 28.96 times its own: the cluster itself "
        "changed. Dry run: with rollback version 1 would be champion again"
    )
    assert Registry(words[2]).version_of("foresail-cpu", "champion") == "2"
    assert not list(tmp_path.glob("*.prom"))


def test_rollback_moves_the_alias_and_the_files_tell(words: list[str], tmp_path: Path) -> None:
    """Asked for, all three are written."""
    files = ("--report", "live.json", "--metrics-file", "live.prom", "--summary", "live.md")
    done = CliRunner().invoke(app, [*words, "--rollback", *files])
    assert done.exit_code == 0, done.exception
    assert done.stdout.endswith("Rolled back: version 1 is champion again\n")
    assert Registry(words[2]).version_of("foresail-cpu", "champion") == "1"
    assert 'foresail_live_rolled_back{metric="cpu"} 1\n' in (tmp_path / "live.prom").read_text()
    assert '"rolled_back": true' in (tmp_path / "live.json").read_text()
    assert "**cpu: worse.**" in (tmp_path / "live.md").read_text()


def test_help_shows_an_example() -> None:
    """With the file that a collector reads."""
    shown = " ".join(CliRunner().invoke(app, ["--help"]).stdout.split())
    assert "Example: foresail monitor s3://mlpipeline/foresail/history --metrics-file" in shown
