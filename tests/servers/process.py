"""`foresail serve` as a process of its own, so that it can be signalled, limited and killed."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from factories import bundles

from servers.base import free_port
from servers.foresail import Client

SERVE = "from foresail_serving.command import app; app()"


def command(cache: Path, port: int) -> list[str]:
    """Return the command line of a server over a cache folder."""
    return [sys.executable, "-c", SERVE, "--port", str(port), "--cache", str(cache)]


def environment(**settings: float) -> dict[str, str]:
    """Return the environment of a server without MLflow; settings are named as its fields are."""
    known = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    given = {f"FORESAIL_{name.upper()}": str(value) for name, value in settings.items()}
    return {**known, "FORESAIL_ACCESS_LOG": "false", "FORESAIL_WATCH_SECONDS": "0.05", **given}


@contextmanager
def process(
    cache: Path, *, port: int = 0, before: Sequence[str] = (), **settings: float
) -> Iterator[tuple[Client, subprocess.Popen[bytes]]]:
    """Run a server until the block ends, or the test has ended it.

    Args:
        cache: Folder of the bundles.
        port: To listen on; 0 takes a free one.
        before: A program that starts it, such as one that limits it.
        settings: Of the server, named as its fields are.
    """
    port = port or free_port()
    started = [*before, *command(cache, port)]
    with subprocess.Popen(
        started, env=environment(**settings), stdout=subprocess.DEVNULL
    ) as server:
        client = Client(port)
        try:
            client.wait("/livez", 200)
            yield client, server
        finally:
            if server.poll() is None:
                server.send_signal(signal.SIGINT)
                server.wait(15)


def published(cache: Path) -> Path:
    """Publish a forecast of cpu that was trained until last midnight, and return the cache."""
    midnight = datetime.now(tz=UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    bundles.publish(cache, trained_until=midnight)
    return cache


def cpu_seconds(server: subprocess.Popen[bytes]) -> float:
    """Return the processor time that a process has used, its threads' included."""
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_bytes(server: subprocess.Popen[bytes]) -> int:
    """Return the memory that a process holds at present."""
    return int(Path(f"/proc/{server.pid}/statm").read_text().split()[1]) * resource.getpagesize()
