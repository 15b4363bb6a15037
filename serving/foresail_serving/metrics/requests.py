"""Count requests, and how long they took."""

from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass, field

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
"""Upper bounds of the buckets; a ready answer takes microseconds, a large file seconds."""


@dataclass(slots=True)
class Took:
    """How long the answers of one route took.

    Attributes:
        buckets: Answers up to each bound, and beyond the last; not cumulated.
        seconds: All together.
    """

    buckets: list[int] = field(default_factory=lambda: [0] * (len(SECONDS) + 1))
    seconds: float = 0.0


class RequestCounts:
    """What was answered since the start.

    Attributes:
        counts: Answers by route and status.
        took: How long they took, by route.
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, int]] = Counter()
        self.took: defaultdict[str, Took] = defaultdict(Took)

    def note(self, route: str, status: int, seconds: float) -> None:
        """Count one answer.

        Args:
            route: The route's path, not the request's: there are only so many.
            status: Of the answer.
            seconds: From the request to its end.
        """
        self.counts[route, status] += 1
        took = self.took[route]
        took.buckets[bisect_left(SECONDS, seconds)] += 1
        took.seconds += seconds
