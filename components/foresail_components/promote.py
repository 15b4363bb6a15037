"""`promote`: move the alias `champion`, or say why not."""

from kfp import dsl

from foresail_components._component import component


@component
def promote(
    decision: dsl.Input[dsl.Artifact],
    summary: dsl.Output[dsl.Markdown],
    measured: dsl.Output[dsl.Metrics],
    promotion: str = "auto",
) -> None:
    """Move the alias `champion` where the decision says so.

    Args:
        decision: Promote or not, per metric, from validate-model.
        promotion: auto, or forecast-only to move only the alias shadow, to what was judged.

    Returns:
        summary: What moved, and why the rest did not, for people.
        measured: How many aliases moved.
    """
    from foresail.steps.promote import run

    measured.metadata.update(run(decision=decision.path, summary=summary.path, promotion=promotion))
