"""The page of the accuracy benchmark, as Markdown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.accuracy_bars import ERROR, figures, told
from benchmarks.accuracy_cells import DATASETS, hour
from benchmarks.accuracy_forecasts import STOCK
from benchmarks.accuracy_losses import losses
from benchmarks.accuracy_scores import (
    NOBODY,
    Part,
    among,
    best_single,
    beyond,
    cuts,
    percent,
    shares,
    shown,
    without,
)
from benchmarks.accuracy_words import CUTS, HOW, YARDSTICK
from benchmarks.accuracy_yardstick import MODELS, Yardstick
from foresail.evaluation.rolling_summary import Line, by_origin, summary
from foresail.evaluation.scores import REFERENCE
from foresail.horizons import HORIZONS

MANY = 100
"""Times the naive's error: from here a series decides the mean."""


@dataclass(frozen=True, slots=True)
class Run:
    """When and where the figures were found.

    Attributes:
        date: Such as `2026-11-21`.
        machine: Its processor and number of cores.
        versions: Of Foresail and what its forecasts depend on.
        minutes: That the benchmark took.
    """

    date: str
    machine: str
    versions: str
    minutes: float


def page(run: Run, parts: Sequence[Part], yardstick: Yardstick) -> str:
    """Return the whole page.

    Args:
        run: When and where.
        parts: Every group and horizon.
        yardstick: Where it is missing, the page says why.
    """
    held = figures(parts)
    subsets = [] if yardstick.why else [subset(part, yardstick) for part in parts]
    blocks = [
        "# Accuracy",
        _intro(run),
        "## Bars",
        _bars(parts),
        "## Losses",
        "What is missed and what was better than the served forecast, made from the figures below.",
        "\n".join(f"- {sentence}" for sentence in losses(parts, held, subsets)),
        "## How it is measured",
        _how(),
    ]
    for part in parts:
        blocks += [f"## {part.title}", _about(part), _lines(part)]
    blocks += ["## statsforecast", *_yardstick(yardstick, subsets)]
    blocks += ["## The same, cut otherwise", _cuts(parts), "## Origins", _origins(parts)]
    return "\n\n".join(blocks) + "\n"


def _intro(run: Run) -> str:
    return (
        "What `foresail forecast` is worth on real series. Written by `scripts/bench accuracy` on "
        f"{run.date}, in {run.minutes:.0f} minutes on {run.machine}.\n\n{run.versions}."
    )


def subset(part: Part, yardstick: Yardstick) -> Part:
    """Return a part on the series that the yardstick was given."""
    mask = np.array(
        [
            (name, info.key) in yardstick.chosen
            for name, info in zip(part.datasets, part.rolling.index, strict=True)
        ]
    )
    return Part(part.group, part.horizon, part.cells, part.datasets, among(part.rolling, mask))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are figures."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _bars(parts: Sequence[Part]) -> str:
    rows = []
    for figure in figures(parts):
        if figure.bar is None:
            continue
        best = ""
        if figure.name == ERROR:
            part = next(part for part in parts if part.title == figure.group)
            line = best_single(summary(without(part.rolling, MODELS)))
            best = f"{line.name} {shown(line.relative_sql)}"
        met = {True: "yes", False: "**no**", None: "not measured"}[figure.ok]
        rows.append([f"{figure.group}: {figure.name}", told(figure), figure.bar, met, best])
    return table(["", "found", "bar", "met", "best contender alone"], rows)


def _how() -> str:
    sets = "\n".join(f"- `{one.name}` ({one.group}): {one.what}." for one in DATASETS)
    place = "The series are not in the repository: `FORESAIL_DATA` names the folder they lie in."
    return f"{place}\n\n{sets}\n\n{HOW}"


def _about(part: Part) -> str:
    rolling = part.rolling
    served = summary(rolling)[0]
    windows = int((rolling.scored.hours[0] > 0).sum())
    text = f"{served.series} series, {len(part.cells)} origins, {windows:,} windows."
    apart = rolling.constant
    constant = int((apart.hours[0] > 0).sum())
    if constant:
        total = apart.total(1).total(1)
        inside = total.covered[0] / total.hours[0]
        text += (
            f" Apart from these {constant} windows of constant series; of their hours "
            f"{percent(inside, 0)} lay inside the served band."
        )
    blends = {k: v for k, v in shares(rolling).items() if k not in {*rolling.lines, NOBODY}}
    if blends:
        named = ", ".join(f"`{name}` {percent(share, 0)}" for name, share in blends.items())
        text += f" Served by more than one contender: {named} of the windows."
    return text


def _lines(part: Part) -> str:
    won = shares(part.rolling)
    rows = [
        [*_row(line), percent(won[line.name], 0) if line.name in won else ""]
        for line in summary(without(part.rolling, MODELS))
    ]
    return table([*_HEAD, "serves"], rows)


_HEAD = [
    "", "error", "coverage", "worst tenth", "p50 error", "mase", "bias", "peak", "missing"
]  # fmt: skip  # one line reads better


def _row(line: Line) -> list[str]:
    return [
        f"`{line.name}`" if line.name != "served" else "**served**",
        shown(line.relative_sql),
        percent(line.coverage),
        percent(line.low_coverage),
        shown(line.relative_mase),
        shown(line.mase, 2),
        "-" if line.bias is None else f"{line.bias:+.2f}",
        percent(line.peak_error),
        percent(line.filled),
    ]


def _yardstick(yardstick: Yardstick, subsets: Sequence[Part]) -> list[str]:
    if yardstick.why:
        return [f"Not measured: {yardstick.why}."]
    took = ", ".join(f"{n} {yardstick.seconds[n]:.0f} s ({yardstick.refused[n]})" for n in MODELS)
    blocks = [f"{YARDSTICK} Seconds of one core (histories refused): {took}."]
    for part in subsets:
        kept = {"served", REFERENCE, STOCK, *MODELS}
        lines = summary(part.rolling)
        best = next(line for line in lines[1:] if line.name not in kept)
        rows = [_row(line) for line in lines if line.name in {*kept, best.name}]
        blocks += [f"{part.title}, {lines[0].series} series:", table(_HEAD, rows)]
        blocks += [text for text in [_exploded(part)] if text]
    return blocks


def _exploded(part: Part) -> str:
    """Tell which models lose their mean to a few series."""
    found = []
    for name in MODELS:
        series, rest = beyond(part.rolling, name, times=MANY)
        if series:
            found.append(f"{name} on {series} series (the others: {shown(rest)})")
    return f"More than {MANY} times the naive's error: {', '.join(found)}." if found else ""


def _cuts(parts: Sequence[Part]) -> str:
    """Return the served error of parts of the series: none shall carry it alone."""
    found = {(part.group, part.horizon): cuts(part) for part in parts}
    rows = []
    for group in dict.fromkeys(part.group for part in parts):
        names = [name for (one, _), errors in found.items() if one == group for name in errors]
        for name in dict.fromkeys(names):
            errors = [found.get((group, horizon), {}).get(name) for horizon in HORIZONS]
            rows.append([f"{group}: {name}", *map(shown, errors)])
    return f"{CUTS}\n\n{table(['', *(horizon.name for horizon in HORIZONS)], rows)}"


def _origins(parts: Sequence[Part]) -> str:
    rows = []
    for part in parts:
        for one, (served, *others) in zip(part.cells, by_origin(part.rolling), strict=True):
            lines = [line for line in others if line.name not in {*MODELS, REFERENCE}]
            best = min(lines, key=lambda line: (line.relative_sql is None, line.relative_sql or 0))
            rows.append(
                [
                    f"{part.horizon.name}, {one.cell.dataset.name}",
                    hour(one.cell.as_of),
                    str(served.series),
                    shown(served.relative_sql),
                    percent(served.coverage),
                    percent(served.filled),
                    f"{best.name} {shown(best.relative_sql)}",
                    f"{one.served.seconds:.1f} s",
                    f"{one.served.core_seconds:.1f} s",
                ]
            )
    head = [
        "",
        "last hour known",
        "series",
        "error",
        "coverage",
        "missing",
        "best alone",
        "call",
        "of the cores",
    ]
    return table(head, rows)
