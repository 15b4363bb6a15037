"""What was odd about each series."""

import numpy as np

from foresail.history.block import Block, make_block
from foresail.history.ledger import LISTED, Ledger
from foresail.history.manifest import Troubles

NAN = np.nan


def block(first_hour: int, **rows: list[float]) -> Block:
    """Return a block: name -> hourly means; every value stands on 12 points, 10 where it is 5."""
    mean = np.array(list(rows.values()))
    ds = (first_hour + np.arange(mean.shape[1])).astype("datetime64[h]").astype("datetime64[s]")
    labels = {name: ("c", "node", name, "", "", "") for name in rows}
    points = np.where(np.isnan(mean), 0, np.where(mean == 5, 10, 12))
    resets = np.where(mean == 7, 2, 0)
    return make_block(ds, labels, mean=mean, max=mean, points=points, resets=resets)


def test_gaps_staleness_resets_and_duplicates_are_counted_per_series() -> None:
    """Gaps lie between the first and the last value, across the blocks that were read."""
    ledger = Ledger()
    source = np.full((2, 2), 12)
    ledger.enter(block(0, a=[1, NAN], b=[1, 5]), source=source, duplicates={"b": 3})
    ledger.enter(block(2, a=[NAN, 7], c=[1, 1]), source=source)
    assert ledger.troubled() == {
        "a": Troubles(gaps=2, resets=2),
        "b": Troubles(stale=2, duplicates=3),
    }
    assert ledger.totals() == Troubles(gaps=2, stale=2, resets=2, duplicates=3)
    assert ledger.rows == 6


def test_days_that_were_not_asked_for_are_no_gaps() -> None:
    """What lies between two stretches was staged before."""
    ledger = Ledger()
    for first in (0, 100):
        ledger.enter(block(first, a=[1, NAN, 1]), source=np.full((1, 3), 12))
    assert ledger.troubled() == {"a": Troubles(gaps=2)}


def test_a_batch_workload_that_rests_is_no_trouble() -> None:
    """It has no gaps and misses no step; its resets count."""
    mean = np.array([[7, NAN, NAN, 5.0]])
    labels = {"job": ("c", "workload", "", "n", "CronJob", "job")}
    ds = np.arange(4).astype("datetime64[h]").astype("datetime64[s]")
    ledger = Ledger()
    night = make_block(ds, labels, mean=mean, points=np.full((1, 4), 2), resets=np.eye(1, 4))
    ledger.enter(night, source=np.full((1, 4), 12))
    assert ledger.troubled() == {"job": Troubles(resets=1)}


def test_only_the_most_troubled_are_listed() -> None:
    """A manifest stays readable, whatever the size of the cluster."""
    ledger = Ledger()
    rows = {f"s{i:04}": [1.0, 5.0] for i in range(LISTED + 50)}
    ledger.enter(block(0, **rows), source=np.full((len(rows), 2), 12))
    assert len(ledger.troubled()) == LISTED
    assert ledger.totals().stale == 2 * (LISTED + 50)
