"""`foresail monitor`: hold the served forecasts to what came."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from foresail.steps.monitor import Watch

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog="Example: foresail monitor s3://mlpipeline/foresail/history "
    "--metrics-file /var/lib/node_exporter/foresail.prom --rollback"
)
def monitor(  # one parameter an option
    history_uri: Annotated[
        str,
        typer.Argument(
            help="Where stage goes on writing: s3://bucket/prefix or a folder.", show_default=False
        ),
    ],
    tracking_uri: Annotated[
        str,
        typer.Option(
            help="MLflow, such as https://mlflow.example or sqlite:///FILE; without it the "
            "variable MLFLOW_TRACKING_URI."
        ),
    ] = "",
    alias: Annotated[str, typer.Option(help="Which version to judge.")] = "champion",
    metrics: Annotated[
        str, typer.Option(help="Comma-separated, such as cpu,memory. Default: all that are served.")
    ] = "",
    as_of: Annotated[
        str,
        typer.Option(
            help="The last hour known, such as 2026-11-21T08:00:00Z. Default: all that is staged."
        ),
    ] = "",
    report: Annotated[
        Path | None, typer.Option(help="Write everything to this JSON file, down to each series.")
    ] = None,
    metrics_file: Annotated[
        Path | None, typer.Option(help="Write this file in Prometheus' text format.")
    ] = None,
    summary: Annotated[Path | None, typer.Option(help="Write this Markdown file.")] = None,
    *,
    rollback: Annotated[
        bool,
        typer.Option(
            "--rollback",
            help="Where the verdict is worse, give the alias champion back to the version before. "
            "Without it nothing is changed.",
        ),
    ] = False,
) -> None:
    """Hold the served forecasts to what came since they were made.

    The verdict of each metric is better, as promised, worse or too early. Hours must be staged
    first: foresail stage.
    """
    from rich.console import Console  # noqa: PLC0415  # commands import when run

    from foresail.reports.live import told  # noqa: PLC0415  # as above
    from foresail.steps import monitor as step  # noqa: PLC0415  # heavy

    found = step.watch(
        history_uri,
        tracking_uri=tracking_uri,
        alias=alias,
        metrics=metrics,
        as_of=as_of,
        rollback=rollback,
    )
    step.write(
        found, history_uri=history_uri, report=report, metrics_file=metrics_file, summary=summary
    )
    if found.models:
        Console().print(_table(found))
    for one in found.models:
        typer.echo(f"{one.live.metric}: {one.live.verdict}; {told(one)}")
    step.check_whole(found)


def _table(found: "Watch") -> "Table":
    """Return a row a metric and horizon."""
    from rich.table import Table  # noqa: PLC0415  # as above

    from foresail.reports.live import figures_of  # noqa: PLC0415  # as above

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("metric", "version", "horizon", "hours", "series"):
        table.add_column(
            heading,
            justify="left" if heading in {"metric", "horizon"} else "right",
            overflow="fold",
        )
    for heading in ("vs promise", "vs naive", "coverage", "bias"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in found.models:
        for row in (*one.live.horizons, one.live.overall):
            table.add_row(
                one.live.metric,
                one.version,
                row.horizon,
                str(row.hours),
                f"{row.series}/{row.promised}",
                *figures_of(row),
            )
    return table
