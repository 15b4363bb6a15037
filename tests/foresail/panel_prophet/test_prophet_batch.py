"""The engine beside `prophet-batch`, which claims the same optimum with one model per series."""

import numpy as np
import pandas as pd
import pytest
from factories import kinds

from foresail.panel_prophet import PanelProphet
from foresail.panel_prophet.quiet import quiet_prophet

prophet_batch = pytest.importorskip("prophet_batch")


def test_yhat_is_that_of_prophet_batch() -> None:
    """On 16 complete series over 60 days both forecast the same week, to 1e-6 of the scale."""
    known = kinds.panel(days=60, n=16, kinds=kinds.COMPLETE)
    rows = pd.DataFrame(
        {
            "unique_id": np.repeat([info.series for info in known.index], len(known.ds)),
            "ds": np.tile(known.ds, len(known)),
            "y": known.values.ravel(),
        }
    )
    with quiet_prophet():
        table = prophet_batch.forecast_many(
            rows,
            periods=168,
            freq="h",
            include_history=False,
            n_jobs=1,
            columns=["ds", "yhat"],
            uncertainty_samples=0,
        )

    ours = PanelProphet().fit(known).predict(168, quantiles=(0.5,))[:, :, 0]

    theirs = table["yhat"].to_numpy().reshape(16, 168)
    apart = np.abs(ours - theirs).max(axis=1) / known.values.max(axis=1)
    worst = int(apart.argmax())
    assert apart[worst] <= 1e-6, f"{known.index[worst].series}: {apart[worst]:.3g}"
