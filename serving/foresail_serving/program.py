"""Run the server, and sync beside it, as one program on a laptop."""

import contextlib
import os
import resource
import socket
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager

import structlog

from foresail.errors import ForesailError, NotFound, UsageError
from foresail_serving.app import create_app
from foresail_serving.cache import read_sync_state
from foresail_serving.child import SyncChild
from foresail_serving.front.drain import Drain
from foresail_serving.front.refusals import Refusals
from foresail_serving.front.server import GuardedServer
from foresail_serving.settings import ServeSettings

_READY_SECONDS = 120
_POLL_SECONDS = 0.05
_BACKLOG = 2048
_MOST_FILES = 65536


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
        ForesailError: The address cannot be listened on; or `until_ready`, and sync has ended.
        UsageError: There is no such address.
    """
    listening = _listen(settings)
    url = _url(listening)
    child = SyncChild()
    drain, refusals = Drain(), Refusals()
    app = create_app(settings, child=child, drain=drain, refusals=refusals)
    _allow_many_connections()
    server = GuardedServer(app, settings, listening=listening, drain=drain, refusals=refusals)
    ready = threading.Event()

    def watch() -> None:
        while not server.started and not server.should_exit:
            time.sleep(_POLL_SECONDS)
        announce(url)
        if until_ready:
            _wait_ready(url, ready, child)
            server.should_exit = True

    try:
        with _sync(child, settings, tracking_uri), listening:
            threading.Thread(target=watch, daemon=True).start()
            server.run()
    except KeyboardInterrupt:  # before the server could take it, or while sync was ending
        return
    if until_ready and not ready.is_set():
        raise _not_ready(settings, child)


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
    except socket.gaierror as error:
        listening.close()
        raise UsageError(f"expected an address of this machine as --host, got {host!r}") from error
    except OSError as error:
        listening.close()
        reason = os.strerror(error.errno) if error.errno else error.strerror
        raise ForesailError(
            f"cannot listen on {host} port {port}: {reason}; choose another with --port"
        ) from error
    return listening


def _allow_many_connections() -> None:
    """Raise the soft limit of open files, which is 1,024 where nobody has thought of it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(OSError, ValueError):  # macOS has a lower limit of its own
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _wait_ready(url: str, ready: threading.Event, child: SyncChild) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and not child.ended:
        try:
            urllib.request.urlopen(f"{url}/readyz", timeout=5).close()  # noqa: S310  # our own URL
        except OSError:  # HTTPError is one: 503 until there is a forecast
            time.sleep(_POLL_SECONDS)
        else:
            ready.set()
            return


def _not_ready(settings: ServeSettings, child: SyncChild) -> ForesailError:
    if child.ended:
        return ForesailError(f"no forecast has come: {child.ended}")
    state = read_sync_state(settings.cache_dir)
    told = "; ".join(text for _, text in sorted(state.messages.items())) if state else ""
    return NotFound(
        f"expected a forecast within {_READY_SECONDS} s, none came; {told or 'is one promoted?'}"
    )


def _sync(
    child: SyncChild, settings: ServeSettings, tracking_uri: str
) -> AbstractContextManager[None]:
    if tracking_uri:
        return child.running(settings, tracking_uri=tracking_uri)
    structlog.get_logger("foresail.serve").info(
        "no MLflow named, serving what the cache holds", cache=str(settings.cache_dir)
    )
    return contextlib.nullcontext()
