"""Where a backtest of a whole history starts its forecasts."""

from dataclasses import dataclass

from foresail.errors import BadInput, UsageError
from foresail.evaluation.scores import MIN_WINDOWS
from foresail.evaluation.windows import DAY, WEEK
from foresail.horizons import Horizon


@dataclass(frozen=True, slots=True)
class Origins:
    """The places of the forecasts in a history.

    Attributes:
        starts: Number of hours known at each, ascending; the first hour forecast has this place.
        spacing: Hours from one to the next; 0 where there is only one.
        asked: How many were wanted.
        hours: Length of each forecast.
    """

    starts: tuple[int, ...]
    spacing: int
    asked: int
    hours: int

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what a reader should know of them, one sentence each."""
        found = []
        if len(self.starts) < self.asked:
            found.append(
                f"The history holds {len(self.starts)} of the {self.asked} origins asked for."
            )
        if len(self.starts) > 1 and self.spacing < self.hours:
            found.append(
                f"The windows overlap: they start {self.spacing / DAY:g} days apart and last "
                f"{self.hours / DAY:g}, so they are less than {len(self.starts)} witnesses."
            )
        return tuple(found)


def plan_origins(length: int, *, horizon: Horizon, origins: int) -> Origins:
    """Return the origins that a history can hold, the last window ending with the history.

    Windows follow each other without a gap, as many as fit. Only where fewer than three would fit
    do they overlap, starting whole weeks apart where possible, else whole days. The first origin
    knows what the contest's own windows know at least: two days (day), a week (week), two weeks
    (month).

    Args:
        length: Hours from the first value of any series to the end.
        horizon: Whose windows.
        origins: How many are wanted.

    Raises:
        UsageError: Fewer than one is wanted.
        BadInput: There is no room for a single one.
    """
    if origins < 1:
        raise UsageError(f"a backtest needs at least 1 origin, got {origins}")
    known = max(horizon.min_history_hours, min(horizon.hours, 2 * WEEK))
    room = length - known - horizon.hours
    if room < 0:
        raise BadInput(
            f"a backtest of {horizon.name} needs {known + horizon.hours} hours of history "
            f"({known} to learn from, {horizon.hours} to be measured), got {length}; stage more "
            "history or ask for a shorter horizon"
        )
    spacing = horizon.hours
    if room // spacing + 1 < min(origins, MIN_WINDOWS):
        spacing = _overlapping(room // (origins - 1))
    count = min(origins, room // spacing + 1)
    last = length - horizon.hours
    starts = tuple(last - spacing * i for i in range(count))[::-1]
    return Origins(starts, spacing if count > 1 else 0, asked=origins, hours=horizon.hours)


def _overlapping(most: int) -> int:
    unit = WEEK if most >= WEEK else DAY
    return max(DAY, most // unit * unit)
