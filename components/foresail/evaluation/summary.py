"""A contest in a few figures and in one table."""

from collections import Counter
from collections.abc import Iterable

from foresail.evaluation.gate import standings
from foresail.evaluation.outcome import Contest

_LEGEND = (
    "Error: scaled quantile loss relative to the seasonal naive (same hour yesterday), "
    "geometric mean; below 1 is better; 90 % interval in brackets. "
    "Coverage: held-out hours inside p10 to p90."
)


def headline(contest: Contest) -> dict[str, float]:
    """Return `<metric>_<horizon>_vs_naive` and `..._coverage` where they were measured."""
    figures: dict[str, float] = {}
    for metric in sorted({entry.metric for entry in contest.index}):
        entries = [entry for entry in contest.index if entry.metric == metric]
        for row in standings(metric, entries):
            if row.challenger is not None and row.coverage is not None:
                figures[f"{metric}_{row.horizon}_vs_naive"] = row.challenger
                figures[f"{metric}_{row.horizon}_coverage"] = row.coverage
    return figures


def table_lines(contest: Contest) -> list[str]:
    """Return what `markdown` shows of a contest: a line for each metric and horizon."""
    lines = []
    for metric in sorted({entry.metric for entry in contest.index}):
        rows = [i for i, entry in enumerate(contest.index) if entry.metric == metric]
        part = contest.rows(rows)
        for row in standings(metric, part.index, board=part.board):
            served = Counter(e.horizons[row.horizon].winner or "none" for e in part.index)
            error = str(row.versus_naive or "unmeasured")
            cover = "" if row.coverage is None else f"{row.coverage:.0%}"
            by = ", ".join(f"{name} {count}" for name, count in served.most_common())
            lines.append(
                f"| {metric} | {row.horizon} | {row.series} | {row.measured} | {row.windows} "
                f"| {error} | {cover} | {by} |"
            )
    return lines


def markdown(lines: Iterable[str]) -> str:
    """Return lines of `table_lines` as a Markdown table for the dashboard."""
    head = [
        "### Forecast",
        "",
        _LEGEND,
        "",
        "| metric | horizon | series | measured | windows | vs naive | coverage | served by |",
        "|---|---|--:|--:|--:|--:|--:|---|",
    ]
    return "\n".join([*head, *lines, ""])
