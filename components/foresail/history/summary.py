"""The last staging run in Markdown, for people."""

from foresail.history.manifest import HistoryManifest, QueryEntry
from foresail.times import isoformat

_MAX_REFUSED = 20


def summary_of(manifest: HistoryManifest, *, history_uri: str) -> str:
    """Return the summary of the manifest's latest run."""
    run = manifest.runs[-1]
    since = isoformat(run.since) if run.since else "its beginning"
    lines = [
        "# History staged",
        "",
        (
            f"From `{run.source}` into `{history_uri}`: {since} up to {isoformat(run.until)}. "
            f"{run.added} rows are new, {run.changed} replace older ones. "
            f"The history consists of {len(manifest.parts)} parts, "
            f"digest `{manifest.digest[:12]}`."
        ),
        "",
        "| preset | series | rows | gaps | outage hours | infinite | resets | duplicates |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
        *(_line(entry) for entry in run.queries),
    ]
    notes = [f"- {entry.preset}: {text}" for entry in run.queries for text in entry.warnings]
    notes += [
        f"- {entry.preset} found nothing; its capacity is unknown"
        for entry in run.queries
        if entry.preset.startswith("capacity.") and not entry.series
    ]
    if notes:
        lines += ["", "## Notes", "", *notes]
    if run.refused:
        lines += ["", f"## Refused: {len(run.refused)} series", ""]
        lines += [
            f"- `{r.series}` {r.metric} {r.stat} ({r.code}): {r.reason}"
            for r in run.refused[:_MAX_REFUSED]
        ]
        if len(run.refused) > _MAX_REFUSED:
            lines.append(f"- and {len(run.refused) - _MAX_REFUSED} more; see manifest.json")
    return "\n".join([*lines, ""])


def _line(entry: QueryEntry) -> str:
    resets = "not counted" if entry.resets is None else str(entry.resets)
    return (
        f"| {entry.preset} | {entry.series} | {entry.rows} | {entry.gaps} | {entry.outages} "
        f"| {entry.infinities} | {resets} | {entry.duplicates} |"
    )
