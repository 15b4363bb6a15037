"""A staging run in Markdown, for people."""

from collections.abc import Sequence

from foresail.history.manifest import HistoryManifest, QueryEntry, RunEntry
from foresail.times import isoformat

_MAX_REFUSED = 20
_MAX_TROUBLED = 5
_LEGEND = (
    "gaps: hours without a value between a series' first and last; outage: hours in which the "
    "source was away; stale: 5-minute steps that single series missed; inf: infinite values; "
    "resets: of counters, ? where nobody counted; dup: identical duplicates dropped."
)
_ODD = ("gaps", "outages", "stale", "infinities", "resets", "duplicates")


def summary_of(manifest: HistoryManifest, *, history_uri: str, runs: Sequence[RunEntry]) -> str:
    """Return the summary of one run.

    Args:
        manifest: As it is now.
        history_uri: Where it lies.
        runs: One entry a source.
    """
    size = sum(part.size for part in manifest.parts)
    lines = [
        "# History staged",
        "",
        (
            f"`{history_uri}` consists of {len(manifest.parts)} parts ({size / 1e6:.1f} MB), "
            f"digest `{manifest.digest[:12]}`."
        ),
    ]
    for run in runs:
        lines += ["", *_of_run(run)]
    return "\n".join([*lines, ""])


def _of_run(run: RunEntry) -> list[str]:
    since = isoformat(run.since) if run.since else "its beginning"
    lines = [f"## {run.cluster}", ""]
    if run.failure:
        return [
            *lines,
            f"`{run.source}` was not staged: {run.failure}. What was there stays as it was.",
        ]
    lines.append(
        f"From `{run.source}`: {since} up to {isoformat(run.until)}. {run.added} rows are new, "
        f"{run.changed} replace older ones."
    )
    if run.appeared or run.vanished:
        lines.append(
            f"{run.appeared} series have appeared since the last run, {run.vanished} are gone."
        )
    if run.effort.requests:
        lines.append(
            f"{run.effort.points:,} numbers in {run.effort.requests} requests "
            f"({run.effort.retries} asked again), at most {run.effort.concurrency} at a time, "
            f"answered in {run.effort.server_seconds:.1f} s."
        )
    if not run.queries:
        lines.append("Nothing was missing.")
    else:
        lines += ["", *_table(("preset", "days", "series", "rows"), _condensed(run.queries))]
        odd = [(q.preset, *(_counted(q, name) for name in _ODD)) for q in run.queries if _is_odd(q)]
        if odd:
            titles = ("preset", "gaps", "outage", "stale", "inf", "resets", "dup")
            lines += ["", *_table(titles, odd), "", _LEGEND]
    return [*lines, *_notes(run), *_refused(run)]


def _notes(run: RunEntry) -> list[str]:
    notes = [f"- {entry.preset}: {text}" for entry in run.queries for text in entry.warnings]
    notes += [
        f"- {entry.preset} found nothing; its capacity is unknown"
        for entry in run.queries
        if entry.preset.startswith("capacity.") and not entry.series
    ]
    troubled = sorted(
        (
            (sum(troubles.model_dump().values()), name, entry.preset, troubles)
            for entry in run.queries
            for name, troubles in entry.troubled.items()
        ),
        key=lambda found: (-found[0], found[1], found[2]),
    )
    notes += [
        f"- `{name}` ({preset}): {t.gaps} gaps, {t.stale} stale steps, {t.resets} resets, "
        f"{t.duplicates} duplicates"
        for _, name, preset, t in troubled[:_MAX_TROUBLED]
    ]
    if len(troubled) > _MAX_TROUBLED:
        notes.append(f"- and {len(troubled) - _MAX_TROUBLED} more; see manifest.json")
    return ["", "### Notes", "", *notes] if notes else []


def _refused(run: RunEntry) -> list[str]:
    if not run.refused:
        return []
    lines = ["", f"### Refused: {len(run.refused)} series", ""]
    lines += [
        f"- `{r.series}` {r.metric} {r.stat} ({r.code}): {r.reason}"
        for r in run.refused[:_MAX_REFUSED]
    ]
    if len(run.refused) > _MAX_REFUSED:
        lines.append(f"- and {len(run.refused) - _MAX_REFUSED} more; see manifest.json")
    return lines


def _condensed(queries: Sequence[QueryEntry]) -> list[tuple[str, int, int, int]]:
    """Return a line for each usage query, and one for all that was asked of a metric's capacity."""
    lines: dict[str, tuple[str, int, int, int]] = {}
    for query in queries:
        is_capacity = query.preset.startswith("capacity.")
        name = ".".join(query.preset.split(".")[:2]) if is_capacity else query.preset
        _, days, series, rows = lines.get(name, (name, 0, 0, 0))
        lines[name] = (name, max(days, query.days), series + query.series, rows + query.rows)
    return list(lines.values())


def _table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    return [
        f"| {' | '.join(titles)} |",
        f"|---|{'--:|' * (len(titles) - 1)}",
        *(f"| {' | '.join(map(str, row))} |" for row in rows),
    ]


def _counted(entry: QueryEntry, name: str) -> str:
    count = getattr(entry, name)
    return "?" if count is None else str(count)


def _is_odd(entry: QueryEntry) -> bool:
    return any(getattr(entry, name) for name in _ODD)
