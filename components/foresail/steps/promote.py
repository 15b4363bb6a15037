"""Move the alias `champion` where the gate says so, and tell people what moved and why."""

from pathlib import Path

import structlog

from foresail.registry import Decision, Move, Registry, Verdict
from foresail.registry.address import given_address
from foresail.settings import read_settings
from foresail.steps import AnyPath


def run(*, decision: AnyPath, summary: AnyPath) -> dict[str, float]:
    """Carry out a decision.

    Args:
        decision: A `Decision` record, from validate_model.
        summary: Written: Markdown for people, one line a metric.

    Returns:
        `promoted`: how many aliases moved; `<metric>.promoted`: 1 or 0 for each.

    Raises:
        Unreachable: MLflow does not answer; what had moved stays, a rerun does the rest.
    """
    decided = Decision.read(decision)
    configured = read_settings().mlflow_tracking_uri
    registry = Registry(given_address(decided.tracking_uri, configured=configured))
    moves = [(verdict, _carry_out(registry, verdict)) for verdict in decided.verdicts]
    target = Path(summary)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(_markdown(moves), encoding="utf-8")
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
    champion = registry.version_of(verdict.name, "champion")
    return Move(
        verdict.name, verdict.version, promoted=False, champion=champion, reason=verdict.reason
    )


def _markdown(moves: list[tuple[Verdict, Move]]) -> str:
    lines = [
        "# Promotion",
        "",
        "| metric | model | version | outcome | champion now | why |",
        "|---|---|---|---|---|---|",
    ]
    for verdict, move in moves:
        outcome = "**promoted**" if move.promoted else "stays a challenger"
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
