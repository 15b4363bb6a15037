"""What a staging run will ask of its source, told before it asks."""

from collections.abc import Sequence
from dataclasses import dataclass

from foresail.errors import BadInput

MAX_SERIES = 50_000
"""Of one query; beyond it something is usually aggregated by a label too many."""


@dataclass(frozen=True, slots=True)
class Line:
    """One query.

    Attributes:
        name: The preset's.
        series: How many answer now.
        days: How many days are asked for.
        points: Numbers that will come.
        requests: About how many requests that takes.
    """

    name: str
    series: int
    days: int
    points: int
    requests: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A run's plan for one source.

    Attributes:
        cluster: As the source is called.
        source: Its address.
        lines: One a query that something is asked of.
        skipped_days: Days of the window that need not be asked for, over all queries.
    """

    cluster: str
    source: str
    lines: tuple[Line, ...]
    skipped_days: int

    @property
    def condensed(self) -> tuple[Line, ...]:
        """One line a usage query, and one for all that is asked of a metric's capacity."""
        usage = [line for line in self.lines if line.name.startswith("usage.")]
        rest: dict[str, list[Line]] = {}
        for line in self.lines:
            if line not in usage:
                rest.setdefault(".".join(line.name.split(".")[:2]), []).append(line)
        joined = [
            Line(
                name,
                series=sum(line.series for line in lines),
                days=max(line.days for line in lines),
                points=sum(line.points for line in lines),
                requests=sum(line.requests for line in lines),
            )
            for name, lines in rest.items()
        ]
        return (*usage, *joined)

    @property
    def points(self) -> int:
        """All numbers that will come."""
        return sum(line.points for line in self.lines)

    @property
    def requests(self) -> int:
        """All requests."""
        return sum(line.requests for line in self.lines)

    @property
    def series(self) -> int:
        """The series of all usage queries."""
        return sum(line.series for line in self.lines if line.name.startswith("usage."))


def check_cardinality(lines: Sequence[Line], *, max_series: int) -> None:
    """Refuse queries that would bring more series than allowed.

    Raises:
        BadInput: Names each of them.
    """
    problems = [
        f"{line.name} would bring {line.series:,} series, the limit is {max_series:,}: leave the "
        "scope out, aggregate more in its PromQL text, or raise --max-series"
        for line in lines
        if line.series > max_series
    ]
    if problems:
        raise BadInput(problems)
