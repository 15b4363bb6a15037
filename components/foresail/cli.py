"""`foresail`: one thin command per step, and what the installed faces bring."""

import importlib
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Annotated, Any

import structlog
import typer
from typer.core import TyperGroup

from foresail import __version__
from foresail.errors import ForesailError

COMMANDS = {
    "forecast": "Forecast a history file, without any server.",
    "backtest": "Measure what the forecasts of a history would have been worth.",
    "simulate": "Write the history of a believable cluster.",
    "doctor": "Say which presets a Prometheus can feed, and what to do about the rest.",
    "stage": "Read Prometheus or a file into the object store.",
    "history": "Verify, compact, export or drop a staged history.",
    "monitor": "Hold the served forecasts to what came, and roll back what is worse.",
    "registry": "List, promote and roll back the registered forecasts.",
}
"""Commands of the library: name -> one line. Each is a module of `foresail.commands`."""

EXTRAS = {"serve": "serve", "sync": "sync", "token": "serve", "pipeline": "pipelines"}
"""Commands of the faces: name -> the extra that brings what it needs."""

FACES = {
    "serve": "Sync the champion forecasts and answer next_day, next_week, next_month.",
    "sync": "Fetch the champion forecasts for a server beside it.",
    "token": "Make tokens for the server, and check the file that lists them.",
    "pipeline": "Compile, check, run, upload and schedule the Kubeflow pipeline.",
}


class _Lazy(TyperGroup):
    """Imports a command when it is called, so that `foresail --help` costs nothing."""

    # typer keeps its own copy of click private, so that click's types cannot be named here

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401  # see above
        del ctx
        return [*COMMANDS, *FACES]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401  # see above
        del ctx
        if cmd_name in COMMANDS:
            return _load(cmd_name, f"foresail.commands.{cmd_name}", "app", extra="train")
        for point in entry_points(group="foresail.commands", name=cmd_name):
            module, attribute = point.value.split(":")
            return _load(cmd_name, module, attribute, extra=EXTRAS.get(cmd_name, cmd_name))
        return None

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401  # see above
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items(), *FACES.items()])


def _load(name: str, module: str, attribute: str, *, extra: str) -> Any:  # noqa: ANN401  # see above
    try:
        app: typer.Typer = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("foresail"):
            raise
        missing = error.name
        raise ForesailError(
            f"`foresail {name}` needs {missing}, which is not installed; "
            f"install the extra: pip install 'foresail[{extra}]'"
        ) from error
    command = typer.main.get_command(app)
    command.name = name
    return command


app = typer.Typer(
    cls=_Lazy,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Forecast the CPU and memory of Kubernetes clusters, a day, a week and a month ahead.",
    epilog="Example: foresail forecast --history usage.csv --horizon next_week --out week.csv",
)


def _version(wanted: bool) -> None:  # noqa: FBT001  # typer's callback
    if wanted:
        typer.echo(f"foresail {__version__}")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    *,
    debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Take what stands before the command."""
    del version
    ctx.obj = {"debug": debug}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 called wrongly."""
    words = list(sys.argv[1:] if argv is None else argv)
    # results go to stdout, where a pipe may want them alone; the log to stderr
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    try:
        app(words)
    except ForesailError as error:
        if "--debug" in words:
            raise
        typer.echo(f"foresail: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:  # a full disk, a folder that may not be written
        if "--debug" in words:
            raise
        typer.echo(f"foresail: {error}", err=True)
        sys.exit(1)
