"""Long frames of usage and of capacity: their columns, keys and types."""

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa

from foresail.history.naming import LABELS

USAGE_KEYS = ("series", "metric", "stat", "ds")
USAGE_COLUMNS = (*USAGE_KEYS, "y", *LABELS)
CAPACITY_KEYS = ("series", "metric", "kind", "ds")
CAPACITY_COLUMNS = (*CAPACITY_KEYS, "value")

_FLOATS = ("y", "value")


def empty_capacity() -> pd.DataFrame:
    """Return a capacity frame without rows, with the right types."""
    return typed(pd.DataFrame({name: [] for name in CAPACITY_COLUMNS}))


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with `ds` in UTC at whole seconds, floats, and plain strings."""
    types = {
        name: "float64" if name in _FLOATS else "str" for name in frame.columns if name != "ds"
    }
    out = frame.astype(types)
    out["ds"] = pd.to_datetime(out["ds"], utc=True).dt.as_unit("s")
    return out


def latest(frames: Sequence[pd.DataFrame], keys: Sequence[str]) -> pd.DataFrame:
    """Join frames and keep, of rows with the same key, that of the last frame; sorted by key."""
    joined = pd.concat(frames, ignore_index=True)
    kept = joined[~joined.duplicated(list(keys), keep="last")]
    return kept.sort_values(list(keys), kind="stable").reset_index(drop=True)


def to_arrow(frame: pd.DataFrame) -> pa.Table:
    """Return a typed frame as an Arrow table, without pandas' notes in its schema."""
    arrays = {
        # handed over column by column: pyarrow's own way asks pandas 3.1 for deprecated values
        name: (
            pa.array(frame[name].dt.tz_convert(None).to_numpy(), pa.timestamp("s", tz="UTC"))
            if name == "ds"
            else pa.array(frame[name].to_numpy(), pa.float64() if name in _FLOATS else pa.string())
        )
        for name in frame.columns
    }
    return pa.table(arrays)
