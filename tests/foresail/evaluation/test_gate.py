"""The gate: may the challenger become the champion?"""

import pytest

from foresail.bundle import HorizonEntry, Quality, Segment, SeriesEntry
from foresail.evaluation.gate import Standing, decide, standings


def standing(*, challenger: float | None, champion: float | None = None) -> Standing:
    """Return one horizon's standing."""
    return Standing("cpu", "next_day", 3, 3, 3, challenger, champion, challenger, 0.8)


def entry(*, sql: float) -> SeriesEntry:
    """Return a series measured at one horizon."""
    quality = Quality(windows=3, coverage=0.8, sql=sql, mase=1.0, naive_sql=0.99, naive_mase=1.0)
    return SeriesEntry(
        series=f"s{sql}",
        metric="cpu",
        hours=192,
        horizons={"next_day": HorizonEntry(winner="prophet", quality=quality)},
        segments=(Segment(until_hours=192, model="prophet"),),
    )


def test_standing_is_the_geometric_mean_of_the_relative_errors() -> None:
    """(0.49 + 0.01) / (0.99 + 0.01) and (1.99 + 0.01) / 1 are half and double: 1."""
    (row,) = standings("cpu", [entry(sql=0.49), entry(sql=1.99)])
    assert row.challenger == pytest.approx(1.0)
    assert (row.measured, row.windows, row.coverage) == (2, 3, 0.8)


def test_the_first_measured_forecast_is_promoted() -> None:
    """Without a champion, not losing to the naive is enough."""
    promote, reason = decide([standing(challenger=0.8)], has_champion=False)
    assert promote
    assert reason == "the first champion; its error is 0.80 of the seasonal naive's"


def test_who_loses_to_the_naive_is_not_promoted() -> None:
    """Even when there is no champion."""
    promote, reason = decide([standing(challenger=1.2)], has_champion=False)
    assert not promote
    assert "1.20 of the seasonal naive's, above 1" in reason


def test_a_worse_challenger_leaves_the_champion() -> None:
    """More than two per cent worse on the same windows is worse."""
    promote, reason = decide([standing(challenger=0.9, champion=0.8)], has_champion=True)
    assert not promote
    assert reason.endswith("the champion's 0.80 on the same windows: the champion stays")


def test_as_good_and_newer_is_promoted() -> None:
    """A challenger as good as the champion knows newer hours."""
    promote, _ = decide([standing(challenger=0.81, champion=0.8)], has_champion=True)
    assert promote


def test_the_unmeasured_does_not_replace_a_champion() -> None:
    """What was not measured is not better."""
    assert not decide([standing(challenger=None)], has_champion=True)[0]
    assert decide([standing(challenger=None)], has_champion=False)[0]
