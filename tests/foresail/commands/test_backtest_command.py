"""`foresail backtest` on the command line, and as its page shows it."""

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from foresail.commands.backtest import app
from foresail.errors import BadInput, UsageError

PAGE = (Path(__file__).parents[3] / "docs" / "forecasts.md").read_text(encoding="utf-8")


def usage(folder: Path, *, days: int = 42, name: str = "prod/namespace/[red]shop") -> Path:
    """Write a history of two series, the second constant."""
    ds = pd.date_range("2026-01-05", periods=24 * days, freq="h", tz="UTC")
    y = 5 + np.random.default_rng(0).normal(0, 1, len(ds))
    rows = [(name, y), ("flat", np.full(len(ds), 2.0))]
    frames = [pd.DataFrame({"series": s, "metric": "cpu", "ds": ds, "y": v}) for s, v in rows]
    pd.concat(frames).to_parquet(folder / "usage.parquet")
    return folder / "usage.parquet"


def test_the_command_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It writes the report and prints a table of at most 80 columns, the served line first."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    usage(tmp_path)
    (command,) = re.findall(r"^foresail backtest (.*)$", PAGE, flags=re.MULTILINE)
    done = CliRunner().invoke(app, shlex.split(command))
    assert done.exit_code == 0, done.exception
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.html", "usage.parquet"]
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == (
        "next_week: 1 series, 5 origins from 2026-01-11T23:00Z to 2026-02-08T23:00Z"
    )
    header = next(i for i, line in enumerate(lines) if line.startswith("contender"))
    assert lines[header].split() == ["contender", "error", "coverage", "mase", "bias", "peak"]
    assert lines[header + 1].startswith("served ")
    assert "wrote report.html" in done.stderr


def test_names_are_printed_as_they_are(tmp_path: Path) -> None:
    """Brackets are no colours; a constant series is told."""
    out = str(tmp_path / "out.json")
    words = ["--history", str(usage(tmp_path)), "--horizon", "next_day", "--out", out]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.exception
    assert "prod/namespace/[red]shop" in done.stdout
    assert "1 series without a daily change before some origin" in done.stdout


def test_a_short_history_names_the_hours_it_needs(tmp_path: Path) -> None:
    """Nothing is written."""
    out = tmp_path / "out.html"
    words = ["--history", str(usage(tmp_path, days=10)), "--out", str(out)]
    with pytest.raises(BadInput, match=r"next_week needs 336 hours of history .* got 240"):
        CliRunner().invoke(app, words, catch_exceptions=False)
    assert not out.exists()


def test_a_wrong_ending_is_told_before_the_history_is_read(tmp_path: Path) -> None:
    """The error lists the endings."""
    words = ["--history", "nowhere.csv", "--out", str(tmp_path / "out.xlsx")]
    with pytest.raises(UsageError, match=r"ending in \.html, \.json, \.parquet, got 'out\.xlsx'"):
        CliRunner().invoke(app, words, catch_exceptions=False)
