"""`foresail registry`: what is registered, and the alias `champion` moved by hand."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from foresail.registry import Registry, VersionInfo

app = typer.Typer(no_args_is_help=True, help="List, promote and roll back registered forecasts.")

_Uri = Annotated[
    str,
    typer.Option(
        "--tracking-uri",
        help="MLflow, such as https://mlflow.example or sqlite:///FILE; "
        "without it the variable MLFLOW_TRACKING_URI.",
    ),
]
_Name = Annotated[
    str, typer.Argument(help="Registered model, such as foresail-cpu.", show_default=False)
]


@app.command("list")
def list_models(tracking_uri: _Uri = "") -> None:
    """Show every registered version; times are UTC.

    Example: foresail registry list --tracking-uri sqlite:///.foresail/mlflow.db
    """
    from rich.console import Console  # noqa: PLC0415  # only where something is printed
    from rich.table import Table  # noqa: PLC0415  # as above

    versions = _registry(tracking_uri).models()
    if not versions:
        Console().print("No forecast is registered yet; run the pipeline first.")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("model", "version", "aliases", "trained until", "series", "created"):
        table.add_column(
            heading,
            justify="right" if heading in {"version", "series"} else "left",
            no_wrap=heading != "model",
            overflow="fold",
        )
    for version in versions:
        table.add_row(*_cells(version))
    Console().print(table)
    for version in versions:
        if version.is_rollback:
            typer.echo(f"{version.name} {version.version} was rolled back to")
        if version.held_back:
            typer.echo(f"{version.name}: {version.held_back}")


@app.command()
def promote(
    name: _Name,
    version: Annotated[str, typer.Argument(help="Its version number.", show_default=False)],
    tracking_uri: _Uri = "",
) -> None:
    """Make a version champion; refused if a newer one is or has been.

    It does so too where the version was rolled back, which no pipeline does.

    Example: foresail registry promote foresail-cpu 12
    """
    from foresail.registry.names import version_number  # noqa: PLC0415  # commands import when run
    from foresail.registry.registry import checked  # noqa: PLC0415  # as above

    number = version_number(version)
    move = checked(_registry(tracking_uri).promote(name, number, insist=True))
    typer.echo(f"{move.name}: version {move.champion} is champion; {move.reason}")


@app.command()
def rollback(
    name: _Name,
    tracking_uri: _Uri = "",
    reason: Annotated[
        str, typer.Option(help="Why; the gate and `list` tell it until the version is promoted.")
    ] = "",
) -> None:
    """Give the alias champion back to the version that had it before.

    Running servers follow within a minute, although that version is older: it is tagged. The one
    it takes over from is tagged too: no pipeline makes it champion again, `promote` does.

    Example: foresail registry rollback foresail-memory --reason "too low since the move"
    """
    move = _registry(tracking_uri).rollback(name, reason=reason)
    typer.echo(f"{move.name}: version {move.champion} is champion; {move.reason}")


def _registry(tracking_uri: str) -> "Registry":
    from foresail.registry import Registry  # noqa: PLC0415  # commands import when run
    from foresail.registry.address import given_address  # noqa: PLC0415  # as above
    from foresail.settings import read_settings  # noqa: PLC0415  # as above

    return Registry(given_address(tracking_uri, configured=read_settings().mlflow_tracking_uri))


def _cells(version: "VersionInfo") -> tuple[str, ...]:
    from foresail.registry import names  # noqa: PLC0415  # commands import when run

    until = version.trained_until.replace("T", " ").removesuffix("Z").removesuffix(":00")
    return (
        version.name,
        version.version,
        ", ".join(version.aliases) or "-",
        until or "-",
        version.tags.get(names.SERIES, "-"),
        f"{version.created:%Y-%m-%d}",
    )
