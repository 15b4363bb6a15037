"""The hours that answer a question asked now."""

from datetime import timedelta

import numpy as np
import pytest
from factories import bundles
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from foresail.bundle import Bundle
from foresail_serving.answers.window import cut, number, plain, rows_of, significant
from foresail_serving.problems import ProblemError
from foresail_serving.snapshot import Found, Served, Snapshot

HOUR = timedelta(hours=1)
START = bundles.TRAINED_UNTIL


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """One bundle, 888 hours from midnight on."""
    folder = tmp_path_factory.mktemp("bundle")
    bundles.write(folder)
    return Snapshot.of({"foresail-cpu": Served("foresail-cpu", "1", Bundle.open(folder))})


def series(snapshot: Snapshot, name: str) -> Found:
    """Return the mean of cpu of one series."""
    return snapshot.by_id[name, "cpu", "mean"]


def test_the_window_starts_at_the_present_hour(snapshot: Snapshot) -> None:
    """At 05:00 the first row is 05:00 and holds what was forecast for 05:00."""
    window = cut(
        series(snapshot, "prod/cluster"), horizon="next_day", hours=24, start=START + 5 * HOUR
    )
    assert window.first_hour == START + 5 * HOUR
    assert window.values[0].tolist() == [14.0, 15.0, 17.0]
    assert (len(window.values), window.first) == (24, 5)


def test_the_last_hour_of_the_bundle_is_served(snapshot: Snapshot) -> None:
    """One hour before the end there is one row."""
    window = cut(
        series(snapshot, "prod/cluster"), horizon="next_day", hours=24, start=START + 887 * HOUR
    )
    assert (window.first_hour, len(window.values)) == (START + 887 * HOUR, 1)


def test_after_its_end_a_forecast_has_expired(snapshot: Snapshot) -> None:
    """At the end of the last hour nothing is served, and the last hour is named."""
    with pytest.raises(ProblemError, match="ends at 2026-12-28T00:00:00Z") as caught:
        cut(
            series(snapshot, "prod/cluster"), horizon="next_day", hours=24, start=START + 888 * HOUR
        )
    assert caught.value.slug == "forecast-expired"
    assert caught.value.extra["last_hour"] == "2026-12-27T23:00:00Z"


def test_zeros_behind_a_series_own_hours_are_no_forecast(snapshot: Snapshot) -> None:
    """A series with 336 hours is cut there, although the array goes on."""
    young = series(snapshot, "prod/workload/shop/deployment/young")
    window = cut(young, horizon="next_week", hours=168, start=START + 330 * HOUR)
    assert len(window.values) == 6
    with pytest.raises(ProblemError, match="ends at 2026-12-05T00:00:00Z"):
        cut(young, horizon="next_week", hours=168, start=START + 336 * HOUR)


def test_a_series_that_abstains_has_an_empty_window(snapshot: Snapshot) -> None:
    """Where there is no winner there is no value, not a zero."""
    ended = series(snapshot, "prod/workload/shop/deployment/ended")
    window = cut(ended, horizon="next_day", hours=24, start=START + HOUR)
    assert (window.rows, window.values.shape) == (None, (0, 3))


def test_a_forecast_that_begins_later_gives_the_hours_it_has(snapshot: Snapshot) -> None:
    """With the clock ten hours behind the training, fourteen of a day's hours are there."""
    window = cut(
        series(snapshot, "prod/cluster"), horizon="next_day", hours=24, start=START - 10 * HOUR
    )
    assert (len(window.values), window.first_hour, window.missing) == (14, START, 10)


def test_a_forecast_wholly_ahead_of_the_clock_is_a_problem(snapshot: Snapshot) -> None:
    """A day before the training nothing of the next day is forecast."""
    with pytest.raises(ProblemError, match="begins at 2026-11-21T00:00:00Z") as caught:
        cut(series(snapshot, "prod/cluster"), horizon="next_day", hours=24, start=START - 24 * HOUR)
    assert caught.value.slug == "forecast-not-begun"


def test_a_horizon_that_was_not_trained_is_named(snapshot: Snapshot) -> None:
    """The problem lists the horizons that there are."""
    with pytest.raises(ProblemError, match="not trained for next_year") as caught:
        cut(series(snapshot, "prod/cluster"), horizon="next_year", hours=9, start=START)
    assert caught.value.extra["choices"] == ["next_day", "next_week", "next_month"]


@given(hours=st.integers(-30, 900))
def test_every_row_is_the_hour_it_says(snapshot: Snapshot, hours: int) -> None:
    """Whenever one asks, a row's value is the one stored for its own hour."""
    found = series(snapshot, "prod/cluster")
    try:
        window = cut(found, horizon="next_day", hours=24, start=START + hours * HOUR)
    except ProblemError:
        assert hours >= 888 or hours <= -24
        assert rows_of(found, hours=24, start=START + hours * HOUR) is None
        return
    assert rows_of(found, hours=24, start=START + hours * HOUR) == window.rows
    hours = [window.first_hour + row * HOUR for row in range(len(window.values))]
    expected = [10.0 + stamp.hour for stamp in hours]
    assert window.values[:, 1].tolist() == expected


def test_numbers_are_the_shortest_that_name_a_float32() -> None:
    """What float32 does not hold is not written: 0.1 is 0.1."""
    values = np.array([0.1, 12345678848.0, 0.0, 1 / 3, 1e-7], dtype=np.float32)
    assert significant(values).tolist() == [0.1, 12345679000.0, 0.0, 0.33333334, 1e-07]
    assert [number(value) for value in values] == significant(values).tolist()
    assert np.isnan(significant(np.array([[np.nan, 1.0]], dtype=np.float32))[0, 0])


def test_a_figure_has_seven_digits() -> None:
    """A third is cut, a whole number is left."""
    assert [plain(1 / 3), plain(3.0), plain(12345678.9)] == [0.3333333, 3.0, 12345680.0]


@given(arrays(np.float32, (2, 10), elements=st.floats(0, 2.0**50, width=32)))
def test_what_is_written_is_what_was_published(values: np.ndarray) -> None:
    """Read as float32 it is the same bit for bit, and quantiles do not cross."""
    ordered = np.sort(values.T, axis=0)
    written = significant(ordered)
    assert (np.diff(written, axis=0) >= 0).all()
    np.testing.assert_array_equal(written.astype(np.float32), ordered)
