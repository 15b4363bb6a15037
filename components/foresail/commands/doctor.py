"""`foresail doctor`: which presets a Prometheus can feed, and what to do about the rest."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from foresail.history.doctor import Examination, PresetCheck, ScopeCheck

app = typer.Typer(rich_markup_mode=None)


@app.command(epilog="Example: foresail doctor --prometheus https://prometheus.example")
def doctor(
    prometheus: Annotated[
        str,
        typer.Option(
            help="Its bare address, such as https://mimir.example/prometheus; credentials come "
            "from the environment.",
            show_default=False,
        ),
    ],
    preset: Annotated[
        str, typer.Option(help="Try this one only, such as kube-prometheus. Default: all.")
    ] = "",
    cluster: Annotated[
        str, typer.Option(help="Whose headers of FORESAIL_PROMETHEUS_CLUSTER_HEADERS to send.")
    ] = "",
    cluster_label: Annotated[
        str, typer.Option(help="The label that tells clusters apart, such as cluster.")
    ] = "",
) -> None:
    """Say what a Prometheus has: metrics, history, series, and which presets work.

    It exits with 0 where a preset works for the whole cluster at least, and with 1 otherwise.
    """
    from contextlib import closing  # noqa: PLC0415  # commands import when run
    from datetime import UTC, datetime  # noqa: PLC0415  # as above

    from rich.console import Console  # noqa: PLC0415  # as above

    from foresail.history.connection import Connection  # noqa: PLC0415  # heavy
    from foresail.history.doctor import examine  # noqa: PLC0415  # heavy
    from foresail.history.presets import PRESETS  # noqa: PLC0415  # heavy
    from foresail.settings import read_settings  # noqa: PLC0415  # as above

    with closing(Connection(prometheus, settings=read_settings(), cluster=cluster)) as connection:
        found = examine(
            connection,
            now=datetime.now(UTC),
            presets=(preset,) if preset else PRESETS,
            cluster_label=cluster_label,
        )
    _show(found, Console(highlight=False))
    if found.best is None:
        raise typer.Exit(1)


def _show(found: "Examination", console: "Console") -> None:
    from textwrap import fill  # noqa: PLC0415  # commands import when run

    from foresail.history.doctor_advice import advice, next_command  # noqa: PLC0415  # heavy

    server = f"{found.server.product or 'A server of the Prometheus API'} {found.server.version}"
    console.print(
        f"{server.rstrip()} at {found.url}, {found.at:%Y-%m-%d %H:%M} UTC\n", markup=False
    )
    console.print(_table(found))
    console.print(
        "\nSeries of cpu and memory together. no: nothing to stage. -: not of this preset."
    )
    sentences = advice(found)
    if sentences:
        console.print()
    for sentence in sentences:
        console.print(
            fill(
                sentence,
                width=console.width,
                initial_indent="* ",
                subsequent_indent="  ",
                break_on_hyphens=False,
            ),
            markup=False,
        )
    if found.best is not None:
        console.print(f"\nNext: {next_command(found, found.best)}", markup=False, soft_wrap=True)


def _table(found: "Examination") -> "Table":
    """Return a row a preset."""
    from rich.table import Table  # noqa: PLC0415  # as above

    from foresail.panel import SCOPES  # noqa: PLC0415  # as above

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("preset", no_wrap=True)
    for heading in ("metrics", *SCOPES, "every", "since"):
        table.add_column(heading, justify="right", no_wrap=True)
    for check in found.presets:
        by_scope = {scope.scope: scope for scope in check.scopes}
        table.add_row(
            check.name,
            f"{len(check.found)}/{len(check.found) + len(check.missing)}",
            *(_cell(check, by_scope.get(scope)) for scope in SCOPES),
            f"{check.interval_seconds:.0f} s" if check.interval_seconds else "",
            f"{check.since:%Y-%m-%d}" if check.since else "",
        )
    return table


def _cell(check: "PresetCheck", scope: "ScopeCheck | None") -> str:
    if scope is None:
        return "-"
    return f"{sum(scope.series.values()):,}" if scope.scope in check.works_for else "no"
