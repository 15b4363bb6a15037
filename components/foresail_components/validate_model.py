"""`validate-model`: compare the challenger with the champion and the naive rule."""

from kfp import dsl

from foresail_components._component import component


@component
def validate_model(
    panel: dsl.Input[dsl.Dataset],
    model: dsl.Input[dsl.Model],
    registered: dsl.Input[dsl.Artifact],
    decision: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
    measured: dsl.Output[dsl.Metrics],
    promotion: str = "auto",
) -> None:
    """Compare the challenger with the champion and the naive rule on the same held-out windows.

    Args:
        panel: All series on one grid, from featurize.
        model: One bundle per metric, from train.
        registered: Names and versions, from register.
        promotion: auto, or forecast-only to judge and promote nothing.

    Returns:
        decision: Promote or not, per metric, with the reason.
        report: Errors and charts, for people.
        measured: The errors that were compared, with the ends of their 90 % intervals.
    """
    from foresail.steps.validate_model import run

    measured.metadata.update(
        run(
            panel=panel.path,
            model=model.path,
            registered=registered.path,
            decision=decision.path,
            report=report.path,
            promotion=promotion,
        )
    )
