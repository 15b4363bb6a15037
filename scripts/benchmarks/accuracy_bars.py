"""What the served forecast is held to, and how it does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.accuracy_cells import POOLS, VMS
from benchmarks.accuracy_scores import Part, shown, without
from benchmarks.accuracy_yardstick import MODELS
from benchmarks.figure import Figure, below
from foresail.evaluation.rolling_summary import summary
from foresail.horizons import NEXT_DAY, NEXT_MONTH, NEXT_WEEK

MOST_ABSTAINED = 2
"""Per cent of the hours."""
CALL_SECONDS = 60
ERROR = "error against the same hour yesterday"


@dataclass(frozen=True, slots=True)
class Bar:
    """Of one group at one horizon.

    Attributes:
        error: Largest error relative to the seasonal naive's.
        reach: What one would like; None where nothing was said.
        coverage: Least and largest share of hours inside the band, per cent.
        tenth: Least coverage that nine tenths of the windows have, per cent.
    """

    error: float
    reach: float | None
    coverage: tuple[int, int]
    tenth: int


BARS = {
    (VMS, NEXT_DAY.name): Bar(0.72, 0.65, (77, 83), 55),
    (VMS, NEXT_WEEK.name): Bar(0.84, 0.75, (77, 83), 45),
    (VMS, NEXT_MONTH.name): Bar(0.84, 0.72, (75, 85), 40),
    (POOLS, NEXT_DAY.name): Bar(0.95, None, (77, 83), 55),
    (POOLS, NEXT_WEEK.name): Bar(0.79, None, (77, 83), 45),
    (POOLS, NEXT_MONTH.name): Bar(0.70, None, (75, 85), 40),
}


def figures(parts: Sequence[Part]) -> list[Figure]:
    """Return what was served against its bars, and the error of every contender."""
    found = []
    for part in parts:
        served, *others = summary(without(part.rolling, MODELS))
        bar = BARS[part.group, part.horizon.name]
        low, high = bar.coverage
        reach = f"reach: {bar.reach}" if bar.reach else ""
        some = [
            replace(_held(ERROR, served.relative_sql, "", most=bar.error), note=reach),
            _held("coverage of the 80 % band", _percent(served.coverage), "%", low, high),
            _held("coverage of the worst tenth", _percent(served.low_coverage), "%", bar.tenth),
            _held("hours without a forecast", _percent(served.filled), "%", most=MOST_ABSTAINED),
            *(Figure(f"  {line.name}", line.relative_sql, "") for line in others),
        ]
        found += [replace(figure, group=part.title) for figure in some]
    calls = [cell for part in parts for cell in part.cells]
    slowest = max(calls, key=lambda one: one.served.seconds)
    count = len(slowest.cell.known)
    days = len(slowest.cell.known.ds) / 24
    note = (
        f"the slowest of {len(calls)} calls, {slowest.served.core_seconds:.0f} s of the cores: "
        f"{count} series x {days:.0f} days"
    )
    took = below("one call", slowest.served.seconds, "s", limit=CALL_SECONDS, note=note)
    return [*found, replace(took, group="foresail forecast, from start to end")]


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _held(
    name: str, value: float | None, unit: str, least: float | None = None, most: float | None = None
) -> Figure:
    """Return a figure with a bar on one side or both, each of which meets it."""
    if most is None:
        text = f">= {least:g}"
    else:
        text = f"<= {most:g}" if least is None else f"{least:g} to {most:g}"
    if value is None:
        return Figure(name, None, unit, text, note="not measured: no window counts")
    low = least is None or value >= least
    return Figure(name, value, unit, text, low and (most is None or value <= most))


def missed(figures: Sequence[Figure]) -> list[Figure]:
    """Return those that do not meet their bar."""
    return [figure for figure in figures if figure.ok is False]


def told(figure: Figure) -> str:
    """Return the value of a figure as the page tells it."""
    return f"{shown(figure.value, 1)} {figure.unit}" if figure.unit else shown(figure.value)
