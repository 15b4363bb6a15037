"""What the contest asks of a contender."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from foresail.panel import FloatArray, Panel


@dataclass(frozen=True, slots=True)
class Outcome:
    """One contender's forecast of a panel.

    Attributes:
        quantiles: Shape `(N, hours, 3)`: p10, p50, p90, ascending. NaN for a series it could not
            forecast, and then for all its hours.
        failures: Row -> one sentence, for those series.
        models: Row -> the fitted model as JSON text, where the contender has one worth keeping.
    """

    quantiles: FloatArray
    failures: Mapping[int, str] = field(default_factory=dict)
    models: Mapping[int, str] = field(default_factory=dict)


class Contender(Protocol):
    """A model of the contest. It sees a panel that ends at the origin, and nothing after it."""

    @property
    def name(self) -> str:
        """Its name, as served with every forecast it wins."""

    def forecast(self, panel: Panel, *, hours: int, keep_models: bool = False) -> Outcome:
        """Forecast every series for the hours after the panel's last one.

        Args:
            panel: History; each series has at least one value.
            hours: How far ahead.
            keep_models: Return the fitted models too.
        """
