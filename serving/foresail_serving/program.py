"""Run the server, and sync beside it, as one program on a laptop."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
import uvicorn

from foresail.errors import NotFound, UsageError
from foresail_serving.app import create_app
from foresail_serving.settings import ServeSettings

_STOP_SECONDS = 5
_READY_SECONDS = 120
_POLL_SECONDS = 0.05
_BACKLOG = 2048


def run_server(
    settings: ServeSettings,
    *,
    announce: Callable[[str], None],
    tracking_uri: str = "",
    until_ready: bool = False,
) -> None:
    """Serve until stopped.

    Args:
        settings: Of the server.
        announce: Told the server's URL once it listens.
        tracking_uri: MLflow that sync follows; empty serves what the cache holds.
        until_ready: Stop again at the first forecast that can be answered.

    Raises:
        NotFound: `until_ready`, and no forecast has come within two minutes.
        UsageError: The address cannot be listened on.
    """
    listening = _listen(settings)
    url = _url(listening)
    config = uvicorn.Config(
        create_app(settings),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    server = uvicorn.Server(config)
    ready = threading.Event()

    def watch() -> None:
        while not server.started and not server.should_exit:
            time.sleep(_POLL_SECONDS)
        announce(url)
        if until_ready:
            _wait_ready(url, ready)
            server.should_exit = True

    # Uvicorn raises the signal again when it has stopped; without this the process would die of
    # it before sync was told.
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    with _sync(settings, tracking_uri), listening:
        threading.Thread(target=watch, daemon=True).start()
        try:
            server.run(sockets=[listening])
        except KeyboardInterrupt:
            return
    if until_ready and not ready.is_set():
        raise NotFound(
            f"expected a forecast within {_READY_SECONDS} s, none came; is one promoted?"
        )


def _listen(settings: ServeSettings) -> socket.socket:
    host, port = settings.listen_host, settings.listen_port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle off only where the protocol is named: without it each answer waits 40 ms
    # for the client's delayed acknowledgement.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise UsageError(
            f"cannot listen on {host} port {port}: {reason}; choose another with --port"
        ) from error
    return listening


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _wait_ready(url: str, ready: threading.Event) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{url}/readyz", timeout=5).close()  # noqa: S310  # our own URL
        except OSError:  # HTTPError is one: 503 until there is a forecast
            time.sleep(_POLL_SECONDS)
        else:
            ready.set()
            return


@contextmanager
def _sync(settings: ServeSettings, tracking_uri: str) -> Iterator[None]:
    """Run sync beside the server; it stops when its input closes, so even if we are killed."""
    if not tracking_uri:
        structlog.get_logger("foresail.serve").info(
            "no MLflow named, serving what the cache holds", cache=str(settings.cache_dir)
        )
        yield
        return
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": tracking_uri,
        "FORESAIL_CACHE_DIR": str(settings.cache_dir),
        "FORESAIL_MODELS": ",".join(settings.models),
    }
    command = [sys.executable, "-m", "foresail_serving.sync", "--with-parent"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as child:  # noqa: S603  # our own module
        try:
            yield
        finally:
            _stop(child)


def _stop(child: subprocess.Popen[bytes]) -> None:
    if child.stdin is not None:
        child.stdin.close()
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
