"""From what was read to what is staged."""

import numpy as np

from foresail.history.presets import CapacityPreset
from foresail.history.rows import capacity_rows, steadied

NAN = np.nan


def test_the_last_digits_of_a_sum_are_not_kept() -> None:
    """Added up in another order it is the same number, to the last bit."""
    parts = np.random.default_rng(0).random((1000, 50))
    one, other = parts.sum(axis=1), np.array([sum(row[::-1]) for row in parts])
    assert (one != other).any()
    np.testing.assert_array_equal(steadied(one), steadied(other))
    np.testing.assert_allclose(steadied(one), one, rtol=5e-10)


def test_whole_numbers_gaps_and_infinities_stay_as_they_are() -> None:
    """Bytes are counted exactly."""
    values = np.array([0.0, 123456789012345.0, -3.0, NAN, np.inf, 1e300, 2.0**-1074])
    np.testing.assert_array_equal(steadied(values), values)
    assert steadied(np.array([1 / 3]))[0] == 0.3333333333


def test_capacity_keeps_the_first_hour_of_a_day_and_every_change() -> None:
    """Over gaps, per series and cluster."""
    ds = np.datetime64("2026-01-01T22", "s") + np.arange(6) * np.timedelta64(3600, "s")
    labels = ((("region", "east"), ("node", "a")), (("region", "west"), ("node", "b")))
    values = np.array([[4, 4, 4, 4, 5, 5], [NAN, 2, NAN, 2, NAN, 2]])
    preset = CapacityPreset("cpu", "allocatable", "node", "", "region")
    found = capacity_rows(preset, labels, values, ds, cluster="c", cluster_label="region")
    assert {
        cluster: [(f"{r.ds:%d-%H}", r.series, r.value) for r in rows.itertuples()]
        for cluster, rows in found.items()
    } == {
        "east": [
            ("01-22", "east/node/a", 4.0),
            ("02-00", "east/node/a", 4.0),
            ("02-02", "east/node/a", 5.0),
        ],
        "west": [("01-23", "west/node/b", 2.0), ("02-01", "west/node/b", 2.0)],
    }
