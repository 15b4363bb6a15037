"""The horizons: a day, a week and a month ahead, in hours from the start of the forecast."""

from collections.abc import Iterable
from dataclasses import dataclass

from foresail.errors import UsageError

SLACK_HOURS = 168
"""A bundle holds this much more than its longest horizon, so that it can be a week old."""

QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True, slots=True)
class Horizon:
    """A span of hours that is asked for by name.

    Attributes:
        name: As in the URL and the file, such as `next_day`.
        hours: Its length.
        min_history_hours: Hours from first to last value below which it is refused.
    """

    name: str
    hours: int
    min_history_hours: int


NEXT_DAY = Horizon("next_day", hours=24, min_history_hours=48)
NEXT_WEEK = Horizon("next_week", hours=168, min_history_hours=48)
NEXT_MONTH = Horizon("next_month", hours=720, min_history_hours=14 * 24)
HORIZONS = (NEXT_DAY, NEXT_WEEK, NEXT_MONTH)
"""All horizons, shortest first."""


def by_name(name: str) -> Horizon:
    """Return the horizon called `name`.

    Raises:
        UsageError: There is none of that name.
    """
    for horizon in HORIZONS:
        if horizon.name == name:
            return horizon
    known = ", ".join(h.name for h in HORIZONS)
    raise UsageError(f"unknown horizon {name!r}; use one of {known}")


def parse(names: str | Iterable[str]) -> tuple[Horizon, ...]:
    """Return the horizons named in a comma-separated list, shortest first, each once.

    Raises:
        UsageError: The list is empty or names an unknown horizon.
    """
    given = names.split(",") if isinstance(names, str) else list(names)
    found = {by_name(n.strip()) for n in given if n.strip()}
    if not found:
        raise UsageError("no horizon given; use next_day, next_week or next_month")
    return tuple(sorted(found, key=lambda h: h.hours))
