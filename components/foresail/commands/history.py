"""`foresail history ...`: look after a staged history."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from foresail.errors import BadInput, UsageError

app = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, help="Verify, compact, export or drop a history."
)

_URI = Annotated[str, typer.Argument(help="s3://bucket/prefix or a folder.", show_default=False)]
_DIGEST = Annotated[
    str, typer.Option(help="Of an older state; empty for the latest.", show_default=False)
]


@app.command(epilog="Example: foresail history verify s3://mlpipeline/foresail/history")
def verify(history_uri: _URI, digest: _DIGEST = "") -> None:
    """Read every part whole, and hold it to its checksums."""
    from foresail.history import upkeep  # noqa: PLC0415  # heavy
    from foresail.objects import open_store  # noqa: PLC0415  # beside the others
    from foresail.settings import read_settings  # noqa: PLC0415  # beside the others

    console = Console(stderr=True)
    with console.status("reading"):
        found = upkeep.verify(open_store(history_uri, read_settings()), digest=digest)
    if found.damaged:
        raise BadInput(found.damaged)
    console.print(
        f"{found.parts} parts, {found.rows:,} rows, {found.size / 1e6:.1f} MB: all as staged; "
        f"{len(found.orphans)} objects belong to no kept state (foresail history compact removes "
        "them)"
    )


@app.command(epilog="Example: foresail history compact s3://mlpipeline/foresail/history")
def compact(
    history_uri: _URI,
    keep_days: Annotated[int, typer.Option(help="How long older states stay readable.")] = 30,
) -> None:
    """Join the days of past months, and remove what no state of the last days needs.

    No row is lost. Nobody may stage meanwhile.
    """
    from foresail.history import upkeep  # noqa: PLC0415  # heavy
    from foresail.objects import open_store  # noqa: PLC0415  # beside the others
    from foresail.settings import read_settings  # noqa: PLC0415  # beside the others

    console = Console(stderr=True)
    with console.status("compacting"):
        store = open_store(history_uri, read_settings())
        done = upkeep.compact(store, now=datetime.now(UTC), keep_days=keep_days)
    console.print(
        f"{done.joined} days became {done.months} month parts; {done.removed} objects were removed"
    )
    typer.echo(done.digest)


@app.command(
    epilog="Example: foresail history export .foresail/history --csv usage.csv --scopes namespace"
)
def export(
    history_uri: _URI,
    csv: Annotated[Path, typer.Option(help="File to write.", show_default=False)],
    digest: _DIGEST = "",
    metrics: Annotated[str, typer.Option(help="Comma-separated; empty for all.")] = "",
    scopes: Annotated[str, typer.Option(help="Comma-separated; empty for all.")] = "",
    stats: Annotated[str, typer.Option(help="Some of mean, max and p95.")] = "mean,max",
) -> None:
    """Write the rows to a CSV file for a spreadsheet, with its checksum beside it."""
    from foresail.history import read_history  # noqa: PLC0415  # heavy
    from foresail.history.block import STATS  # noqa: PLC0415  # heavy
    from foresail.history.export import export_csv  # noqa: PLC0415  # heavy
    from foresail.history.naming import parse_names, parse_scopes  # noqa: PLC0415  # heavy
    from foresail.settings import read_settings  # noqa: PLC0415  # beside the others

    wanted = parse_names(stats, what="stat")
    if not set(wanted) <= set(STATS):
        raise UsageError(f"expected some of {', '.join(STATS)}, got {stats!r}")
    console = Console(stderr=True)
    with console.status("reading"):
        history = read_history(
            history_uri,
            settings=read_settings(),
            digest=digest,
            metrics=parse_names(metrics, what="metric") if metrics else None,
            scopes=parse_scopes(scopes) if scopes else None,
            stats=wanted,
        )
    rows = export_csv(history.panel, csv).rows
    console.print(f"wrote {rows:,} rows to {csv}")


@app.command(
    epilog="Example: foresail history drop s3://mlpipeline/foresail/history --before 2026-01-01"
)
def drop(
    history_uri: _URI,
    before: Annotated[
        str, typer.Option(help="Parts that end before this day, such as 2026-01-01.")
    ] = "",
    cluster: Annotated[str, typer.Option(help="Comma-separated.")] = "",
    metrics: Annotated[str, typer.Option(help="Comma-separated.")] = "",
    scopes: Annotated[str, typer.Option(help="Comma-separated; capacity has none.")] = "",
) -> None:
    """Take parts out of a history; all that is said must hold for a part to go.

    Older states keep them until foresail history compact lets go of these.
    """
    from foresail.history import upkeep  # noqa: PLC0415  # heavy
    from foresail.history.naming import parse_names, parse_scopes  # noqa: PLC0415  # heavy
    from foresail.objects import open_store  # noqa: PLC0415  # beside the others
    from foresail.settings import read_settings  # noqa: PLC0415  # beside the others

    manifest, gone = upkeep.drop(
        open_store(history_uri, read_settings()),
        now=datetime.now(UTC),
        before=_day(before) if before else None,
        clusters=parse_names(cluster, what="cluster") if cluster else (),
        metrics=parse_names(metrics, what="metric") if metrics else (),
        scopes=parse_scopes(scopes) if scopes else (),
    )
    Console(stderr=True).print(f"{gone} parts were dropped, {len(manifest.parts)} are left")
    typer.echo(manifest.digest)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"expected a day such as 2026-01-01, got {text!r}") from error
