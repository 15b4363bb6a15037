"""What the contest asks of a contender."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from foresail.panel import FloatArray, Panel


class FittedModel(Protocol):
    """A contender's fit of a panel, worth keeping beside the forecast it made."""

    def select(self, rows: Sequence[int]) -> "FittedModel":
        """Return the model of these series alone, in this order."""

    def join(self, others: Sequence[Any]) -> "FittedModel":
        """Return the model of these series and those of others of its kind, one after the other."""

    def save(self, folder: Path) -> None:
        """Write it as files into a folder, creating it; nothing in them is a pickle."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One contender's forecast of a panel.

    Attributes:
        quantiles: Shape `(N, hours, 3)`: p10, p50, p90, ascending. NaN for a series it could not
            forecast, for all its hours or for those from a lead on.
        failures: Row -> one sentence, for those series.
        model: What it fitted, with the rows of the panel; None where the contender fits nothing.
    """

    quantiles: FloatArray
    failures: Mapping[int, str] = field(default_factory=dict)
    model: FittedModel | None = None


class Contender(Protocol):
    """A model of the contest. It sees a panel that ends at the origin, and nothing after it."""

    @property
    def name(self) -> str:
        """Its name, as served with every forecast it wins: lower case, digits, underscores."""

    def forecast(self, panel: Panel, *, hours: int) -> Outcome:
        """Forecast every series for the hours after the panel's last one.

        Args:
            panel: History; each series has at least one value.
            hours: How far ahead.
        """


@runtime_checkable
class Learner(Contender, Protocol):
    """A contender that learns from the whole panel before it forecasts a part of it."""

    def learn(self, panel: Panel, *, hours: int) -> Contender:
        """Return what it learnt, able to forecast from the panel's end or any later origin.

        Args:
            panel: All series; each has at least one value.
            hours: The longest lead that it will be asked for.
        """


@runtime_checkable
class Learnt(Contender, Protocol):
    """What a learner learnt, in a form that another process can read."""

    def save(self, folder: Path) -> None:
        """Write it as files into a folder, creating it; nothing in them is a pickle."""


@runtime_checkable
class Portable(Learner, Protocol):
    """A learner whose lessons can be handed to another process."""

    def load(self, folder: Path) -> Contender:
        """Return what `Learnt.save` wrote: it forecasts the same to the last bit.

        Raises:
            BadInput: The folder holds no such lesson.
        """


@runtime_checkable
class Keeper(Contender, Protocol):
    """A contender whose fitted models are kept beside the forecast."""

    def load_model(self, folder: Path) -> FittedModel:
        """Return what its model's `save` wrote.

        Raises:
            BadInput: The folder holds no such model.
        """
