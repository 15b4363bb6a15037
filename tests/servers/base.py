"""What every test server needs: a free port, a wait, and a skip that names the missing package."""

import os
import shutil
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NoReturn

import pytest


def require(program: str, *, package: str) -> str:
    """Return the program's path; skip by name without it, or fail where servers are required."""
    found = shutil.which(program)
    if found is None:
        unable(f"needs {program}: install the Debian package {package}")
    return found


def unable(message: str) -> NoReturn:
    """Skip by name what cannot be run here, or fail where everything is required."""
    if os.environ.get("FORESAIL_REQUIRE_SERVERS") == "1":
        pytest.fail(message)
    pytest.skip(message)


def free_port() -> int:
    """Return a TCP port on 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_http(url: str, *, seconds: float, log: Path | None = None) -> None:
    """Return when the URL answers at all (any status); fail with the log's end otherwise."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=2).close()  # noqa: S310  # loopback
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    tail = log.read_text(errors="replace")[-2000:] if log and log.exists() else ""
    pytest.fail(f"{url} did not answer within {seconds} s\n{tail}")
