"""How pods become workloads, asked of a real Prometheus."""

from datetime import timedelta
from pathlib import Path

import pytest
from servers.prometheus import UNTIL, StartPrometheus

from foresail.history import read_history
from foresail.settings import Settings
from foresail.steps import stage_history
from foresail.times import isoformat

pytestmark = pytest.mark.integration

PODS = {
    "web-7d9f8c6b5-x2x4z": ("ReplicaSet", "web-7d9f8c6b5"),
    "web-6bd4f9c7d8-abcde": ("ReplicaSet", "web-6bd4f9c7d8"),
    "db-0": ("StatefulSet", "db"),
    "agent-k2l4m": ("DaemonSet", "agent"),
    "report-28345678-q8w2r": ("Job", "report-28345678"),
    "migrate-t5v7x": ("Job", "migrate"),
    "bare-rs-q2w4z": ("ReplicaSet", "my-set"),
    "alone": ("<none>", "<none>"),
    "alone-too": ("", ""),
    "kube-proxy-n1": ("Node", "n1"),
}


def openmetrics(file: Path) -> None:
    """Write three hours of pods that each hold 100 bytes, and the sums that must not count."""
    stamps = [int(UNTIL.timestamp()) - 3 * 3600 + 300 * i for i in range(37)]
    lines = ["# TYPE container_memory_working_set_bytes gauge"]
    for pod in PODS:
        for container, value in (("app", 100), ("POD", 7), ("", 107)):
            labels = f'container="{container}",namespace="shop",pod="{pod}"'
            lines += [f"container_memory_working_set_bytes{{{labels}}} {value} {t}" for t in stamps]
    lines.append("# TYPE kube_pod_owner gauge")
    for pod, (kind, name) in PODS.items():
        for replica in ("a", "b"):  # kube-state-metrics may run twice
            labels = (
                f'instance="{replica}",namespace="shop",owner_kind="{kind}",'
                f'owner_name="{name}",pod="{pod}"'
            )
            lines += [f"kube_pod_owner{{{labels}}} 1 {t}" for t in stamps]
    file.write_text("\n".join([*lines, "# EOF", ""]))


def test_pods_are_summed_by_what_owns_them(
    start_prometheus: StartPrometheus, tmp_path: Path
) -> None:
    """Hash and time stamp are taken off, bare pods stand for themselves, nothing counts twice."""
    openmetrics(tmp_path / "pods.txt")
    queries = tmp_path / "queries.yaml"
    queries.write_text("capacity: {memory: {request: {workload: ''}, limit: {workload: ''}}}")
    result = stage_history.run(
        source=start_prometheus(tmp_path / "pods.txt"),
        history_uri=str(tmp_path / "history"),
        summary=tmp_path / "summary.md",
        cluster="c",
        scopes="workload",
        metrics="memory",
        days=1,
        until=isoformat(UNTIL - timedelta(hours=1)),
        queries=str(queries),
    )
    frame = read_history(result.history_uri, settings=Settings()).frame
    assert frame[frame["stat"] == "mean"].groupby("series")["y"].mean().to_dict() == {
        "c/workload/shop/CronJob/report": 100,
        "c/workload/shop/DaemonSet/agent": 100,
        "c/workload/shop/Deployment/web": 200,
        "c/workload/shop/Job/migrate": 100,
        "c/workload/shop/Node/n1": 100,
        "c/workload/shop/Pod/alone": 100,
        "c/workload/shop/Pod/alone-too": 100,
        "c/workload/shop/ReplicaSet/my-set": 100,
        "c/workload/shop/StatefulSet/db": 100,
    }
