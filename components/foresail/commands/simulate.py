"""`foresail simulate`: a believable cluster, for demos and tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from foresail.errors import UsageError

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog="Example: foresail simulate --out simulated --until 2026-11-21T08:00:00Z && "
    "foresail stage simulated .foresail/history"
)
def simulate(  # one parameter an option
    out: Annotated[Path, typer.Option(help="Folder for the hourly truth; stage takes it.")],
    openmetrics: Annotated[
        Path | None,
        typer.Option(
            help="Also write what Prometheus would have scraped, as OpenMetrics text for "
            "promtool tsdb create-blocks-from (90 days: about 1.4 GB)."
        ),
    ] = None,
    days: Annotated[int, typer.Option(help="How many days.")] = 90,
    seed: Annotated[int, typer.Option(help="Of everything drawn at random.")] = 0,
    until: Annotated[
        str, typer.Option(help="End in UTC, such as 2026-11-21T08:00:00Z. Default: now.")
    ] = "",
    timezone: Annotated[str, typer.Option(help="Where its users live.")] = "Europe/Berlin",
    cluster: Annotated[str, typer.Option(help="Name of the cluster.")] = "cluster",
) -> None:
    """Simulate a cluster: three node pools, six namespaces, forty workloads."""
    from foresail.history import simulate as simulator  # noqa: PLC0415  # heavy
    from foresail.times import parse_utc  # noqa: PLC0415  # beside the others

    console = Console(stderr=True)
    with console.status("simulating"):
        simulation = simulator.simulate(
            until=parse_utc(until) if until else datetime.now(UTC),
            days=days,
            seed=seed,
            timezone=timezone,
            cluster=cluster,
        )
        with _writing(out):
            simulation.write_folder(out)
    series = simulation.usage["series"].nunique()
    console.print(f"wrote {len(simulation.usage)} hourly rows of {series} series to {out}")
    if openmetrics is not None:
        with console.status("writing OpenMetrics text"), _writing(openmetrics):
            simulation.write_openmetrics(openmetrics)
        console.print(f"wrote {openmetrics}, {openmetrics.stat().st_size / 1e6:.0f} MB")


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror}") from error
