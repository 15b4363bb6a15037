"""`foresail backtest`: what the forecasts of a history would have been worth."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from foresail.commands.prophet_options import (
    ChangepointPriorScale,
    DailySeasonality,
    HolidaysCountry,
    WeeklySeasonality,
    YearlySeasonality,
)

if TYPE_CHECKING:
    from foresail.backtesting import Backtest
    from foresail.evaluation.rolling import Rolling
    from foresail.evaluation.rolling_summary import Line

app = typer.Typer(rich_markup_mode=None)
WORST = 5
SHOWN = 20
_LEGEND = (
    "error: scaled quantile loss relative to the same hour yesterday, geometric mean\n"
    "over the series; coverage: hours inside p10 to p90 (aim: 80 %); of the middle\n"
    "series - mase and bias (+ is too high) in mean daily changes, and peak: how far\n"
    "the day's highest p90 is from the highest hour that came"
)


@app.command(
    epilog="Example: foresail backtest --history usage.parquet --horizon next_week --origins 6 "
    "--out report.html"
)
def backtest(  # one parameter an option
    history: Annotated[
        str,
        typer.Option(
            help="CSV or Parquet, on disk or s3://: series,metric,ds,y (hourly or finer, UTC), "
            "or timestamp and one column a metric."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="File to write: .html (a report), .json (everything) or .parquet (a row for each "
            "series, origin and contender)."
        ),
    ],
    horizon: Annotated[str, typer.Option(help="next_day, next_week or next_month.")] = "next_week",
    origins: Annotated[
        int,
        typer.Option(
            help="From how many hours of the history to forecast; fewer where it is too short."
        ),
    ] = 6,
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
    """Forecast a history from its own past and measure what came.

    At each origin only what was known there is used, to fit and to choose who is served.
    """
    from foresail.backtesting import (  # noqa: PLC0415  # heavy
        backtest_frame,
        check_report,
        write_report,
    )
    from foresail.contenders import ProphetSettings  # noqa: PLC0415  # heavy
    from foresail.history import read_table  # noqa: PLC0415  # heavy
    from foresail.horizons import by_name  # noqa: PLC0415  # beside the others
    from foresail.settings import read_settings  # noqa: PLC0415  # beside the others

    check_report(out)
    asked = by_name(horizon)
    settings = ProphetSettings(
        changepoint_prior_scale=changepoint_prior_scale,
        yearly_seasonality=yearly_seasonality,
        weekly_seasonality=weekly_seasonality,
        daily_seasonality=daily_seasonality,
        holidays_country=holidays_country,
    )
    console = Console(stderr=True)
    frame = read_table(history, settings=read_settings(), timezone=timezone)
    columns = (
        SpinnerColumn(),
        TextColumn("origins done: {task.completed}; Prophet fits: {task.fields[fits]}"),
    )
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        task = progress.add_task("backtest", total=None, fits=0)
        result = backtest_frame(
            frame,
            horizon=asked,
            origins=origins,
            now=datetime.now(UTC),
            settings=settings,
            seed=seed,
            on_series=lambda n: progress.update(task, fits=progress.tasks[0].fields["fits"] + n),
            on_origin=lambda n: progress.advance(task, n),
        )
        write_report(result, out)
    _print(result, console)
    console.print(f"wrote {out}", markup=False, highlight=False, soft_wrap=True)


def _print(result: "Backtest", console: Console) -> None:
    """Print the tables to stdout, where they can be piped from, and the rest to stderr."""
    from foresail.evaluation.rolling_summary import summary  # noqa: PLC0415  # heavy

    measured = result.rolling
    for refusal in result.refusals[:SHOWN]:
        line = f"refused {refusal} (code {int(refusal.code)})"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if len(result.refusals) > SHOWN:
        console.print(f"... and {len(result.refusals) - SHOWN} more refused")
    lines = summary(measured)
    tables = Console(highlight=False)
    first, last = (str(measured.origins[k])[:16] for k in (0, -1))
    count = len(measured.origins)
    tables.print(
        f"{measured.horizon.name}: {lines[0].series} series, {count} "
        f"origin{'s' * (count > 1)} from {first}Z to {last}Z"
    )
    for note in measured.plan.notes:
        tables.print(note)
    tables.print(_summary_table(lines))
    tables.print(_LEGEND)
    _print_worst(measured, tables)


def _summary_table(lines: "tuple[Line, ...]") -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("contender", max_width=32, overflow="fold")
    for name in ("error", "coverage", "mase", "bias", "peak"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in lines:
        table.add_row(
            Text(line.name),
            _figure(line.relative_sql, "{:.2f}"),
            _figure(line.coverage, "{:.0%}"),
            _figure(line.mase, "{:.2f}"),
            _figure(line.bias, "{:+.2f}"),
            _figure(line.peak_error, "{:.0%}"),
        )
    return table


def _print_worst(measured: "Rolling", tables: Console) -> None:
    from foresail.evaluation.rolling_summary import ranking  # noqa: PLC0415  # heavy

    ranked = ranking(measured)
    if ranked:
        table = Table(box=None, pad_edge=False)
        table.add_column("worst series", max_width=30, overflow="fold")
        table.add_column("metric", max_width=14, overflow="fold")
        table.add_column("mostly served by", max_width=24, overflow="fold")
        table.add_column("error", justify="right", no_wrap=True)
        for one in ranked[::-1][:WORST]:
            names = (one.info.series, f"{one.info.metric} {one.info.stat}", one.winner)
            table.add_row(*map(Text, names), f"{one.relative_sql:.2f}")
        tables.print()
        tables.print(table)
    apart = measured.constant
    constant = int((apart.hours[0] > 0).any(axis=0).sum())
    if constant:
        tables.print(
            f"{constant} series without a daily change before some origin: left out above; "
            f"the band held {apart.total(1).total(1).coverage[0]:.0%} of these hours"
        )
    filled = measured.scored.total(1).total(1)
    if filled.filled[0]:
        tables.print(
            f"{filled.filled[0] / filled.hours[0]:.1%} of the hours had no forecast and count as "
            "the same hour yesterday"
        )


def _figure(value: float | None, form: str) -> str:
    return "none" if value is None else form.format(value)
