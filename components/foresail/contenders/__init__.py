"""The models that compete for each series and lead. A new contender is one module here."""

from foresail.contenders.naive import SeasonalNaive
from foresail.contenders.prophet import ProphetContender, ProphetSettings
from foresail.contenders.protocol import Contender, FittedModel, Outcome

__all__ = [
    "Contender",
    "FittedModel",
    "Outcome",
    "ProphetContender",
    "ProphetSettings",
    "SeasonalNaive",
]
