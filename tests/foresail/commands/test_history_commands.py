"""`foresail stage` and `foresail simulate` on the command line."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from foresail.commands.simulate import app as simulate
from foresail.commands.stage import app as stage
from foresail.errors import UsageError


def test_days_that_a_file_does_not_heed_are_said_so(tmp_path: Path) -> None:
    """Only where they are given: a file is read whole."""
    usage = tmp_path / "usage.csv"
    usage.write_text("timestamp,cpu\n2025-01-01T00:00:00Z,1\n")
    words = [str(usage), str(tmp_path / "history")]
    told = CliRunner().invoke(stage, [*words, "--days", "7"])
    assert told.exit_code == 0, told.exception
    assert "--days is not used: the source is a file" in told.stderr
    assert "--days" not in CliRunner().invoke(stage, words).stderr


def test_simulate_says_where_it_cannot_write(tmp_path: Path) -> None:
    """In one line, without a traceback."""
    (tmp_path / "afile").write_text("x")
    with pytest.raises(UsageError, match=r"cannot write .*afile: File exists"):
        CliRunner().invoke(
            simulate, ["--out", str(tmp_path / "afile"), "--days", "3"], catch_exceptions=False
        )
