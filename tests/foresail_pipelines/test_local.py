"""A compiled pipeline runs here as it is: outputs by name, and one line for a failure."""

import os
import time
from pathlib import Path

import pytest
from servers.tinypipelines import gathered, tiny

from foresail.errors import ForesailError, NotFound, UsageError
from foresail_pipelines.local import run
from foresail_pipelines.runlog import RunLog, TaskEvent, reason_in


def test_a_run_returns_what_each_task_made(tmp_path: Path) -> None:
    """Artifacts are paths, parameters are values, Metrics are numbers."""
    done = run(tiny(tmp_path), {"text": 'it\'s "x" '}, root=tmp_path / "runs")
    assert [t.name for t in done.tasks] == ["write", "read"]
    written = done.task("write")
    assert (written.artifacts["lines"] / "line").read_text() == 'it\'s "x" it\'s "x" '
    assert written.parameters == {"Output": 'it\'s "x" '}
    assert written.metrics == {"lines": 1.0}
    assert written.seconds > 0
    assert done.task("read").parameters == {"Output": 18.0}
    with pytest.raises(NotFound, match="no task 'sum' ran; these did: write, read"):
        done.task("sum")


def test_every_turn_of_a_loop_is_a_task_of_its_own(tmp_path: Path) -> None:
    """In the order of the list; what the turns made comes together in it too."""
    done = run(gathered(tmp_path), {"n": 5}, root=tmp_path / "runs")
    turns = [task for task in done.tasks if task.name == "keep"]
    assert [(turn.artifacts["kept"] / "number").read_text() for turn in turns] == list("01234")
    assert all(turn.seconds > 0 for turn in turns)
    assert done.task("keep") == turns[0]
    assert done.task("join").parameters == {"Output": "0,1,2,3,4"}


def test_a_turn_of_a_loop_that_fails_says_why(tmp_path: Path) -> None:
    """Though others run beside it and write into the same log."""
    with pytest.raises(ForesailError, match=r"^the task keep failed: turn 3 was told to fail"):
        run(gathered(tmp_path), {"n": 6, "fail_at": 3}, root=tmp_path / "runs")


def test_everything_lands_below_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner's temporary folders go there too, and are gone afterwards."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    file = tiny(tmp_path)
    done = run(file, {"text": "x"}, root=tmp_path / "runs")
    assert list(elsewhere.iterdir()) == []
    assert done.folder.parent == tmp_path / "runs"
    assert done.log == done.folder / "run.log"
    written = {p.name.partition("-")[0] for p in done.folder.iterdir()}
    assert written == {"run.log", "job.json", "tiny"}


def test_a_folder_may_have_a_space_and_the_word_python3(tmp_path: Path) -> None:
    """Kubeflow's runner replaces that word in every path of its command, unquoted."""
    root = tmp_path / "my python3 runs"
    done = run(tiny(tmp_path), {"text": "x"}, root=root)
    assert (done.task("write").artifacts["lines"] / "line").read_text() == "xx"


def test_tasks_are_told_as_they_start_and_end(tmp_path: Path) -> None:
    """A progress bar needs the name, the state and how many there are."""
    events: list[TaskEvent] = []
    run(tiny(tmp_path), {"text": "x"}, root=tmp_path / "runs", on_task=events.append)
    assert [(e.task, e.state, e.done, e.total) for e in events] == [
        ("write", "started", 0, 2),
        ("write", "succeeded", 1, 2),
        ("read", "started", 1, 2),
        ("read", "succeeded", 2, 2),
    ]


def test_a_failed_task_is_told_in_our_words(tmp_path: Path) -> None:
    """An error of ours counts, not the one that caused it."""
    with pytest.raises(
        ForesailError,
        match=r"^the task read failed: expected a number, got 'ours'; write one \(log: .*log\)$",
    ):
        run(tiny(tmp_path), {"text": "x", "fail": "ours"}, root=tmp_path / "runs")


def test_a_failed_task_is_told_by_its_first_traceback(tmp_path: Path) -> None:
    """Any other error is told as Python tells it."""
    with pytest.raises(
        ForesailError,
        match=r"the task read failed: ValueError: invalid literal for int\(\) .*: 'zz' \(log",
    ):
        run(tiny(tmp_path), {"text": "x", "fail": "zz"}, root=tmp_path / "runs")


def test_a_task_that_writes_like_the_runner_is_not_believed() -> None:
    """The runner indents what a task writes."""
    lines = ["    12:00:00.000 - INFO - Task 'x' finished with status FAILURE", "    last words"]
    assert reason_in(lines) == "last words"
    assert reason_in([]) == ""


def test_an_error_whose_message_begins_on_the_next_line_is_told() -> None:
    """The first line alone would say nothing."""
    lines = [
        "    Traceback (most recent call last):",
        '      File "x.py", line 1, in <module>',
        "    ValueError: ",
        "",
        "    three things are wrong",
        "    and this is the first",
    ]
    assert reason_in(lines) == "ValueError: three things are wrong"
    assert reason_in(lines[:3]) == "ValueError:"


def test_a_line_that_the_runner_lost_does_not_lose_a_task(tmp_path: Path) -> None:
    """Of two turns one never ended, nor did the last task: of a run that succeeded, they did."""
    log = tmp_path / "run.log"
    said = ["Executing task 'turn'", "Executing task 'turn'", "Task 'turn' finished with status"]
    said = [*said[:2], f"{said[2]} SUCCESS", "Executing task 'last'"]
    log.write_text("".join(f"12:00:00.000 - INFO - {line}\n" for line in said))
    events: list[TaskEvent] = []
    followed = RunLog(log, on_task=events.append, total=3)
    followed.advance()
    assert [event.state for event in events] == ["started", "started", "succeeded", "started"]
    followed.close()
    assert [(event.task, event.state) for event in events[4:]] == [
        ("turn", "succeeded"),
        ("last", "succeeded"),
    ]
    assert list(followed.seconds) == ["turn", "last"]


def test_the_environment_of_the_tasks_can_be_extended(tmp_path: Path) -> None:
    """Credentials are handed over by variable, and the caller's own environment stays as it was."""
    before = dict(os.environ)
    done = run(
        tiny(tmp_path),
        {"text": "$GREETING", "number": 1},
        root=tmp_path / "runs",
        environment={"GREETING": "hello"},
    )
    assert (done.task("write").artifacts["lines"] / "line").read_text() == "hello"
    assert dict(os.environ) == before


def test_an_interruption_ends_the_running_task(tmp_path: Path) -> None:
    """Nothing goes on working behind the prompt."""

    def interrupt(event: TaskEvent) -> None:
        raise KeyboardInterrupt(event.task)

    with pytest.raises(KeyboardInterrupt, match="write"):
        run(tiny(tmp_path), {"text": "x"}, root=tmp_path / "runs", on_task=interrupt)
    time.sleep(1)  # the two tasks would take half of it
    log = next((tmp_path / "runs").glob("*/run.log")).read_text()
    assert "finished with status" not in log
    assert "'write'" in log


@pytest.mark.parametrize(
    ("arguments", "told"),
    [({}, "needs a value for text"), ({"text": "x", "size": 1}, "has no parameter size")],
)
def test_wrong_parameters_are_told_before_anything_runs(
    tmp_path: Path, arguments: dict[str, object], told: str
) -> None:
    """Nothing is written for a call that cannot work."""
    with pytest.raises(UsageError, match=told):
        run(tiny(tmp_path), arguments, root=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
