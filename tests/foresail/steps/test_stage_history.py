"""Staging as a step: what is wrong with the call is said before anything is asked or written."""

from pathlib import Path

import pytest

from foresail.errors import UsageError
from foresail.steps import stage_history


@pytest.fixture
def usage(tmp_path: Path) -> str:
    """Return a file of one hour."""
    file = tmp_path / "usage.csv"
    file.write_text("timestamp,cpu\n2025-01-01T00:00:00Z,1\n")
    return str(file)


def stage(source: str, tmp_path: Path, **options: str | int | Path) -> None:
    """Stage into the folder `history`."""
    given: dict[str, str | int | Path] = {"summary": tmp_path / "summary.md"}
    stage_history.run(source=source, history_uri=str(tmp_path / "history"), **(given | options))


def test_a_summary_without_its_folder_is_refused_first(usage: str, tmp_path: Path) -> None:
    """Nothing is published by a call that then fails."""
    with pytest.raises(UsageError, match=r"there is no folder .*nodir for s.md; make it first"):
        stage(usage, tmp_path, summary=tmp_path / "nodir" / "s.md")
    with pytest.raises(UsageError, match=r"expected a file for the summary, .* is a folder"):
        stage(usage, tmp_path, summary=tmp_path)
    assert not (tmp_path / "history").exists()


def test_queries_are_not_for_a_file(usage: str, tmp_path: Path) -> None:
    """They are PromQL, and would be ignored."""
    with pytest.raises(UsageError, match="the queries file is for a Prometheus, and the source is"):
        stage(usage, tmp_path, queries="nope.yaml")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cluster_label": "cluster"}, "brings the cluster it is named after; leave --cluster-lab"),
        ({"late_hours": -1}, "expected late hours of 0 or more, got -1"),
        ({"max_load": "high"}, "expected a load of low or normal, got 'high'"),
        ({"preset": "nope"}, "unknown preset 'nope'; use one of cadvisor"),
    ],
)
def test_an_option_that_cannot_be_is_refused_before_anyone_is_asked(
    options: dict[str, str | int], message: str, tmp_path: Path
) -> None:
    """With what it could be."""
    sources = "prod=http://127.0.0.1:1,dev=http://127.0.0.1:2"
    with pytest.raises(UsageError, match=message):
        stage(sources, tmp_path, **options)


def test_a_file_has_no_dry_run(usage: str, tmp_path: Path) -> None:
    """It is read whole."""
    with pytest.raises(UsageError, match="a file is read whole: there is no dry run"):
        stage_history.estimate(source=usage, history_uri=str(tmp_path / "history"))


@pytest.mark.parametrize("source", ["http://127.0.0.1:1", "usage.csv"])
def test_no_days_are_refused_whatever_the_source(source: str, tmp_path: Path) -> None:
    """Before anyone is asked."""
    with pytest.raises(UsageError, match="expected at least 1 day, got 0"):
        stage(source, tmp_path, days=0)


def test_days_before_1970_are_refused(tmp_path: Path) -> None:
    """However many are asked for, and whenever they shall end."""
    for options in ({"days": 10**9}, {"until": "0001-01-01T00:00:00Z"}):
        with pytest.raises(UsageError, match="expected a window after 1970, got"):
            stage("http://127.0.0.1:1", tmp_path, **options)


def test_an_end_in_the_far_future_is_now(usage: str, tmp_path: Path) -> None:
    """It does not reach for hours that have not been."""
    stage(usage, tmp_path, until="9999-12-31T23:59:59Z")
    assert (tmp_path / "summary.md").read_text().startswith("# History staged")


def test_a_wrong_variable_is_named(
    usage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line, by the name it has in the environment."""
    monkeypatch.setenv("S3_TIMEOUT_SECONDS", "soon")
    with pytest.raises(UsageError, match="S3_TIMEOUT_SECONDS"):
        stage(usage, tmp_path)


def test_a_file_in_the_place_of_the_history_is_said_so(usage: str, tmp_path: Path) -> None:
    """It is not called missing."""
    (tmp_path / "history").write_text("x")
    with pytest.raises(UsageError, match=r"cannot write below .*history: Not a directory"):
        stage(usage, tmp_path)
