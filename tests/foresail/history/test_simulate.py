"""The simulated cluster."""

import io
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foresail.errors import UsageError
from foresail.history.simulate import Simulation, simulate
from foresail.history.simulate.catalog import NODES, WORKLOADS
from foresail.history.simulate.openmetrics import write_openmetrics

UNTIL = datetime(2025, 4, 2, 6, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def week() -> Simulation:
    """Return one simulated week."""
    return simulate(until=UNTIL, days=7, seed=1, cluster="demo")


def workload(week: Simulation, name: str, metric: str, stat: str = "mean") -> pd.Series:
    """Return one series of a workload by its name."""
    usage = week.usage
    chosen = usage[
        (usage["workload"] == name) & (usage["metric"] == metric) & (usage["stat"] == stat)
    ]
    return chosen.set_index("ds")["y"]


def test_it_has_the_promised_size() -> None:
    """Three pools of two nodes, six namespaces, forty workloads."""
    assert len(NODES) == 6
    assert len({w.namespace for w in WORKLOADS}) == 6
    assert len(WORKLOADS) == 40


def test_the_same_seed_gives_the_same_cluster(week: Simulation) -> None:
    """And another seed another one."""
    again = simulate(until=UNTIL, days=7, seed=1, cluster="demo")
    pd.testing.assert_frame_equal(again.usage, week.usage)
    other = simulate(until=UNTIL, days=7, seed=2, cluster="demo")
    assert not other.usage["y"].equals(week.usage["y"])


def test_until_is_floored_and_exclusive(week: Simulation) -> None:
    """The last bucket ends at the full hour before `until`."""
    assert week.usage["ds"].max() == pd.Timestamp("2025-04-02T05:00Z")
    assert week.usage["ds"].min() == pd.Timestamp("2025-03-26T06:00Z")


def test_the_cluster_is_the_sum_of_its_nodes(week: Simulation) -> None:
    """Of the means; the maxima of nodes come at different times."""
    means = week.usage[week.usage["stat"] == "mean"]
    total = means[means["scope"] == "cluster"].set_index(["metric", "ds"])["y"]
    nodes = means[means["scope"] == "node"].groupby(["metric", "ds"])["y"].sum()
    np.testing.assert_allclose(total.to_numpy(), nodes.loc[total.index].to_numpy(), rtol=1e-12)


def test_no_node_uses_more_than_it_has(week: Simulation) -> None:
    """Usage stays below allocatable, and requests fit."""
    most = week.usage[week.usage["scope"] == "node"].groupby(["series", "metric"])["y"].max()
    capacity = week.capacity.groupby(["kind", "series", "metric"])["value"].max()
    assert (most < capacity["allocatable"].loc[most.index]).all()
    assert (capacity["request"].loc[most.index] < capacity["allocatable"].loc[most.index]).all()


def test_the_growing_node_is_full_in_about_25_days(week: Simulation) -> None:
    """Its peaks and its growth a day meet allocatable there."""
    node = week.usage[(week.usage["series"] == "demo/node/memory-1")]
    peaks = node[(node["metric"] == "memory") & (node["stat"] == "max")].set_index("ds")["y"]
    slope = np.polyfit(np.arange(len(peaks)) / 24, peaks, 1)[0]
    allocatable = 60.9 * 2**30
    assert 15 < (allocatable - peaks.iloc[-24:].max()) / slope < 35


def test_the_evening_of_the_users_is_busy_and_the_night_quiet(week: Simulation) -> None:
    """By their local time, on both sides of the change of the clocks (30 March)."""
    cart = workload(week, "cart", "cpu").tz_convert("Europe/Berlin")
    by_hour = cart.groupby(cart.index.hour).mean()
    assert by_hour.idxmax() in {19, 20, 21}
    assert by_hour.loc[3] < 0.6 * by_hour.loc[20]


def test_special_workloads_do_what_they_are_for(week: Simulation) -> None:
    """A job by night, one that leaks, one that is idle, one that is new."""
    nightly = workload(week, "nightly-report", "cpu")
    assert {stamp.hour for stamp in nightly[nightly > 0].index} == {1, 2}
    leak = workload(week, "indexer", "memory", "max")
    assert leak.max() > 1.4 * leak.min()
    assert (np.diff(leak) < -0.2 * leak.max()).any()
    assert workload(week, "legacy-admin", "cpu").max() == pytest.approx(0.002)
    assert len(workload(week, "fraud-score", "cpu")) == 48


def test_openmetrics_families_are_whole_and_ended(week: Simulation) -> None:
    """Counters end in _total, every family is introduced once, the text ends in # EOF."""
    out = io.StringIO()
    write_openmetrics(week.world, out)
    text = out.getvalue()
    assert text.endswith("# EOF\n")
    heads = [line for line in text.splitlines() if line.startswith("# TYPE")]
    assert heads[:3] == [
        "# TYPE container_cpu_usage_seconds counter",
        "# TYPE container_memory_working_set_bytes gauge",
        "# TYPE kube_pod_owner gauge",
    ]
    assert len(set(heads)) == len(heads) == 8
    assert 'container_cpu_usage_seconds_total{id="/",node="general-1"} ' in text


def test_the_folder_holds_both_tables_and_what_they_are(week: Simulation, tmp_path: Path) -> None:
    """In the columns of a staged history."""
    week.write_folder(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "capacity.parquet",
        "simulation.json",
        "usage.parquet",
    ]
    stored = pd.read_parquet(tmp_path / "usage.parquet")
    assert len(stored) == len(week.usage)


def test_too_few_days_are_refused() -> None:
    """The special workloads need some room."""
    with pytest.raises(UsageError, match="expected 3 to 3650 days, got 2"):
        simulate(until=UNTIL, days=2)


@pytest.mark.parametrize("year", [1, 1989, 2201, 9999])
def test_an_end_in_another_age_is_refused(year: int) -> None:
    """Nothing overflows on the way."""
    until = datetime(year, 1, 1, tzinfo=UTC)
    with pytest.raises(UsageError, match="expected an end in the years 1990 to 2200, got "):
        simulate(until=until, days=7)
