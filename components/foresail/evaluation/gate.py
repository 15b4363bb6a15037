"""The gate: may the challenger become the champion?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from foresail.bundle.schema import Quality, SeriesEntry
from foresail.evaluation.choice import choose
from foresail.evaluation.scores import ScoreBoard, relative
from foresail.panel import SeriesKey

TOLERANCE = 1.02
"""A challenger that knows newer hours may be this much worse and still replace the champion."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One metric at one horizon, over all its series.

    Attributes:
        metric: Metric.
        horizon: Horizon's name.
        series: How many there are.
        measured: How many were measured on enough windows.
        windows: The least number of windows among those; 0 if none.
        challenger: Geometric mean of the error relative to the naive's; None if unmeasured.
        champion: The champion's on the same windows and series; None without one.
        challenger_shared: The challenger's over the series that the champion has too.
        coverage: Mean share of hours inside the band; None if unmeasured.
    """

    metric: str
    horizon: str
    series: int
    measured: int
    windows: int
    challenger: float | None
    champion: float | None
    challenger_shared: float | None
    coverage: float | None


def standings(
    metric: str,
    challenger: Sequence[SeriesEntry],
    *,
    champion: Sequence[SeriesEntry] = (),
    champion_board: ScoreBoard | None = None,
) -> list[Standing]:
    """Return how the challenger stands at each of its horizons.

    Args:
        metric: Metric of both.
        challenger: Its index.
        champion: The champion's index, or nothing.
        champion_board: Scores of the champion's contenders on the challenger's windows.
    """
    theirs = _champion_quality(champion, champion_board) if champion_board else {}
    names = list(challenger[0].horizons) if challenger else []
    found = []
    for name in sorted(names, key=["next_day", "next_week", "next_month"].index):
        measured = {_key(e): q for e in challenger if (q := e.horizons[name].quality)}
        shared = [key for key in measured if (key, name) in theirs]
        found.append(
            Standing(
                metric=metric,
                horizon=name,
                series=len(challenger),
                measured=len(measured),
                windows=min((q.windows for q in measured.values()), default=0),
                challenger=_geometric(measured.values()),
                champion=_geometric([theirs[key, name] for key in shared]),
                challenger_shared=_geometric([measured[key] for key in shared]),
                coverage=_mean([q.coverage for q in measured.values()]),
            )
        )
    return found


def decide(rows: Sequence[Standing], *, has_champion: bool) -> tuple[bool, str]:
    """Return whether to promote, and one sentence that says why.

    Args:
        rows: The metric's standings.
        has_champion: Whether there is one to replace.
    """
    own = _over_horizons([row.challenger for row in rows])
    shared = [row for row in rows if row.champion and row.challenger_shared]
    ours = _over_horizons([row.challenger_shared for row in shared])
    theirs = _over_horizons([row.champion for row in shared])
    if own is None:
        if has_champion:
            return False, "the challenger is unmeasured and there is a champion: it stays"
        return True, "the first forecast; unmeasured until the history holds three windows"
    if own > 1.0:
        return False, f"its error is {own:.2f} of the seasonal naive's, above 1"
    if ours is None or theirs is None:
        which = "no series to compare with the champion" if has_champion else "the first champion"
        return True, f"{which}; its error is {own:.2f} of the seasonal naive's"
    compared = f"its error is {ours:.2f} of the naive's, the champion's {theirs:.2f}"
    worse = ours > theirs * TOLERANCE
    verdict = "the champion stays" if worse else "and it knows newer hours"
    return not worse, f"{compared} on the same windows: {verdict}"


def _over_horizons(errors: Iterable[float | None]) -> float | None:
    known = [np.log(error) for error in errors if error]
    return float(np.exp(np.mean(known))) if known else None


def _champion_quality(
    champion: Sequence[SeriesEntry], board: ScoreBoard
) -> Mapping[tuple[SeriesKey, str], Quality]:
    rows, choice = {key: row for row, key in enumerate(board.keys)}, choose(board)
    found = {}
    for entry in champion:
        row = rows.get(_key(entry))
        served = [_serving(entry, h.hours) for h in board.horizons]
        for s, horizon in enumerate(board.horizons):
            winners = served[: s + 1]
            if row is None or not set(winners) <= set(board.contenders):
                continue
            quality = choice.quality(row, [w for w in winners if w])
            if quality:
                found[_key(entry), horizon.name] = quality
    return found


def _serving(entry: SeriesEntry, hours: int) -> str | None:
    return next((s.model for s in entry.segments if s.until_hours >= hours), None)


def _key(entry: SeriesEntry) -> SeriesKey:
    return SeriesKey(entry.series, entry.metric, entry.stat)


def _geometric(qualities: Iterable[Quality]) -> float | None:
    logs = [np.log(relative(q)) for q in qualities]
    return float(np.exp(np.mean(logs))) if logs else None


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
