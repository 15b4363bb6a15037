"""How much one question may evaluate, and how much it has."""

from dataclasses import dataclass

from foresail_serving.promql.errors import QueryError

_ROWS_OF_WORK = 1000


@dataclass(slots=True)
class Samples:
    """Counted over a whole question, whatever it is made of, also where it ends in a refusal.

    Attributes:
        most: Series times steps that it may have.
        taken: Series times steps so far.
        looked_at: Values, or series by their labels, that were looked at for it.
    """

    most: int
    taken: int = 0
    looked_at: int = 0

    def take(self, series: int, times: int) -> None:
        """Count the samples of one selector, before they are evaluated.

        Raises:
            QueryError: They would be too many.
        """
        found = series * times
        if self.taken + found > self.most:
            raise QueryError(
                "execution",
                f"query processing would load too many samples: {series} series at {times} times "
                f"are {found}, at most {self.most} are answered (FORESAIL_QUERY_MAX_SAMPLES); add "
                "matchers, or a longer step",
            )
        self.taken += found

    def look_at(self, count: int) -> None:
        """Count what is read for the answer."""
        self.looked_at += count

    @property
    def work(self) -> float:
        """Return the work that a client is charged for: a thousand are 1."""
        return max(self.taken, self.looked_at) / _ROWS_OF_WORK
