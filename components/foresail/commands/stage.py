"""`foresail stage`: Prometheus or a file into a history."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from foresail.history.estimate import Estimate

app = typer.Typer(rich_markup_mode=None)

DAYS = 90


@app.command(
    epilog="Example: foresail stage https://prometheus.example s3://mlpipeline/foresail/history "
    "--cluster prod --days 90"
)
def stage(  # noqa: PLR0913, PLR0917  # one parameter an option
    source: Annotated[
        str,
        typer.Argument(
            help="A Prometheus (http://..., https://...), several as prod=https://...,"
            "dev=https://..., a CSV or Parquet file, s3://bucket/key, or a folder of foresail "
            "simulate.",
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
    preset: Annotated[
        str,
        typer.Option(
            help="PromQL texts: cadvisor, kube-prometheus, node-exporter or openshift. "
            "foresail doctor says which work."
        ),
    ] = "cadvisor",
    queries: Annotated[
        str, typer.Option(help="YAML file with PromQL texts of your own, a path or s3://.")
    ] = "",
    cluster_label: Annotated[
        str, typer.Option(help="Label by which one Prometheus tells clusters apart.")
    ] = "",
    max_load: Annotated[
        str, typer.Option(help="How much to ask at a time: low or normal.")
    ] = "normal",
    max_series: Annotated[
        int | None, typer.Option(help="Of one query; more are refused. Default: 50,000.")
    ] = None,
    late_hours: Annotated[
        int | None,
        typer.Option(help="How long after its end a day is asked for again. Default: 6."),
    ] = None,
    summary: Annotated[
        Path | None, typer.Option(help="Write the summary to this Markdown file as well.")
    ] = None,
    *,
    allow_partial: Annotated[
        bool, typer.Option(help="Take answers that Thanos calls partial.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option(help="Say what would be asked for, and write nothing.")
    ] = False,
) -> None:
    """Add what a source knows to a history, asking only for what is missing.

    Nothing is deleted from it. A run that is stopped goes on where it was when it is started again.
    """
    from foresail.history.estimate import MAX_SERIES  # noqa: PLC0415  # heavy
    from foresail.history.plan import LATE_HOURS  # noqa: PLC0415  # heavy
    from foresail.history.sources import is_prometheus  # noqa: PLC0415  # heavy
    from foresail.steps import stage_history  # noqa: PLC0415  # heavy

    console = Console(stderr=True)
    asked = {
        "source": source,
        "history_uri": history_uri,
        "cluster": cluster,
        "scopes": scopes,
        "metrics": metrics,
        "days": DAYS if days is None else days,
        "until": until,
        "preset": preset,
        "queries": queries,
        "cluster_label": cluster_label,
        "max_load": max_load,
        "max_series": MAX_SERIES if max_series is None else max_series,
        "late_hours": LATE_HOURS if late_hours is None else late_hours,
    }
    if dry_run:
        for plan in stage_history.estimate(**asked):  # type: ignore[arg-type]  # as named above
            _show(console, plan)
        return
    if days is not None and not is_prometheus(source):
        console.print("--days is not used: the source is a file, and a file is read whole")
    with TemporaryDirectory() as folder, _progress(console):
        file = summary or Path(folder) / "summary.md"
        result = stage_history.run(
            **asked,  # type: ignore[arg-type]  # as named above
            summary=file,
            timezone=timezone,
            allow_partial=allow_partial,
        )
        text = file.read_text(encoding="utf-8")
    console.print(Markdown(text))
    typer.echo(result.digest)


@contextmanager
def _progress(console: Console) -> Iterator[None]:
    """Show the plan of each source, and how far its reading has come."""
    from foresail.steps.stage_history import Watcher, watched  # noqa: PLC0415  # heavy

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        tasks = []

        def estimated(plan: "Estimate") -> None:
            _show(bar.console, plan)
            tasks.append(bar.add_task(f"reading {plan.cluster}", total=max(plan.points, 1)))

        def came(points: int) -> None:
            bar.advance(tasks[-1], points)

        with watched(Watcher(estimated, came)):
            yield


def _show(console: Console, plan: "Estimate") -> None:
    """Print what will be asked of one source."""
    if not plan.lines:
        console.print(f"{plan.cluster}: nothing is missing, nothing will be asked for")
        return
    table = Table(
        title=f"{plan.cluster}: what will be asked of {plan.source}", title_justify="left"
    )
    table.add_column("query")
    for name in ("series", "days", "numbers", "requests"):
        table.add_column(name, justify="right")
    for line in plan.condensed:
        figures = (line.series, line.days, line.points, line.requests)
        table.add_row(line.name, *(f"{figure:,}" for figure in figures))
    table.add_section()
    table.add_row("all", f"{plan.series:,}", "", f"{plan.points:,}", f"{plan.requests:,}")
    console.print(table)
    if plan.skipped_days:
        console.print(f"{plan.skipped_days} days of single queries are staged already")
