"""The promise of the hours that are really answered."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foresail.bundle import HorizonEntry, Quality, Segment, SeriesEntry, promise
from foresail.horizons import HORIZONS

FIGURES = ("coverage", "sql", "mase", "naive_sql", "naive_mase")


def quality(windows: int, base: float) -> Quality:
    """Return a promise whose figures are `base` and its multiples."""
    values = {name: base * factor for factor, name in enumerate(FIGURES, start=1)}
    return Quality(windows=windows, **values)


DAY, WEEK, MONTH = quality(13, 0.1), quality(7, 0.2), quality(3, 0.4)
JOINT = quality(5, 0.15)


def entry(
    *segments: Quality | None, horizons: Mapping[str, Quality | None] | None = None
) -> SeriesEntry:
    """Return a series whose segments end at 24, 168 and 888 hours, so far as there are any."""
    ends: Sequence[int] = (24, 168, 888)[: len(segments)]
    promised = dict.fromkeys((h.name for h in HORIZONS), JOINT) if horizons is None else horizons
    return SeriesEntry(
        series="a",
        metric="cpu",
        hours=ends[-1] if ends else 0,
        horizons={
            name: HorizonEntry(winner="ets", quality=found) for name, found in promised.items()
        },
        segments=tuple(
            Segment(until_hours=end, model="ets", quality=found)
            for end, found in zip(ends, segments, strict=True)
        ),
    )


WHOLE = entry(DAY, WEEK, MONTH)


def asked(first: int, last: int, *, of: SeriesEntry = WHOLE) -> Quality | None:
    """Return the promise of these leads."""
    return promise(of, first_lead=first, last_lead=last)


@pytest.mark.parametrize("hours", [24, 168, 720])
def test_a_fresh_horizon_has_the_promise_that_was_measured_of_it(hours: int) -> None:
    """Its hours were scored together, which is more than the mean of its parts."""
    assert asked(1, hours) is JOINT


def test_a_day_that_begins_at_noon_is_half_of_tomorrow() -> None:
    """Leads 13 to 36: twelve hours of the first segment and twelve of the second."""
    found = asked(13, 36)
    assert found
    assert found.windows == 7
    assert found.coverage == pytest.approx(0.15)
    assert found.naive_mase == pytest.approx(0.75)


def test_leads_of_one_segment_have_its_promise() -> None:
    """A bundle two days old answers the next day from leads 49 to 72."""
    assert asked(49, 72) is WEEK
    assert asked(169, 888) is MONTH


def test_every_hour_counts_once() -> None:
    """Leads 2 to 169 are 23 hours, 144 hours and one; windows are the least of the three."""
    found = asked(2, 169)
    assert found
    assert found.windows == 3
    assert found.sql == pytest.approx((23 * 0.2 + 144 * 0.4 + 1 * 0.8) / 168)


def test_a_few_unmeasured_hours_leave_the_promise_of_the_others() -> None:
    """Half of the hours may be unmeasured, as those of a forecast of three weeks' history are."""
    of = entry(DAY, None, MONTH)
    assert asked(2, 24, of=of) is DAY
    assert asked(13, 36, of=of) is DAY
    assert asked(14, 37, of=of) is None


def test_hours_that_nobody_forecasts_have_no_promise() -> None:
    """The first segment is all there is."""
    assert asked(2, 25, of=entry(DAY)) is None


def test_an_unmeasured_horizon_stays_unmeasured() -> None:
    """Too few windows saw all of its hours, though each segment had enough of its own."""
    of = entry(DAY, WEEK, horizons={"next_day": DAY, "next_week": None})
    assert asked(1, 168, of=of) is None


def test_hours_that_were_asked_of_no_horizon_are_joined() -> None:
    """A bundle that knows the week alone answers the first day from its first segment."""
    of = entry(DAY, WEEK, horizons={"next_week": JOINT})
    assert asked(1, 24, of=of) is DAY


@given(st.integers(2, 888), st.integers(0, 800))
def test_the_join_is_the_mean_over_the_hours(first: int, more: int) -> None:
    """As if each lead carried its segment's figures."""
    last = min(first + more, 888)
    found = asked(first, last)
    assert found
    per_lead = np.repeat([0.1, 0.2, 0.4], [24, 144, 720])[first - 1 : last]
    values = [getattr(found, name) for name in FIGURES]
    assert values == pytest.approx((per_lead.mean() * np.arange(1, 6)).tolist())


def test_the_ratio_has_a_hundredth_added_to_both() -> None:
    """(0.42 + 0.01) / (0.66 + 0.01)."""
    found = Quality(windows=3, coverage=0.8, sql=0.42, mase=0.6, naive_sql=0.66, naive_mase=0.9)
    assert found.vs_naive == pytest.approx(0.43 / 0.67)
