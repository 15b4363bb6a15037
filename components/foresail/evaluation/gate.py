"""The gate: may the challenger become the champion?

Not where the evidence says that it is worse: the whole 90 % interval of its error above the
champion's, or - where it serves another rule than the seasonal naive - above the naive's, at any
horizon. A series that the seasonal naive serves cannot speak against the challenger there: nothing
better was found for it, and only the calibration of its band tells the two apart.

Nor where series are missing: what was never scored cannot be worse, and would be gone.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from foresail.bundle.schema import Quality, SeriesEntry
from foresail.codes import Code
from foresail.errors import UsageError
from foresail.evaluation.bootstrap import Losses, Ratio, compare, geometric_ratio
from foresail.evaluation.choice import Choice, choose
from foresail.evaluation.composite import (
    composite_losses,
    contender_losses,
    naive_losses,
    served_by,
)
from foresail.evaluation.scores import REFERENCE, ScoreBoard
from foresail.horizons import HORIZONS
from foresail.panel import BoolArray, IntArray, SeriesKey

PLAIN_RULES = (
    REFERENCE,
    "seasonal_naive_168h",
    "last_value",
    "last_day_mean",
    "median_28d",
    "hour_of_week_mean",
)
"""Rules that need no training; each is compared with the band that it would be served with."""
AUTO, FORECAST_ONLY = "auto", "forecast-only"
"""Promote what passes the gate, or nothing."""
MOST_LOST = 0.05
"""No larger share of the champion's series may be lost: so few change their name or are refused in
a day, and a label, a preset or a filter that was changed loses many more."""
ENDINGS = (Code.SERIES_ENDED, Code.MOSTLY_GAPS)
"""Why a series stops without being lost; one that lived for days has gaps before it has ended."""
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Standing:
    """One metric at one horizon, over all its series.

    Errors are relative to the seasonal naive's on the same windows, unless another is named. What
    needs the scores of single windows is None without them, and where nothing can be compared.

    Attributes:
        metric: Metric.
        horizon: Horizon's name.
        series: How many there are.
        measured: How many were measured on enough windows.
        windows: The least number of windows among those; 0 if none.
        challenger: Geometric mean of its relative errors; None if unmeasured.
        coverage: Mean share of hours inside the band; None if unmeasured.
        versus_naive: The challenger's error by the seasonal naive's.
        departed: The same over the series that another rule than the seasonal naive serves.
        champion: Geometric mean of the champion's relative errors, on the windows of both.
        versus_champion: The challenger's error by the champion's.
        best_rule: The plain rule that lost least on the challenger's windows.
        versus_best_rule: The challenger's error by that rule's.
    """

    metric: str
    horizon: str
    series: int
    measured: int
    windows: int
    challenger: float | None
    coverage: float | None
    versus_naive: Ratio | None = None
    departed: Ratio | None = None
    champion: float | None = None
    versus_champion: Ratio | None = None
    best_rule: str | None = None
    versus_best_rule: Ratio | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """An index and the board that measures it.

    Attributes:
        index: Of a bundle.
        board: Scores of its contenders, bands calibrated.
    """

    index: Sequence[SeriesEntry]
    board: ScoreBoard


@dataclass(frozen=True, slots=True)
class _Composite:
    """What is served, scored window by window."""

    choice: Choice
    served: IntArray

    @staticmethod
    def of(scored: Scored) -> "_Composite":
        return _Composite(choose(scored.board), served_by(scored.board, scored.index))

    def losses(self, segment: int) -> Losses:
        return composite_losses(self.choice, self.served, segment=segment)


def standings(
    metric: str,
    challenger: Sequence[SeriesEntry],
    *,
    board: ScoreBoard | None = None,
    champion: Scored | None = None,
) -> list[Standing]:
    """Return how the challenger stands at each of its horizons, shortest first.

    Args:
        metric: Metric of both.
        challenger: Its index.
        board: Its scores; without them only what its index promises is told.
        champion: Refitted on the same windows, or None.
    """
    names = challenger[0].horizons if challenger else ()
    rows = [_promised(metric, challenger, h.name) for h in HORIZONS if h.name in names]
    if board is None:
        return rows
    ours = _Composite.of(Scored(challenger, board))
    theirs = _Composite.of(champion) if champion else None
    return [_compared(row, ours, theirs) for row in rows]


def decide(rows: Sequence[Standing], *, has_champion: bool) -> tuple[bool, str]:
    """Return whether to promote, and one sentence that says why.

    Args:
        rows: The metric's standings.
        has_champion: Whether there is one to replace.
    """
    if all(row.challenger is None for row in rows):
        if has_champion:
            return False, "the challenger is unmeasured and there is a champion: it stays"
        return True, "the first forecast; unmeasured until the history holds three windows"
    faults = [fault for row in rows for fault in _faults(row)]
    if faults:
        then = "the champion stays" if has_champion else "it is not promoted"
        return False, f"{', '.join(faults)}: worse; {then}"
    beside = _listed((row.horizon, row.versus_champion) for row in rows)
    if beside:
        return True, f"{beside} of the champion's error: not worse, and it knows newer hours"
    which = "no series to compare with the champion" if has_champion else "the first champion"
    errors = _listed((row.horizon, row.versus_naive) for row in rows)
    return True, f"{which}; {errors} of the seasonal naive's error" if errors else which


def lost(
    champion: Sequence[SeriesEntry],
    challenger: Sequence[SeriesEntry],
    *,
    older_hours: int,
    ended: Collection[SeriesKey] = (),
) -> str:
    """Return that the challenger lacks too many of the champion's series, or nothing.

    A series is lost where the champion forecasts hours that are still to come and the challenger
    has none, neither its own nor carried over - unless the history says that the series stops.

    Args:
        champion: Its index.
        challenger: Its index, as it was registered.
        older_hours: How many hours before the challenger's the champion's forecast begins.
        ended: Series that were left out of the challenger because they stop.
    """
    there = {
        _key(entry)
        for entry in challenger
        if entry.hours or any(h.code in ENDINGS for h in entry.horizons.values())
    }
    served = [_key(entry) for entry in champion if entry.hours > max(older_hours, 0)]
    missing = [key for key in served if key not in there and key not in ended]
    if len(missing) <= MOST_LOST * len(served):
        return ""
    shown = ", ".join(str(key) for key in missing[:_SHOWN])
    more = ", ..." if len(missing) > _SHOWN else ""
    return (
        f"{len(missing)} of the {len(served)} series that the champion serves are missing "
        f"({100 * MOST_LOST:g} % may be): {shown}{more}"
    )


def is_forecast_only(promotion: str) -> bool:
    """Return whether nothing is to be promoted, whatever the gate says.

    Args:
        promotion: A parameter of the pipeline, `auto` or `forecast-only`.

    Raises:
        UsageError: It is another word.
    """
    if promotion not in {AUTO, FORECAST_ONLY}:
        raise UsageError(f"promotion must be {AUTO} or {FORECAST_ONLY}, got {promotion!r}")
    return promotion == FORECAST_ONLY


def in_shadow(reason: str, *, promote: bool) -> str:
    """Return the reason of a decision that is not carried out."""
    return f"{FORECAST_ONLY}: would {'' if promote else 'not '}be promoted, {reason}"


def _key(entry: SeriesEntry) -> SeriesKey:
    return SeriesKey(entry.series, entry.metric, entry.stat)


def _faults(row: Standing) -> Iterator[str]:
    if row.versus_champion and row.versus_champion.above_one:
        yield f"{row.horizon}: {row.versus_champion} of the champion's error"
    if row.departed and row.departed.above_one:
        whose = "the seasonal naive's error where another rule is served"
        yield f"{row.horizon}: {row.departed} of {whose}"


def _listed(ratios: Iterable[tuple[str, Ratio | None]]) -> str:
    return ", ".join(f"{horizon} {ratio}" for horizon, ratio in ratios if ratio)


def _promised(metric: str, index: Sequence[SeriesEntry], horizon: str) -> Standing:
    """Return what an index alone tells of one horizon."""
    qualities = [quality for entry in index if (quality := entry.horizons[horizon].quality)]
    return Standing(
        metric=metric,
        horizon=horizon,
        series=len(index),
        measured=len(qualities),
        windows=min((quality.windows for quality in qualities), default=0),
        challenger=_geometric(qualities),
        coverage=float(np.mean([q.coverage for q in qualities])) if qualities else None,
    )


def _compared(row: Standing, ours: _Composite, theirs: _Composite | None) -> Standing:
    """Return a standing with what the single windows tell."""
    board = ours.choice.board
    segment = [h.name for h in board.horizons].index(row.horizon)
    mine, naive = ours.losses(segment), naive_losses(board, segment=segment)
    reference = board.contenders.index(REFERENCE)
    elsewhere: BoolArray = (ours.served[:, : segment + 1] != reference).any(axis=1)
    best_rule, versus_best_rule = _best_rule(board, mine, segment)
    row = replace(
        row,
        versus_naive=compare(mine, naive),
        departed=compare(mine.where(elsewhere), naive),
        best_rule=best_rule,
        versus_best_rule=versus_best_rule,
    )
    if theirs is None:
        return row
    places = {key: place for place, key in enumerate(theirs.choice.board.keys)}
    other = theirs.losses(segment).rows(np.array([places.get(key, -1) for key in board.keys]))
    return replace(
        row,
        champion=geometric_ratio(other.where(mine.hours > 0), naive),
        versus_champion=compare(mine, other),
    )


def _best_rule(board: ScoreBoard, ours: Losses, segment: int) -> tuple[str | None, Ratio | None]:
    """Return the plain rule that ours is worst beside, and ours by it."""
    found: dict[str, tuple[float, Losses]] = {}
    for name in PLAIN_RULES:
        if name in board.contenders:
            losses = contender_losses(board, name, segment=segment)
            ratio = geometric_ratio(ours, losses)
            if ratio is not None:
                found[name] = (ratio, losses)
    if not found:
        return None, None
    best = max(found, key=lambda name: found[name][0])
    return best, compare(ours, found[best][1])


def _geometric(qualities: Sequence[Quality]) -> float | None:
    logs = [np.log(quality.vs_naive) for quality in qualities]
    return float(np.exp(np.mean(logs))) if logs else None
