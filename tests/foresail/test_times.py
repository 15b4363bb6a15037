"""Time at the borders."""

from datetime import UTC, datetime

import numpy as np
import pytest

from foresail import times
from foresail.errors import UsageError


def test_a_time_in_another_zone_is_the_same_instant() -> None:
    """Any offset is read; the result is UTC."""
    assert times.parse_utc("2026-03-01T01:00:00+02:00") == datetime(2026, 2, 28, 23, tzinfo=UTC)


def test_a_time_without_a_zone_is_refused() -> None:
    """The error shows how to write it."""
    with pytest.raises(UsageError, match="has no zone; write it in UTC as 2026-03-01T01:00:00Z"):
        times.parse_utc("2026-03-01T01:00:00")


def test_as_of_must_be_a_full_hour() -> None:
    """Buckets start on the hour, so the last known one does too."""
    with pytest.raises(UsageError, match="expected a full hour"):
        times.parse_hour("2026-03-01T01:30:00Z")


def test_words_are_no_time() -> None:
    """The error shows an example."""
    with pytest.raises(UsageError, match="expected a time such as 2026-11-21T08:00:00Z"):
        times.parse_utc("yesterday")


def test_numpy_and_back_is_the_same_instant() -> None:
    """The inner and the outer form agree to the second."""
    stamp = datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)
    assert times.from_numpy(times.to_numpy(stamp)) == stamp
    assert times.isoformat(np.datetime64("2026-02-28T23:59:59")) == "2026-02-28T23:59:59Z"


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+05:00"])
def test_a_time_that_leaves_the_calendar_in_utc_is_refused(text: str) -> None:
    """Shifted to UTC it would lie in the year 10000, or before the first."""
    with pytest.raises(UsageError, match="expected a time in the years 1 to 9999 UTC"):
        times.parse_utc(text)
