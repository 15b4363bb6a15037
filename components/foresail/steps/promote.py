"""Move the alias `champion` where the gate says so, and tell people what moved and why.

In a forecast-only run the alias `shadow` moves instead, to every version that was judged.
"""

from pathlib import Path

import structlog

from foresail.evaluation.gate import AUTO, in_shadow, is_forecast_only
from foresail.registry import Decision, Move, Registry, Verdict
from foresail.registry.address import given_address
from foresail.registry.names import CHAMPION
from foresail.settings import read_settings
from foresail.steps import AnyPath


def run(*, decision: AnyPath, summary: AnyPath, promotion: str = AUTO) -> dict[str, float]:
    """Carry out a decision.

    Args:
        decision: A `Decision` record, from validate_model.
        summary: Written: Markdown for people, one line a metric.
        promotion: `auto`, or `forecast-only` to promote nothing.

    Returns:
        `promoted`: how many versions are champion now; `<metric>.promoted`: 1 or 0 for each.

    Raises:
        UsageError: The promotion is another word.
        Unreachable: MLflow does not answer; what had moved stays, a rerun does the rest.
    """
    forecast_only = is_forecast_only(promotion)
    decided = Decision.read(decision)
    configured = read_settings().mlflow_tracking_uri
    registry = Registry(given_address(decided.tracking_uri, configured=configured))
    carry_out = _shadow if forecast_only else _carry_out
    moves = [(verdict, carry_out(registry, verdict)) for verdict in decided.verdicts]
    target = Path(summary)
    target.parent.mkdir(parents=True, exist_ok=True)
    stays = "shadow" if forecast_only else "stays a challenger"
    target.write_text(_markdown(moves, stays=stays), encoding="utf-8")
    measured = {"promoted": float(sum(move.promoted for _, move in moves))}
    for verdict, move in moves:
        measured[f"{verdict.metric}.promoted"] = float(move.promoted)
        structlog.get_logger().info(
            "promoted" if move.promoted else "stays",
            model=move.name,
            version=move.version,
            champion=move.champion,
            reason=move.reason,
        )
    return measured


def _carry_out(registry: Registry, verdict: Verdict) -> Move:
    if verdict.promote:
        return registry.promote(verdict.name, verdict.version)
    return _stay(registry, verdict, verdict.reason)


def _shadow(registry: Registry, verdict: Verdict) -> Move:
    registry.shadow(verdict.name, verdict.version)
    # a decision of a run that was to promote is not carried out here either
    reason = in_shadow(verdict.reason, promote=True) if verdict.promote else verdict.reason
    return _stay(registry, verdict, reason)


def _stay(registry: Registry, verdict: Verdict, reason: str) -> Move:
    champion = registry.version_of(verdict.name, CHAMPION)
    return Move(verdict.name, verdict.version, promoted=False, champion=champion, reason=reason)


def _markdown(moves: list[tuple[Verdict, Move]], *, stays: str) -> str:
    lines = [
        "# Promotion",
        "",
        "| metric | model | version | outcome | champion now | why |",
        "|---|---|---|---|---|---|",
    ]
    for verdict, move in moves:
        outcome = "**promoted**" if move.promoted else stays
        why = verdict.reason if move.promoted or not verdict.promote else move.reason
        cells = (
            verdict.metric,
            move.name,
            move.version,
            outcome,
            move.champion or "none",
            why or move.reason,
        )
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
