"""Backtest the contenders, choose per series and lead, and write the bundles."""

from collections.abc import Callable
from pathlib import Path

import structlog

from foresail.bundle.publish import publish
from foresail.contenders import ProphetSettings
from foresail.errors import UsageError
from foresail.evaluation.contest import run_contest
from foresail.evaluation.field import field
from foresail.evaluation.summary import headline, markdown
from foresail.horizons import parse
from foresail.panel import Panel
from foresail.steps import AnyPath
from foresail.steps.artifacts import HistoryFacts

PROGRESS_EVERY = 5_000
"""Fits between two lines of the log; one takes a few seconds at most."""

log = structlog.get_logger()


def run(
    *,
    panel: AnyPath,
    model: AnyPath,
    summary: AnyPath,
    horizons: str = "next_day,next_week,next_month",
    windows: int = 3,
    changepoint_prior_scale: float = 0.05,
    yearly_seasonality: str = "auto",
    weekly_seasonality: str = "auto",
    daily_seasonality: str = "auto",
    holidays_country: str = "",
    seed: int = 0,
) -> dict[str, float]:
    """Forecast every series of a panel and write one bundle a metric.

    Args:
        panel: Folder that `featurize` wrote.
        model: Folder to create: `<metric>/bundle/` and `<metric>/scores.npz`.
        summary: Markdown file to write.
        horizons: Comma-separated.
        windows: Held-out windows a series is measured on.
        changepoint_prior_scale: Prophet's.
        yearly_seasonality: Prophet's: `auto`, `true` or `false`.
        weekly_seasonality: As above.
        daily_seasonality: As above.
        holidays_country: ISO code whose holidays Prophet knows, or empty.
        seed: Of everything drawn at random.

    Returns:
        The headline figures for the dashboard: per metric and horizon the error relative to the
        seasonal naive and the coverage.
    """
    source = Path(panel)
    facts = HistoryFacts.read(source)
    data = Panel.load(source)
    asked = parse(horizons)
    if int(windows) < 1:
        raise UsageError(f"windows must be 1 or more (3 to be measured), got {windows}")
    settings = ProphetSettings(
        changepoint_prior_scale=float(changepoint_prior_scale),
        yearly_seasonality=yearly_seasonality,
        weekly_seasonality=weekly_seasonality,
        daily_seasonality=daily_seasonality,
        holidays_country=holidays_country,
    )
    contenders = field(settings, seed=int(seed), on_series=_progress())
    contest = run_contest(data, horizons=asked, contenders=contenders, windows=int(windows))
    recipe = {"prophet": settings.as_dict(), "seed": int(seed), "windows": int(windows)}
    publish(
        Path(model),
        panel=data,
        contest=contest,
        history_digest=facts.history_digest,
        recipe=recipe,
    )
    Path(summary).write_text(markdown(contest), encoding="utf-8")
    figures = headline(contest)
    log.info("trained", series=len(data), **{k: round(v, 3) for k, v in figures.items()})
    return figures


def _progress() -> Callable[[int], None]:
    """Return what counts fits: a series is fitted once a held-out window, and once to the end."""
    done = 0

    def advance(series: int) -> None:
        nonlocal done
        before, done = done, done + series
        if done // PROGRESS_EVERY > before // PROGRESS_EVERY:
            log.info("fitting", fits=done)

    return advance
