"""What the booster knows of a series at an origin."""

import numpy as np

from foresail.contenders.booster_features import lead_rows, snapshot

HOURS = np.arange(40 * 24)
RHYTHM = np.sin(HOURS / 24 * 2 * np.pi)
LEADS = np.arange(48)


def noisy(*, rows: int = 3, seed: int = 0) -> np.ndarray:
    """Return 40 days of a daily rhythm around ten, with noise."""
    noise = np.random.default_rng(seed).normal(0, 0.3, (rows, len(HOURS)))
    return np.asarray(10 + RHYTHM + noise)


def test_the_unit_of_a_series_does_not_show() -> None:
    """The rows of a series in bytes are those of the same series in kibibytes."""
    values = noisy()
    small, large = (snapshot(values * factor) for factor in (1.0, 1024.0))
    np.testing.assert_array_equal(
        lead_rows(small, LEADS, first_hour=7), lead_rows(large, LEADS, first_hour=7)
    )
    np.testing.assert_array_equal(large.unit, small.unit * 1024)


def test_the_centre_is_the_last_day_and_the_unit_the_change_between_days() -> None:
    """Centre = mean of the last 24 hours; unit = mean |y(t) - y(t - 24 h)| over 28 days."""
    values = noisy()
    seen = snapshot(values)
    recent = values[:, -29 * 24 :]
    np.testing.assert_allclose(seen.centre, values[:, -24:].mean(axis=1))
    np.testing.assert_allclose(seen.unit, np.abs(recent[:, 24:] - recent[:, :-24]).mean(axis=1))


def test_only_the_last_29_days_are_read() -> None:
    """An older past changes nothing."""
    values = noisy()
    cut = snapshot(values[:, -29 * 24 :])
    np.testing.assert_array_equal(snapshot(values).summary, cut.summary)


def test_a_rhythm_is_expected_to_go_on() -> None:
    """For a pure sine the expected shape is the sine, counted from the origin."""
    values = (10 + RHYTHM + np.repeat(np.arange(40) % 2, 24))[None, : 39 * 24 + 5]
    seen = snapshot(values)
    expected = np.sin((39 * 24 + 5 + LEADS) / 24 * 2 * np.pi)
    np.testing.assert_allclose(seen.expected(LEADS)[0] * seen.unit, expected, atol=0.05)


def test_noise_has_no_shape() -> None:
    """The mean day of 28 days of noise would deviate by 0.17 units; less than 0.1 is kept."""
    values = np.random.default_rng(1).normal(10, 1, (5, len(HOURS)))
    assert snapshot(values).shape.std() < 0.1


def test_a_row_holds_yesterday_and_last_week_at_the_same_hour() -> None:
    """Among the numbers about the shape are those of 24, 48, 168 and 336 hours before."""
    values = noisy(rows=1)
    seen = snapshot(values)
    row = lead_rows(seen, np.array([5]), first_hour=0)[0, 0] + seen.shape[0, 5]
    for hours in (24, 48, 168, 336):
        ago = (values[0, len(HOURS) - hours + 5] - seen.centre[0]) / seen.unit[0]
        assert np.isclose(row, ago, atol=1e-5).any()


def test_the_clock_is_that_of_the_lead() -> None:
    """A row ends with its lead, hour of the day and day of the week, Monday being 0."""
    thursday = 0  # 1970-01-01
    rows = lead_rows(snapshot(noisy(rows=1)), np.array([0, 25]), first_hour=thursday)
    np.testing.assert_array_equal(rows[0, :, -3:], [[0, 0, 3], [25, 1, 4]])


def test_gaps_give_no_warning() -> None:
    """No value at all, a single one, or none on the last day: each is described."""
    values = noisy(rows=3)
    values[0] = np.nan
    values[1, :-1] = np.nan
    values[2, -24:] = np.nan
    seen = snapshot(values)
    assert np.isfinite(seen.centre).all()
    assert (seen.unit > 0).all()
    assert lead_rows(seen, LEADS, first_hour=0).shape[:2] == (3, 48)


def test_a_short_history_has_gaps_in_front() -> None:
    """Ten days are described as ten days that follow gaps."""
    values = noisy()[:, -240:]
    padded = np.concatenate([np.full((3, 600), np.nan), values], axis=1)
    np.testing.assert_array_equal(snapshot(values).summary, snapshot(padded).summary)
