"""The gate: may the challenger become the champion?"""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from factories.boards import QUALITY, board_of, served_entry

from foresail.bundle import HorizonEntry, SeriesEntry
from foresail.errors import UsageError
from foresail.evaluation.bootstrap import Ratio
from foresail.evaluation.gate import (
    Scored,
    Standing,
    decide,
    in_shadow,
    is_forecast_only,
    lost,
    standings,
)
from foresail.evaluation.scores import LOSS, REFERENCE, ScoreBoard
from foresail.panel import FloatArray, SeriesKey

BETTER, WORSE, UNSURE = Ratio(0.8, 0.7, 0.9), Ratio(1.08, 1.03, 1.12), Ratio(1.05, 0.7, 1.6)


def standing(
    *,
    horizon: str = "next_day",
    naive: Ratio | None = BETTER,
    departed: Ratio | None = None,
    champion: Ratio | None = None,
) -> Standing:
    """Return one horizon's standing."""
    own = naive.middle if naive else None
    return Standing(
        metric="cpu",
        horizon=horizon,
        series=3,
        measured=3,
        windows=3,
        challenger=own,
        coverage=0.8,
        versus_naive=naive,
        departed=departed,
        versus_champion=champion,
    )


def day_board(ratios: FloatArray, *, names: tuple[str, ...] = ()) -> ScoreBoard:
    """Return a board of one horizon; `ratios` has the shape `(C, W, N)`."""
    return board_of(ratios[..., None], names=names)


def served(models: list[str]) -> list[SeriesEntry]:
    """Return an index of one horizon, series s0, s1, ... served by these."""
    return [served_entry(f"s{i}", (m,), horizons=("next_day",)) for i, m in enumerate(models)]


def test_an_index_alone_tells_the_geometric_mean_of_its_promises() -> None:
    """(0.49 + 0.01) / (0.99 + 0.01) and (1.99 + 0.01) / 1 are half and double: 1."""
    index = [
        served_entry(
            f"s{sql}",
            ("prophet",),
            horizons=("next_day",),
            quality=QUALITY.model_copy(update={"sql": sql, "naive_sql": 0.99}),
        )
        for sql in (0.49, 1.99)
    ]
    (row,) = standings("cpu", index)
    assert row.challenger == pytest.approx(1.0)
    assert (row.measured, row.windows, row.coverage) == (2, 3, 0.8)
    assert row.versus_naive is None


def test_a_board_tells_how_sure_the_error_is() -> None:
    """The windows of the series that are served, by the naive's."""
    (row,) = standings("cpu", served(["c0"] * 12), board=day_board(np.full((1, 3, 12), 0.49)))
    assert row.versus_naive is not None
    assert row.versus_naive.middle == pytest.approx(0.50 / 1.01)
    assert row.departed == row.versus_naive
    assert row.versus_champion is None


def test_what_the_naive_serves_has_not_departed() -> None:
    """Of two series one is served by the naive; where all are, there is nothing to hold against."""
    board = day_board(np.full((1, 3, 2), 0.49))
    (row,) = standings("cpu", served(["c0", REFERENCE]), board=board)
    assert row.versus_naive is not None
    assert row.versus_naive.middle == pytest.approx((0.50 / 1.01) ** 0.5)
    assert row.departed is not None
    assert row.departed.middle == pytest.approx(0.50 / 1.01)
    (row,) = standings("cpu", served([REFERENCE] * 2), board=board)
    assert row.departed is None


def test_the_champion_is_compared_series_by_series() -> None:
    """Boards may hold the series in another order; one that the champion lacks does not count."""
    challenger = day_board(np.full((1, 3, 3), 0.44))
    champion = day_board(np.full((1, 3, 3), 0.89))
    champion.sums[1, :, 2, 0, LOSS] *= 1.3  # s2, which the champion does not serve
    index = served(["c0"] * 3)
    turned = replace(champion.rows([2, 0, 1]), keys=tuple(champion.keys[i] for i in (2, 0, 1)))
    (row,) = standings(
        "cpu", index, board=challenger, champion=Scored([index[1], index[0]], turned)
    )
    assert row.versus_champion is not None
    assert row.versus_champion.middle == pytest.approx(0.45 / 0.90)
    assert row.champion == pytest.approx(0.90 / 1.01)


def test_the_best_plain_rule_stands_beside_the_challenger() -> None:
    """The one that it is worst beside, with the figure; other contenders are no plain rules."""
    ratios = np.stack([np.full((3, 2), one) for one in (0.5, 0.74, 0.99)])
    board = day_board(ratios, names=("prophet", "median_28d", "last_day_mean"))
    (row,) = standings("cpu", served(["prophet"] * 2), board=board)
    assert row.best_rule == "median_28d"
    assert row.versus_best_rule is not None
    assert row.versus_best_rule.middle == pytest.approx(0.51 / 0.75)


def test_the_first_measured_forecast_is_promoted() -> None:
    """Without a champion, the reason tells each horizon's error by the naive's."""
    rows = [standing(), standing(horizon="next_week", naive=UNSURE), standing(naive=None)]
    promote, reason = decide(rows, has_champion=False)
    assert promote
    assert reason == (
        "the first champion; next_day 0.80 (0.70-0.90), next_week 1.05 (0.70-1.60) "
        "of the seasonal naive's error"
    )


def test_who_surely_loses_to_the_naive_is_not_promoted() -> None:
    """Even when there is no champion, where it serves another rule."""
    promote, reason = decide([standing(naive=WORSE, departed=WORSE)], has_champion=False)
    assert not promote
    assert reason == (
        "next_day: 1.08 (1.03-1.12) of the seasonal naive's error where another rule is served: "
        "worse; it is not promoted"
    )


def test_the_naive_is_not_worse_than_itself() -> None:
    """Where it serves, only its band was calibrated; nothing better can be had."""
    promote, reason = decide([standing(naive=WORSE)], has_champion=False)
    assert promote
    assert "next_day 1.08 (1.03-1.12) of the seasonal naive's error" in reason


def test_one_series_of_three_windows_is_promoted_where_nothing_is_sure() -> None:
    """An error above the naive's, with windows on both sides of 1."""
    board = day_board(np.array([[[0.80], [0.85], [1.60]]]))
    rows = standings("cpu", served(["c0"]), board=board)
    assert rows[0].departed is not None
    assert rows[0].departed.middle > 1.0
    assert decide(rows, has_champion=False)[0]


def test_a_worse_challenger_leaves_the_champion() -> None:
    """One horizon is enough; the reason names it with its figures."""
    rows = [standing(champion=BETTER), standing(horizon="next_week", champion=WORSE)]
    assert decide(rows, has_champion=True) == (
        False,
        "next_week: 1.08 (1.03-1.12) of the champion's error: worse; the champion stays",
    )


def test_not_worse_and_newer_is_promoted() -> None:
    """A challenger that may be as good as the champion knows newer hours."""
    rows = [standing(champion=UNSURE), standing(horizon="next_week", champion=BETTER)]
    promote, reason = decide(rows, has_champion=True)
    assert promote
    assert reason == (
        "next_day 1.05 (0.70-1.60), next_week 0.80 (0.70-0.90) of the champion's error: "
        "not worse, and it knows newer hours"
    )


def test_a_champion_of_other_series_is_not_in_the_way() -> None:
    """Nothing can be compared with it, so the naive decides."""
    promote, reason = decide([standing()], has_champion=True)
    assert promote
    assert reason.startswith("no series to compare with the champion; next_day 0.80")


def test_the_unmeasured_does_not_replace_a_champion() -> None:
    """What was not measured is not better."""
    assert not decide([standing(naive=None)], has_champion=True)[0]
    assert decide([standing(naive=None)], has_champion=False)[0]


def test_forecast_only_is_a_word_of_two() -> None:
    """A slip of the pen must not promote."""
    assert is_forecast_only("forecast-only")
    assert not is_forecast_only("auto")
    with pytest.raises(UsageError, match="must be auto or forecast-only, got 'shadow'"):
        is_forecast_only("shadow")


def test_a_decision_in_the_shadow_says_what_it_would_have_been() -> None:
    """Both ways, with the reason."""
    assert in_shadow("x", promote=True) == "forecast-only: would be promoted, x"
    assert in_shadow("x", promote=False) == "forecast-only: would not be promoted, x"


def series(count: int, *, first: int = 0, hours: int = 888) -> list[SeriesEntry]:
    """Return an index of so many series, s0, s1, ..."""
    return [served_entry(f"s{i}", ("c0",), hours=hours) for i in range(first, first + count)]


def refused(name: str, code: int) -> SeriesEntry:
    """Return a series without a forecast."""
    horizon = HorizonEntry(winner=None, code=code, reason="why")
    return SeriesEntry(series=name, metric="cpu", hours=0, horizons={"next_day": horizon})


def test_a_twentieth_of_the_series_may_be_lost() -> None:
    """Two of forty are five per cent, three are more; the reason counts and names them."""
    champion = series(40)
    assert lost(champion, series(38), older_hours=24) == ""
    assert lost(champion, series(37), older_hours=24) == (
        "3 of the 40 series that the champion serves are missing (5 % may be): "
        "s37 cpu mean, s38 cpu mean, s39 cpu mean"
    )


def test_of_many_lost_series_three_are_named() -> None:
    """A sentence is no list."""
    told = lost(series(40), series(1), older_hours=24)
    assert told.startswith("39 of the 40 series")
    assert told.endswith(": s1 cpu mean, s2 cpu mean, s3 cpu mean, ...")


def test_a_series_under_another_name_is_lost() -> None:
    """As many as before, but under labels that changed: nobody finds them any more."""
    assert lost(series(10), series(10, first=100), older_hours=24).startswith("10 of the 10 series")


def test_the_mean_and_the_maximum_are_two_series() -> None:
    """A bundle that lost all maxima lost half of what is served."""
    maxima = [entry.model_copy(update={"stat": "max"}) for entry in series(4)]
    assert lost([*series(4), *maxima], series(4), older_hours=24) == (
        "4 of the 8 series that the champion serves are missing (5 % may be): "
        "s0 cpu max, s1 cpu max, s2 cpu max, ..."
    )


@pytest.mark.parametrize("code", [203, 204])
def test_a_series_that_stops_is_not_lost(code: int) -> None:
    """It has ended, or it lived so briefly that its gaps weigh more: the history says so."""
    challenger = [*series(8), refused("s8", code), refused("s9", code)]
    assert lost(series(10), challenger, older_hours=24) == ""
    ended = {SeriesKey("s8", "cpu"), SeriesKey("s9", "cpu")}
    assert lost(series(10), series(8), older_hours=24, ended=ended) == ""


def test_a_series_whose_history_is_gone_is_lost() -> None:
    """What was forecast yesterday has not too little history today, unless it was lost."""
    told = lost(series(10), [*series(9), refused("s9", 201)], older_hours=24)
    assert told.startswith("1 of the 10 series")


def test_only_what_the_champion_still_serves_can_be_lost() -> None:
    """Its forecast of s0 is over when the challenger's begins; s1 never had one."""
    champion = [*series(1, hours=24), refused("s1", 202), *series(8, first=2)]
    assert lost(champion, series(8, first=2), older_hours=24) == ""
    assert lost(champion, series(8, first=2), older_hours=23).startswith("1 of the 9 series")
    assert lost(champion, series(8, first=2), older_hours=-1000).startswith("1 of the 9 series")


def test_what_was_carried_over_is_not_lost() -> None:
    """It is served as before."""
    carried = [e.model_copy(update={"as_of": datetime(2026, 1, 1, tzinfo=UTC)}) for e in series(10)]
    assert lost(series(10), carried, older_hours=24) == ""
