"""Follow a local run through the log that Kubeflow's runner writes."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# A task's own lines are indented by the runner, so that they never look like these.
_STAMP = r"^\d\d:\d\d:\d\d\.\d{3} - (?:INFO|ERROR) - "
_STARTED = re.compile(_STAMP + r"Executing task '([^']+)'$")
_ENDED = re.compile(_STAMP + r"Task '([^']+)' finished with status (SUCCESS|FAILURE)$")
_OURS = re.compile(r"^\s*foresail\.errors\.\w+: (.+)$")
_TRACEBACK = re.compile(r"^(\s*)Traceback \(most recent call last\):$")


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """A task started or ended.

    Attributes:
        task: Its name.
        state: What happened.
        seconds: How long it ran; 0 at the start.
        done: How many tasks have succeeded by now.
        total: How many the pipeline has; a loop runs some of them more than once.
    """

    task: str
    state: Literal["started", "succeeded", "failed"]
    seconds: float
    done: int
    total: int


class RunLog:
    """Reads a growing log and tells which task starts and ends."""

    def __init__(self, path: Path, *, on_task: Callable[[TaskEvent], None], total: int) -> None:
        self.path = path
        # by task, in the order in which they started; the turns of a loop together
        self.seconds: dict[str, float] = {}
        self._on_task = on_task
        self._total = total
        self._read = 0
        self._rest = b""
        self._started: dict[str, list[float]] = {}
        self._followed: dict[str, float] = {}
        self._lines: dict[str, list[str]] = {}
        self._current = ""
        self._failed = ""
        self._done = 0

    def advance(self) -> None:
        """Read what was written since, and report it."""
        with self.path.open("rb") as log:
            log.seek(self._read)
            new = log.read()
        self._read += len(new)
        *whole, self._rest = (self._rest + new).split(b"\n")
        for raw in whole:
            self._line(_COLOUR.sub("", raw.decode("utf-8", errors="replace")).rstrip())

    def close(self) -> None:
        """Say of every task that it succeeded, once the whole run has.

        Where two turns of a loop run side by side, the runner may lose the line that ends one.
        """
        for task, running in self._started.items():
            end = self._followed.get(task, time.monotonic())
            while running:
                self._end(task, end, succeeded=True)

    def failure(self, pipeline: str) -> str:
        """Return one line that names the failed task and its error."""
        lines = self._lines.get(self._failed or self._current, [])
        reason = reason_in(lines) or "it said nothing"
        what = f"the task {self._failed}" if self._failed else f"the pipeline {pipeline}"
        return f"{what} failed: {reason} (log: {self.path})"

    def _line(self, line: str) -> None:
        self._lines.setdefault(self._current, []).append(line)
        if started := _STARTED.match(line):
            self._begin(started[1], time.monotonic())
        elif ended := _ENDED.match(line):
            self._end(ended[1], time.monotonic(), succeeded=ended[2] == "SUCCESS")

    def _begin(self, task: str, now: float) -> None:
        for other, running in self._started.items():
            if running and other != task:
                self._followed.setdefault(other, now)
        self._followed.pop(task, None)
        running = self._started.setdefault(task, [])
        if not running:  # else another turn of a loop: what it says is still to be read
            self._lines[task] = []
        running.append(now)
        self._current = task
        self.seconds.setdefault(task, 0.0)
        self._tell(task, "started", 0.0)

    def _end(self, task: str, now: float, *, succeeded: bool) -> None:
        running = self._started.get(task)
        # whichever turn of a loop has ended: their sum is the same
        seconds = now - (running.pop(0) if running else now)
        self.seconds[task] = self.seconds.get(task, 0.0) + seconds
        if succeeded:
            self._done += 1
            self._tell(task, "succeeded", seconds)
        else:
            self._failed = task
            self._tell(task, "failed", seconds)

    def _tell(
        self, task: str, state: Literal["started", "succeeded", "failed"], seconds: float
    ) -> None:
        self._on_task(TaskEvent(task, state, seconds, self._done, self._total))


def reason_in(lines: list[str]) -> str:
    """Return the error that a task's lines tell: ours in its words, else the first traceback's."""
    for line in lines:
        if ours := _OURS.match(line):
            return ours[1]
    for number, line in enumerate(lines):
        if traceback := _TRACEBACK.match(line):
            indent = traceback[1]
            rest = [after for after in lines[number + 1 :] if after.strip()]
            for place, after in enumerate(rest):
                if not after.startswith(indent + " "):
                    first = after.strip()
                    # a message that begins with a line break: its words stand below
                    below = rest[place + 1 : place + 2] if first.endswith(":") else []
                    return " ".join([first, *(line.strip() for line in below)])
    told = [line.strip() for line in lines if line.strip()]
    return told[-1] if told else ""
