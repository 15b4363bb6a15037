"""The models that compete for each series and lead. A new contender is one module here."""

from foresail.contenders.blend import blend
from foresail.contenders.levels import LastDayMean, LastValue, Median28d
from foresail.contenders.naive import SeasonalNaive
from foresail.contenders.profiles import DailyProfile, HourOfWeekMean
from foresail.contenders.prophet import ProphetContender, ProphetSettings
from foresail.contenders.protocol import Contender, FittedModel, Outcome

__all__ = [
    "Contender",
    "DailyProfile",
    "FittedModel",
    "HourOfWeekMean",
    "LastDayMean",
    "LastValue",
    "Median28d",
    "Outcome",
    "ProphetContender",
    "ProphetSettings",
    "SeasonalNaive",
    "blend",
]
