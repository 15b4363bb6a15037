"""`shard-train`: backtest the contenders on one shard of the panel, choose and forecast."""

from kfp import dsl

from foresail_components._component import component


@component
def shard_train(
    panel: dsl.Input[dsl.Dataset],
    learnt: dsl.Input[dsl.Artifact],
    shard: int,
    part: dsl.Output[dsl.Dataset],
    measured: dsl.Output[dsl.Metrics],
) -> None:
    """Backtest all contenders on every series of one shard and forecast with the winners.

    Args:
        panel: All series on one grid, from featurize.
        learnt: What holds for all of them, from shard-learn.
        shard: Number of the shard.

    Returns:
        part: Forecasts, scores and fitted models of the shard's series.
        measured: How many series and blocks the shard has.
    """
    from foresail.steps.shard_train import run

    measured.metadata.update(run(panel=panel.path, learnt=learnt.path, shard=shard, part=part.path))
