"""The command line, as a person meets it: in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pandas as pd


def foresail(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run `foresail` with these words."""
    return subprocess.run(
        [sys.executable, "-m", "foresail", *words], capture_output=True, text=True, check=False
    )


def history_file(folder: Path) -> Path:
    """Write three days of one series."""
    ds = pd.date_range("2026-01-01", periods=72, freq="h", tz="UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
    path = folder / "usage.csv"
    pd.DataFrame({"series": "web", "metric": "cpu", "ds": ds, "y": 1.5}).to_csv(path, index=False)
    return path


def test_help_lists_every_command() -> None:
    """The library's and the faces'."""
    text = foresail("--help").stdout
    for name in ("forecast", "simulate", "stage", "registry", "serve", "pipeline"):
        assert f"\n  {name} " in text


def test_forecast_writes_a_row_for_every_hour(tmp_path: Path) -> None:
    """History in, forecast out, and a table of what it is worth."""
    out = tmp_path / "day.csv"
    done = foresail(
        *("forecast", "--history", str(history_file(tmp_path)), "--horizon", "next_day"),
        *("--out", str(out)),
    )
    assert done.returncode == 0, done.stderr
    assert len(pd.read_csv(out)) == 24
    assert "wrote 24 rows" in done.stderr
    assert "constant" in done.stderr


def test_bad_input_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    """No traceback; the line says what was expected and what came."""
    path = tmp_path / "usage.csv"
    path.write_text("series,metric,value\nweb,cpu,1\n")
    done = foresail("forecast", "--history", str(path), "--out", str(tmp_path / "out.csv"))
    assert done.returncode == 1
    assert done.stderr.startswith("foresail: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert "ds" in done.stderr
    assert not (tmp_path / "out.csv").exists()


def test_a_wrong_call_is_exit_code_2(tmp_path: Path) -> None:
    """An unknown horizon and a missing option are the caller's."""
    history = str(history_file(tmp_path))
    unknown = foresail("forecast", "--history", history, "--horizon", "soon", "--out", "x.csv")
    assert unknown.returncode == 2
    assert "unknown horizon 'soon'; use one of next_day, next_week, next_month" in unknown.stderr
    missing = foresail("forecast", "--history", history)
    assert missing.returncode == 2
    assert "--out" in missing.stderr


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    """For those who want to see where."""
    done = foresail(
        *("--debug", "forecast", "--history", str(tmp_path / "no.csv"), "--out", "x.csv")
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_the_version_is_the_packages() -> None:
    """One place for the version."""
    assert foresail("--version").stdout == "foresail 0.1.0\n"
