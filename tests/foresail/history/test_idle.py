"""Batch workloads at rest."""

import numpy as np

from foresail.history.idle import rest
from foresail.panel import Panel, SeriesInfo

NAN = np.nan
DS = np.arange(200).astype("datetime64[h]").astype("datetime64[s]")


def info(name: str, kind: str, stat: str = "mean") -> SeriesInfo:
    """Return a workload."""
    labels = {"cluster": "c", "scope": "workload", "kind": kind, "workload": name}
    return SeriesInfo(name, "cpu", stat, "cores", labels)


def test_a_batch_workload_rests_at_zero_between_its_runs() -> None:
    """Not before the first, not longer than a week after the last, not while nobody measured."""
    values = np.full((2, 200), 1.0)
    values[0] = NAN
    values[0, [1, 4]] = 2, 3
    values[1, 3] = NAN
    before = values[1].copy()
    rested = Panel(DS, values, (info("job", "CronJob"), info("web", "Deployment")))
    rest(rested)
    np.testing.assert_array_equal(rested.values[0, :6], [NAN, 2, 0, NAN, 3, 0])
    np.testing.assert_array_equal(np.isnan(rested.values[0, 5:]), np.arange(5, 200) > 4 + 168)
    np.testing.assert_array_equal(rested.values[1], before)


def test_another_statistic_or_metric_does_not_say_that_the_source_was_there() -> None:
    """Each query is a measurement of its own."""
    values = np.array([[1.0, NAN, 1.0], [1.0, 1.0, 1.0]])
    index = (info("job", "CronJob"), info("web", "Deployment", stat="max"))
    rested = Panel(DS[:3], values, index)
    rest(rested)
    np.testing.assert_array_equal(rested.values[0], [1, NAN, 1])
