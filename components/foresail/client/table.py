"""The server's CSV of many series as a frame: numbers, instants and text."""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

TEXT = (
    *("series", "cluster", "scope", "namespace", "workload", "kind", "node"),
    *("metric", "stat", "unit", "agg", "quantiles_of", "ceiling_kind"),
    *("model", "status", "reason", "ds_local", "full_on_p50_local", "full_on_p90_local"),
)
TIMES = ("ds", "full_on_p50", "full_on_p90", "trained_until")
_GUARD = r"^'(?=[=+\-@\t\r])"
"""What a cell carries that a spreadsheet would take for a formula."""


def frame_of(csv: bytes) -> "pd.DataFrame":
    """Return the rows of a CSV; text that is missing is empty, a number or instant NaN or NaT.

    Args:
        csv: As `/v1/forecasts.csv` gives it.
    """
    import pandas as pd  # noqa: PLC0415  # half a second, which health need not wait for

    frame = pd.read_csv(
        io.BytesIO(csv),
        dtype=dict.fromkeys(TEXT, "str"),
        keep_default_na=False,  # a namespace may be called null
        na_values=[""],
    )
    for name in frame.columns.intersection(list(TEXT)):
        frame[name] = frame[name].fillna("").str.replace(_GUARD, "", regex=True)
    for name in frame.columns.intersection(list(TIMES)):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame
