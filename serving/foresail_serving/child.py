"""Sync as a child of the server, and what becomes of it."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from foresail_serving.settings import ServeSettings

_STOP_SECONDS = 5


class SyncChild:
    """Sync beside the server.

    Attributes:
        ended: Why it ended although nobody stopped it, as a sentence; empty while all is well,
            and where there is none.
    """

    def __init__(self) -> None:
        self.ended = ""
        self._stopping = False

    @contextmanager
    def running(self, settings: ServeSettings, *, tracking_uri: str) -> Iterator[None]:
        """Run sync within this; it stops when its input closes, so even if we are killed."""
        environment = {
            **os.environ,
            "MLFLOW_TRACKING_URI": tracking_uri,
            "FORESAIL_CACHE_DIR": str(settings.cache_dir),
            "FORESAIL_MODELS": ",".join(settings.models),
        }
        command = [sys.executable, "-m", "foresail_serving.sync", "--with-parent"]
        # in a group of its own, Ctrl-C does not reach it: it ends when we say so, and only then
        with subprocess.Popen(  # noqa: S603  # our own module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            process_group=0,
        ) as process:
            watching = threading.Thread(target=self._watch, args=(process,), daemon=True)
            watching.start()
            try:
                yield
            finally:
                self._stopping = True
                _stop(process)
                watching.join(_STOP_SECONDS)

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for its end; what it says on its output is why."""
        said = process.stdout.read() if process.stdout is not None else b""
        code = process.wait()
        if self._stopping:
            return
        why = " ".join(said.decode(errors="replace").split()) or _meaning(code)
        self.ended = (
            f"sync has ended ({why}); nothing new arrives until the server is started again"
        )
        structlog.get_logger("foresail.serve").error("sync ended", code=code, reason=why)


def _meaning(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
