"""`foresail forecast`: history in, forecast out, no server."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from foresail.bundle import HorizonEntry, SeriesEntry
from foresail.codes import Code
from foresail.commands.prophet_options import (
    ChangepointPriorScale,
    DailySeasonality,
    HolidaysCountry,
    WeeklySeasonality,
    YearlySeasonality,
)
from foresail.errors import BadInput
from foresail.evaluation.gate import standings
from foresail.oneshot import OneShot

app = typer.Typer(rich_markup_mode=None)
SHOWN = 20


@app.command(
    epilog="Example: foresail forecast --history usage.parquet --as-of 2026-11-20T23:00:00Z "
    "--horizon next_week --out week.xlsx"
)
def forecast(  # one parameter an option
    history: Annotated[
        str,
        typer.Option(
            help="CSV or Parquet, on disk or s3://: series,metric,ds,y (hourly or finer, UTC), "
            "or timestamp and one column a metric."
        ),
    ],
    out: Annotated[Path, typer.Option(help="File to write: .parquet, .csv or .xlsx.")],
    horizon: Annotated[str, typer.Option(help="next_day, next_week or next_month.")] = "next_day",
    as_of: Annotated[
        str,
        typer.Option(
            help="The last hour known, such as 2026-11-20T23:00:00Z; the forecast starts one hour "
            "later and uses nothing after it. Default: the last hour of the history."
        ),
    ] = "",
    timezone: Annotated[
        str, typer.Option(help="Zone of stamps that carry none, such as Europe/Berlin.")
    ] = "",
    changepoint_prior_scale: ChangepointPriorScale = 0.05,
    yearly_seasonality: YearlySeasonality = "auto",
    weekly_seasonality: WeeklySeasonality = "auto",
    daily_seasonality: DailySeasonality = "auto",
    holidays_country: HolidaysCountry = "",
    seed: Annotated[
        int, typer.Option(help="Of what is drawn where real Prophet has to fit a series.")
    ] = 0,
) -> None:
    """Forecast every series of a history file; each (series, hour) gets a row.

    Where there is no forecast p10, p50, p90 are empty and code and reason say why.
    """
    from foresail.contenders import ProphetSettings  # noqa: PLC0415  # heavy
    from foresail.history import read_table  # noqa: PLC0415  # heavy
    from foresail.horizons import by_name  # noqa: PLC0415  # beside the others
    from foresail.oneshot import check_target, forecast_frame, write_rows  # noqa: PLC0415  # heavy
    from foresail.settings import read_settings  # noqa: PLC0415  # beside the others
    from foresail.times import parse_hour  # noqa: PLC0415  # beside the others

    check_target(out)
    asked = by_name(horizon)
    until = parse_hour(as_of) if as_of else None
    settings = ProphetSettings(
        changepoint_prior_scale=changepoint_prior_scale,
        yearly_seasonality=yearly_seasonality,
        weekly_seasonality=weekly_seasonality,
        daily_seasonality=daily_seasonality,
        holidays_country=holidays_country,
    )
    console = Console(stderr=True)
    frame = read_table(history, settings=read_settings(), timezone=timezone)
    # how many fits there will be is known only when the held-out windows are planned
    columns = (SpinnerColumn(), TextColumn("fitting Prophet: {task.completed} fits"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        task = progress.add_task("fitting", total=None)
        result = forecast_frame(
            frame,
            horizon=asked,
            now=datetime.now(UTC),
            as_of=until,
            settings=settings,
            seed=seed,
            on_series=lambda series: progress.advance(task, series),
        )
    write_rows(result.rows, out)
    _print(result, console, out=out)


def _print(result: OneShot, console: Console, *, out: Path) -> None:
    _print_promises(result.index, console)
    for refusal in result.refusals[:SHOWN]:
        line = f"refused {refusal} (code {int(refusal.code)})"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    empty = int(result.rows["p50"].isna().sum())
    if empty:
        console.print(f"{empty} rows have no forecast; their code and reason say why")
    console.print(f"wrote {len(result.rows)} rows to {out}")
    if not result.index and result.refusals:
        raise BadInput(f"no series could be forecast; the first was refused: {result.refusals[0]}")


def _print_promises(entries: Sequence[SeriesEntry], console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("series", "metric", "winner"):
        table.add_column(name)
    for name in ("error vs naive", "coverage", "windows"):
        table.add_column(name, justify="right")
    for entry in entries[:SHOWN]:
        (horizon,) = entry.horizons.values()
        table.add_row(entry.series, entry.metric, horizon.winner or "none", *_promise(horizon))
    if entries:
        console.print(table)
    if len(entries) > SHOWN:
        console.print(f"... and {len(entries) - SHOWN} more series")
    for metric in sorted({entry.metric for entry in entries}):
        for row in standings(metric, [e for e in entries if e.metric == metric]):
            if row.challenger is not None:
                console.print(
                    f"{metric}: {row.measured} of {row.series} series measured; error "
                    f"{row.challenger:.2f} of the seasonal naive's"
                )


def _promise(horizon: HorizonEntry) -> tuple[str, str, str]:
    quality = horizon.quality
    if horizon.code == Code.CONSTANT:
        return ("constant", "", "")
    if quality is None:
        return ("unmeasured" if horizon.winner else f"code {int(horizon.code)}", "", "")
    error = f"{100 * (quality.vs_naive - 1):+.0f} %"
    return (error, f"{quality.coverage:.0%}", str(quality.windows))
