"""Folding rows into hours."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from foresail.errors import BadInput
from foresail.features import hourly_panel


def five_minutes(stat: str) -> pd.DataFrame:
    """Return an hour of 0..11 and a half hour of 12..17 at five minutes."""
    ds = pd.date_range("2026-01-01", periods=18, freq="5min", tz="UTC")
    return pd.DataFrame(
        {"series": "a", "metric": "cpu", "stat": stat, "ds": ds, "y": np.arange(18.0)}
    )


def test_an_hour_is_the_mean_of_its_values() -> None:
    """A value at the full hour belongs to the hour that it starts."""
    panel = hourly_panel(five_minutes("mean"))
    np.testing.assert_array_equal(panel.values, [[5.5, 14.5]])


def test_the_maximum_stays_the_maximum() -> None:
    """Hourly maxima are folded by maximum, not by mean."""
    panel = hourly_panel(five_minutes("max"))
    np.testing.assert_array_equal(panel.values, [[11.0, 17.0]])


def test_the_grid_ends_at_as_of() -> None:
    """A silent end is a gap up to the last hour known."""
    panel = hourly_panel(five_minutes("mean"), as_of=datetime(2026, 1, 1, 3, tzinfo=UTC))
    np.testing.assert_array_equal(panel.values, [[5.5, 14.5, np.nan, np.nan]])


def test_rows_after_as_of_are_left_out() -> None:
    """And never spill into the series that comes next."""
    frame = pd.concat([five_minutes("mean"), five_minutes("mean").assign(series="b", y=100.0)])
    panel = hourly_panel(frame, as_of=datetime(2026, 1, 1, 0, tzinfo=UTC))
    np.testing.assert_array_equal(panel.values, [[5.5], [100.0]])


def test_nothing_up_to_as_of_is_an_error() -> None:
    """There is no panel without a value."""
    with pytest.raises(BadInput, match="there is no value up to the last hour known"):
        hourly_panel(five_minutes("mean"), as_of=datetime(2025, 12, 31, tzinfo=UTC))
