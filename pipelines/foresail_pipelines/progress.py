"""Show a local run's tasks while they run, on stderr."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from foresail_pipelines.runlog import TaskEvent


class TaskProgress:
    """A progress bar that takes task events, for `foresail_pipelines.local.run(on_task=...)`."""

    def __init__(self, console: Console | None = None) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f} of {task.total:.0f}"),
            TimeElapsedColumn(),
            console=console or Console(stderr=True),
            transient=True,
        )
        self._bar = self._progress.add_task("starting", total=1)

    def __call__(self, event: TaskEvent) -> None:
        """Show what is running now."""
        self._progress.update(
            self._bar, description=event.task, completed=event.done, total=max(event.total, 1)
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()
