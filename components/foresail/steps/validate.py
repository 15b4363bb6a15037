"""Judge the staged history: the series that may go on, and a report for people."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import structlog

from foresail.errors import BadInput
from foresail.history import HistoryManifest, read_history
from foresail.history.manifest import Refusal
from foresail.panel import Panel
from foresail.quality import PanelJudgement, judge_panel
from foresail.registry.names import model_name
from foresail.reports.quality import quality_report
from foresail.settings import read_settings
from foresail.steps import AnyPath
from foresail.steps.artifacts import CAPACITY, HistoryFacts
from foresail.times import from_numpy, parse_hour

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
        history_digest: Of the state to read; empty for the latest.
        accepted: Folder to create: a panel, `capacity.parquet`, `facts.json`.
        report: HTML file to write.
        as_of: The last hour known, such as `2026-11-21T07:00:00Z`; empty for the latest staged.
        scopes: Comma-separated scopes to keep; empty for all.
        metrics: Comma-separated metrics to keep; empty for all.

    Returns:
        Counts for the dashboard: series accepted and refused, values, clusters that did not answer.

    Raises:
        BadInput: Nothing is left, or the state is not kept any more.
    """
    now = datetime.now(UTC)
    until = parse_hour(as_of) if as_of else None
    history = read_history(
        history_uri,
        settings=read_settings(),
        digest=history_digest,
        metrics=_names(metrics),
        scopes=_names(scopes),
        capacity_at=until or "latest",
    )
    silent = history.manifest.silent
    answered = _without(history.panel, silent)
    judgement = judge_panel(answered, now=now, as_of=until)
    _check_names({info.metric for info in judgement.panel.index})
    known = np.isfinite(judgement.panel.values).any(axis=0)
    last = from_numpy(judgement.panel.ds[known][-1])
    refusals = _refusals(history.manifest, judgement)
    facts = HistoryFacts(
        history_digest=history.manifest.digest,
        as_of=until or last,
        refusals=refusals,
        silent=silent,
    )
    folder = Path(accepted)
    judgement.panel.save(folder)
    history.capacity.to_parquet(folder / CAPACITY, index=False)
    facts.write(folder)
    page = quality_report(judgement.panel, refusals=refusals, silent=silent)
    Path(report).write_text(page, encoding="utf-8")
    log.info("validated", series=len(judgement.panel), refused=len(refusals), silent=silent)
    return {
        "series_accepted": float(len(judgement.panel)),
        "series_refused": float(len(refusals)),
        "values": float(np.isfinite(judgement.panel.values).sum()),
        "clusters_silent": float(len(silent)),
    }


def _without(panel: Panel, silent: Collection[str]) -> Panel:
    """Return the series of the clusters that answered: the others keep the forecasts they have."""
    if not silent:
        return panel
    rows = [i for i, info in enumerate(panel.index) if info.labels.get("cluster") not in silent]
    return panel.select(rows)


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


def _refusals(manifest: HistoryManifest, judgement: PanelJudgement) -> tuple[Refusal, ...]:
    """Return what the last run of each source left out, and what is refused now."""
    latest = {(run.cluster, run.source): run for run in manifest.runs}
    staged = tuple(refusal for run in latest.values() for refusal in run.refused)
    now = (
        Refusal(**r.key._asdict(), code=int(r.code), reason=r.reason) for r in judgement.refusals
    )
    return (*staged, *now)


def _names(words: str) -> set[str] | None:
    return {word.strip() for word in words.split(",") if word.strip()} or None
