"""What a local run left behind: each task's outputs by name."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foresail.errors import ForesailError, NotFound


@dataclass(frozen=True, slots=True)
class TaskRun:
    """What one task made; one of a loop stands once for each turn of it.

    Attributes:
        name: The task.
        seconds: How long it ran; a turn of a loop, as long as all of them in the mean.
        artifacts: Path by output name.
        parameters: Value by output name.
        metrics: Numbers that its `Metrics` outputs hold.
    """

    name: str
    seconds: float
    artifacts: Mapping[str, Path]
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LocalRun:
    """What a run made.

    Attributes:
        folder: Holds everything.
        log: What the runner and the tasks wrote.
        tasks: In the order in which they started, the turns of a loop one after the other.
    """

    folder: Path
    log: Path
    tasks: tuple[TaskRun, ...]

    def task(self, name: str) -> TaskRun:
        """Return the task called `name`; of a loop, its first turn.

        Raises:
            NotFound: No task of that name ran.
        """
        for task in self.tasks:
            if task.name == name:
                return task
        raise NotFound(f"no task {name!r} ran; these did: {', '.join(t.name for t in self.tasks)}")


def read_run(folder: Path, *, log: Path, seconds: Mapping[str, float]) -> LocalRun:
    """Return what the run in `folder` made.

    Args:
        folder: The run's own folder; holds one folder of the pipeline with one per task.
        log: Its log.
        seconds: By task, in the order in which they started.
    """
    tasks = []
    for name, duration in seconds.items():
        turns = sorted(_homes(folder, name), key=_turn)
        if not turns:
            raise ForesailError(f"expected the outputs of {name} below {folder}; there are none")
        share = duration / len(turns)
        tasks += [_read_task(name, home / "executor_output.json", share) for home in turns]
    return LocalRun(folder, log, tuple(tasks))


def _homes(folder: Path, name: str) -> list[Path]:
    """Return where a task left its outputs: in the pipeline's folder, or in each turn of a loop."""
    return [*folder.glob(f"*/{name}"), *folder.glob(f"*/for-loop-*-iteration-*/{name}")]


def _turn(home: Path) -> int:
    return int(home.parent.name.rpartition("-")[2])


def _read_task(name: str, file: Path, seconds: float) -> TaskRun:
    output = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    artifacts: dict[str, Path] = {}
    metrics: dict[str, float] = {}
    for key, group in output.get("artifacts", {}).items():
        artifacts[key] = file.parent / key
        for artifact in group["artifacts"]:
            numbers = artifact.get("metadata", {}).items()
            metrics |= {n: float(v) for n, v in numbers if isinstance(v, int | float)}
    return TaskRun(name, seconds, artifacts, output.get("parameterValues", {}), metrics)
