"""Bundles that were published once are served for ever."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from factories import bundles
from servers.foresail import SetClock, serving

from foresail.bundle import Bundle

STORED = Path(__file__).parents[1] / "fixtures"


@pytest.mark.parametrize("schema", [1])
def test_a_stored_bundle_is_read(schema: int) -> None:
    """One of each schema lies in the tests as it was written then."""
    bundle = Bundle.open(STORED / f"bundle-schema-{schema}")
    assert [entry.series for entry in bundle.index] == ["prod/cluster"]
    assert bundle.manifest.trained_until == bundles.TRAINED_UNTIL
    np.testing.assert_array_equal(bundle.forecast[0, :3], [[9, 10, 12], [10, 11, 13], [11, 12, 14]])


def test_a_stored_bundle_is_served(tmp_path: Path) -> None:
    """Its numbers, its promise and its capacity reach the answer."""
    shutil.copytree(STORED / "bundle-schema-1", tmp_path / "v" / "foresail-cpu" / "1")
    bundles.point(tmp_path, {"foresail-cpu": "1"})
    with serving(tmp_path, SetClock(bundles.TRAINED_UNTIL)) as client:
        answer = client.get("/v1/next_day").json()
    assert answer["p50"] == [10.0 + hour for hour in range(24)]
    assert answer["quality"]["sql"] == 0.42
    assert answer["capacity"]["allocatable"] == 48.0
