"""Sync as a process: until it is told to stop, or until whoever started it is gone."""

import random
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from foresail.errors import ForesailError, UsageError
from foresail.registry.client import RegistryClient
from foresail_serving.settings import SyncSettings
from foresail_serving.sync.syncer import Syncer


def run_sync(settings: SyncSettings, *, once: bool = False, with_parent: bool = False) -> None:
    """Follow the registry.

    Args:
        settings: Where the cache and the registry are.
        once: Look once and return.
        with_parent: Stop when standard input closes, as it does when the parent dies, however
            it dies.

    Raises:
        UsageError: No registry is named.
        ForesailError: The cache cannot be written; or `once`, and a model could not be brought,
            but the others were.
    """
    if not settings.tracking_uri:
        raise UsageError("no MLflow is named; set MLFLOW_TRACKING_URI or give --tracking-uri")
    syncer = Syncer(
        settings.cache_dir,
        RegistryClient(settings.tracking_uri, timeout_seconds=settings.sync_timeout_seconds),
        models=settings.models,
        alias=settings.alias,
        seconds=settings.sync_seconds,
    )
    _make(settings.cache_dir)
    if once:
        syncer.sweep()
        syncer.look()
        if syncer.troubles:
            raise ForesailError("; ".join(syncer.troubles))
        return
    stop = threading.Event()
    _stop_on_signals(stop)
    if with_parent:
        threading.Thread(target=_until_input_closes, args=(stop,), daemon=True).start()
    syncer.run(stop, jitter=random.Random())  # noqa: S311  # spreads replicas, hides nothing


def _make(cache: Path) -> None:
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ForesailError(
            f"cannot write the cache {cache}: {error.strerror}; choose another with --cache"
        ) from error


def _stop_on_signals(stop: threading.Event) -> None:
    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)


def _until_input_closes(stop: threading.Event) -> None:
    sys.stdin.buffer.read()
    stop.set()
