"""Backtest the contenders, choose per series and lead, and write the bundles."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from foresail.bundle.publish import publish, rows_by_metric
from foresail.contenders import Contender, ProphetSettings
from foresail.errors import UsageError
from foresail.evaluation.contest import run_contest
from foresail.evaluation.field import field
from foresail.evaluation.outcome import Contest
from foresail.evaluation.summary import headline, markdown, table_lines
from foresail.horizons import Horizon, parse
from foresail.panel import Panel
from foresail.steps import AnyPath
from foresail.steps.artifacts import HistoryFacts

PROGRESS_EVERY = 5_000
"""Fits between two lines of the log; one takes a few seconds at most."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Training:
    """What is asked of a training.

    Attributes:
        horizons: Shortest first.
        windows: Held-out windows a series is measured on.
        prophet: Its settings.
        seed: Of everything drawn at random.
    """

    horizons: tuple[Horizon, ...]
    windows: int
    prophet: ProphetSettings
    seed: int

    @staticmethod
    def of(*, horizons: str, windows: int, seed: int, **prophet: Any) -> "Training":  # noqa: ANN401  # as ProphetSettings takes them
        """Return the training that a step's parameters ask for.

        Raises:
            UsageError: A horizon is unknown, there are no windows, or Prophet would misread a word.
        """
        if int(windows) < 1:
            raise UsageError(f"windows must be 1 or more (3 to be measured), got {windows}")
        return Training(parse(horizons), int(windows), ProphetSettings(**prophet), int(seed))

    @property
    def recipe(self) -> dict[str, Any]:
        """Return what refits the same forecast at other origins."""
        return {"prophet": self.prophet.as_dict(), "seed": self.seed, "windows": self.windows}

    def contenders(self) -> tuple[Contender, ...]:
        """Return the field, not yet taught; the log says now and then how much was fitted."""
        return contenders_of(self.recipe)


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
    training = Training.of(
        horizons=horizons,
        windows=windows,
        changepoint_prior_scale=float(changepoint_prior_scale),
        yearly_seasonality=yearly_seasonality,
        weekly_seasonality=weekly_seasonality,
        daily_seasonality=daily_seasonality,
        holidays_country=holidays_country,
        seed=seed,
    )
    contest = run_contest(
        data,
        horizons=training.horizons,
        contenders=training.contenders(),
        windows=training.windows,
    )
    by_metric = rows_by_metric(data.index)
    return publish_contests(
        ((metric, contest.rows(rows)) for metric, rows in by_metric.items()),
        data,
        facts=facts,
        recipe=training.recipe,
        model=Path(model),
        summary=Path(summary),
    )


def contenders_of(recipe: Mapping[str, Any]) -> tuple[Contender, ...]:
    """Return the field of a recipe, as `Training.contenders` does."""
    settings = ProphetSettings(**recipe["prophet"])
    return field(settings, seed=recipe["seed"], on_series=_progress())


def publish_contests(
    contests: Iterable[tuple[str, Contest]],
    panel: Panel,
    *,
    facts: HistoryFacts,
    recipe: Mapping[str, Any],
    model: Path,
    summary: Path,
) -> dict[str, float]:
    """Write bundles and summary of the contests of all metrics, and return the headline figures.

    Args:
        contests: Metric and outcome of its series, in the panel's order; taken one after the other,
            so that those of a large panel need not be held at once.
        panel: At least the last 28 days of what they were run on.
        facts: About the history behind it.
        recipe: What refits it.
        model: Folder to create.
        summary: Markdown file to write.
    """
    rows, digest = rows_by_metric(panel.index), facts.history_digest
    lines: list[str] = []
    figures: dict[str, float] = {}
    for metric, contest in contests:
        publish(
            model,
            metric=metric,
            panel=panel,
            rows=rows[metric],
            contest=contest,
            history_digest=digest,
            recipe=recipe,
        )
        lines += table_lines(contest)
        figures |= headline(contest)
        del contest  # else it would be held while the next one is read
    facts.write(model)  # register completes the bundle where a cluster was silent
    summary.write_text(markdown(lines), encoding="utf-8")
    log.info("trained", series=len(panel), **{k: round(v, 3) for k, v in figures.items()})
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
