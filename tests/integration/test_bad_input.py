"""Bad input at the command line: one line that says what to do, the right code, nothing written."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from servers.base import free_port
from servers.rgw import S3Server

from foresail.cli import main

HEADER = "series,metric,ds,y\n"
GOOD = "".join(f"web,cpu,2026-01-0{d}T{h:02}:00:00Z,1.5\n" for d in (1, 2, 3) for h in range(24))


@dataclass(frozen=True)
class Said:
    """What a command said."""

    code: int
    line: str


Foresail = Callable[..., Said]


@pytest.fixture
def foresail(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Foresail:
    """Return a function that runs `foresail` in an empty folder; it must end with one line."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            main(words)
        error = capsys.readouterr().err
        lines = [line for line in error.splitlines() if line.startswith("foresail: ")]
        assert len(lines) == 1, error
        assert "Traceback" not in error
        return Said(int(ended.value.code or 0), lines[0])

    return run


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("series,metric,value\nweb,cpu,1\n", "lacks the columns ds, y"),
        ("", "is empty; expected a header and rows"),
        (HEADER, "there is no row; expected at least one value"),
        (HEADER + "web,cpu,2026-01-01T00:00:00Z,lots\n", "y is no number in 1 rows"),
        (HEADER + "web,cpu,yesterday,1\n", "'yesterday'"),
        (HEADER + "web,cpu,2026-01-01 00:00:00,1\n", "timezone"),
        (HEADER + "web,cpu,2026-01-01T00:00:00Z,inf\n", "values are infinite"),
        (HEADER + "web,cpu,2026-01-01T00:00:00Z,-1\n", "usage cannot be negative"),
        (HEADER + "web,cpu,2099-01-01T00:00:00Z,1\n", "stamped after the present"),
        (HEADER + "web,cpu,2026-01-01T00:00:00Z,\n", "the series has rows but no value"),
        (
            HEADER + "web,cpu,2026-01-01T00:00:00Z,1\nweb,cpu,2026-01-01T00:00:00Z,2\n",
            "has the values 1 and 2; keep one of them",
        ),
        (
            "series,metric,unit,ds,y\nweb,cpu,furlongs,2026-01-01T00:00:00Z,1\n",
            "expected cpu in one of cores, millicores, nanocores, got 'furlongs'",
        ),
    ],
)
def test_a_bad_history_is_told_in_one_line(
    foresail: Foresail, tmp_path: Path, content: str, says: str
) -> None:
    """`forecast` and `stage` end with 1 and say what is wrong; no forecast, no history is made."""
    (tmp_path / "usage.csv").write_text(content)
    for words in (
        ("forecast", "--history", "usage.csv", "--out", "out.csv"),
        ("stage", "usage.csv", "history"),
    ):
        said = foresail(*words)
        assert said.code == 1
        assert says in said.line
    if (tmp_path / "out.csv").exists():  # whole: every hour with the code of its refusal
        assert (pd.read_csv(tmp_path / "out.csv")["code"] >= 200).all()
    assert not (tmp_path / "history" / "manifest.json").exists()


def test_unsorted_rows_and_identical_repeats_are_no_fault(tmp_path: Path) -> None:
    """The forecast is the same to the last digit."""
    rows = GOOD.splitlines(keepends=True)
    (tmp_path / "sorted.csv").write_text(HEADER + GOOD)
    (tmp_path / "shuffled.csv").write_text(HEADER + "".join(rows[::-1] + rows[:5]))
    for name in ("sorted", "shuffled"):
        with pytest.raises(SystemExit) as ended:
            main(
                [
                    *("forecast", "--history", str(tmp_path / f"{name}.csv")),
                    *("--out", str(tmp_path / f"{name}.parquet")),
                ]
            )
        assert not ended.value.code
    first, second = (pd.read_parquet(tmp_path / f"{n}.parquet") for n in ("sorted", "shuffled"))
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--horizon", "soon"), "unknown horizon 'soon'"),
        (("--as-of", "2026-01-03"), "has no zone"),
        (("--as-of", "2026-01-03T00:30:00Z"), "expected a full hour"),
        (("--weekly-seasonality", "maybe"), "must be auto, true or false, got 'maybe'"),
        (("--holidays-country", "Atlantis"), "no holidays are known for 'Atlantis'"),
        (("--out", "out.txt"), "expected a file ending in .parquet, .csv, .xlsx"),
        (("--out", "missing/out.csv"), "the folder missing does not exist"),
    ],
)
def test_a_wrong_call_ends_with_2(
    foresail: Foresail, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    """What the caller got wrong is told as theirs, before any work."""
    (tmp_path / "usage.csv").write_text(HEADER + GOOD)
    said = foresail("forecast", "--history", "usage.csv", "--out", "out.csv", *words)
    assert said.code == 2
    assert says in said.line


def test_a_missing_file_is_named(foresail: Foresail) -> None:
    """The path that was asked for stands in the message."""
    said = foresail("forecast", "--history", "nowhere.csv", "--out", "out.csv")
    assert said.code == 1
    assert "nowhere.csv" in said.line


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """Return a port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_an_unreachable_prometheus_is_named(
    foresail: Foresail, deaf_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Down or deaf: an end within the deadline, with the address."""
    monkeypatch.setenv("FORESAIL_PROMETHEUS_TIMEOUT_SECONDS", "1")
    for port in (free_port(), deaf_port):
        said = foresail("stage", f"http://127.0.0.1:{port}", "history", "--days", "1")
        assert said.code == 1
        assert f"127.0.0.1:{port}" in said.line


def test_an_unreachable_mlflow_is_named(
    foresail: Foresail, deaf_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    for port in (free_port(), deaf_port):
        said = foresail("registry", "list", "--tracking-uri", f"http://127.0.0.1:{port}")
        assert said.code == 1
        assert f"127.0.0.1:{port}" in said.line


def test_an_unreachable_object_store_is_named(
    foresail: Foresail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above, with the bucket."""
    (tmp_path / "usage.csv").write_text(HEADER + GOOD)
    monkeypatch.setenv("S3_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("S3_TIMEOUT_SECONDS", "1")
    said = foresail("stage", "usage.csv", "s3://mlpipeline/history")
    assert said.code == 1
    assert "127.0.0.1" in said.line


@pytest.mark.integration
def test_wrong_credentials_and_a_missing_bucket_are_named(
    foresail: Foresail, tmp_path: Path, s3_environment: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real S3 gateway says no; the message names the place and never the secret."""
    del s3_environment
    (tmp_path / "usage.csv").write_text(HEADER + GOOD)
    said = foresail("stage", "usage.csv", "s3://no-such-bucket/history")
    assert said.code == 1
    assert "no-such-bucket" in said.line
    monkeypatch.setenv("S3_SECRET_KEY", "guessed-secret")
    said = foresail("stage", "usage.csv", "s3://mlpipeline/history")
    assert said.code == 1
    assert "mlpipeline" in said.line
    assert "guessed-secret" not in said.line
