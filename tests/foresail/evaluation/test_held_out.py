"""The measurement behind a contest: nothing is known before it came, nobody vouches for itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from factories.panels import panel_of

from foresail.contenders import (
    Contender,
    HourQuantiles,
    LastDayMean,
    Outcome,
    RecentQuantiles,
    SeasonalNaive,
)
from foresail.evaluation import layout
from foresail.evaluation.asking import STALE_HOURS, not_below_zero
from foresail.evaluation.calibration import STRENGTH
from foresail.evaluation.eligibility import Eligibility, eligibility
from foresail.evaluation.experience import BLEND, first_weights
from foresail.evaluation.held_out import Measured, measure
from foresail.evaluation.losses import naive_scale
from foresail.evaluation.scores import ERROR, HOURS, LOSS, REFERENCE
from foresail.evaluation.windows import Window, plan_windows
from foresail.horizons import HORIZONS, NEXT_DAY, NEXT_WEEK, Horizon
from foresail.panel import FloatArray, Panel, SeriesInfo

DAY = 24
MEMBER, OTHER = "recent_2d", "hour_quantiles_7d"
"""Names of two members of a blend; who bears them does not matter here."""


@dataclass(frozen=True)
class Level:
    """A contender that answers one level with a band of one; NaN for some series."""

    level: float
    name: str = "level"
    fails_for: tuple[str, ...] = ()

    def forecast(self, panel: Panel, *, hours: int) -> Outcome:
        """Answer the level for every series."""
        quantiles = np.full((len(panel), hours, 3), self.level) + np.array([-1.0, 0.0, 1.0])
        failed = [row for row, info in enumerate(panel.index) if info.series in self.fails_for]
        quantiles[failed] = np.nan
        return Outcome(quantiles, dict.fromkeys(failed, "it did not fit"))


@dataclass(frozen=True)
class Diary:
    """The last value of each series, and what it was shown and said at each origin and length."""

    name: str = "diary"
    entries: dict[tuple[int, int], tuple[FloatArray, FloatArray]] = field(default_factory=dict)

    def forecast(self, panel: Panel, *, hours: int) -> Outcome:
        """Answer the last value, and write it down."""
        quantiles = np.repeat(panel.values[:, -1:, None], hours, axis=1) + np.arange(3.0)
        self.entries[len(panel.ds), hours] = panel.values.copy(), quantiles
        return Outcome(quantiles)


@dataclass(frozen=True)
class Lesson:
    """What a pupil was taught: up to which hour, of which series, for leads how long."""

    until: int
    series: tuple[str, ...]
    hours: int


@dataclass(frozen=True)
class Taught:
    """What a pupil has learnt: the mean of all values, as its forecast for every series."""

    lesson: Lesson
    mean: float
    asked: list[tuple[Lesson, int, int, float]]
    name: str = "pupil"

    def forecast(self, panel: Panel, *, hours: int) -> Outcome:
        """Answer the mean, and write down what was asked."""
        self.asked.append((self.lesson, len(panel.ds), hours, self.mean))
        return Outcome(np.full((len(panel), hours, 3), self.mean))


@dataclass(frozen=True)
class Pupil:
    """A contender that must learn before it forecasts."""

    name: str = "pupil"
    lessons: list[Lesson] = field(default_factory=list)
    asked: list[tuple[Lesson, int, int, float]] = field(default_factory=list)

    def learn(self, panel: Panel, *, hours: int) -> Taught:
        """Learn the mean of all values."""
        lesson = Lesson(len(panel.ds), tuple(info.series for info in panel.index), hours)
        self.lessons.append(lesson)
        return Taught(lesson, float(np.nanmean(panel.values)), self.asked)

    def forecast(self, panel: Panel, *, hours: int) -> Outcome:
        """Learn and forecast."""
        return self.learn(panel, hours=hours).forecast(panel, hours=hours)


def noise(days: int, *, series: int = 1, seed: int = 0) -> FloatArray:
    """Return so many days at a level of ten with noise of one."""
    return 10 + np.random.default_rng(seed).normal(0, 1, (series, days * DAY))


def fits_of(panel: Panel, horizons: Sequence[Horizon]) -> list[Eligibility]:
    """Return what each series may be asked for."""
    return [eligibility(row, horizons) for row in panel.values]


def measured(
    panel: Panel,
    *others: Contender,
    horizons: Sequence[Horizon] = (NEXT_DAY,),
) -> Measured:
    """Measure the naive and others."""
    return measure(
        panel,
        fits_of(panel, horizons),
        horizons=horizons,
        contenders=(SeasonalNaive(24), *others),
        windows=3,
    )


def windows_of(panel: Panel, horizons: Sequence[Horizon] = (NEXT_DAY,)) -> tuple[Window, ...]:
    """Return the windows that are measured."""
    return plan_windows(panel.values, fits_of(panel, horizons), horizons, windows=3)


def sums(found: Measured, name: str) -> FloatArray:
    """Return what one contender scored, shape `(W, N, S, 4)`."""
    return np.asarray(found.board.sums[found.board.contenders.index(name)])


def test_a_contender_sees_what_came_before_the_window_and_nothing_else() -> None:
    """At each window's origin it is shown the history up to there."""
    panel, diary = panel_of(noise(60, series=2)), Diary()
    measured(panel, diary, horizons=HORIZONS)
    plan = windows_of(panel, HORIZONS)
    assert len(plan) == 13
    assert set(diary.entries) == {(window.origin, window.hours) for window in plan}
    for (origin, _), (shown, _) in diary.entries.items():
        np.testing.assert_array_equal(shown, panel.values[:, :origin])


def test_the_future_does_not_change_what_was_said_before_it() -> None:
    """Values shifted from a window's origin on leave its forecasts, and those before it."""
    values = noise(40, series=2)
    plan = windows_of(panel_of(values), (NEXT_DAY, NEXT_WEEK))
    before, pupil = Diary(), Pupil()
    measured(panel_of(values), before, pupil, horizons=(NEXT_DAY, NEXT_WEEK))
    for window in plan:
        shifted = values.copy()
        shifted[:, window.origin :] += 1000.0
        after, other = Diary(), Pupil()
        measured(panel_of(shifted), after, other, horizons=(NEXT_DAY, NEXT_WEEK))
        for place, (_, said) in before.entries.items():
            if place[0] <= window.origin:
                np.testing.assert_array_equal(after.entries[place][1], said)
        past = [
            {ask for ask in asked if ask[1] <= window.origin}
            for asked in (pupil.asked, other.asked)
        ]
        assert past[0] == past[1]


def test_scores_compare_what_was_said_with_what_came() -> None:
    """The error of a level is the mean distance of the window's values, in the scale before it."""
    values = noise(20)
    found = measured(panel_of(values), Level(10.0))
    for w, window in enumerate(windows_of(panel_of(values))):
        came = values[0, window.origin : window.origin + DAY]
        scale = naive_scale(values[:, : window.origin])[0]
        error = sums(found, "level")[w, 0, 0, ERROR]
        assert error == pytest.approx(np.abs(came - 10).sum() / scale, rel=1e-5)


def test_nothing_to_hold_out_leaves_everything_as_it_was_believed() -> None:
    """Two days: no window, bands as they come, and the blend's first weights."""
    found = measured(panel_of(noise(2, series=3)), Level(10.0, MEMBER), Level(9.0, OTHER))
    assert found.board.sums.shape == (4, 0, 3, 1, 4)
    assert found.bands == pytest.approx(np.ones((4, 3, 1, 2)), abs=1e-6)
    first = first_weights((MEMBER, OTHER), segment=0, series=3)
    assert found.weights[0, 0] == pytest.approx(first)


def test_a_panel_without_series_is_no_error() -> None:
    """There is nothing to measure."""
    found = measured(panel_of(np.zeros((0, 20 * DAY))), Level(10.0))
    assert found.board.keys == ()
    assert found.bands.shape == (2, 0, 1, 2)


def test_a_series_that_takes_no_part_in_a_window_has_no_score_there() -> None:
    """It began ten days ago: the windows before are those of the other."""
    values = noise(40, series=2)
    values[1, : 30 * DAY] = np.nan
    found = measured(panel_of(values), Level(10.0))
    plan = windows_of(panel_of(values))
    old = [window.origin - 30 * DAY >= 2 * DAY for window in plan]
    assert 0 < sum(old) < len(plan)
    assert (sums(found, "level")[:, 1, 0, HOURS] > 0).tolist() == old
    assert (sums(found, "level")[:, 0, 0, HOURS] > 0).all()


def test_a_forecast_that_failed_has_no_score() -> None:
    """That of other series has, and so has the naive."""
    found = measured(panel_of(noise(20, series=2)), Level(10.0, fails_for=("s1",)))
    assert (sums(found, "level")[:, 0, 0, HOURS] == DAY).all()
    assert not sums(found, "level")[:, 1].any()
    assert (found.board.naive[:, :, 0, HOURS] == DAY).all()


def test_usage_is_scored_as_it_would_be_served_never_below_zero() -> None:
    """A level of minus 50 is zero for a series that never was negative."""
    values = np.abs(noise(20))
    same = [
        sums(measured(panel_of(values), Level(level)), "level")[..., ERROR] for level in (-50.0, 0)
    ]
    np.testing.assert_array_equal(*same)


def test_not_below_zero_holds_for_series_that_never_were() -> None:
    """A series that was negative once keeps its forecast; a gap says nothing; NaN stays."""
    quantiles = np.full((3, 1, 3), [-1.0, 0.5, 2.0])
    quantiles[2] = np.nan
    clipped = not_below_zero(quantiles, np.array([[0.0, np.nan], [-3.0, 1.0], [1.0, 1.0]]))
    np.testing.assert_array_equal(clipped[:, 0], [[0.0, 0.5, 2.0], [-1.0, 0.5, 2.0], [np.nan] * 3])


def test_bands_are_stretched_towards_what_was_missed() -> None:
    """Noise of three in a band of one: the factor that would hold it, and a part of the way."""
    values = 10 + 3 * (noise(60, series=10) - 10)
    found = measured(panel_of(values), Level(10.0))
    assert found.bands[1].mean() == pytest.approx((1.2816 * 3) ** STRENGTH, rel=0.05)


def test_a_learner_is_taught_shortly_before_a_window_and_of_nothing_after_it() -> None:
    """No lesson is older than `STALE_HOURS`, and each covers the leads that are asked."""
    panel, pupil = panel_of(noise(90)), Pupil()
    measured(panel, pupil, horizons=HORIZONS)
    plan = windows_of(panel, HORIZONS)
    asked = [(origin, hours) for _, origin, hours, _ in pupil.asked]
    assert sorted(asked) == sorted((window.origin, window.hours) for window in plan)
    for lesson, origin, hours, _ in pupil.asked:
        assert 0 <= origin - lesson.until < STALE_HOURS
        assert lesson.hours >= hours


def test_a_lesson_serves_all_windows_until_it_is_stale() -> None:
    """No two lie closer to each other, so that windows of neighbouring days share one."""
    panel, pupil = panel_of(noise(90)), Pupil()
    measured(panel, pupil, horizons=HORIZONS)
    until = np.sort([lesson.until for lesson in pupil.lessons])
    assert len(until) < len(pupil.asked)
    assert (np.diff(until) >= STALE_HOURS).all()
    assert set(until.tolist()) <= {window.origin for window in windows_of(panel, HORIZONS)}


def test_a_learner_learns_from_all_series_that_had_begun() -> None:
    """From one too young to take part too, from one without a value yet never."""
    values = noise(40, series=5)
    first = min(window.origin for window in windows_of(panel_of(values)))
    values[3, : first - 1] = np.nan
    values[4, :first] = np.nan
    pupil = Pupil()
    measured(panel_of(values), pupil)
    taught = {lesson.until: lesson.series for lesson in pupil.lessons}
    assert taught[first] == ("s0", "s1", "s2", "s3")
    assert taught[max(taught)] == ("s0", "s1", "s2", "s3", "s4")


def test_a_panel_too_short_for_windows_teaches_nothing() -> None:
    """Nobody is asked either."""
    pupil = Pupil()
    measured(panel_of(noise(2)), pupil)
    assert pupil.lessons == []


def test_one_member_alone_is_no_blend() -> None:
    """Two are, and it stands last on the board."""
    panel = panel_of(noise(20))
    alone = measured(panel, Level(10.0, MEMBER))
    assert alone.board.contenders == (REFERENCE, MEMBER)
    assert alone.members == ()
    assert alone.weights.shape == (1, 1, 0)
    both = measured(panel, Level(10.0, OTHER), Level(0.0), Level(10.0, MEMBER))
    assert both.board.contenders == (REFERENCE, OTHER, "level", MEMBER, BLEND)
    assert both.members == (OTHER, MEMBER)
    assert both.bands.shape == (5, 1, 1, 2)


def test_the_better_member_gains_weight() -> None:
    """One says what comes, the other three more: the weights move towards the former."""
    panel = panel_of(noise(40, series=40))
    found = measured(panel, Level(10.0, MEMBER), Level(13.0, OTHER))
    first = first_weights((MEMBER, OTHER), segment=0, series=40)
    assert found.weights[0, 0, 0] > max(0.8, first[0])
    assert found.weights.sum(axis=2) == pytest.approx(np.ones((1, 1)))


def test_each_metric_has_weights_of_its_own() -> None:
    """Where cpu series find the one member right and memory series the other."""
    values = noise(40, series=40)
    values[::2] += 5
    panel = panel_of(values)
    index = tuple(
        SeriesInfo(info.series, "cpu" if row % 2 else "memory")
        for row, info in enumerate(panel.index)
    )
    panel = Panel(panel.ds, values, index)
    weights = measured(panel, Level(15.0, MEMBER), Level(10.0, OTHER)).weights
    assert weights.shape == (2, 1, 2)
    assert weights[0, 0, 0] > 0.8
    assert weights[1, 0, 1] > 0.8


def blended_middles(values: FloatArray, found: Measured, window: int) -> FloatArray:
    """Return the mean p50 of the blend in a window whose values all lie above or below it."""
    plan = windows_of(panel_of(values))
    origin = plan[window].origin
    scale = naive_scale(values[:, :origin])
    came = values[:, origin : origin + DAY].mean(axis=1)
    error = sums(found, BLEND)[window, :, 0, ERROR] * scale / DAY
    return np.asarray(np.where(came > 10, came - error, came + error))


def with_last_day(came: float) -> FloatArray:
    """Return thirty series at a level of ten whose last day was all the same."""
    values = noise(40, series=30)
    values[:, -DAY:] = came
    return values


def test_the_blend_of_a_window_was_not_weighed_by_that_window() -> None:
    """Whether the latest one came below or above both members, its own blend stays as it was."""
    members = (Level(8.0, MEMBER), Level(12.0, OTHER))
    found = {came: measured(panel_of(with_last_day(came)), *members) for came in (7.0, 13.0)}
    low, high = (blended_middles(with_last_day(came), found[came], 0) for came in found)
    assert low == pytest.approx(high, rel=1e-5)
    assert found[13.0].weights[0, 0, 1] > found[7.0].weights[0, 0, 1] + 0.01


def test_other_windows_weigh_the_blend_of_a_window() -> None:
    """The same latest one does change what the blend said in the one before."""
    members = (Level(8.0, MEMBER), Level(12.0, OTHER))
    errors = [
        sums(measured(panel_of(with_last_day(came)), *members), BLEND)[1, :, 0, ERROR]
        for came in (7.0, 13.0)
    ]
    assert np.abs(errors[0] - errors[1]).mean() > 0.1


def test_a_member_that_says_nothing_of_a_series_leaves_it_to_the_others() -> None:
    """Of two, the blend of that series is the one that is left, in error and loss."""
    panel = panel_of(noise(20, series=4))
    found = measured(panel, Level(10.0, MEMBER), Level(13.0, OTHER, fails_for=("s1",)))
    np.testing.assert_allclose(sums(found, BLEND)[:, 1, 0, ERROR], sums(found, MEMBER)[:, 1, 0, 1])
    others = [0, 2, 3]
    assert (sums(found, BLEND)[:, others, 0, ERROR] > sums(found, MEMBER)[:, others, 0, 1]).any()
    assert not sums(found, OTHER)[:, 1].any()


def test_without_a_member_there_is_no_blend() -> None:
    """A series of which neither says anything is not scored for it, and is no error."""
    panel = panel_of(noise(20, series=4))
    members = (Level(10.0, name, fails_for=("s1",)) for name in (MEMBER, OTHER))
    found = measured(panel, *members)
    assert not sums(found, BLEND)[:, 1].any()
    assert (sums(found, BLEND)[:, 0, 0, HOURS] == DAY).all()


def test_a_blend_lies_between_its_members() -> None:
    """Of one at 9 and one at 11, with their first weights where no other window teaches."""
    values = noise(3)
    values[0, -DAY:] = 1000.0
    found = measured(panel_of(values), Level(9.0, MEMBER), Level(11.0, OTHER))
    assert len(windows_of(panel_of(values))) == 1
    first = first_weights((MEMBER, OTHER), segment=0, series=1)
    (middle,) = blended_middles(values, found, 0)
    assert middle == pytest.approx(first @ [9.0, 11.0], rel=1e-4)


def in_eights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every block have eight series, the first one too."""
    monkeypatch.setattr(layout, "FIRST", 8)
    monkeypatch.setattr(layout, "BLOCK", 8)


def test_what_the_first_block_taught_serves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """In blocks of eight the blend and the bands are nearly those of one block, all else equals."""
    panel = panel_of(noise(30, series=32) * np.linspace(1, 5, 32)[:, None])
    others = (LastDayMean(), RecentQuantiles(2), HourQuantiles(7))
    whole = measured(panel, *others)
    in_eights(monkeypatch)
    parts = measured(panel, *others)
    np.testing.assert_allclose(parts.board.sums[:-1, ..., ERROR], whole.board.sums[:-1, ..., ERROR])
    np.testing.assert_array_equal(parts.board.sums[..., HOURS], whole.board.sums[..., HOURS])
    ratio = sums(parts, BLEND)[..., LOSS].sum() / sums(whole, BLEND)[..., LOSS].sum()
    assert ratio == pytest.approx(1.0, abs=0.02)
    assert np.abs(np.log(parts.bands / whole.bands)).max() < 0.2


def test_the_first_block_alone_teaches(monkeypatch: pytest.MonkeyPatch) -> None:
    """The blend's weights are those of its eight series, drawn by the seed."""
    panel = panel_of(noise(30, series=32))
    others = (Level(9.0, MEMBER), Level(10.5, OTHER))
    in_eights(monkeypatch)
    drawn = np.sort(np.random.default_rng(0).permutation(32)[:8])
    found = measured(panel, *others)
    alone = measured(panel.select(drawn.tolist()), *others)
    np.testing.assert_allclose(found.weights, alone.weights)


def test_the_misses_of_the_first_block_alone_are_lent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A young series beside others of its block, which were missed by far, has calm bands."""
    in_eights(monkeypatch)
    order = np.random.default_rng(0).permutation(16)
    values = noise(30, series=16)
    values[order[8:]] = 10 + 8 * (values[order[8:]] - 10)
    values[order[15], : 29 * DAY] = np.nan
    bands = measured(panel_of(values), Level(10.0)).bands[1, :, 0] ** (1 / STRENGTH)
    assert bands[order[15]].mean() == pytest.approx(bands[order[:8]].mean(), rel=0.3)


def test_the_same_panel_gives_the_same_numbers() -> None:
    """Threads do not change a bit of them."""
    panel = panel_of(noise(30, series=6))
    others = (RecentQuantiles(2), Level(10.0, OTHER))
    one, other = (measured(panel, *others) for _ in range(2))
    np.testing.assert_array_equal(one.board.sums, other.board.sums)
    np.testing.assert_array_equal(one.bands, other.bands)
    np.testing.assert_array_equal(one.weights, other.weights)


def test_segments_of_a_window_are_scored_apart() -> None:
    """A window of a week has a first day and six more; one of a day has the day alone."""
    horizons = (NEXT_DAY, NEXT_WEEK)
    panel = panel_of(noise(40))
    found = measured(panel, Level(10.0), horizons=horizons)
    hours = {168: [24.0, 144.0], 24: [24.0, 0.0]}
    expected = [hours[window.hours] for window in windows_of(panel, horizons)]
    assert sums(found, "level")[:, 0, :, HOURS].tolist() == expected
