"""Staging that is killed: whatever was under way, the next run makes the same history of it."""

import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from servers.big_history import staging
from servers.big_world import SMALL, UNTIL
from servers.fault_proxy import FaultProxy, Request, fault_proxy
from servers.rgw import OwnStore

from foresail.errors import Unreachable
from foresail.history import read_history
from foresail.history.manifest import load_manifest
from foresail.history.staging import JOURNALS
from foresail.objects import open_store
from foresail.settings import Settings
from foresail.steps import stage_history

pytestmark = pytest.mark.integration

SEED = 11
KILLS = 10
KNOWN_DAYS = 3
"""How much is staged before the run that is killed."""


@dataclass(frozen=True)
class Whole:
    """What an unbroken run did.

    Attributes:
        old: The history before it.
        old_digest: Of that.
        digest: Of the history after it.
        requests: How many it made.
        instants: At how many its queries were evaluated.
    """

    old: Path
    old_digest: str
    digest: str
    requests: int
    instants: int


def instants(proxy: FaultProxy) -> int:
    """Return at how many instants range queries were asked for."""
    return sum(request.instants for request in proxy.requests)


@pytest.fixture(scope="module")
def proxy(small_prometheus: str) -> Iterator[FaultProxy]:
    """Give a proxy in front of Prometheus; its address stays, so that a run can go on."""
    with fault_proxy(small_prometheus) as made:
        yield made


@pytest.fixture(scope="module")
def whole(proxy: FaultProxy, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Stage some days, copy that, and stage the rest without a break."""
    folder = tmp_path_factory.mktemp("whole")
    first = UNTIL - timedelta(days=SMALL.days - KNOWN_DAYS)
    asked = staging(proxy.url, folder / "history", folder, size=SMALL, until=first)
    old_digest = stage_history.run(**(asked | {"days": KNOWN_DAYS})).digest
    shutil.copytree(folder / "history", folder / "old")
    watch(proxy, 0)
    digest = stage_history.run(**staging(proxy.url, folder / "history", folder, size=SMALL)).digest
    asked_for = instants(proxy)
    return Whole(folder / "old", old_digest, digest, len(proxy.requests), asked_for)


@pytest.fixture(scope="module")
def start() -> Callable[[dict[str, Any]], ForkServerProcess]:
    """Return `start(asked)`: a staging run in a process of its own, which loads nothing first."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["foresail.steps.stage_history"])

    def started(asked: dict[str, Any]) -> ForkServerProcess:
        process = context.Process(target=stage_history.run, kwargs=asked, daemon=True)
        process.start()
        return process

    return started


def watch(proxy: FaultProxy, number: int) -> threading.Event:
    """Count anew, and return an event that is set when so many requests have come."""
    reached = threading.Event()

    def look(request: Request) -> None:
        if request.number == number:
            reached.set()

    proxy.forget()
    proxy.plan = look
    return reached


def moments(requests: int) -> list[tuple[int, float]]:
    """Return after which request, and how many seconds later, each run is killed.

    The last three are killed when all answers are there, and only writing is left.
    """
    rng = np.random.default_rng(SEED)
    numbers = [*rng.integers(1, requests + 1, size=KILLS - 3).tolist(), *[requests] * 3]
    return list(zip(numbers, rng.uniform(0, 0.03, size=KILLS).tolist(), strict=True))


@pytest.mark.parametrize("kill", range(KILLS))
def test_a_killed_run_is_gone_on_with(
    proxy: FaultProxy,
    whole: Whole,
    start: Callable[[dict[str, Any]], ForkServerProcess],
    tmp_path: Path,
    kill: int,
) -> None:
    """Readers keep the old state; the next run asks for what is missing, to the same digest."""
    number, later = moments(whole.requests)[kill]
    told = f"seed {SEED}: killed {later:.3f} s after request {number} of {whole.requests}"
    print(told)  # noqa: T201  # to do it again
    history = tmp_path / "history"
    shutil.copytree(whole.old, history)
    asked = staging(proxy.url, history, tmp_path, size=SMALL)
    reached = watch(proxy, number)
    process = start(asked)
    assert reached.wait(60)
    process.join(later)
    process.kill()
    process.join(60)
    published = load_manifest(open_store(str(history), Settings())).digest
    assert published in {whole.old_digest, whole.digest}  # never anything between them
    read_history(str(history), settings=Settings(), digest=whole.old_digest)
    left = any((history / JOURNALS).glob("*.json"))
    watch(proxy, 0)
    again = start(asked)
    again.join(60)
    assert again.exitcode == 0
    assert read_history(str(history), settings=Settings()).manifest.digest == whole.digest
    assert instants(proxy) < whole.instants if left else instants(proxy) <= whole.instants
    assert not any((history / JOURNALS).glob("*.json"))


def test_the_killed_command_is_gone_on_with(
    proxy: FaultProxy, whole: Whole, tmp_path: Path
) -> None:
    """`foresail stage` called again the same way finishes what it had begun."""
    asked = staging(proxy.url, tmp_path / "history", tmp_path, size=SMALL)
    words = [f"--{name}={asked[name]}" for name in ("cluster", "scopes", "days", "until")]
    program = str(Path(sys.executable).with_name("foresail"))
    command = [program, "stage", asked["source"], asked["history_uri"], *words]
    shutil.copytree(whole.old, tmp_path / "history")
    reached = watch(proxy, whole.requests - 2)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert reached.wait(60)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    watch(proxy, 0)
    again = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert again.stdout.strip() == whole.digest
    assert 0 < instants(proxy) < whole.instants


@pytest.fixture
def before_store(own_store: OwnStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """Give a proxy in front of a gateway that may be killed, where Foresail looks for it."""
    with fault_proxy(own_store.server.endpoint) as made:
        for name, value in own_store.server.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("S3_ENDPOINT", made.url)
        yield made


def test_a_gateway_killed_between_uploads_leaves_the_old_state(
    before_store: FaultProxy, own_store: OwnStore, proxy: FaultProxy, whole: Whole, tmp_path: Path
) -> None:
    """The run fails by name; readers have the old state until the manifest of the next is there."""
    own_store.server.client().make_bucket("killed")
    history, manifest = "s3://killed/history", "/killed/history/manifest.json"
    watch(proxy, 0)
    first = UNTIL - timedelta(days=SMALL.days - KNOWN_DAYS)
    asked = staging(proxy.url, history, tmp_path, size=SMALL, until=first) | {"days": KNOWN_DAYS}
    assert stage_history.run(**asked).digest == whole.old_digest

    uploads: list[str] = []

    def kill(request: Request) -> None:
        uploads.extend([request.path] if request.method == "PUT" else [])
        if len(uploads) == 8 and own_store.gateway.poll() is None:
            own_store.kill()

    before_store.plan = kill
    with pytest.raises(Unreachable, match=r"did not answer for history/\S+ in bucket killed"):
        stage_history.run(**staging(proxy.url, history, tmp_path, size=SMALL))
    own_store.restart()
    direct = own_store.server.settings()
    assert read_history(history, settings=direct).manifest.digest == whole.old_digest

    seen: list[tuple[str, str]] = []

    def look(request: Request) -> None:
        if request.method == "PUT":
            seen.append((request.path, load_manifest(open_store(history, direct)).digest))

    before_store.plan = look
    again = stage_history.run(**staging(proxy.url, history, tmp_path, size=SMALL))
    assert again.digest == whole.digest
    assert {digest for _, digest in seen} == {whole.old_digest}
    assert [path for path, _ in seen].index(manifest) == len(seen) - 1
    assert read_history(history, settings=direct).manifest.digest == whole.digest
