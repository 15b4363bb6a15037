"""The models that compete for each series and lead. A new contender is one module here."""

from foresail.contenders.booster import PanelBooster
from foresail.contenders.ets import Ets
from foresail.contenders.levels import LastDayMean, LastValue, Median28d
from foresail.contenders.naive import SeasonalNaive
from foresail.contenders.profiles import DailyProfile, HourOfWeekMean
from foresail.contenders.prophet import ProphetContender, ProphetSettings
from foresail.contenders.protocol import (
    Contender,
    FittedModel,
    Keeper,
    Learner,
    Learnt,
    Outcome,
    Portable,
)
from foresail.contenders.recent import HourQuantiles, RecentQuantiles

__all__ = [
    "Contender",
    "DailyProfile",
    "Ets",
    "FittedModel",
    "HourOfWeekMean",
    "HourQuantiles",
    "Keeper",
    "LastDayMean",
    "LastValue",
    "Learner",
    "Learnt",
    "Median28d",
    "Outcome",
    "PanelBooster",
    "Portable",
    "ProphetContender",
    "ProphetSettings",
    "RecentQuantiles",
    "SeasonalNaive",
]
