"""What docs/engine.md shows runs as it stands."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from prophet import Prophet

PAGE = (Path(__file__).parents[3] / "docs" / "engine.md").read_text(encoding="utf-8")


def test_the_example_runs() -> None:
    """Its code makes bands, a backtest, paths, a real Prophet and a report of a history."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    hours = pd.date_range("2026-01-05", periods=24 * 30, freq="h", tz="UTC")
    rng = np.random.default_rng(0)
    history = pd.concat(
        pd.DataFrame({"series": name, "metric": "cpu", "ds": hours, "y": 5 + rng.normal(size=720)})
        for name in ("prod/cluster", "prod/node/a")
    )
    names: dict[str, Any] = {"history": history, "cutoff": np.datetime64("2026-01-25T00:00:00")}
    exec(code, names)  # noqa: S102  # the page's own code
    assert names["bands"].shape == (2, 168, 3)
    assert names["tests"].quantiles.shape == (1, 2, 168, 3)
    assert names["paths"].shape == (1000, 168)
    assert isinstance(names["prophet"], Prophet)
