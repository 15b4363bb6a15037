"""Which days a run asks for."""

from datetime import UTC, date, datetime

import pytest

from foresail.errors import UsageError
from foresail.history.plan import HourRange, chunks, hour_range, missing_days

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


def day(number: int) -> date:
    """Return a day of that November."""
    return date(2026, 11, number)


def test_a_window_is_whole_days_up_to_the_last_finished_hour() -> None:
    """It begins at a midnight, so that no day is read in part and taken for whole."""
    hours = hour_range(days=2, until=None, now=NOW)
    assert hours.since == datetime(2026, 11, 19, tzinfo=UTC)
    assert hours.until == datetime(2026, 11, 21, 8, tzinfo=UTC)
    assert hours.days == [day(19), day(20), day(21)]
    assert hours.hours == len(hours.ds) == 56


def test_the_days_of_a_window_are_cut_at_its_ends() -> None:
    """The last day ends with the last finished hour."""
    hours = hour_range(days=2, until=None, now=NOW)
    assert hours.of_days([day(20), day(21)]) == HourRange(
        datetime(2026, 11, 20, tzinfo=UTC), hours.until
    )


def test_a_day_is_asked_for_until_it_has_settled() -> None:
    """Late samples come for some hours after its end; a day read before then is read again."""
    hours = hour_range(days=3, until=None, now=NOW)
    asked = {
        day(18): datetime(2026, 11, 19, 6, tzinfo=UTC),
        day(19): datetime(2026, 11, 20, 5, 59, tzinfo=UTC),
        day(20): datetime(2026, 11, 21, 7, tzinfo=UTC),
    }
    assert missing_days(hours, asked, late_hours=6) == [day(19), day(21)]
    assert missing_days(hours, asked, late_hours=0) == [day(21)]
    assert missing_days(hours, {}, late_hours=6) == hours.days


def test_chunks_are_runs_of_consecutive_days() -> None:
    """No longer than the limit, oldest first."""
    days = [day(9), day(3), day(1), day(2), day(4)]
    assert list(chunks(days, limit=2)) == [[day(1), day(2)], [day(3), day(4)], [day(9)]]


@pytest.mark.parametrize(("days", "message"), [(0, "at least 1 day"), (999_999, "after 1970")])
def test_a_window_that_cannot_be_is_refused(days: int, message: str) -> None:
    """Nothing before 1970, and no day that is none."""
    with pytest.raises(UsageError, match=message):
        hour_range(days=days, until=None, now=NOW)
