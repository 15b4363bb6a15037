"""`shard-merge`: make one bundle a metric out of what the shards forecast."""

from typing import List  # noqa: UP035  # kfp reads a list of artifacts by this name only

from kfp import dsl

from foresail_components._component import component


@component
def shard_merge(
    panel: dsl.Input[dsl.Dataset],
    learnt: dsl.Input[dsl.Artifact],
    first: dsl.Input[dsl.Dataset],
    parts: dsl.Input[List[dsl.Dataset]],  # noqa: UP006  # as above
    model: dsl.Output[dsl.Model],
    summary: dsl.Output[dsl.Markdown],
    measured: dsl.Output[dsl.Metrics],
) -> None:
    """Merge the forecasts of all shards into what train would have written.

    Args:
        panel: All series on one grid, from featurize.
        learnt: What holds for all of them, from shard-learn.
        first: Forecasts of the first block of series, from shard-learn.
        parts: Forecasts of the other series, from every shard-train.

    Returns:
        model: One bundle per metric: forecasts, bands, fitted models, measured promise.
        summary: Winners and errors, for people.
        measured: Errors against the naive rule, and the bands' coverage.
    """
    from foresail.steps.shard_merge import run

    measured.metadata.update(
        run(
            panel=panel.path,
            learnt=learnt.path,
            first=first.path,
            parts=[part.path for part in parts],
            model=model.path,
            summary=summary.path,
        )
    )
