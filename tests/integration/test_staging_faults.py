"""Staging although something fails: a limit, a network, a store. The whole history, or none of it.

The servers are real ones; what fails between them and Foresail is done by a proxy.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from servers.big_history import filled, staging
from servers.big_world import MORE_HOURS, SMALL, UNTIL
from servers.fault_proxy import (
    HEALING,
    PASS,
    Fault,
    FaultProxy,
    Kind,
    Request,
    fault_proxy,
    in_turn,
    never,
    seeded,
)
from servers.prometheus import prometheus_over
from servers.rgw import S3Server

from foresail.errors import AccessDenied, BadInput, ForesailError, NotFound, Unreachable
from foresail.history import read_history
from foresail.history.connection import Connection, TooManySamples
from foresail.history.reader import RangeReader, Span
from foresail.settings import Settings, read_settings
from foresail.steps import stage_history

pytestmark = pytest.mark.integration

SEEDS = range(6)
MIB = 1024 * 1024


def parts_in(history: Path) -> dict[str, bytes]:
    """Return the published parts, each with its bytes."""
    manifest = read_history(str(history), settings=Settings()).manifest
    return {part.key: (history / part.key).read_bytes() for part in manifest.parts}


@pytest.fixture(scope="module")
def whole(small_prometheus: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a history that was staged without any fault."""
    folder = tmp_path_factory.mktemp("whole")
    stage_history.run(**staging(small_prometheus, folder / "history", folder, size=SMALL))
    return folder / "history"


@pytest.fixture(scope="module")
def before_prometheus(small_prometheus: str) -> Iterator[FaultProxy]:
    """Give a proxy in front of Prometheus."""
    with fault_proxy(small_prometheus) as proxy:
        yield proxy


@pytest.fixture
def proxy(before_prometheus: FaultProxy) -> FaultProxy:
    """Give the same as if it were new."""
    before_prometheus.plan = never
    before_prometheus.forget()
    return before_prometheus


# -- limits of the server ----------------------------------------------------------------------


def test_few_samples_a_query_make_more_queries(whole: Path, tmp_path: Path) -> None:
    """Not another history: the answers are joined to the same bytes."""
    data = filled("prometheus", SMALL)
    with prometheus_over(data, tmp_path, "--query.max-samples=3000") as server:
        stage_history.run(**staging(server.url, tmp_path / "history", tmp_path, size=SMALL))
    assert parts_in(tmp_path / "history") == parts_in(whole)
    (run,) = read_history(str(tmp_path / "history"), settings=Settings()).manifest.runs
    (plain,) = read_history(str(whole), settings=Settings()).manifest.runs
    assert run.effort.requests > 3 * plain.effort.requests
    assert run.effort.points == plain.effort.points


def test_little_time_a_query_makes_shorter_queries(small_prometheus: str, tmp_path: Path) -> None:
    """Not another history; a slow server is left alone for a moment before it is asked again."""
    calm, hurried = tmp_path / "calm", tmp_path / "hurried"
    some: dict[str, Any] = {"scopes": "workload", "metrics": "memory", "days": 3}
    stage_history.run(**(staging(small_prometheus, calm, tmp_path, size=SMALL) | some))
    data = filled("prometheus", SMALL)
    with prometheus_over(data, tmp_path, "--query.timeout=50ms") as server:
        stage_history.run(**(staging(server.url, hurried, tmp_path, size=SMALL) | some))
    assert parts_in(hurried) == parts_in(calm)
    requests = [
        read_history(str(history), settings=Settings()).manifest.runs[0].effort.requests
        for history in (calm, hurried)
    ]
    assert requests[1] > requests[0]


def test_more_points_than_a_server_gives_are_asked_for_in_pieces(small_prometheus: str) -> None:
    """Prometheus refuses 11,002 points a series; the reader gets 12,000, and no instant twice."""
    connection = Connection(small_prometheus, settings=Settings())
    span = Span(int(UNTIL.timestamp()) - 12_000 * 60, 60, 12_000)
    text = "sum by (namespace) (container_memory_working_set_bytes)"
    asked = {"query": text, "start": str(span.start), "step": "60"}
    end = str(span.start + 11_001 * 60)
    with pytest.raises(TooManySamples, match=r"as too large \(400: exceeded maximum resolution"):
        connection.get("/api/v1/query_range", asked | {"end": end}, what="too much")
    names = ("namespace",)
    found = RangeReader(connection).read([text], span, names=names, what="memory", series=30)
    fine = RangeReader(connection, budget=3000).read([text], span, names=names, what="memory")
    connection.close()
    assert found.labels == fine.labels
    np.testing.assert_array_equal(found.values, fine.values)
    assert found.duplicates == {}


# -- the way to the server ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*HEALING, "lose", "half-json"])
def test_what_heals_is_asked_again(
    proxy: FaultProxy, whole: Path, tmp_path: Path, kind: Kind
) -> None:
    """The history is the same to the byte, and only the failed request was made twice."""
    fault = Fault(kind, seconds=1 if kind == "busy" else 0.3)
    plain = read_history(str(whole), settings=Settings()).manifest.runs[0].effort
    proxy.plan = lambda request: fault if request.number == 14 else None
    stage_history.run(**staging(proxy.url, tmp_path / "history", tmp_path, size=SMALL))
    assert proxy.done == {kind: 1}
    assert parts_in(tmp_path / "history") == parts_in(whole)
    again = 0 if kind in {"wait", "drip"} else 1
    assert len(proxy.requests) == plain.requests + again


def test_an_answer_that_hangs_is_given_up_and_asked_again(
    proxy: FaultProxy, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline is ours; the server's silence costs no more than that."""
    monkeypatch.setenv("FORESAIL_PROMETHEUS_TIMEOUT_SECONDS", "2")
    proxy.plan = lambda request: Fault("wait", seconds=60) if request.number == 14 else None
    stage_history.run(**staging(proxy.url, tmp_path / "history", tmp_path, size=SMALL))
    assert parts_in(tmp_path / "history") == parts_in(whole)


def test_a_bomb_is_not_unpacked(proxy: FaultProxy, whole: Path, tmp_path: Path) -> None:
    """An answer that grows beyond any sense is left, and less is asked for."""
    bomb = Fault("bomb", bytes_unpacked=200 * MIB)
    asked: list[int] = []

    def once(request: Request) -> Fault | None:
        if request.instants:
            asked.append(request.number)
        return bomb if request.instants and len(asked) == 3 else None

    proxy.plan = once
    stage_history.run(**staging(proxy.url, tmp_path / "history", tmp_path, size=SMALL))
    assert parts_in(tmp_path / "history") == parts_in(whole)


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (Fault("html"), BadInput, r"expected JSON for \S+, got an HTML page from http"),
        (Fault("warnings"), BadInput, r"the answer to \S+ is partial \(no store for 2025-03\)"),
        (Fault("refuse"), AccessDenied, r"refused the credentials for \S+ \(403\)"),
    ],
)
def test_what_does_not_heal_ends_the_run_at_once(
    proxy: FaultProxy,
    whole: Path,
    tmp_path: Path,
    fault: Fault,
    error: type[ForesailError],
    message: str,
) -> None:
    """It is not asked again, nothing is published, and the next run completes the history."""
    asked = staging(proxy.url, tmp_path / "history", tmp_path, size=SMALL)
    proxy.plan = lambda request: fault if request.instants > 1 else None
    with pytest.raises(error, match=message):
        stage_history.run(**asked)
    assert proxy.done == {fault.kind: 1}
    with pytest.raises(NotFound, match="no history in"):
        read_history(str(tmp_path / "history"), settings=Settings())
    proxy.plan = never
    stage_history.run(**asked)
    assert parts_in(tmp_path / "history") == parts_in(whole)


def test_not_even_a_count_of_resets_may_be_partial(proxy: FaultProxy, tmp_path: Path) -> None:
    """It would be staged as no resets, and nobody would ask again."""

    def spoil(request: Request) -> Fault | None:
        return Fault("warnings") if "resets(" in request.query.get("query", "") else None

    proxy.plan = spoil
    with pytest.raises(BadInput, match=r"the answer to usage\.cpu\.namespace is partial"):
        stage_history.run(**staging(proxy.url, tmp_path / "history", tmp_path, size=SMALL))


def test_partial_answers_that_are_allowed_are_recorded(proxy: FaultProxy, tmp_path: Path) -> None:
    """The manifest names what the source said of them."""
    proxy.plan = lambda request: Fault("warnings") if request.instants > 1 else None
    asked = staging(proxy.url, tmp_path / "history", tmp_path, size=SMALL)
    stage_history.run(**asked, allow_partial=True)
    (run,) = read_history(str(tmp_path / "history"), settings=Settings()).manifest.runs
    assert {query.warnings for query in run.queries[:2]} == {("no store for 2025-03",)}


def faults_at_random() -> Sequence[Fault]:
    """Return what may happen on the way; each kind as often as any other."""
    kinds: Sequence[Kind] = (*HEALING, "lose", "half-json", "html", "warnings")
    return [Fault(kind, seconds=1 if kind == "busy" else 0.1) for kind in kinds]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_bad_network_gives_the_whole_history_or_none(
    proxy: FaultProxy, whole: Path, tmp_path: Path, seed: int
) -> None:
    """A run that fails says where, publishes nothing, and the next one goes on from there."""
    asked = staging(proxy.url, tmp_path / "history", tmp_path, size=SMALL)
    proxy.plan = seeded(seed, faults_at_random(), share=0.15)
    failure = ""
    try:
        stage_history.run(**asked)
    except ForesailError as error:
        failure = str(error)
    assert sum(proxy.done.values()) > 0
    if failure:
        assert re.search(rf"HTML page from {proxy.url}|is partial|at {proxy.url} ", failure)
        assert not (tmp_path / "history" / "manifest.json").exists()
        proxy.plan = never
        stage_history.run(**asked)
    assert parts_in(tmp_path / "history") == parts_in(whole)


# -- the way to the object store ---------------------------------------------------------------


@pytest.fixture
def before_store(rgw: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """Give a proxy in front of the object store, where Foresail looks for it."""
    with fault_proxy(rgw.endpoint) as proxy:
        for name, value in rgw.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("S3_ENDPOINT", proxy.url)
        yield proxy


@pytest.fixture
def in_store(
    before_store: FaultProxy, small_prometheus: str, new_bucket: Callable[[], str], tmp_path: Path
) -> str:
    """Give the address of a history that was staged into the store without a fault."""
    history = f"s3://{new_bucket()}/history"
    stage_history.run(**staging(small_prometheus, history, tmp_path, size=SMALL))
    before_store.forget()
    return history


def of_a_part(fault: Fault) -> Callable[[Request], Fault | None]:
    """Return a plan that does this to the fifth download of a part."""
    downloads = iter([PASS] * 4 + [fault])
    return lambda request: next(downloads, None) if ".parquet" in request.path else None


@pytest.mark.parametrize("kind", ["cut", "drop", "slow-down", "drip"])
def test_a_download_that_breaks_off_is_made_again(
    before_store: FaultProxy, in_store: str, whole: Path, kind: Kind
) -> None:
    """A shorter file is never taken for the whole one."""
    before_store.plan = of_a_part(Fault(kind, seconds=0.3))
    found = read_history(in_store, settings=read_settings()).panel
    assert before_store.done[kind] == 1
    true = read_history(str(whole), settings=Settings()).panel
    np.testing.assert_array_equal(found.values, true.values)


def test_a_flipped_bit_is_refused_by_name(before_store: FaultProxy, in_store: str) -> None:
    """Its length is right, its sha256 is not."""
    before_store.plan = of_a_part(Fault("flip"))
    with pytest.raises(BadInput, match=r"part-\w+\.parquet in s3://\S+ is not what was staged"):
        read_history(in_store, settings=read_settings())


@pytest.mark.parametrize("kind", ["drop", "lose", "slow-down", "wait"])
def test_an_upload_that_breaks_off_is_made_again(
    before_store: FaultProxy,
    small_prometheus: str,
    new_bucket: Callable[[], str],
    whole: Path,
    tmp_path: Path,
    kind: Kind,
) -> None:
    """Whether the store had it or not; the state is the same."""
    uploads = iter([PASS] * 9 + [Fault(kind, seconds=0.3)])
    before_store.plan = lambda one: next(uploads, None) if one.method == "PUT" else None
    asked = staging(small_prometheus, f"s3://{new_bucket()}/history", tmp_path, size=SMALL)
    digest = stage_history.run(**asked).digest
    assert before_store.done[kind] == 1
    assert digest == read_history(str(whole), settings=Settings()).manifest.digest


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("refuse", AccessDenied, r"refused the credentials for history/\S+ in bucket test-"),
        ("slow-down", Unreachable, r"history/\S+ in bucket test-"),
        ("drop", Unreachable, r"did not answer for history/\S+ in bucket test-"),
    ],
)
def test_a_store_that_takes_no_more_publishes_nothing(
    before_store: FaultProxy,
    in_store: str,
    small_prometheus: str,
    tmp_path: Path,
    kind: Kind,
    error: type[ForesailError],
    message: str,
) -> None:
    """From some upload on it refuses all; readers keep the old state, and the next run goes on."""
    settings = read_settings()
    old = read_history(in_store, settings=settings).manifest.digest
    until = UNTIL + timedelta(hours=MORE_HOURS)
    later = staging(small_prometheus, in_store, tmp_path, size=SMALL, until=until)
    uploads = iter([PASS] * 2)
    before_store.plan = lambda one: next(uploads, Fault(kind)) if one.method == "PUT" else None
    with pytest.raises(error, match=message):
        stage_history.run(**later)
    before_store.plan = in_turn()
    assert read_history(in_store, settings=settings).manifest.digest == old
    digest = stage_history.run(**later).digest
    once = staging(small_prometheus, tmp_path / "once", tmp_path, size=SMALL, until=until)
    assert stage_history.run(**once).digest == digest
