"""Which sums of limits are ceilings, as Prometheus itself evaluates our texts."""

import json
import subprocess
from pathlib import Path

import pytest
from servers.base import require

from foresail.history.presets import choose_presets

pytestmark = pytest.mark.integration

STEADY = "x90"
"""After a value, in promtool's notation: it stays so for an hour and a half."""


def pod(namespace: str, name: str, *, limits: dict[str, float | None], phase: str) -> list[str]:
    """Return the series of one pod of a StatefulSet, such as `db-0`; each limit is in cores."""
    place = f'namespace="{namespace}",pod="{name}"'
    owner = name.rpartition("-")[0]
    series = [
        f'kube_pod_owner{{{place},owner_kind="StatefulSet",owner_name="{owner}"}} 1',
        f'kube_pod_status_phase{{{place},phase="{phase}"}} 1',
    ]
    for container, cores in limits.items():
        series.append(f'kube_pod_container_info{{{place},container="{container}"}} 1')
        if cores is not None:
            labels = f'{place},container="{container}",node="n1",resource="cpu",unit="core"'
            series.append(f"kube_pod_container_resource_limits{{{labels}}} {cores}")
    return series


def check_with_promtool(folder: Path, series: list[str], scope: str, expected: list[str]) -> None:
    """Let promtool evaluate the cpu limit of a scope at the end of an hour."""
    promtool = require("promtool", package="prometheus")
    samples = [{"labels": s.rpartition(" ")[0], "value": s.rpartition(" ")[2]} for s in expected]
    given = [s.rpartition(" ") for s in series]
    presets = choose_presets(metrics=("cpu",), scopes=(scope,)).capacity
    (text,) = (p.text for p in presets if (p.metric, p.kind) == ("cpu", "limit"))
    test = {
        "interval": "1m",
        "input_series": [{"series": s, "values": f"{v}{STEADY}"} for s, _, v in given],
        "promql_expr_test": [
            {
                "expr": text,
                "eval_time": "1h",
                "exp_samples": [{**s, "value": float(s["value"])} for s in samples],
            }
        ],
    }
    file = folder / "limits.yaml"
    file.write_text(json.dumps({"rule_files": [], "tests": [test]}))  # JSON is YAML
    done = subprocess.run(
        [promtool, "test", "rules", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


LIMITED = [
    *pod("shop", "db-0", limits={"db": 2, "proxy": 0.5}, phase="Running"),
    *pod("shop", "db-1", limits={"db": 2, "proxy": 0.5}, phase="Running"),
    *pod("shop", "old-0", limits={"old": None}, phase="Succeeded"),
    *pod("lab", "tame-0", limits={"tame": 1}, phase="Running"),
]
MIXED = [
    *LIMITED,
    *pod("lab", "free-0", limits={"free": None}, phase="Running"),
    *pod("lab", "half-0", limits={"main": 1, "helper": None}, phase="Running"),
]


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("namespace", ['{namespace="shop"} 5']),
        (
            "workload",
            [
                '{namespace="lab", kind="StatefulSet", workload="tame"} 1',
                '{namespace="shop", kind="StatefulSet", workload="db"} 5',
            ],
        ),
        ("cluster", []),
        ("node", ['{node="n1"} 7']),
    ],
)
def test_a_sum_over_some_of_the_containers_is_no_limit(
    tmp_path: Path, scope: str, expected: list[str]
) -> None:
    """One running container without a limit, and its namespace and workload have none either."""
    check_with_promtool(tmp_path, MIXED, scope, expected)


def test_a_cluster_whose_containers_all_have_limits_has_one(tmp_path: Path) -> None:
    """The sum of all; a finished pod holds nothing any more."""
    check_with_promtool(tmp_path, LIMITED, "cluster", ["{} 6"])


def test_without_the_list_of_containers_no_limit_is_believed(tmp_path: Path) -> None:
    """A Prometheus that does not scrape it cannot say who has no limit."""
    blind = [series for series in MIXED if not series.startswith("kube_pod_container_info")]
    check_with_promtool(tmp_path, blind, "namespace", [])
