"""`register`: store the bundles in MLflow as challengers."""

from kfp import dsl

from foresail_components._component import component


@component
def register(
    model: dsl.Input[dsl.Model],
    registered: dsl.Output[dsl.Artifact],
    measured: dsl.Output[dsl.Metrics],
    tracking_uri: str = "",
    experiment: str = "foresail",
    pipeline_run: str = "",
) -> None:
    """Register one version per metric in MLflow, with the alias `challenger`.

    Args:
        model: One bundle per metric, from train.
        tracking_uri: MLflow; empty means the variable MLFLOW_TRACKING_URI.
        experiment: Name of the MLflow experiment.
        pipeline_run: Id of the pipeline's run, kept as a tag.

    Returns:
        registered: Names and versions of what was registered.
        measured: How many versions were registered.
    """
    from foresail.steps.register import run

    measured.metadata.update(
        run(
            model=model.path,
            registered=registered.path,
            tracking_uri=tracking_uri,
            experiment=experiment,
            pipeline_run=pipeline_run,
        )
    )
