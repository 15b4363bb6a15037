"""Several clusters in one run, from several Prometheus or from one; and one of them down."""

from pathlib import Path

import numpy as np
import pytest
from servers.base import free_port
from servers.prometheus import UNTIL, SimulatedPrometheus, StartPrometheus

from foresail.errors import Unreachable
from foresail.history import History, read_history
from foresail.settings import Settings
from foresail.steps import stage_history, validate
from foresail.steps.artifacts import HistoryFacts
from foresail.times import isoformat

pytestmark = pytest.mark.integration


def stage(source: str, folder: Path, **options: str | int) -> History:
    """Stage two days of the nodes, and read them back."""
    given: dict[str, str | int] = {"scopes": "node", "metrics": "memory", "days": 2}
    folder.mkdir(exist_ok=True)
    stage_history.run(
        source=source,
        history_uri=str(folder / "history"),
        summary=folder / "summary.md",
        until=isoformat(UNTIL),
        **(given | options),
    )
    return read_history(str(folder / "history"), settings=Settings())


def ids(history: History) -> set[str]:
    """Return the series."""
    return {info.series for info in history.panel.index}


def test_each_of_several_prometheus_brings_its_cluster(
    simulated_prometheus: SimulatedPrometheus, tmp_path: Path
) -> None:
    """The same values under two names, and a run of each in the manifest."""
    url = simulated_prometheus.url
    history = stage(f"prod={url},dev={url}", tmp_path)
    half = len(history.panel) // 2
    assert [info.labels["cluster"] for info in history.panel.index[:half]] == ["dev"] * half
    np.testing.assert_array_equal(history.panel.values[:half], history.panel.values[half:])
    assert [run.cluster for run in history.manifest.runs] == ["prod", "dev"]


def test_one_that_does_not_answer_keeps_what_it_had_and_the_others_go_on(
    simulated_prometheus: SimulatedPrometheus, tmp_path: Path
) -> None:
    """It is named in the summary, in the manifest and to those who train; then it comes back."""
    url, gone = simulated_prometheus.url, f"http://127.0.0.1:{free_port()}"
    first = stage(f"prod={url},dev={url}", tmp_path, days=1)
    second = stage(f"prod={url},dev={gone}", tmp_path)
    assert second.manifest.silent == ("dev",)
    assert ids(second) == ids(first)
    assert len(second.panel.ds) == len(first.panel.ds) + 24
    summary = (tmp_path / "summary.md").read_text()
    assert f"`{gone}` was not staged: Prometheus at {gone} is not reachable" in summary
    validate.run(
        history_uri=str(tmp_path / "history"),
        history_digest=second.manifest.digest,
        accepted=tmp_path / "accepted",
        report=tmp_path / "report.html",
    )
    assert HistoryFacts.read(tmp_path / "accepted").silent == ("dev",)
    assert "keep the forecasts they have:\ndev." in (tmp_path / "report.html").read_text()
    third = stage(f"prod={url},dev={url}", tmp_path)
    assert third.manifest.silent == ()
    assert not np.isnan(third.panel.values[:, -1]).any()


def test_when_none_answers_nothing_is_published(tmp_path: Path) -> None:
    """The message is the first one's."""
    gone = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unreachable, match=f"Prometheus at {gone} is not reachable"):
        stage(f"prod={gone},dev={gone}", tmp_path)
    assert not (tmp_path / "history" / "manifest.json").exists()


@pytest.mark.heavy
def test_one_prometheus_tells_its_clusters_apart_by_a_label(
    simulated_prometheus: SimulatedPrometheus, start_prometheus: StartPrometheus, tmp_path: Path
) -> None:
    """Every query is asked once, and each cluster has its own series and parts."""
    both = tmp_path / "both.txt"
    with simulated_prometheus.openmetrics.open() as text, both.open("w") as out:
        lines = [line for line in text if not line.startswith("# EOF")]
        for family in _families(lines):
            out.writelines(family.head)
            for cluster in ("east", "west"):
                out.writelines(
                    line.replace("{", f'{{region="{cluster}",', 1) for line in family.samples
                )
        out.write("# EOF\n")
    url = start_prometheus(both)
    history = stage(url, tmp_path, cluster_label="region", scopes="cluster,node,workload", days=1)
    single = stage(
        simulated_prometheus.url,
        tmp_path / "single",
        cluster="east",
        scopes="cluster,node,workload",
        days=1,
    )
    east = [i for i, info in enumerate(history.panel.index) if info.labels["cluster"] == "east"]
    assert [history.panel.index[i] for i in east] == list(single.panel.index)
    np.testing.assert_allclose(history.panel.values[east], single.panel.values, rtol=1e-9)
    assert {part.cluster for part in history.manifest.parts} == {"east", "west"}


class _Family:
    def __init__(self) -> None:
        self.head: list[str] = []
        self.samples: list[str] = []


def _families(lines: list[str]) -> list[_Family]:
    """Return the metric families of an OpenMetrics text: their comments and their samples."""
    found: list[_Family] = []
    for line in lines:
        if line.startswith("#"):
            if not found or found[-1].samples:
                found.append(_Family())
            found[-1].head.append(line)
        else:
            found[-1].samples.append(line)
    return found
