"""`foresail serve` and `foresail sync`."""

from pathlib import Path
from typing import Annotated

import typer

from foresail.settings import read_environment
from foresail_serving.settings import ServeSettings, SyncSettings

app = typer.Typer(add_completion=False)
sync_app = typer.Typer(add_completion=False)

Cache = Annotated[
    Path | None, typer.Option("--cache", help="Folder of the bundles (FORESAIL_CACHE_DIR).")
]
TrackingUri = Annotated[
    str | None, typer.Option("--tracking-uri", help="MLflow to follow (MLFLOW_TRACKING_URI).")
]


@app.command()
def serve(
    *,
    port: Annotated[
        int | None, typer.Option("--port", help="Port (FORESAIL_LISTEN_PORT, 8080).")
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", help="Address (FORESAIL_LISTEN_HOST, 127.0.0.1).")
    ] = None,
    cache: Cache = None,
    tracking_uri: TrackingUri = None,
    once_ready: Annotated[
        bool, typer.Option("--once-ready", help="Stop with 0 once a forecast can be answered.")
    ] = False,
) -> None:
    """Serve forecasts, and follow the registry beside it.

    Example: foresail serve --tracking-uri http://mlflow.example:5000 --port 8080

    Without MLflow it serves what the cache holds.
    """
    from foresail_serving.logs import configure_logs  # noqa: PLC0415  # only when it runs
    from foresail_serving.program import run_server  # noqa: PLC0415  # as above

    given = _known({"listen_port": port, "listen_host": host, "cache_dir": cache})
    settings = read_environment(ServeSettings, **given)
    follow = read_environment(SyncSettings, **_known({"tracking_uri": tracking_uri})).tracking_uri
    _check_address(follow)
    configure_logs()
    run_server(
        settings,
        announce=_announce,
        tracking_uri=follow,
        until_ready=once_ready,
    )


@sync_app.command()
def sync(
    *,
    cache: Cache = None,
    tracking_uri: TrackingUri = None,
    once: Annotated[bool, typer.Option("--once", help="Look once and stop.")] = False,
) -> None:
    """Bring the champion's forecasts from MLflow into the cache, without serving them.

    Example: foresail sync --tracking-uri http://mlflow.example:5000 --cache /var/foresail
    """
    from foresail_serving.logs import configure_logs  # noqa: PLC0415  # only when it runs
    from foresail_serving.sync.program import run_sync  # noqa: PLC0415  # as above

    given = _known({"tracking_uri": tracking_uri, "cache_dir": cache})
    settings = read_environment(SyncSettings, **given)
    configure_logs()
    run_sync(settings, once=once)


def _announce(url: str) -> None:
    typer.echo(f"serving on {url} (the dashboard; the API: {url}/docs)")


def _check_address(tracking_uri: str) -> None:
    from foresail.registry.address import parse_address  # noqa: PLC0415  # only when it runs

    if tracking_uri:
        parse_address(tracking_uri)


def _known(given: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in given.items() if value is not None}
