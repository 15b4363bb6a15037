"""What is served for shapes that lead forecasts astray: each alone, and all in one panel."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from factories import shapes

from foresail.bundle import SeriesEntry
from foresail.codes import Code
from foresail.contenders import ProphetSettings
from foresail.evaluation import Contest, run_contest
from foresail.evaluation.field import field
from foresail.horizons import HORIZONS
from foresail.panel import FloatArray, Panel

NAMES = tuple(shapes.SHAPES)
FLAT = ("constant", "all_zero")
MOVING = tuple(name for name in NAMES if name not in FLAT)
BOUNDED = tuple(name for name in NAMES if not name.endswith("steady_growth"))


@dataclass(frozen=True)
class Served:
    """What one shape is answered with, hour by hour as far as a forecast is stored.

    Attributes:
        history: Its known values.
        p10: From the hour after the history on, shape `(hours,)`.
        p50: As above.
        p90: As above.
        hour: UTC hour of the day of each.
        entry: What is said beside it.
    """

    history: FloatArray
    p10: FloatArray
    p50: FloatArray
    p90: FloatArray
    hour: FloatArray
    entry: SeriesEntry


Answer = Callable[[str], Served]


def answered(panel: Panel, contest: Contest, row: int) -> Served:
    """Return what one row of a contest is answered with."""
    entry = contest.index[row]
    y = panel.values[row]
    p10, p50, p90 = contest.forecast[row, : entry.hours].T
    hour = (shapes.HOUR_OF_DAY[-1] + 1 + np.arange(entry.hours)) % 24
    return Served(y[np.isfinite(y)], p10, p50, p90, hour, entry)


@cache
def contest_of(*names: str) -> tuple[Panel, Contest]:
    """Run the contest that is served from, once for each panel."""
    panel = shapes.panel(names)
    return panel, run_contest(panel, horizons=HORIZONS, contenders=field(ProphetSettings()))


@pytest.fixture(params=["alone", "together"])
def answer(request: pytest.FixtureRequest) -> Answer:
    """Ask for a shape by name: from a panel of its own, or from the panel of all shapes."""

    def ask(name: str) -> Served:
        names = (name,) if request.param == "alone" else NAMES
        return answered(*contest_of(*names), names.index(name))

    return ask


@pytest.mark.parametrize("name", BOUNDED)
def test_the_p50_stays_within_one_and_a_half_shown_ranges(answer: Answer, name: str) -> None:
    """For 30 days and more it is at most 1.5 half-ranges from the middle of what was shown."""
    served = answer(name)
    low, high = served.history.min(), served.history.max()
    far = np.abs(served.p50 - (low + high) / 2)
    assert far.max() <= 1.5 * (high - low) / 2 + 1e-9


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_below_zero_and_quantiles_ascend(answer: Answer, name: str) -> None:
    """0 <= p10 <= p50 <= p90, finite, at every hour that is served."""
    served = answer(name)
    assert np.isfinite(served.p90).all()
    assert (served.p10 >= 0).all()
    assert (served.p10 <= served.p50).all()
    assert (served.p50 <= served.p90).all()


@pytest.mark.parametrize("name", NAMES)
def test_no_band_explodes(answer: Answer, name: str) -> None:
    """It is at most twice as wide as the range that was shown."""
    served = answer(name)
    shown = served.history.max() - served.history.min()
    assert (served.p90 - served.p10).max() <= 2 * shown + 1e-9


@pytest.mark.parametrize("name", MOVING)
def test_every_horizon_that_the_history_carries_is_served(answer: Answer, name: str) -> None:
    """A hard shape is no reason to abstain, nor to serve less; only 48 hours carry no month."""
    entry = answer(name).entry
    short = name == "short_history"
    assert entry.hours == (336 if short else 888)
    assert [entry.horizons[h.name].code for h in HORIZONS] == [0, 0, 202 if short else 0]
    assert [entry.horizons[h.name].winner is None for h in HORIZONS] == [False, False, short]


@pytest.mark.parametrize("name", ["recent_step", "daily_recent_step"])
def test_a_recent_step_is_the_new_level(answer: Answer, name: str) -> None:
    """One core became two four days ago: two tomorrow, and neither three in a month nor none."""
    served = answer(name)
    assert served.p50[:24].mean() == pytest.approx(2.0, abs=0.2)
    assert 0.9 <= served.p50[696:720].mean() <= 2.8


def test_48_hours_at_one_core_stay_at_one(answer: Answer) -> None:
    """The week stays within a tenth of it, its band within a fifth."""
    served = answer("short_history")
    assert np.abs(served.p50[:168] - 1.0).max() <= 0.1
    assert served.p10[:168].min() >= 0.8
    assert served.p90[:168].max() <= 1.2


def test_a_shrinking_service_neither_vanishes_below_zero_nor_grows_back(answer: Answer) -> None:
    """From five cores down to 0.2: tomorrow under 0.6, in a month no more than two weeks ago."""
    served = answer("shrinking")
    assert served.p50[:24].max() <= 0.6
    assert served.p50.max() <= served.history[-14 * 24 :].max()


@pytest.mark.parametrize("name", ["single_spike", "late_spike", "daily_late_spike"])
def test_one_huge_spike_comes_back_neither_in_the_p50_nor_in_the_band(
    answer: Answer, name: str
) -> None:
    """One hour at 50 cores among 60 days of at most 1.5: a p50 up to 1.7 and a p90 up to two."""
    served = answer(name)
    assert served.p50.max() <= 1.7
    assert served.p90.max() <= 2.0
    assert served.p50[696:720].mean() == pytest.approx(1.0, abs=0.4)


def test_a_sawtooth_leak_is_not_drawn_on_beyond_its_restarts(answer: Answer) -> None:
    """It has restarted at three GiB ten times: no p50 above 3.5, nor below half a GiB."""
    served = answer("sawtooth_leak")
    assert served.p50.max() <= 3.5 * shapes.GIB
    assert served.p50.min() >= 0.5 * shapes.GIB


def test_a_batch_that_is_off_at_night_is_forecast_off_at_night(answer: Answer) -> None:
    """Tomorrow: two cores at noon, nothing at 2 o'clock."""
    served = answer("nightly_off")
    by_hour = dict(zip(served.hour[:24].tolist(), served.p50[:24].tolist(), strict=True))
    assert by_hour[12] == pytest.approx(2.0, abs=0.3)
    assert by_hour[2] <= 0.3


@pytest.mark.parametrize(("name", "value"), [("constant", 0.25), ("all_zero", 0.0)])
def test_a_constant_is_forecast_as_its_constant_and_said_so(
    answer: Answer, name: str, value: float
) -> None:
    """All three quantiles are the constant, and every horizon has its code and a sentence."""
    served = answer(name)
    assert served.entry.hours == 888
    for quantile in (served.p10, served.p50, served.p90):
        assert (quantile == value).all()
    for horizon in served.entry.horizons.values():
        assert horizon.code == Code.CONSTANT
        assert horizon.winner is not None
        assert horizon.reason


def test_a_saturated_service_stays_at_its_limit(answer: Answer) -> None:
    """Pinned at four of four cores: tomorrow it is still there, and nothing is above the limit."""
    served = answer("saturated")
    assert served.p50[:24].min() >= 3.8
    assert served.p90.max() <= shapes.LIMIT


@pytest.mark.parametrize(
    ("name", "noon", "night"), [("dst_day", 10, 0), ("dst_three_weeks_ago", 16, 6)]
)
def test_a_clock_that_went_forward_neither_adds_nor_loses_an_hour(
    answer: Answer, name: str, noon: int, night: int
) -> None:
    """24 values a day; four cores at the office's noon, half a core at its night."""
    served = answer(name)
    assert served.p50.shape == (888,)
    for day in (0, 1, 6):
        hours = slice(24 * day, 24 * day + 24)
        by_hour = dict(zip(served.hour[hours].tolist(), served.p50[hours].tolist(), strict=True))
        assert len(by_hour) == 24
        assert by_hour[noon] == pytest.approx(4.0, abs=0.5)
        assert by_hour[night] == pytest.approx(0.5, abs=0.5)


def test_a_new_level_after_a_gap_is_the_level(answer: Answer) -> None:
    """Three cores for six days, after one and a silence: three tomorrow."""
    served = answer("new_level_after_gap")
    assert served.p50[:24].mean() == pytest.approx(3.0, abs=0.2)


@pytest.mark.parametrize("name", ["steady_growth", "daily_steady_growth"])
def test_growth_that_beats_the_flat_forecast_goes_on(answer: Answer, name: str) -> None:
    """From one core to four in 60 days, and on towards 5.5 in 30 more; nowhere to 13."""
    served = answer(name)
    last_day = served.history[-24:].mean()
    assert last_day + 0.5 <= served.p50[696:720].mean() <= 6.1
    assert served.p90.max() <= 13.0


@pytest.mark.parametrize("name", ["late_growth", "daily_late_growth"])
def test_growth_of_the_last_days_is_not_drawn_on(answer: Answer, name: str) -> None:
    """One core became two within five days: in 30 days it is not eight, nor gone."""
    served = answer(name)
    assert 0.9 <= served.p50[696:720].mean() <= 2.8
    assert served.p50.min() >= 0.4
