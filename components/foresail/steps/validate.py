"""Judge the staged history: the series that may go on, and a report for people."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import structlog

from foresail.errors import BadInput
from foresail.history import History, read_history
from foresail.history.manifest import Refusal
from foresail.quality import Judgement, check_some, judge
from foresail.registry.names import model_name
from foresail.reports.quality import quality_report
from foresail.settings import read_settings
from foresail.steps import AnyPath
from foresail.steps.artifacts import HistoryFacts
from foresail.times import parse_hour

log = structlog.get_logger()


def run(
    *,
    history_uri: str,
    history_digest: str,
    accepted: AnyPath,
    report: AnyPath,
    as_of: str = "",
    scopes: str = "",
    metrics: str = "",
) -> dict[str, float]:
    """Read the history at `history_uri`, judge every series, and write what may go on.

    Args:
        history_uri: Where `stage` wrote it.
        history_digest: Of the manifest that must be found there; empty for whatever is there.
        accepted: Folder to create: `history.parquet`, `capacity.parquet`, `facts.json`.
        report: HTML file to write.
        as_of: The last hour known, such as `2026-11-21T07:00:00Z`; empty for the latest staged.
        scopes: Comma-separated scopes to keep; empty for all.
        metrics: Comma-separated metrics to keep; empty for all.

    Returns:
        Counts for the dashboard: series accepted and refused, rows, repeats dropped.

    Raises:
        BadInput: Nothing is left, or the stored history is not the one of the digest.
    """
    now = datetime.now(UTC)
    until = parse_hour(as_of) if as_of else None
    history = read_history(
        history_uri,
        settings=read_settings(),
        digest=history_digest,
        metrics=_names(metrics),
        scopes=_names(scopes),
    )
    judgement = judge(history.frame, now=now, as_of=until)
    check_some(judgement)
    _check_names(judgement.frame["metric"].unique())
    last = judgement.frame["ds"].max().floor("h").to_pydatetime()
    refusals = _refusals(history, judgement)
    facts = HistoryFacts(
        history_digest=history_digest or history.manifest.digest,
        as_of=until or last,
        refusals=refusals,
    )
    folder = Path(accepted)
    folder.mkdir(parents=True, exist_ok=True)
    judgement.frame.to_parquet(folder / "history.parquet", index=False)
    history.capacity.to_parquet(folder / "capacity.parquet", index=False)
    facts.write(folder)
    Path(report).write_text(quality_report(judgement, refusals=refusals), encoding="utf-8")
    series = judgement.frame.groupby(["series", "metric", "stat"], observed=True).ngroups
    log.info("validated", series=series, refused=len(refusals))
    return {
        "series_accepted": float(series),
        "series_refused": float(len(refusals)),
        "rows": float(len(judgement.frame)),
        "repeats_dropped": float(judgement.repeats_dropped),
    }


def _check_names(metrics: Iterable[str]) -> None:
    """Refuse metrics whose forecasts would be one and the same registered model."""
    by_model: dict[str, str] = {}
    for metric in sorted(metrics):
        model = model_name(metric)
        if model in by_model:
            raise BadInput(
                f"the metrics {by_model[model]!r} and {metric!r} would both be the model {model}; "
                "rename one, or leave it out"
            )
        by_model[model] = metric


def _refusals(history: History, judgement: Judgement) -> tuple[Refusal, ...]:
    """Return what the last staging run left out, and what is refused now."""
    staged = history.manifest.runs[-1].refused if history.manifest.runs else ()
    now = (
        Refusal(**r.key._asdict(), code=int(r.code), reason=r.reason) for r in judgement.refusals
    )
    return (*staged, *now)


def _names(words: str) -> set[str] | None:
    return {word.strip() for word in words.split(",") if word.strip()} or None
