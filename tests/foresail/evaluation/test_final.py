"""The forecast that is served: winners, their stand-in, and the blend."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from factories.panels import panel_of

from foresail.contenders import Contender, Outcome, SeasonalNaive
from foresail.evaluation import run_contest
from foresail.evaluation.asking import graduates
from foresail.evaluation.choice import NOBODY
from foresail.evaluation.eligibility import Eligibility
from foresail.evaluation.experience import BLEND
from foresail.evaluation.final import Final, able, ask_learners, forecast_with
from foresail.evaluation.held_out import Measured, measure
from foresail.evaluation.scores import REFERENCE
from foresail.horizons import HORIZONS, NEXT_DAY, NEXT_WEEK
from foresail.panel import FloatArray, IntArray, Panel

ENDS = np.array([24, 48])
MEMBER, OTHER = "recent_2d", "hour_quantiles_7d"
"""Names of two members of a blend; who bears them does not matter here."""


@dataclass(frozen=True)
class Names:
    """A fitted model that is the names of its series."""

    series: tuple[str, ...]

    def select(self, rows: Sequence[int]) -> "Names":
        """Return those of these rows."""
        return Names(tuple(self.series[row] for row in rows))

    def join(self, others: Sequence["Names"]) -> "Names":
        """Return these and the others."""
        return Names(sum((other.series for other in others), self.series))

    def save(self, folder: Path) -> None:
        """Write one file."""
        (folder / "names.txt").write_text("\n".join(self.series))


@dataclass(frozen=True)
class Level:
    """A contender that answers one level with a band of one, and keeps the names of its series.

    Attributes:
        level: The p50.
        name: As served.
        fails: Series -> the lead from which on it is NaN.
        asked: Which series it was asked for, call by call.
    """

    level: float
    name: str = "level"
    fails: Mapping[str, int] = field(default_factory=dict)
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def forecast(self, panel: Panel, *, hours: int) -> Outcome:
        """Answer the level for every series."""
        names = tuple(info.series for info in panel.index)
        self.asked.append(names)
        quantiles = np.full((len(panel), hours, 3), self.level) + np.array([-1.0, 0.0, 1.0])
        for row, name in enumerate(names):
            quantiles[row, self.fails.get(name, hours) :] = np.nan
        failures = {
            row: f"{name} did not fit" for row, name in enumerate(names) if name in self.fails
        }
        return Outcome(quantiles, failures, Names(names))


@dataclass(frozen=True)
class Pupil:
    """A contender that answers how many series it learnt from."""

    name: str = "pupil"
    fails: Mapping[str, int] = field(default_factory=dict)
    lessons: list[tuple[int, int]] = field(default_factory=list)

    def learn(self, panel: Panel, *, hours: int) -> Level:
        """Count the series."""
        self.lessons.append((len(panel.ds), hours))
        return Level(float(len(panel)), self.name, self.fails)

    def forecast(self, panel: Panel, *, hours: int) -> Outcome:
        """Learn and forecast."""
        return self.learn(panel, hours=hours).forecast(panel, hours=hours)


def history(series: int = 3) -> Panel:
    """Return two days at the levels 10, 20, ...: yesterday's shape is the level without a band."""
    return panel_of(np.repeat(10.0 * np.arange(1, series + 1)[:, None], 48, axis=1))


def unmeasured(panel: Panel, contenders: Sequence[Contender]) -> Measured:
    """Return what is believed of them without a window, in two segments."""
    fits = [Eligibility((), {})] * len(panel)
    horizons = (NEXT_DAY, NEXT_WEEK)
    return measure(panel, fits, horizons=horizons, contenders=contenders, windows=3)


def served(
    winners: Sequence[Sequence[int]],
    *others: Contender,
    weights: FloatArray | None = None,
    alike: IntArray | None = None,
) -> Final:
    """Forecast with these winners, two segments of a day each; place 0 is the naive's."""
    panel, contenders = history(len(winners)), (SeasonalNaive(24), *others)
    measured = unmeasured(panel, contenders)
    if weights is not None:
        measured = replace(measured, weights=weights)
    places = np.array(winners)
    rows = np.flatnonzero((places != NOBODY).any(axis=1))
    return forecast_with(
        panel,
        places,
        ENDS,
        contenders,
        measured=measured,
        alike=np.zeros(len(panel), dtype=np.int64) if alike is None else alike,
        heard=heard_of(panel, rows, contenders),
    )


def heard_of(panel: Panel, rows: IntArray, contenders: Sequence[Contender]) -> dict[str, Outcome]:
    """Return what the learners among them say of these rows, taught by them, of two days."""
    learnt = graduates(panel, rows, contenders, steps=48)
    return ask_learners(panel, rows, learnt, steps=48)


def days(final: Final) -> list[list[list[float]]]:
    """Return the quantiles of each series' two days, which are alike all day."""
    assert (np.ptp(final.quantiles.reshape(-1, 2, 24, 3), axis=2) < 1e-9).all()
    return np.round(final.quantiles[:, ::24], 9).tolist()


def test_each_segment_is_forecast_by_its_winner() -> None:
    """The level one day and the naive the other, or one of them for both."""
    final = served([[1, 0], [0, 1], [1, 1]], Level(5.0))
    level, naive = [4.0, 5.0, 6.0], ([10.0] * 3, [20.0] * 3)
    assert days(final) == [[level, naive[0]], [naive[1], level], [level, level]]
    assert final.places.tolist() == [[1, 0], [0, 1], [1, 1]]
    assert final.failures == {}


def test_a_series_that_gets_no_forecast_is_zero() -> None:
    """Its place is nobody's, and nobody is asked for it."""
    level = Level(5.0)
    final = served([[1, 1], [NOBODY, NOBODY]], level)
    assert not final.quantiles[1].any()
    assert final.places.tolist() == [[1, 1], [NOBODY, NOBODY]]
    assert level.asked == [("s0",)]


def test_nobody_to_forecast_is_no_error() -> None:
    """Where no series gets a forecast nobody is asked."""
    level, pupil = Level(5.0), Pupil()
    final = served([[NOBODY, NOBODY]], level, pupil)
    assert not final.quantiles.any()
    assert level.asked == []
    assert pupil.lessons == []


def test_where_the_winner_fails_the_naive_serves_and_the_reason_is_kept() -> None:
    """The other series keep their winner."""
    final = served([[1, 1], [1, 1]], Level(5.0, fails={"s1": 0}))
    assert days(final) == [[[4.0, 5.0, 6.0]] * 2, [[20.0] * 3] * 2]
    assert final.places.tolist() == [[1, 1], [0, 0]]
    assert final.failures == {1: "s1 did not fit"}


def test_a_winner_that_fails_from_a_lead_on_serves_the_segments_before() -> None:
    """The naive takes over where one of a segment's hours is missing."""
    final = served([[1, 1]], Level(5.0, fails={"s0": 40}))
    assert days(final) == [[[4.0, 5.0, 6.0], [10.0] * 3]]
    assert final.places.tolist() == [[1, 0]]
    assert final.failures == {0: "s0 did not fit"}


def test_who_fails_where_another_serves_has_not_failed() -> None:
    """Its sentence is nobody's reason."""
    level = Level(5.0, fails={"s0": 0, "s1": 0})
    final = served([[0, 0], [2, 0], [1, 0]], level, Level(6.0, "other"))
    assert level.asked == [("s2",)]
    assert final.failures == {}
    assert served([[0, 0], [1, 0]], Pupil(fails={"s0": 0})).failures == {}


def test_a_winner_that_fails_after_its_leads_has_not_failed() -> None:
    """What it serves is whole: nothing stands in for it."""
    final = served([[1, 0]], Level(5.0, fails={"s0": 24}))
    assert final.places.tolist() == [[1, 0]]
    assert final.failures == {}


def test_winners_are_asked_for_the_series_that_they_serve() -> None:
    """One who serves nothing is not asked, nor one of no blend."""
    level, idle = Level(5.0), Level(6.0, "idle")
    served([[0, 0], [1, 0], [0, 1]], level, idle)
    assert level.asked == [("s1", "s2")]
    assert idle.asked == []


def test_models_are_kept_with_their_rows() -> None:
    """Of the contenders that fitted one, for the series that they were asked for."""
    final = served([[0, 0], [1, 0], [2, 1]], Level(5.0), Level(6.0, "other"))
    assert set(final.models) == {"level", "other"}
    rows, model = final.models["level"]
    assert (rows.tolist(), model) == ([1, 2], Names(("s1", "s2")))
    rows, model = final.models["other"]
    assert (rows.tolist(), model) == ([2], Names(("s2",)))


def test_a_learners_model_speaks_of_all_series_that_get_a_forecast() -> None:
    """It learnt and was asked before the choice."""
    final = served([[0, 0], [NOBODY, NOBODY], [1, 0]], Pupil())
    rows, model = final.models["pupil"]
    assert (rows.tolist(), model) == ([0, 2], Names(("s0", "s2")))
    assert days(final)[2] == [[1.0, 2.0, 3.0], [30.0] * 3]


def test_learners_learn_from_the_series_that_get_a_forecast() -> None:
    """Once, from all that is known, for all the hours to come; others are not asked yet."""
    pupil, level = Pupil(), Level(5.0)
    heard = heard_of(history(3), np.array([0, 2]), (pupil, level))
    assert set(heard) == {"pupil"}
    assert heard["pupil"].quantiles.shape == (2, 48, 3)
    assert heard["pupil"].quantiles[0, 0].tolist() == [1.0, 2.0, 3.0]
    assert pupil.lessons == [(48, 48)]
    assert level.asked == []


def test_without_series_learners_are_not_taught() -> None:
    """There is nothing to say."""
    pupil = Pupil()
    assert heard_of(history(1), np.array([], dtype=np.int64), (pupil,)) == {}
    assert pupil.lessons == []


def test_a_learner_is_able_to_serve_the_segments_of_which_it_misses_no_hour() -> None:
    """Rows speak of the panel; those not asked for, and contenders not heard, are not doubted."""
    panel, pupil = history(5), Pupil(fails={"s1": 0, "s3": 47, "s4": 24})
    contenders = (SeasonalNaive(24), pupil, Level(5.0))
    rows = np.array([0, 1, 3, 4])
    heard = heard_of(panel, rows, contenders)
    found = able(unmeasured(panel, contenders), rows, heard, ENDS)
    assert found[1].tolist() == [
        [True, True],
        [False, False],
        [True, True],
        [True, False],
        [True, False],
    ]
    assert found[[0, 2]].all()
    assert found.shape == (3, 5, 2)


def blend_weights(*of_segments: Sequence[float]) -> FloatArray:
    """Return the weights of one group's members, segment by segment."""
    return np.array([of_segments])


def test_a_blend_is_the_mean_of_its_members_by_their_weights() -> None:
    """Segment by segment: 3 and 7 with a fourth and three fourths are 6, with halves 5."""
    weights = blend_weights((0.25, 0.75), (0.5, 0.5))
    final = served([[3, 3]], Level(3.0, MEMBER), Level(7.0, OTHER), weights=weights)
    assert [day[1] for day in days(final)[0]] == [6.0, 5.0]
    assert final.places.tolist() == [[3, 3]]
    assert final.failures == {}


def test_members_of_one_opinion_keep_their_band() -> None:
    """All of them say four to six."""
    weights = blend_weights((0.25, 0.75), (0.5, 0.5))
    final = served([[3, 3]], Level(5.0, MEMBER), Level(5.0, OTHER), weights=weights)
    assert days(final) == [[[4.0, 5.0, 6.0]] * 2]


def test_a_blends_band_is_wider_where_its_members_disagree() -> None:
    """Around their mean, by as much on both sides."""
    weights = blend_weights((0.5, 0.5), (0.5, 0.5))
    final = served([[3, 3]], Level(3.0, MEMBER), Level(7.0, OTHER), weights=weights)
    low, middle, high = days(final)[0][0]
    assert middle == 5.0
    assert high - middle == pytest.approx(middle - low)
    assert high - middle > 1


def test_a_member_that_fails_leaves_the_blend_to_the_others() -> None:
    """Segment by segment, without a word of failure: it is a blend still."""
    weights = blend_weights((0.25, 0.75), (0.5, 0.5))
    members = Level(3.0, MEMBER, fails={"s0": 0, "s1": 24}), Level(7.0, OTHER)
    final = served([[3, 3], [3, 3], [3, 3]], *members, weights=weights)
    assert [[day[1] for day in one] for one in days(final)] == [[7.0, 7.0], [6.0, 7.0], [6.0, 5.0]]
    assert final.places.tolist() == [[3, 3]] * 3
    assert final.failures == {}


def test_a_learner_is_a_member_like_others() -> None:
    """It was heard for all series, and counts in those that the blend serves."""
    weights = blend_weights((0.5, 0.5), (0.5, 0.5))
    final = served([[3, 3], [0, 0]], Pupil("booster"), Level(7.0, OTHER), weights=weights)
    assert [[day[1] for day in one] for one in days(final)] == [[4.5, 4.5], [20.0, 20.0]]


def test_a_blend_without_a_member_left_is_the_naive() -> None:
    """The place says so."""
    weights = blend_weights((0.5, 0.5), (0.5, 0.5))
    members = [Level(3.0, name, fails={"s0": 24}) for name in (MEMBER, OTHER)]
    final = served([[3, 3]], *members, weights=weights)
    assert [day[1] for day in days(final)[0]] == [3.0, 10.0]
    assert final.places.tolist() == [[3, 0]]


def test_where_a_blend_loses_all_its_members_the_reason_is_kept() -> None:
    """What is served by a stand-in is said to be so."""
    members = [Level(3.0, name, fails={"s0": 0}) for name in (MEMBER, OTHER)]
    final = served([[3, 3]], *members)
    assert final.places.tolist() == [[0, 0]]
    assert final.failures == {0: "s0 did not fit"}


def test_members_are_asked_for_series_that_the_blend_or_they_serve() -> None:
    """One without weight is asked for those alone that it serves itself."""
    weights = blend_weights((0.0, 1.0), (0.0, 1.0))
    first, second = Level(3.0, MEMBER), Level(7.0, OTHER)
    served([[3, 0], [1, 0], [2, 0], [0, 0]], first, second, weights=weights)
    assert first.asked == [("s1",)]
    assert second.asked == [("s0", "s2")]


def test_series_of_different_kinds_have_different_weights() -> None:
    """The second group's weights are the first's the other way round."""
    weights = np.array([[[0.25, 0.75]] * 2, [[0.75, 0.25]] * 2])
    final = served(
        [[3, 3], [3, 3]],
        Level(3.0, MEMBER),
        Level(7.0, OTHER),
        weights=weights,
        alike=np.array([0, 1]),
    )
    assert [one[0][1] for one in days(final)] == [6.0, 4.0]


def test_the_blend_stands_last_on_the_board() -> None:
    """Its place follows those of the contenders."""
    contenders = (SeasonalNaive(24), Level(3.0, MEMBER), Level(7.0, OTHER))
    names = unmeasured(history(1), contenders).board.contenders
    assert names == (REFERENCE, MEMBER, OTHER, BLEND)


def test_the_hours_after_the_last_horizon_are_its_winners() -> None:
    """A series too short for a month is stored for a week and its slack, all by who is named."""
    values = 10 + np.random.default_rng(0).normal(0, 1, (3, 10 * 24))
    contenders = (SeasonalNaive(24), Level(10.0, "recent_7d"))
    result = run_contest(panel_of(values), horizons=HORIZONS, contenders=contenders)
    segment = result.index[0].segments[-1]
    assert (segment.until_hours, segment.model) == (336, "recent_7d")
    assert result.forecast[0, :336, 1] == pytest.approx(np.full(336, 10.0))
