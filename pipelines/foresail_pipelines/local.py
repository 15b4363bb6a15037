"""Run a compiled pipeline on this machine, in this environment: the file that a cluster runs."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from foresail.errors import ForesailError
from foresail_pipelines import spec as specs
from foresail_pipelines.graph import component_name
from foresail_pipelines.plain import check_plain
from foresail_pipelines.runlog import RunLog, TaskEvent
from foresail_pipelines.runs import LocalRun, read_run

LOG = "run.log"


def run(
    file: Path,
    arguments: Mapping[str, Any],
    *,
    root: Path,
    environment: Mapping[str, str] | None = None,
    on_task: Callable[[TaskEvent], None] = lambda _: None,
) -> LocalRun:
    """Run a compiled pipeline with Kubeflow's local runner and return what its tasks made.

    Args:
        file: Compiled YAML.
        arguments: Values of the pipeline's parameters; those with a default may be left out.
        root: A folder of its own is made in it; it gets everything the run writes, logs included.
        environment: Variables for the tasks besides this process's own, such as credentials.
        on_task: Called when a task starts and ends.

    Raises:
        UsageError: A parameter is missing or unknown, or a task would refuse its value.
        ForesailError: A task failed; the message names it and its error.
    """
    spec = specs.load(file)
    specs.check_complete(spec, arguments)
    check_plain(arguments)
    root.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=root)).resolve()
    scratch = folder / "tmp"
    scratch.mkdir()
    job = folder / "job.json"
    content = {"file": str(file.resolve()), "root": str(folder), "arguments": dict(arguments)}
    job.write_text(json.dumps(content), encoding="utf-8")
    log = RunLog(folder / LOG, on_task=on_task, total=_leaf_tasks(spec))
    try:
        code = _run_child(job, log, environment={**_environment(scratch), **(environment or {})})
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if code != 0:
        raise ForesailError(log.failure(specs.name(spec)))
    log.close()
    return read_run(folder, log=folder / LOG, seconds=log.seconds)


def _leaf_tasks(spec: specs.Spec) -> int:
    parts = [spec["root"], *spec["components"].values()]
    return sum(
        1
        for part in parts
        for task in part.get("dag", {}).get("tasks", {}).values()
        if "dag" not in spec["components"].get(component_name(task), {})
    )


def _environment(scratch: Path) -> dict[str, str]:
    """Return this process's environment, changed so that tasks find this very interpreter."""
    programs = Path(sys.executable).parent
    if not (programs / "python3").exists():
        raise ForesailError(f"expected python3 beside {sys.executable}; use a virtual environment")
    return {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONSAFEPATH": "1",  # a file in the working folder must not shadow a module
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(scratch),  # each task leaves its program in a temporary folder
    }


def _run_child(job: Path, log: RunLog, *, environment: Mapping[str, str]) -> int:
    with log.path.open("wb") as sink:
        child = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-m", "foresail_pipelines._local_child", str(job)],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,  # so that an interruption reaches the running task too
        )
        try:
            while child.poll() is None:
                log.advance()
                time.sleep(0.05)
        finally:
            if child.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGTERM)
                child.wait()
    log.advance()
    return child.returncode
