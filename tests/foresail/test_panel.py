"""The panel: the data contract of the project."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foresail.errors import BadInput
from foresail.panel import Panel, SeriesInfo, SeriesKey


def long_frame(rows: list[tuple[str, str, str, float]]) -> pd.DataFrame:
    """Return rows of (series, metric, ds, y) as a long frame."""
    frame = pd.DataFrame(rows, columns=["series", "metric", "ds", "y"])
    return frame.assign(ds=pd.to_datetime(frame["ds"], utc=True))


def test_a_missing_hour_becomes_a_gap() -> None:
    """An hour without a row is NaN, and the rows keep their places."""
    panel = Panel.from_frame(
        long_frame(
            [
                ("a", "cpu", "2026-01-01T02:00Z", 3.0),
                ("a", "cpu", "2026-01-01T00:00Z", 1.0),
                ("b", "memory", "2026-01-01T01:00Z", 5.0),
            ]
        )
    )
    np.testing.assert_array_equal(panel.values, [[1, np.nan, 3], [np.nan, 5, np.nan]])
    assert panel.as_of == np.datetime64("2026-01-01T02:00:00")
    assert [info.unit for info in panel.index] == ["cores", "bytes"]


def test_everything_wrong_is_reported_at_once() -> None:
    """One error lists the stamp off the hour, the repeated stamp and the infinite value."""
    frame = long_frame(
        [
            ("a", "cpu", "2026-01-01T00:00Z", 1.0),
            ("a", "cpu", "2026-01-01T00:00Z", 2.0),
            ("a", "cpu", "2026-01-01T00:30Z", np.inf),
        ]
    )
    with pytest.raises(BadInput, match="not on the full hour") as caught:
        Panel.from_frame(frame)
    assert len(caught.value.problems) == 3
    assert "a cpu mean at 2026-01-01 00:00:00+00:00" in caught.value.problems[1]
    assert caught.value.problems[2] == "1 values are infinite"


def test_missing_columns_are_named() -> None:
    """The error names what is missing and what came."""
    with pytest.raises(BadInput, match=r"columns are missing: ds, y; .* got series, metric, value"):
        Panel.from_frame(pd.DataFrame({"series": ["a"], "metric": ["cpu"], "value": [1.0]}))


def test_naive_stamps_are_refused() -> None:
    """A stamp without a zone is no instant."""
    frame = long_frame([("a", "cpu", "2026-01-01T00:00Z", 1.0)])
    with pytest.raises(BadInput, match="ds must be UTC-aware"):
        Panel.from_frame(frame.assign(ds=frame["ds"].dt.tz_localize(None)))


def test_another_zone_means_the_same_instant() -> None:
    """Stamps of any zone are read as the instants they are."""
    frame = long_frame([("a", "cpu", "2026-01-01T12:00Z", 1.0)])
    there = frame.assign(ds=frame["ds"].dt.tz_convert("Asia/Tokyo"))
    assert Panel.from_frame(there).as_of == np.datetime64("2026-01-01T12:00:00")


def test_a_saved_panel_comes_back_equal(tmp_path: Path) -> None:
    """Saving and loading keeps values, gaps, labels and capacity."""
    info = SeriesInfo("a", "cpu", "max", "cores", {"scope": "cluster"}, {"allocatable": 8.0})
    ds = np.array(["2026-01-01T00", "2026-01-01T01"], dtype="datetime64[s]")
    panel = Panel(ds, np.array([[1.5, np.nan]]), (info,))
    panel.save(tmp_path / "panel")
    back = Panel.load(tmp_path / "panel")
    np.testing.assert_array_equal(back.values, panel.values)
    np.testing.assert_array_equal(back.ds, ds)
    assert back.index == (info,)
    assert back.index[0].key == SeriesKey("a", "cpu", "max")


def test_a_folder_without_a_panel_is_named(tmp_path: Path) -> None:
    """Loading from the wrong folder says what was expected."""
    with pytest.raises(BadInput, match=r"expected values\.npy, ds\.npy, index\.json"):
        Panel.load(tmp_path)


def test_until_forgets_what_came_later() -> None:
    """A panel cut at an hour holds nothing after it, not even in memory."""
    frame = long_frame([("a", "cpu", f"2026-01-01T0{h}:00Z", float(h)) for h in range(4)])
    cut = Panel.from_frame(frame).until(np.datetime64("2026-01-01T01"))
    np.testing.assert_array_equal(cut.values, [[0, 1]])
    assert cut.values.base is None
