"""`foresail doctor` against real servers."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from factories.scraped_cluster import (
    ScrapedCluster,
    import_into_victoria,
    write_openmetrics,
)
from servers.prometheus import UNTIL, StartPrometheus

from foresail.history.connection import Connection
from foresail.history.doctor import Examination, PresetCheck, examine
from foresail.history.doctor_advice import advice
from foresail.panel import SCOPES
from foresail.settings import Settings

pytestmark = pytest.mark.integration

CLUSTER = ScrapedCluster(end=UNTIL)
EVERYTHING = ("kube-state-metrics", "cadvisor", "kube-prometheus", "node-exporter")


def examined(url: str, *presets: str, **options: Any) -> Examination:
    """Examine a server at the end of what it holds."""
    with closing(Connection(url, settings=Settings())) as connection:
        if presets:
            options["presets"] = presets
        return examine(connection, now=UNTIL, **options)


def series(check: PresetCheck) -> dict[str, int]:
    """Return how many series of cpu and memory there are by scope."""
    return {scope.scope: sum(scope.series.values()) for scope in check.scopes}


@pytest.fixture(scope="module", params=["prometheus", "victoria"])
def full(
    request: pytest.FixtureRequest,
    start_prometheus: StartPrometheus,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, str]]:
    """Return the kind and address of a server that holds what three of the presets want."""
    folder = tmp_path_factory.mktemp("full")
    text = CLUSTER.write(folder / "full.txt", *EVERYTHING)
    if request.param == "prometheus":
        yield "Prometheus", start_prometheus(text)
        return
    victoria = pytest.importorskip("servers.victoria", reason="needs tests/servers/victoria.py")
    with victoria.victoria_over(None, folder) as url:
        import_into_victoria(url, text)
        yield "VictoriaMetrics", url


def test_a_full_server_is_told_scope_by_scope(full: tuple[str, str]) -> None:
    """What it is, how many series each preset finds, how often and since when."""
    product, url = full
    found = examined(url)
    assert found.server.product == product
    cadvisor, rules, machines, openshift = found.presets
    assert series(cadvisor) == {"cluster": 2, "node": 4, "namespace": 6, "workload": 16}
    assert series(rules) == {"cluster": 2, "node": 4, "namespace": 6, "workload": 16}
    assert series(machines) == {"cluster": 2, "node": 4}
    assert cadvisor.works_for == rules.works_for == SCOPES
    assert machines.works_for == ("cluster", "node")
    assert openshift.works_for == ("workload",)
    assert not openshift.present
    assert {check.interval_seconds for check in found.presets} == {60}
    begin = UNTIL - timedelta(hours=5)
    for check in (cadvisor, rules, machines):
        assert check.since is not None
        assert begin <= check.since <= begin + timedelta(hours=1)
        assert check.copies == 1
    assert found.best is cadvisor
    assert found.warnings == ()


def test_the_version_of_prometheus_is_its_own(start_prometheus: StartPrometheus) -> None:
    """As its build information tells it; an empty one has nothing else to tell."""
    found = examined(start_prometheus())
    assert found.server.product == "Prometheus"
    assert found.server.version[0] in "23"
    assert found.best is None
    assert not any(check.found for check in found.presets)
    assert len(advice(found)) == 4


def of_root(cluster: ScrapedCluster) -> list[Any]:
    """Return the few series of whole nodes."""
    return [sample for sample in cluster.samples("cadvisor") if sample[1]["id"] == "/"]


def test_the_beginning_of_history_is_found_beyond_an_outage(
    start_prometheus: StartPrometheus, tmp_path: Path
) -> None:
    """Forty days, dark for two days exactly a week ago: found within a day."""
    cluster = ScrapedCluster(end=UNTIL, hours=40 * 24, step=300)
    text = write_openmetrics(tmp_path / "a.txt", of_root(cluster), cluster.stamps, every=300)
    dark = int(UNTIL.timestamp()) - 7 * 86400
    kept = [
        line
        for line in text.read_text().splitlines()
        if line.startswith("#") or abs(int(line.rpartition(" ")[2]) - dark) > 86400
    ]
    text.write_text("\n".join([*kept, ""]))
    (check,) = examined(start_prometheus(text), "cadvisor").presets
    assert check.since is not None
    age = UNTIL - check.since
    assert timedelta(days=39) < age <= timedelta(days=40, hours=2)
    assert check.interval_seconds == 300


def test_rare_samples_feed_no_preset(start_prometheus: StartPrometheus, tmp_path: Path) -> None:
    """Every ten minutes is too rare, whatever there is."""
    rare = ScrapedCluster(end=UNTIL, step=600).write(tmp_path / "rare.txt", "cadvisor")
    found = examined(start_prometheus(rare), "cadvisor")
    assert found.presets[0].interval_seconds in {600, None}
    assert found.best is None


def test_dropped_root_cgroups_are_noticed(
    start_prometheus: StartPrometheus, tmp_path: Path
) -> None:
    """As kube-prometheus-stack drops them; its rules work all the same."""
    stack = ("kube-state-metrics", "cadvisor-without-root", "kube-prometheus")
    found = examined(start_prometheus(CLUSTER.write(tmp_path / "stack.txt", *stack)))
    assert found.presets[0].works_for == ("namespace", "workload")
    assert found.best is found.presets[1]
    assert 'cadvisor: no series has id="/"' in advice(found)[0]


def test_nodes_without_names_are_noticed(start_prometheus: StartPrometheus, tmp_path: Path) -> None:
    """The sentence lists the labels there are."""
    samples = [
        (name, {key.replace("node", "instance"): value for key, value in labels.items()}, values)
        for name, labels, values in of_root(CLUSTER)
    ]
    text = write_openmetrics(tmp_path / "nameless.txt", samples, CLUSTER.stamps)
    found = examined(start_prometheus(text), "cadvisor")
    assert found.presets[0].works_for == ("cluster",)
    assert (
        "cadvisor: 1 series by node have no label node (one has id, instance): set it"
        in advice(found)[0]
    )


def test_two_copies_of_everything_are_noticed(
    start_prometheus: StartPrometheus, tmp_path: Path
) -> None:
    """Two replicas that nobody deduplicates."""
    samples = [
        (name, {**labels, "replica": replica}, values)
        for name, labels, values in CLUSTER.samples(*EVERYTHING)
        for replica in ("a", "b")
    ]
    url = start_prometheus(write_openmetrics(tmp_path / "two.txt", samples, CLUSTER.stamps))
    found = examined(url, "cadvisor", "kube-prometheus", "node-exporter")
    assert [check.copies for check in found.presets] == [2, 2, 2]


@pytest.fixture(scope="module")
def two_clusters(
    start_prometheus: StartPrometheus, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """Return a Prometheus with two clusters, told apart by the label cluster."""
    both = [ScrapedCluster(end=UNTIL, cluster=name) for name in ("eu", "us")]
    file = tmp_path_factory.mktemp("two") / "clusters.txt"
    return start_prometheus(ScrapedCluster.write_all(file, both, *EVERYTHING))


def test_several_clusters_are_noticed(two_clusters: str) -> None:
    """Without their label they would be summed as one."""
    found = examined(two_clusters, "node-exporter")
    assert found.presets[0].clusters == ("eu", "us")
    assert "The label cluster has 2 values (eu, us): pass --cluster-label" in advice(found)[0]


def test_a_cluster_label_doubles_the_series(two_clusters: str) -> None:
    """Each cluster brings its own, and nothing counts twice."""
    found = examined(two_clusters, "cadvisor", "kube-prometheus", cluster_label="cluster")
    for check in found.presets:
        assert series(check) == {"cluster": 4, "node": 8, "namespace": 12, "workload": 32}
        assert check.works_for == SCOPES
        assert check.copies == 1


def test_a_cluster_label_that_nothing_has_is_noticed(two_clusters: str) -> None:
    """No scope can be staged with it."""
    found = examined(two_clusters, "cadvisor", cluster_label="zone")
    assert found.presets[0].works_for == ()
    assert "series by cluster have no label zone (one has cluster," in advice(found)[0]


def test_a_server_that_refuses_is_quoted(start_prometheus: StartPrometheus, tmp_path: Path) -> None:
    """What it can still answer is told, and why the rest fails."""
    text = CLUSTER.write(tmp_path / "small.txt", "kube-state-metrics", "cadvisor")
    found = examined(start_prometheus(text, "--query.max-samples=45"), "cadvisor")
    works = found.presets[0].works_for
    assert "cluster" in works
    assert "workload" not in works
    assert "refused usage.cpu.workload as too large" in " ".join(advice(found))


@pytest.fixture(scope="module")
def live(start_prometheus: StartPrometheus, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a Prometheus with samples up to now."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    file = tmp_path_factory.mktemp("live") / "live.txt"
    stack = ("kube-state-metrics", "cadvisor-without-root", "kube-prometheus", "node-exporter")
    return start_prometheus(ScrapedCluster(end=hour).write(file, *stack))


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Return `doctor(*words)`: the command on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "foresail", "doctor", *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def test_the_command_prints_a_table(
    live: str, doctor: Callable[..., "subprocess.CompletedProcess[str]"]
) -> None:
    """Of 80 columns; what follows can be copied, and the exit code says that something works."""
    done = doctor("--prometheus", live)
    assert done.returncode == 0, done.stderr
    assert f" at {live}, " in done.stdout
    lines = done.stdout.splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines[3:7]}
    assert rows["cadvisor"][1:5] == ["no", "no", "6", "16"]
    assert rows["kube-prometheus"][1:5] == ["2", "4", "6", "16"]
    assert rows["node-exporter"][1:5] == ["2", "4", "-", "-"]
    assert max(len(line) for line in lines[:-1]) <= 80
    assert lines[-1].startswith(f"Next: foresail stage {live} HISTORY_URI --cluster NAME --preset ")


def test_the_docs_show_what_it_prints(
    live: str, doctor: Callable[..., "subprocess.CompletedProcess[str]"]
) -> None:
    """The same rows and the same advice; how often and since when differ here."""
    docs = (Path(__file__).parents[2] / "docs" / "prometheus.md").read_text(encoding="utf-8")
    shown = docs.split("```")[3].splitlines()
    printed = doctor("--prometheus", live).stdout.splitlines()
    assert [line.split()[:6] for line in printed[2:7]] == [line.split()[:6] for line in shown[3:8]]
    advised = shown[9:-2]
    assert advised[2].startswith("* cadvisor: no series has id=")
    assert set(advised) <= set(printed)


def test_the_exit_code_says_that_nothing_works(
    live: str, doctor: Callable[..., "subprocess.CompletedProcess[str]"]
) -> None:
    """Without a preset for the whole cluster it is 1, and there is no next command."""
    done = doctor("--prometheus", live, "--preset", "cadvisor")
    assert done.returncode == 1
    assert "Next:" not in done.stdout
    assert "kube-prometheus " not in done.stdout.splitlines()[3]


def test_an_unknown_preset_is_the_callers(
    live: str, doctor: Callable[..., "subprocess.CompletedProcess[str]"]
) -> None:
    """One line, exit code 2."""
    done = doctor("--prometheus", live, "--preset", "k8s")
    assert done.returncode == 2
    assert done.stderr.startswith("foresail: unknown preset 'k8s'; use one of cadvisor, ")


def test_what_does_not_answer_is_one_line(
    doctor: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    """As everywhere: what was asked, and what to check."""
    done = doctor("--prometheus", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "is not reachable" in done.stderr.splitlines()[-1]
    assert done.stdout == ""
