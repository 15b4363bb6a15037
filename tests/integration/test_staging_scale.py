"""Staging 500 series of 60 days: what is staged is what was drawn, whichever server held it."""

from dataclasses import dataclass

import numpy as np
import pytest
from servers.big_history import staging
from servers.big_world import (
    BIG,
    SMALL,
    UNTIL,
    Scope,
    Size,
    Truth,
    World,
    largest_difference,
    make_world,
    staged_values,
    truth_of,
)

from foresail.history import History, read_history
from foresail.settings import Settings
from foresail.steps import stage_history

pytestmark = [pytest.mark.integration, pytest.mark.heavy]

SERVERS: dict[str, tuple[str, Size, Scope]] = {
    "prometheus": ("big_prometheus", BIG, "namespace"),
    "victoria": ("big_victoria", BIG, "namespace"),
    # every workload is alone in its namespace: only Prometheus' work is much more
    "workloads": ("small_prometheus", SMALL, "workload"),
}
STATS = ("mean", "max", "p95")
METRICS = ("cpu", "memory")


@dataclass(frozen=True)
class Staged:
    """A history and the truth."""

    history: History
    truth: Truth

    def values(self, metric: str, stat: str) -> np.ndarray:
        """Return what was staged, `(N, T)`; NaN where nothing was."""
        return staged_values(self.history.panel, self.truth, metric, stat)


@pytest.fixture(scope="module", params=list(SERVERS))
def staged(
    request: pytest.FixtureRequest, big_world: World, tmp_path_factory: pytest.TempPathFactory
) -> Staged:
    """Give a history staged whole, in one run."""
    fixture, size, scope = SERVERS[request.param]
    url = request.getfixturevalue(fixture)
    folder = tmp_path_factory.mktemp(request.param)
    stage_history.run(**staging(url, folder / "history", folder, size=size, scopes=scope))
    world = big_world if size == BIG else make_world(size)
    history = read_history(str(folder / "history"), settings=Settings(), stats=STATS)
    return Staged(history, truth_of(world, scope=scope))


@pytest.mark.parametrize("metric", METRICS)
def test_means_are_within_a_percent_of_the_truth(staged: Staged, metric: str) -> None:
    """In every hour that the workload lived through, resets, rollouts and missed scrapes or not."""
    assert largest_difference(staged.history.panel, staged.truth, metric, "mean") < 0.01


@pytest.mark.parametrize("stat", ["max", "p95"])
@pytest.mark.parametrize("metric", METRICS)
def test_other_statistics_are_exact(staged: Staged, metric: str, stat: str) -> None:
    """In hours that lost no scrape, which are nearly all."""
    assert staged.truth.exact[metric].sum() > 0.9 * staged.truth.whole.sum()
    assert largest_difference(staged.history.panel, staged.truth, metric, stat) < 1e-9


def test_exactly_the_series_that_lived_are_staged(staged: Staged) -> None:
    """The new, the vanished and the renamed one among them, with all statistics each."""
    index = staged.history.panel.index
    assert {info.series for info in index} == set(staged.truth.series)
    assert len(index) == len(staged.truth.series) * len(METRICS) * len(STATS)


@pytest.mark.parametrize("metric", METRICS)
def test_nothing_is_made_up(staged: Staged, metric: str) -> None:
    """No value where the workload or the source was not there, nor after the end."""
    found = ~np.isnan(staged.values(metric, "mean"))
    assert not (found & staged.truth.silent).any()
    assert not found[:, staged.truth.ds >= np.datetime64(UNTIL.replace(tzinfo=None))].any()
    assert staged.truth.silent.any(axis=1).all()  # the outage hit everybody


def test_a_renamed_workload_is_two_series_that_follow_each_other(staged: Staged) -> None:
    """The hour in which the one is last whole is before the first of the other, without a gap."""
    found = ~np.isnan(staged.values("cpu", "mean"))
    old, new = found[2], found[3]  # as `big_world` numbers them
    last, first = len(old) - 1 - old[::-1].argmax(), new.argmax()
    assert first == last + 1


def test_counter_resets_are_counted(staged: Staged) -> None:
    """All of them, once each."""
    (run,) = staged.history.manifest.runs
    counted = {query.preset.split(".")[1]: query.resets for query in run.queries[:2]}
    assert counted == {"cpu": staged.truth.resets, "memory": None}


@pytest.mark.parametrize("metric", METRICS)
def test_the_outage_is_counted(staged: Staged, metric: str) -> None:
    """It took three hours, two of which were half seen."""
    (run,) = staged.history.manifest.runs
    (query,) = [query for query in run.queries if query.preset.startswith(f"usage.{metric}")]
    assert query.outages == 3
