"""The field: which contenders enter, for given Prophet settings."""

from collections.abc import Callable
from dataclasses import replace

from foresail.contenders import (
    Contender,
    DailyProfile,
    Ets,
    HourOfWeekMean,
    HourQuantiles,
    LastDayMean,
    LastValue,
    Median28d,
    PanelBooster,
    ProphetContender,
    ProphetSettings,
    RecentQuantiles,
    SeasonalNaive,
)


def field(
    settings: ProphetSettings, *, seed: int = 0, on_series: Callable[[int], None] = lambda _: None
) -> tuple[Contender, ...]:
    """Return all contenders.

    Args:
        settings: Prophet's.
        seed: Of what is drawn where real Prophet has to fit a series itself.
        on_series: Called with the number of series that Prophet fitted since the last call.
    """
    return (
        SeasonalNaive(24),
        SeasonalNaive(168),
        LastValue(),
        LastDayMean(),
        Median28d(),
        HourOfWeekMean(),
        DailyProfile(),
        RecentQuantiles(2),
        RecentQuantiles(7),
        RecentQuantiles(28),
        HourQuantiles(7),
        HourQuantiles(28),
        Ets(),
        PanelBooster(seed=seed),
        ProphetContender(settings, seed=seed, on_series=on_series),
        ProphetContender(
            settings, growth="flat", seed=seed, on_series=on_series, name="prophet_flat"
        ),
        ProphetContender(
            replace(settings, weekly_seasonality="false"),
            growth="flat",
            seed=seed,
            on_series=on_series,
            name="prophet_no_week",
        ),
    )
