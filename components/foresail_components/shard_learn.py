"""`shard-learn`: learn once from the whole panel what every shard needs to know."""

from kfp import dsl

from foresail_components._component import component


@component
def shard_learn(
    panel: dsl.Input[dsl.Dataset],
    learnt: dsl.Output[dsl.Artifact],
    part: dsl.Output[dsl.Dataset],
    shards: int = 4,
    horizons: str = "next_day,next_week,next_month",
    windows: int = 3,
    changepoint_prior_scale: float = 0.05,
    yearly_seasonality: str = "auto",
    weekly_seasonality: str = "auto",
    daily_seasonality: str = "auto",
    holidays_country: str = "",
    seed: int = 0,
) -> list[int]:
    """Learn from the whole panel what its shards need to know, and forecast the series it took.

    Args:
        panel: All series on one grid, from featurize.
        shards: How many shards are wanted; a small panel has fewer.
        horizons: What to forecast, comma-separated: next_day, next_week, next_month.
        windows: Held-out windows per series; under three the promise stays unmeasured.
        changepoint_prior_scale: Prophet's; larger lets the trend bend more.
        yearly_seasonality: auto, true or false.
        weekly_seasonality: auto, true or false.
        daily_seasonality: auto, true or false.
        holidays_country: ISO code of a country whose holidays matter, such as DE; empty means none.
        seed: Makes a run repeatable.

    Returns:
        learnt: The panel-wide models, weights and shares, as text and arrays.
        part: Forecasts of the first block of series, which everything was learnt from.
        Output: The numbers of the shards.
    """
    from foresail.steps.shard_learn import run

    return run(
        panel=panel.path,
        learnt=learnt.path,
        part=part.path,
        shards=shards,
        horizons=horizons,
        windows=windows,
        changepoint_prior_scale=changepoint_prior_scale,
        yearly_seasonality=yearly_seasonality,
        weekly_seasonality=weekly_seasonality,
        daily_seasonality=daily_seasonality,
        holidays_country=holidays_country,
        seed=seed,
    )
