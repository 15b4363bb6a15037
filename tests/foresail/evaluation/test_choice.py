"""Who serves what: a series' own windows, those of all series like it, and what is expected."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from factories.boards import board_of as two_segments

from foresail.evaluation.choice import (
    BELIEVED_WINDOWS,
    BLEND_MARGIN,
    EXPECTED_WINDOWS,
    EXTREME,
    MARGIN,
    NOBODY,
    PANEL_SERIES,
    PANEL_WINDOWS,
    SOFTENING,
    Choice,
    Judged,
    choose,
    pool_of,
)
from foresail.evaluation.experience import BLEND, EXPECTED
from foresail.evaluation.pools import groups_of, places_in
from foresail.evaluation.scores import COVERED, ERROR, HOURS, LOSS, REFERENCE, ScoreBoard
from foresail.horizons import HORIZONS
from foresail.panel import FloatArray, IntArray, SeriesKey


def board_of(
    ratios: FloatArray, *, metrics: Sequence[str] = (), names: Sequence[str] = ()
) -> ScoreBoard:
    """Return a board of a day's losses where the naive loses 1 an hour, shape `(C, W, N)`."""
    board = two_segments(ratios[..., None], names=names)
    kinds = metrics or ["cpu"] * ratios.shape[2]
    keys = [SeriesKey(f"s{i}", kind) for i, kind in enumerate(kinds)]
    return ScoreBoard(board.contenders, tuple(keys), board.horizons, board.sums, board.naive)


def unmeasured(names: Sequence[str], *, series: int = 1) -> ScoreBoard:
    """Return a board of all horizons without a window."""
    keys = [SeriesKey(f"s{i}", "cpu") for i in range(series)]
    return ScoreBoard.empty([REFERENCE, *names], keys, HORIZONS, windows=0)


def named(choice: Choice, segment: int = 0) -> list[str]:
    """Return who serves a segment of each series."""
    return [choice.board.contenders[place] for place in choice.winners[:, segment]]


def winners(
    ratios: FloatArray, *, metrics: Sequence[str] = (), names: Sequence[str] = ()
) -> list[str]:
    """Return who serves each series."""
    return named(choose(board_of(ratios, metrics=metrics, names=names)))


def weighed(panel: FloatArray, *, believed: float = 0.0) -> float:
    """Return what a panel's last series makes of log ratios `(W, N)` and of what was believed."""
    own, series = panel[:, -1], panel.shape[1]
    pooled = np.clip(panel, -EXTREME, EXTREME).sum() + EXPECTED_WINDOWS * believed
    weight = PANEL_WINDOWS * series / (series + PANEL_SERIES)
    total = own.sum() + weight * pooled / (panel.size + EXPECTED_WINDOWS)
    total += BELIEVED_WINDOWS * believed
    return float(total / (own.size + weight + BELIEVED_WINDOWS))


def loss_of(log_ratio: FloatArray | float) -> FloatArray:
    """Return the loss that has this log ratio to a loss of 1."""
    return np.asarray(np.exp(log_ratio) * (1 + SOFTENING) - SOFTENING)


def test_a_contender_must_beat_the_naive_by_the_margin() -> None:
    """One series and three windows: what they weigh decides, a hair's breadth to either side."""
    needed = np.log1p(-MARGIN) / weighed(np.ones((3, 1)))
    for off, winner in ((0.999, REFERENCE), (1.001, "c0")):
        assert winners(np.full((1, 3, 1), loss_of(needed * off))) == [winner]


def test_the_blend_serves_unless_another_is_better_by_its_margin() -> None:
    """One series and six windows, in which another loses less than it, nearly enough or enough."""
    blend = np.full((6, 1), -0.3)
    serves = weighed(blend, believed=float(np.log(EXPECTED[BLEND][0]))) + np.log1p(-BLEND_MARGIN)
    needed = serves / weighed(np.ones((6, 1)))
    for off, winner in ((0.999, BLEND), (1.001, "newcomer")):
        logs = np.stack([np.full((6, 1), needed * off), blend])
        assert winners(loss_of(logs), names=["newcomer", BLEND]) == [winner]


def test_alone_a_series_goes_by_its_own_windows() -> None:
    """A third less than the naive is enough in three of them, a third more never."""
    assert winners(np.full((1, 3, 1), 0.67)) == ["c0"]
    assert winners(np.full((1, 3, 1), 1.33)) == [REFERENCE]


def test_a_tie_goes_to_the_naive() -> None:
    """A model must be better, not as good."""
    assert winners(np.full((2, 6, 3), 1.0)) == [REFERENCE] * 3


def test_the_least_loss_wins() -> None:
    """Of two that beat the naive, the better one; each series by itself."""
    ratios = np.full((2, 6, 2), 0.6)
    ratios[0, :, 0] = ratios[1, :, 1] = 0.4
    assert winners(ratios) == ["c0", "c1"]


def test_own_windows_panel_and_expectation_are_weighed_as_said() -> None:
    """The worse its own last window, the sooner a series leaves what its panel and we believe."""
    logs = np.full((6, 41), -0.3)
    logs[:, -1] = 0.4
    believed = float(np.log(EXPECTED["booster"][0]))
    found = []
    for last in np.linspace(-1.0, 4.0, 26):
        logs[-1, -1] = last
        enough = weighed(logs, believed=believed) < np.log1p(-MARGIN)
        found.append("booster" if enough else REFERENCE)
        assert winners(loss_of(logs)[None], names=["booster"])[-1] == found[-1]
    assert set(found) == {"booster", REFERENCE}


def test_the_panel_outweighs_a_little_bad_luck() -> None:
    """Where 60 series find a contender 30 % better, one that found it 5 % worse takes it too."""
    ratios = np.full((1, 3, 61), 0.7)
    ratios[0, :, 60] = 1.05
    assert winners(ratios)[60] == "c0"
    assert winners(ratios[:, :, 60:]) == [REFERENCE]


def test_clear_evidence_outweighs_the_panel() -> None:
    """A series for which it is four times as bad keeps the naive."""
    ratios = np.full((1, 6, 61), 0.7)
    ratios[0, :, 60] = 4.0
    assert winners(ratios)[60] == REFERENCE


def test_one_wild_series_does_not_speak_for_the_panel() -> None:
    """A contender that is hopeless on one of 30 series still serves the others."""
    ratios = np.full((1, 3, 30), 0.8)
    ratios[0, :, 0] = 1e6
    assert winners(ratios) == [REFERENCE] + ["c0"] * 29


def test_only_series_of_a_kind_speak_for_each_other() -> None:
    """What memory series found says nothing of cpu."""
    ratios = np.full((1, 3, 41), 0.6)
    ratios[0, :, 40] = 1.03
    assert winners(ratios, metrics=["memory"] * 40 + ["cpu"])[40] == REFERENCE
    assert winners(ratios, metrics=["cpu"] * 41)[40] == "c0"


def test_metric_and_statistic_make_the_group() -> None:
    """Groups are numbered as they appear."""
    board = board_of(np.ones((1, 1, 4)))
    keys = [("a", "cpu", "mean"), ("b", "cpu", "max"), ("c", "cpu", "mean"), ("d", "gpu", "max")]
    some = ScoreBoard(
        board.contenders,
        tuple(SeriesKey(*key) for key in keys),
        board.horizons,
        board.sums,
        board.naive,
    )
    groups = groups_of(some.keys)
    assert groups == (("cpu", "mean"), ("cpu", "max"), ("gpu", "max"))
    assert places_in(groups, some.keys).tolist() == [0, 1, 0, 2]
    assert places_in((), ()).tolist() == []


def test_where_nothing_was_measured_experience_decides() -> None:
    """Who is expected to lose least serves, and the naive where all are expected to lose more."""
    names = ["prophet", "last_day_mean", "booster"]
    for segment in range(3):
        assert named(choose(unmeasured(names, series=2)), segment) == ["booster"] * 2
    assert named(choose(unmeasured(["prophet", "last_day_mean"])), 0) == [REFERENCE]


def test_experience_knows_the_segments() -> None:
    """What is best tomorrow need not be best in three weeks."""
    names = ["recent_2d", "hour_quantiles_28d"]
    best = [min(names, key=lambda name: EXPECTED[name][s]) for s in (0, 2)]
    choice = choose(unmeasured(names))
    assert best == ["recent_2d", "hour_quantiles_28d"]
    assert [named(choice, 0)[0], named(choice, 2)[0]] == best


def test_a_panel_that_was_measured_outweighs_experience() -> None:
    """Forty series that find the booster a third worse than the naive are believed."""
    assert winners(np.full((1, 3, 40), 1.33), names=["booster"]) == [REFERENCE] * 40
    assert winners(np.full((1, 3, 40), 0.67), names=["prophet"]) == ["prophet"] * 40


def test_a_series_without_windows_takes_what_its_panel_found() -> None:
    """Too young to be measured, it is served as the others are."""
    board = board_of(np.full((1, 3, 40), 0.5))
    board.sums[:, :, 7] = board.naive[:, 7] = 0.0
    assert named(choose(board)) == ["c0"] * 40


def test_who_was_never_measured_does_not_serve_where_the_panel_was() -> None:
    """However much is expected of it; where nothing of the kind was measured it still serves."""
    board = board_of(np.ones((1, 3, 6)), names=["booster"], metrics=["cpu"] * 3 + ["memory"] * 3)
    board.sums[1] = 0.0
    board.sums[:, :, 3:] = board.naive[:, 3:] = 0.0
    assert named(choose(board)) == [REFERENCE] * 3 + ["booster"] * 3


def test_who_cannot_serve_a_series_is_not_chosen_for_it() -> None:
    """The second best serves it, and the others keep the best; no window is judged by it either."""
    board = board_of(np.stack([np.full((3, 4), 0.4), np.full((3, 4), 0.6)]))
    able = np.ones((3, 4, 1), dtype=bool)
    able[1, 2] = False
    choice = choose(board, able=able)
    assert named(choice) == ["c0", "c0", "c1", "c0"]
    assert choice.judges[:, :, 0].tolist() == [[1, 1, 2, 1]] * 3


def test_who_cannot_serve_some_leads_may_serve_others() -> None:
    """It has the first day, and the second best the rest of the week; of one series alone too."""
    for series in (1, 3):
        ratios = np.full((2, 3, series, 2), 0.6)
        ratios[0] = 0.4
        able = np.ones((3, series, 2), dtype=bool)
        able[1, :, 1] = False
        choice = choose(two_segments(ratios), able=able)
        assert choice.winners.tolist() == [[1, 2]] * series


def test_who_can_serve_nobody_leaves_the_naive() -> None:
    """Nobody else is there."""
    able = np.array([[[True], [True]], [[False], [False]]])
    assert named(choose(board_of(np.full((1, 3, 2), 0.4)), able=able)) == [REFERENCE] * 2


def test_the_order_of_series_does_not_matter() -> None:
    """Reversed series have reversed winners."""
    ratios = np.exp(np.random.default_rng(3).normal(0, 0.4, size=(3, 3, 25)))
    assert winners(ratios[:, :, ::-1]) == winners(ratios)[::-1]


def test_nobody_to_choose_for_is_no_error() -> None:
    """A board without series has no winners."""
    choice = choose(board_of(np.ones((2, 3, 0))))
    assert choice.winners.shape == (0, 1)
    assert choice.judges.shape == (3, 0, 1)


def judged_of(board: ScoreBoard, served: Sequence[Sequence[int]]) -> Judged:
    """Return the promise of what these contenders serve."""
    return choose(board).judged(np.array(served))


def test_the_promise_is_that_of_all_windows() -> None:
    """Sums over all windows by the hours, beside the naive's."""
    board = board_of(np.full((1, 3, 1), 0.5))
    board.sums[1, ..., ERROR], board.sums[0, ..., ERROR] = 24 * 0.7, 24 * 0.9
    board.naive[..., ERROR] = 24 * 0.9
    board.sums[1, ..., COVERED] = 18.0
    quality = judged_of(board, [[1]]).quality(0, slice(0, 1))
    assert quality
    assert quality.model_dump() == pytest.approx(
        {
            "windows": 3,
            "coverage": 0.75,
            "sql": 0.5,
            "mase": 0.7,
            "naive_sql": 1.0,
            "naive_mase": 0.9,
        }
    )


def lucky_once() -> ScoreBoard:
    """Return a board whose c0 loses a hundredth of the naive in one window, elsewhere as much."""
    return board_of(np.array([[[0.01], [1.0], [1.0]]]))


def test_a_window_does_not_vouch_for_its_own_choice() -> None:
    """It counts with whom the others chose: the naive, where c0 was better in this one alone."""
    choice = choose(lucky_once())
    assert named(choice) == ["c0"]
    assert choice.judges[:, 0, 0].tolist() == [0, 1, 1]
    ours = choice.judged(choice.winners).ours
    assert ours[:, 0, 0, LOSS].tolist() == [24.0, 24.0, 24.0]


def test_the_panel_of_a_window_is_that_of_the_other_windows() -> None:
    """Forty series were lucky in the same one: there the others would have left the naive."""
    ratios = np.ones((1, 3, 40))
    ratios[0, 0] = 0.2
    own = np.ones((1, 3, 1))
    board = board_of(np.concatenate([ratios, own], axis=2))
    assert choose(board).judges[:, 40, 0].tolist() == [0, 1, 1]


def test_the_naive_needs_not_be_chosen() -> None:
    """Where it serves, its own loss is promised, though all judges chose another."""
    board = board_of(np.full((1, 3, 1), 0.5))
    assert choose(board).judges.tolist() == [[[1]]] * 3
    assert judged_of(board, [[0]]).ours[:, 0, 0, LOSS].tolist() == [24.0] * 3


def test_where_the_judges_choice_was_not_scored_the_winners_loss_stands() -> None:
    """A window is not lost because the one chosen by the others failed in it."""
    board = board_of(np.stack([np.full((4, 1), 0.5), np.full((4, 1), 0.9)]))
    board.sums[1, 0] = 0.0
    ours = judged_of(board, [[2]]).ours
    assert ours[:, 0, 0, LOSS].tolist() == pytest.approx([0.9 * 24, 12.0, 12.0, 12.0])


def test_only_windows_scored_for_both_count() -> None:
    """One in which the winner failed, or the naive has no score, is none of the promise."""
    board = board_of(np.full((1, 5, 1), 0.5))
    board.sums[1, 0] = 0.0
    board.sums[0, 1] = board.naive[1] = 0.0
    judged = judged_of(board, [[1]])
    assert judged.ours[:, 0, 0, HOURS].tolist() == [0.0, 0.0, 24.0, 24.0, 24.0]
    assert judged.naive[:, 0, 0, HOURS].tolist() == [0.0, 0.0, 24.0, 24.0, 24.0]
    quality = judged.quality(0, slice(0, 1))
    assert quality
    assert quality.windows == 3


def test_two_windows_are_no_measurement() -> None:
    """Fewer than three give no promise, whoever serves."""
    board = board_of(np.full((1, 3, 2), 0.5))
    board.sums[:, 2, 1] = board.naive[2, 1] = 0.0
    for place in (0, 1):
        judged = judged_of(board, [[place], [place]])
        assert judged.quality(0, slice(0, 1)) is not None
        assert judged.quality(1, slice(0, 1)) is None


def test_a_promise_over_two_segments_needs_windows_that_saw_both() -> None:
    """Five days and three weeks: three windows for the week, which the day alone does not need."""
    board = two_segments(np.full((1, 5, 1, 2), 0.5))
    board.sums[:, 3:, :, 1] = board.naive[3:, :, 1] = 0.0
    judged = judged_of(board, [[1, 1]])
    parts = [judged.quality(0, part) for part in (slice(0, 1), slice(0, 2), slice(1, 2))]
    assert [part.windows for part in parts if part] == [5, 3, 3]


def test_nobody_promises_nothing() -> None:
    """A segment that is not served has no sums and no quality."""
    judged = judged_of(board_of(np.full((1, 3, 1), 0.5)), [[NOBODY]])
    assert not judged.ours.any()
    assert not judged.naive.any()
    assert judged.quality(0, slice(0, 1)) is None


def beats(ratios: FloatArray, served: IntArray, name: str = "c0") -> list[bool]:
    """Return where those who serve the only segment beat a contender."""
    return choose(board_of(ratios)).beats(served[:, None], name)[:, 0].tolist()


def test_one_beats_another_that_lost_more_in_the_series_own_windows() -> None:
    """What the panel found does not matter; as much is not less, nor does one beat itself."""
    ratios = np.full((2, 3, 4), 0.5)
    ratios[1] = np.array([0.4, 0.6, 0.5, 0.1])
    assert beats(ratios, np.array([2, 2, 2, 1])) == [True, False, False, False]


def test_three_windows_are_needed_to_beat_another() -> None:
    """Only those count in which both were scored."""
    board = board_of(np.stack([np.full((4, 3), 0.5), np.full((4, 3), 0.4)]))
    board.sums[1, :1, 1] = board.sums[2, 3:, 1] = 0.0
    board.sums[1, :1, 2] = 0.0
    assert choose(board).beats(np.array([[2], [2], [2]]), "c0")[:, 0].tolist() == [
        True,
        False,
        True,
    ]


def test_one_that_is_not_on_the_board_is_not_beaten() -> None:
    """Nobody knows what it would have lost."""
    assert beats(np.full((1, 3, 2), 0.1), np.array([1, 1]), "median_28d") == [False, False]


def test_nobody_beats_nobody() -> None:
    """Where nobody serves, the other is not beaten."""
    assert beats(np.full((1, 3, 1), 2.0), np.array([NOBODY])) == [False]


def test_a_part_of_a_panel_is_weighed_with_what_all_of_it_found() -> None:
    """A board that carries its panel's pool chooses and judges as the board of the panel does."""
    board = board_of(np.exp(np.random.default_rng(3).normal(-0.1, 0.4, size=(3, 4, 25))))
    whole, alone = choose(board), choose(board.rows([7, 3]))
    pooled = replace(board, pool=pool_of(board, groups=groups_of(board.keys)))
    part = choose(pooled.rows([7, 3]))
    np.testing.assert_array_equal(part.winners, whole.winners[[7, 3]])
    np.testing.assert_array_equal(part.judges, whole.judges[:, [7, 3]])
    assert (alone.judges != part.judges).any()


def test_what_was_pooled_counts_series_and_windows_of_each_group() -> None:
    """Wild ratios count as the largest that may; a group without a series here counts nothing."""
    ratios = np.full((1, 3, 4), 0.5)
    ratios[0, 0, 0] = 1e9
    board = board_of(ratios, metrics=["cpu", "cpu", "memory", "cpu"])
    board.sums[1, 2, 3] = 0
    pool = pool_of(board, groups=[("memory", "mean"), ("cpu", "mean"), ("gpu", "mean")])
    assert pool.series.tolist() == [1, 3, 0]
    assert pool.windows[:, 1, :, 0].tolist() == [[1, 1, 1], [3, 3, 2], [0, 0, 0]]
    half = np.log((0.5 + SOFTENING) / (1 + SOFTENING))
    expected = [[half] * 3, [EXTREME + 2 * half, 3 * half, 2 * half], [0.0] * 3]
    np.testing.assert_allclose(pool.ratios[:, 1, :, 0], expected)
