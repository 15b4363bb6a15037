"""The hours of one series that answer a question asked now."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import orjson
from numpy.typing import NDArray

from foresail.horizons import HORIZONS
from foresail.panel import FloatArray
from foresail.times import isoformat
from foresail_serving.problems import ProblemError
from foresail_serving.snapshot import Found

_HOUR = timedelta(hours=1)
Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Window:
    """The stored hours within the ones asked.

    Attributes:
        missing: How many hours asked come before the first one that is there.
        first: Row of the first hour that is there.
        values: p10, p50, p90 by hour as they are stored, shape `(n, 3)`; n = 0 only where the
            series abstains.
        stored_from: Row 0.
        age_hours: Row `i` is `age_hours + i + 1` hours ahead of what was known at training.
    """

    missing: int
    first: int
    values: Values
    stored_from: datetime
    age_hours: int

    @property
    def first_hour(self) -> datetime:
        """Return the first hour that is there."""
        return self.stored_from + self.first * _HOUR

    @property
    def rows(self) -> tuple[int, int] | None:
        """Return the first and the last hour that is there, if any; the first stored one is 1."""
        rows = len(self.values)
        return (self.first + 1, self.first + rows) if rows else None

    @property
    def leads(self) -> tuple[int, int] | None:
        """Return how many hours ahead of what was known the first and last hour are, if any."""
        return own_leads(self.rows, age_hours=self.age_hours)

    def within(self, begin: int, end: int) -> "Window":
        """Return it without the rows of `values` before `begin` and from `end` on."""
        return replace(
            self,
            missing=self.missing + begin,
            first=self.first + begin,
            values=self.values[begin:end],
        )


def cut(found: Found, *, horizon: str, hours: int, start: datetime) -> Window:
    """Return the window of a series; empty only where it abstains at this horizon.

    Raises:
        ProblemError: The forecast has run out, has not begun, or was not made for this horizon.
    """
    manifest, entry = found.served.bundle.manifest, found.entry
    trained_until, age = manifest.trained_until, found.age_hours
    if start >= manifest.covers_until:
        raise expired(manifest.covers_until)
    known = entry.horizons.get(horizon)
    if known is None:
        raise ProblemError(
            "unknown-horizon",
            f"this model was not trained for {horizon}",
            choices=[h.name for h in HORIZONS if h.name in entry.horizons],
        )
    offset = (start - trained_until) // _HOUR
    first, missing = max(offset, 0), max(-offset, 0)
    if known.winner is None:
        empty = np.empty((0, len(manifest.quantiles)), dtype=np.float32)
        return Window(missing, first, empty, trained_until, age)
    if offset + hours <= 0:
        raise not_begun(trained_until)
    if offset >= entry.hours:
        raise expired(trained_until + entry.hours * _HOUR)
    stored = found.served.bundle.forecast[found.row, first : min(offset + hours, entry.hours)]
    return Window(missing, first, stored, trained_until, age)


def rows_of(found: Found, *, hours: int, start: datetime) -> tuple[int, int] | None:
    """Return which stored hours lie within [start, start + hours), None where none does.

    They are the rows of the window that `cut` returns, without a look at its values.
    """
    offset = (start - found.served.bundle.manifest.trained_until) // _HOUR
    first, last = max(offset, 0) + 1, min(offset + hours, found.entry.hours)
    return (first, last) if first <= last else None


def own_leads(rows: tuple[int, int] | None, *, age_hours: int) -> tuple[int, int] | None:
    """Return how many hours ahead of what was known these stored hours are, if any."""
    return (rows[0] + age_hours, rows[1] + age_hours) if rows else None


def significant(values: Values) -> FloatArray:
    """Return numbers as every answer writes them: the shortest decimals that name these float32.

    Whoever reads one as float32 has the published number, bit for bit. Order is kept: quantiles
    that do not cross before do not cross after.

    Args:
        values: Of any shape; NaN stays NaN.
    """
    plain_order = np.ascontiguousarray(values)
    text = orjson.dumps(plain_order, option=orjson.OPT_SERIALIZE_NUMPY)
    return np.array(orjson.loads(text), dtype=np.float64).reshape(values.shape)


def number(value: np.float32) -> float:
    """Return one number as `significant` does."""
    return float(orjson.loads(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)))


def plain(value: float) -> float:
    """Return a figure that was computed, not published, to seven significant digits."""
    return float("%.7g" % value)  # noqa: UP031  # a third faster than an f-string


def expired(end: datetime, *, asked: str = "the hours asked") -> ProblemError:
    """Return the problem of a forecast that ends before what was asked does, or begins."""
    return ProblemError(
        "forecast-expired",
        f"the forecast ends at {isoformat(end)}, before {asked}; train again",
        last_hour=isoformat(end - _HOUR),
        covers_until=isoformat(end),
    )


def not_begun(start: datetime, *, asked: str = "the hours asked") -> ProblemError:
    """Return the problem of a forecast that begins after what was asked."""
    return ProblemError(
        "forecast-not-begun",
        f"the forecast begins at {isoformat(start)}, after {asked}; is a clock wrong?",
        first_hour=isoformat(start),
    )
