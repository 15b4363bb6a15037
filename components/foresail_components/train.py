"""`train`: backtest the contenders, choose per series and forecast."""

from kfp import dsl

from foresail_components._component import component


@component
def train(
    panel: dsl.Input[dsl.Dataset],
    model: dsl.Output[dsl.Model],
    summary: dsl.Output[dsl.Markdown],
    measured: dsl.Output[dsl.Metrics],
    horizons: str = "next_day,next_week,next_month",
    windows: int = 3,
    changepoint_prior_scale: float = 0.05,
    yearly_seasonality: str = "auto",
    weekly_seasonality: str = "auto",
    daily_seasonality: str = "auto",
    holidays_country: str = "",
    seed: int = 0,
) -> None:
    """Backtest Prophet and the naive rules on every series and forecast with the winner.

    Args:
        panel: All series on one grid, from featurize.
        horizons: What to forecast, comma-separated: next_day, next_week, next_month.
        windows: Held-out windows per series; under three the promise stays unmeasured.
        changepoint_prior_scale: Prophet's; larger lets the trend bend more.
        yearly_seasonality: auto, true or false.
        weekly_seasonality: auto, true or false.
        daily_seasonality: auto, true or false.
        holidays_country: ISO code of a country whose holidays matter, such as DE; empty means none.
        seed: Makes a run repeatable.

    Returns:
        model: One bundle per metric: forecasts, bands, fitted models, measured promise.
        summary: Winners and errors, for people.
        measured: Errors against the naive rule, and the bands' coverage.
    """
    from foresail.steps.train import run

    measured.metadata.update(
        run(
            panel=panel.path,
            model=model.path,
            summary=summary.path,
            horizons=horizons,
            windows=windows,
            changepoint_prior_scale=changepoint_prior_scale,
            yearly_seasonality=yearly_seasonality,
            weekly_seasonality=weekly_seasonality,
            daily_seasonality=daily_seasonality,
            holidays_country=holidays_country,
            seed=seed,
        )
    )
