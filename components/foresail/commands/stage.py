"""`foresail stage`: history into the object store."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

app = typer.Typer(rich_markup_mode=None)

DAYS = 90


@app.command(
    epilog="Example: foresail stage https://prometheus.example s3://mlpipeline/foresail/history "
    "--cluster prod --days 90"
)
def stage(  # one parameter an option
    source: Annotated[
        str,
        typer.Argument(
            help="A Prometheus (http://..., https://...), a CSV or Parquet file, s3://bucket/key, "
            "or a folder of foresail simulate.",
            show_default=False,
        ),
    ],
    history_uri: Annotated[
        str, typer.Argument(help="s3://bucket/prefix or a folder.", show_default=False)
    ],
    cluster: Annotated[str, typer.Option(help="Series ids begin with it.")] = "cluster",
    scopes: Annotated[
        str, typer.Option(help="Which of them, comma-separated.")
    ] = "cluster,node,namespace,workload",
    metrics: Annotated[str, typer.Option(help="Comma-separated.")] = "cpu,memory",
    days: Annotated[
        int | None,
        typer.Option(help="How far back to ask Prometheus; a file is read whole. Default: 90."),
    ] = None,
    until: Annotated[
        str, typer.Option(help="Exclusive end, such as 2026-11-21T08:00:00Z. Default: now.")
    ] = "",
    timezone: Annotated[
        str, typer.Option(help="Zone of a file's stamps that carry none, such as Europe/Berlin.")
    ] = "",
    queries: Annotated[
        str, typer.Option(help="YAML file with PromQL texts of your own, a path or s3://.")
    ] = "",
    summary: Annotated[
        Path | None, typer.Option(help="Write the summary to this Markdown file as well.")
    ] = None,
    *,
    allow_partial: Annotated[
        bool, typer.Option(help="Take answers that Thanos calls partial.")
    ] = False,
) -> None:
    """Add what a source knows to a history. Nothing is ever deleted from it."""
    from foresail.steps import stage_history  # noqa: PLC0415  # heavy

    console = Console(stderr=True)
    if days is not None and not stage_history.is_prometheus(source):
        console.print("--days is not used: the source is a file, and a file is read whole")
    with TemporaryDirectory() as folder, console.status(f"staging {source.rpartition('@')[2]}"):
        file = summary or Path(folder) / "summary.md"
        result = stage_history.run(
            source=source,
            history_uri=history_uri,
            summary=file,
            cluster=cluster,
            scopes=scopes,
            metrics=metrics,
            days=DAYS if days is None else days,
            until=until,
            timezone=timezone,
            queries=queries,
            allow_partial=allow_partial,
        )
        text = file.read_text(encoding="utf-8")
    console.print(Markdown(text))
    typer.echo(result.digest)
