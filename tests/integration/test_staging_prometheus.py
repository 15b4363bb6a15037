"""Staging from a real Prometheus: the staged values are the truth of the simulated cluster."""

import re
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from servers.prometheus import DAYS, UNTIL, SimulatedPrometheus, StartPrometheus

from foresail.errors import BadInput
from foresail.history import History, read_history
from foresail.settings import Settings
from foresail.steps import stage_history
from foresail.times import isoformat

pytestmark = pytest.mark.integration

KEYS = ["series", "metric", "stat", "ds"]


def stage(url: str, history: Path, **options: str | int | bool) -> str:
    """Stage from a Prometheus into a folder and return the digest."""
    given: dict[str, str | int | bool] = {"days": DAYS, "until": isoformat(UNTIL)}
    result = stage_history.run(
        source=url,
        history_uri=str(history),
        summary=history.with_suffix(".md"),
        **(given | options),
    )
    return result.digest


@pytest.fixture(scope="module")
def staged(
    simulated_prometheus: SimulatedPrometheus, tmp_path_factory: pytest.TempPathFactory
) -> History:
    """Return the ten days staged whole."""
    folder = tmp_path_factory.mktemp("staged") / "history"
    digest = stage(simulated_prometheus.url, folder)
    return read_history(str(folder), settings=Settings(), digest=digest)


def compared(staged: History, source: SimulatedPrometheus) -> pd.DataFrame:
    """Join staged values and truth; `whole` says that no scrape of the hour was missed."""
    hours, whole = source.simulation.wholly_seen
    seen = pd.Series(whole, index=pd.DatetimeIndex(hours, tz="UTC"), name="whole")
    both = source.simulation.usage.merge(
        staged.frame, on=KEYS, how="outer", suffixes=("_true", "_staged"), indicator=True
    )
    return both.merge(seen, left_on="ds", right_index=True)


def test_exactly_the_series_and_hours_of_the_truth_are_staged(
    staged: History, simulated_prometheus: SimulatedPrometheus
) -> None:
    """Nothing is missing, nothing is made up, in all four scopes, with every label."""
    both = compared(staged, simulated_prometheus)
    assert (both["_merge"] == "both").all()
    assert staged.frame.groupby("scope")["series"].nunique().to_dict() == {
        "cluster": 1,
        "namespace": 6,
        "node": 6,
        "workload": 40,
    }
    for label in ("cluster", "scope", "node", "namespace", "kind", "workload"):
        assert (both[f"{label}_true"] == both[f"{label}_staged"]).all()


@pytest.mark.parametrize("stat", ["mean", "max"])
@pytest.mark.parametrize("metric", ["cpu", "memory"])
def test_staged_values_equal_the_truth(
    staged: History, simulated_prometheus: SimulatedPrometheus, metric: str, stat: str
) -> None:
    """Within 1 % (in fact a hundredth of that) in hours wholly scraped, resets and all."""
    both = compared(staged, simulated_prometheus)
    mine = both[(both["metric"] == metric) & (both["stat"] == stat) & both["whole"]]
    assert len(mine) > 10_000
    np.testing.assert_allclose(mine["y_staged"], mine["y_true"], rtol=1e-4, atol=1e-6)


def test_a_missed_scrape_costs_little(
    staged: History, simulated_prometheus: SimulatedPrometheus
) -> None:
    """An hour that lost one scrape is kept, and close to the truth."""
    both = compared(staged, simulated_prometheus)
    touched = both[~both["whole"]]
    assert len(touched) > 100
    np.testing.assert_allclose(touched["y_staged"], touched["y_true"], rtol=0.1)


def test_an_outage_is_a_gap_and_is_counted(
    staged: History, simulated_prometheus: SimulatedPrometheus
) -> None:
    """Hours that Prometheus did not see are absent, never zero or half."""
    share = simulated_prometheus.simulation.world.clockwork.seen_share()
    lost = int((share < 11 / 12).sum())
    assert lost >= 9
    total = staged.frame[staged.frame["series"] == "cluster/cluster"]
    total = total[total["ds"] >= UNTIL - timedelta(days=DAYS)]
    hours = total.groupby(["metric", "stat"])["ds"].count()
    assert (hours == DAYS * 24 - lost).all()
    (run,) = staged.manifest.runs
    assert {q.outages for q in run.queries if q.preset.startswith("usage")} == {lost}


def test_counter_resets_are_counted(
    staged: History, simulated_prometheus: SimulatedPrometheus
) -> None:
    """The manifest says how many: one node was rebooted, containers were restarted."""
    world = simulated_prometheus.simulation.world
    seen = world.clockwork.observed
    restarts = [r for slot in world.slots for r in slot.resets]
    counted = {q.preset: q.resets for q in staged.manifest.runs[0].queries}
    assert counted["usage.cpu.node"] == 1
    assert counted["usage.cpu.workload"] == sum(bool(seen[r] and seen[r + 1]) for r in restarts)
    assert counted["usage.cpu.workload"] >= 5
    assert counted["usage.memory.node"] is None


def test_the_capacity_table_equals_the_truth(
    staged: History, simulated_prometheus: SimulatedPrometheus
) -> None:
    """Allocatable, requests and limits; pods of finished jobs hold nothing any more."""
    keys = ["series", "metric", "kind", "ds"]
    clock = simulated_prometheus.simulation.world.clockwork
    seen = pd.DatetimeIndex(clock.ds[clock.observed[clock.hour_of(0) : -1 : 12]], tz="UTC")
    truth = simulated_prometheus.simulation.capacity
    # Prometheus began an hour before the truth does: the first day has its row earlier
    truth = truth[truth["ds"] >= UNTIL - timedelta(days=DAYS - 1)]
    both = truth.merge(staged.capacity, on=keys)
    assert len(both) == truth["ds"].isin(seen).sum()
    np.testing.assert_allclose(both["value_y"], both["value_x"], rtol=1e-9)
    assert set(staged.capacity["kind"]) == {"allocatable", "request", "limit"}


def test_a_second_run_keeps_what_prometheus_forgot(
    simulated_prometheus: SimulatedPrometheus, start_prometheus: StartPrometheus, tmp_path: Path
) -> None:
    """With a short retention the history grows run by run, and its older values stay exact."""
    cut = UNTIL - timedelta(days=3)
    young = tmp_path / "young.txt"
    with simulated_prometheus.openmetrics.open() as old, young.open("w") as kept:
        kept.writelines(
            line
            for line in old
            if line.startswith("#") or int(line.rpartition(" ")[2]) >= cut.timestamp()
        )
    history = tmp_path / "history"
    options = {"scopes": "cluster,workload", "days": 6}
    stage(simulated_prometheus.url, history, **options, until=isoformat(UNTIL - timedelta(days=1)))
    before = read_history(str(history), settings=Settings())
    stage(start_prometheus(young), history, **options)
    after = read_history(str(history), settings=Settings())
    joined = before.frame.merge(after.frame, on=KEYS, suffixes=("", "_after"))
    assert len(joined) == len(before.frame)
    np.testing.assert_allclose(joined["y_after"], joined["y"], rtol=1e-9)
    assert after.frame["ds"].max() == pd.Timestamp(UNTIL - timedelta(hours=1))
    usage = [part for part in before.manifest.parts if part.table == "history"]
    settled = [part for part in usage if part.end < UNTIL.date()]
    assert len(settled) == 4 * 6
    assert {p.key for p in settled} - {p.key for p in after.manifest.parts} == set()
    assert [run.changed for run in after.manifest.runs] == [0, 0]


def test_the_same_again_leaves_the_digest(
    simulated_prometheus: SimulatedPrometheus, tmp_path: Path
) -> None:
    """So that a cached pipeline stays cached."""
    options = {"scopes": "namespace", "metrics": "memory", "days": 2}
    first = stage(simulated_prometheus.url, tmp_path / "history", **options)
    assert stage(simulated_prometheus.url, tmp_path / "history", **options) == first


def test_a_server_that_wants_smaller_queries_gets_them(
    simulated_prometheus: SimulatedPrometheus, start_prometheus: StartPrometheus, tmp_path: Path
) -> None:
    """The halves make the same history as the whole."""
    small = start_prometheus(simulated_prometheus.openmetrics, "--query.max-samples=6000")
    options = {"scopes": "node", "metrics": "memory", "days": 5}
    whole = stage(simulated_prometheus.url, tmp_path / "whole", **options)
    assert stage(small, tmp_path / "halved", **options) == whole


def test_what_prometheus_folds_itself_is_what_is_folded_here(
    simulated_prometheus: SimulatedPrometheus, tmp_path: Path
) -> None:
    """Subqueries give the same hours, counts and resets as the points they are made of."""
    queries = tmp_path / "queries.yaml"
    queries.write_text("fold: subquery")
    options = {"scopes": "node,workload", "days": 2}
    stage(simulated_prometheus.url, tmp_path / "here", **options)
    stage(simulated_prometheus.url, tmp_path / "there", **options, queries=str(queries))
    here, there = (
        read_history(str(tmp_path / name), settings=Settings(), stats=("mean", "max", "p95"))
        for name in ("here", "there")
    )
    assert there.panel.index == here.panel.index
    batch = np.array([info.labels.get("kind") == "CronJob" for info in here.panel.index])
    p95 = np.array([info.stat == "p95" for info in here.panel.index])
    same = ~(batch & p95)  # of a batch workload the server knows only the steps it ran at
    np.testing.assert_allclose(there.panel.values[same], here.panel.values[same], rtol=1e-9)
    resets = [[q.resets for q in one.manifest.runs[0].queries] for one in (here, there)]
    assert resets[0] == resets[1]


def test_a_query_of_many_series_is_asked_in_shards(
    simulated_prometheus: SimulatedPrometheus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By namespace or node, and one shard for whatever was there before; the same bytes."""
    options = {"scopes": "node,namespace,workload", "days": 2}
    whole = stage(simulated_prometheus.url, tmp_path / "whole", **options)
    monkeypatch.setattr("foresail.history.shards.SERIES_PER_SHARD", 3)
    assert stage(simulated_prometheus.url, tmp_path / "shards", **options) == whole
    runs = [
        read_history(str(tmp_path / name), settings=Settings()).manifest.runs[0]
        for name in ("whole", "shards")
    ]
    assert runs[1].effort.requests > 1.5 * runs[0].effort.requests


def test_more_series_than_allowed_are_refused_before_they_are_read(
    simulated_prometheus: SimulatedPrometheus, tmp_path: Path
) -> None:
    """With the query's name, the count and what to do."""
    message = r"usage.cpu.workload would bring \d\d series, the limit is 10: leave the scope out"
    with pytest.raises(BadInput, match=message):
        stage(simulated_prometheus.url, tmp_path / "history", scopes="workload", max_series=10)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("sum(no_such_metric{a='b'})", "has no metric no_such_metric in this time; check what"),
        (
            "sum(kube_pod_owner{namespace='none'})",
            "although its metrics are there; check the labels",
        ),
        ("sum(kube_pod_owner", r"does not understand usage\.memory\.cluster \(400: .*parse error"),
        ("kube_pod_owner", "returns more than one series for the total; aggregate it"),
        (
            "sum(kube_pod_owner * on (namespace) kube_pod_status_phase)",
            r"could not answer usage\.memory\.cluster \(422: found duplicate series",
        ),
    ],
)
def test_a_preset_that_fails_publishes_nothing(
    simulated_prometheus: SimulatedPrometheus, tmp_path: Path, query: str, message: str
) -> None:
    """The message names the preset and what to do; nothing is published."""
    queries = tmp_path / "queries.yaml"
    queries.write_text(f'usage: {{memory: {{cluster: "{query}"}}}}')
    with pytest.raises(BadInput, match=message):
        stage(
            simulated_prometheus.url,
            tmp_path / "history",
            scopes="cluster",
            metrics="cpu,memory",
            days=2,
            queries=str(queries),
        )
    assert not (tmp_path / "history" / "manifest.json").exists()


def test_an_empty_prometheus_is_said_so(start_prometheus: StartPrometheus, tmp_path: Path) -> None:
    """No data is an error of its own, not an empty history."""
    with pytest.raises(BadInput, match=re.escape("has no metric container_cpu_usage_seconds")):
        stage(start_prometheus(), tmp_path / "history")


def test_the_open_hour_is_never_staged(
    simulated_prometheus: SimulatedPrometheus, tmp_path: Path
) -> None:
    """`until` is exclusive and floored to the hour."""
    until = isoformat(UNTIL - timedelta(minutes=20))
    stage(
        simulated_prometheus.url,
        tmp_path / "history",
        scopes="cluster",
        metrics="cpu",
        days=1,
        until=until,
    )
    frame = read_history(str(tmp_path / "history"), settings=Settings()).frame
    assert frame["ds"].max() == pd.Timestamp(UNTIL - timedelta(hours=2))
