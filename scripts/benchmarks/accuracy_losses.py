"""What the served forecast loses at, in sentences made from the figures."""

from collections.abc import Sequence

import numpy as np

from benchmarks.accuracy_bars import BARS, missed, told
from benchmarks.accuracy_cells import hour
from benchmarks.accuracy_forecasts import STOCK
from benchmarks.accuracy_scores import Part, cuts, percent, shown, without, worse_than_naive
from benchmarks.accuracy_yardstick import MODELS
from benchmarks.figure import Figure
from foresail.evaluation.rolling import Rolling
from foresail.evaluation.rolling_summary import Line, by_origin, ranking, summary
from foresail.evaluation.scores import REFERENCE

WORST = 3


def losses(parts: Sequence[Part], figures: Sequence[Figure], subsets: Sequence[Part]) -> list[str]:
    """Return one sentence for each way in which something else was better.

    Args:
        parts: Every group and horizon.
        figures: What was held to bars.
        subsets: The parts on the series that the yardstick was given; empty without it.
    """
    return [
        _bars(figures),
        *(sentence for part in parts for sentence in _of_part(part)),
        *(sentence for part in subsets for sentence in _yardstick(part)),
    ]


def _bars(figures: Sequence[Figure]) -> str:
    failed = missed(figures)
    held = sum(figure.ok is not None for figure in figures)
    if not failed:
        return f"All {held} bars are met."
    named = "; ".join(f"{one.group}: {one.name} {told(one)} (bar {one.bar})" for one in failed)
    return f"{len(failed)} of {held} bars are missed: {named}."


def _of_part(part: Part) -> list[str]:
    rolling = without(part.rolling, MODELS)
    served, *others = summary(rolling)
    found = [_beaten(part.title, served, others), _against_naive(part)]
    found += _elsewhere(part.title, served, others)
    return [*found, *_halves(part), *_windows(part, rolling)]


def _beaten(title: str, served: Line, others: Sequence[Line]) -> str:
    better = [line for line in others if _less(line.relative_sql, served.relative_sql)]
    if not better:
        return f"{title}: no contender alone has less error than what is served."
    names = ", ".join(f"{line.name} ({shown(line.relative_sql)})" for line in better)
    return (
        f"{title}: {names} alone {_has(better)} less error than what is served "
        f"({shown(served.relative_sql)})."
    )


def _against_naive(part: Part) -> str:
    worst = [one for one in ranking(part.rolling) if one.relative_sql > 1][-WORST:][::-1]
    text = (
        f"{part.title}: the same hour yesterday would have served "
        f"{percent(worse_than_naive(part.rolling), 0)} of the series better"
    )
    named = ", ".join(
        f"{one.info.series} {one.info.metric} {one.relative_sql:.2f} ({one.winner})"
        for one in worst
    )
    return f"{text}; the worst: {named}." if worst else f"{text}."


def _elsewhere(title: str, served: Line, others: Sequence[Line]) -> list[str]:
    """Tell who is better by other measures than the one that the winner is chosen by."""
    found = []
    for name, text in (
        ("relative_mase", "absolute error of p50 relative to the naive's"),
        ("peak_error", "error of the daily maximum"),
    ):
        own = getattr(served, name)
        better = [line for line in others if _less(getattr(line, name), own)]
        if better:
            best = min(better, key=lambda line: getattr(line, name))
            found.append(
                f"{title}, {text}: {best.name} {shown(getattr(best, name))}, served {shown(own)}."
            )
    return found


def _halves(part: Part) -> list[str]:
    """Name the half of the machines that misses the bar which all of them together meet."""
    bar, errors = BARS[part.group, part.horizon.name].error, cuts(part)
    whole = errors["all"]
    if whole is None or whole > bar:
        return []
    return [
        f"{part.title}: {name} alone miss the bar of {bar:g} with {shown(error)}."
        for name, error in errors.items()
        if name.startswith("machines") and _less(bar, error)
    ]


def _windows(part: Part, rolling: Rolling) -> list[str]:
    """Name the origins at which the naive or stock Prophet had less error."""
    found = []
    for cell, lines in zip(part.cells, by_origin(rolling), strict=True):
        of = {line.name: line for line in lines}
        own = lines[0].relative_sql
        rivals = [name for name in (REFERENCE, STOCK) if _less(of[name].relative_sql, own)]
        if rivals:
            names = " and ".join(f"{name} {shown(of[name].relative_sql)}" for name in rivals)
            found.append(
                f"{part.title}, {cell.cell.dataset.name} at {hour(cell.cell.as_of)}: {names}, "
                f"served {shown(own)}."
            )
    return found


def _yardstick(part: Part) -> list[str]:
    lines = {line.name: line for line in summary(part.rolling)}
    served, *_ = lines.values()
    own = served.relative_sql
    better = [lines[name] for name in MODELS if _less(lines[name].relative_sql, own)]
    if not better:
        return []
    names = ", ".join(f"{line.name} ({shown(line.relative_sql)})" for line in better)
    text = f"{part.title}, {served.series} series: {names} of statsforecast {_has(better)} less"
    return [f"{text} error than what is served ({shown(own)})."]


def _less(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and bool(np.round(one - other, 9) < 0)


def _has(lines: Sequence[Line]) -> str:
    return "has" if len(lines) == 1 else "have"
