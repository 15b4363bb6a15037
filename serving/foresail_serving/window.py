"""The hours of one series that answer a question asked now."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from foresail.horizons import HORIZONS
from foresail.panel import FloatArray
from foresail.times import isoformat, to_numpy
from foresail_serving.problems import ProblemError
from foresail_serving.snapshot import Found

_HOUR = timedelta(hours=1)
_DIGITS = 7


@dataclass(frozen=True, slots=True)
class Window:
    """The stored hours within [start, start + hours).

    Attributes:
        start: The present UTC hour.
        hours: How many were asked.
        first: Row of the first hour that is there.
        values: p10, p50, p90 by hour, shape `(n, 3)`, n <= hours; n = 0 only where the series
            abstains.
        stored_from: Row 0.
        age_hours: Row `i` is `age_hours + i + 1` hours ahead of what was known at training.
    """

    start: datetime
    hours: int
    first: int
    values: FloatArray
    stored_from: datetime
    age_hours: int

    @property
    def end(self) -> datetime:
        """Return the end of the last hour asked."""
        return self.start + self.hours * _HOUR

    @property
    def complete(self) -> bool:
        """Return whether every hour asked is there."""
        return len(self.values) == self.hours

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

    def stamp(self, row: int) -> datetime:
        """Return the hour of a row of `values`."""
        return self.first_hour + row * _HOUR

    def ds(self) -> list[str]:
        """Return the hours that are there, in ISO 8601."""
        return _iso_hours(self.first_hour, len(self.values))

    def ds_asked(self) -> list[str]:
        """Return all hours asked, whether they are there or not."""
        return _iso_hours(self.start, self.hours)


def cut(found: Found, *, horizon: str, hours: int, start: datetime) -> Window:
    """Return the window of a series; empty only where it abstains at this horizon.

    Raises:
        ProblemError: The forecast has run out, has not begun, or was not made for this horizon.
    """
    manifest, entry = found.served.bundle.manifest, found.entry
    trained_until, age = manifest.trained_until, found.age_hours
    if start >= manifest.covers_until:
        raise _expired(manifest.covers_until)
    known = entry.horizons.get(horizon)
    if known is None:
        raise ProblemError(
            "unknown-horizon",
            f"this model was not trained for {horizon}",
            choices=[h.name for h in HORIZONS if h.name in entry.horizons],
        )
    offset = (start - trained_until) // _HOUR
    first = max(offset, 0)
    if known.winner is None:
        empty = np.empty((0, len(manifest.quantiles)))
        return Window(start, hours, first, empty, trained_until, age)
    if offset + hours <= 0:
        raise ProblemError(
            "forecast-not-begun",
            f"the forecast begins at {isoformat(trained_until)}, after the hours asked; "
            "is a clock wrong?",
            first_hour=isoformat(trained_until),
        )
    if offset >= entry.hours:
        raise _expired(trained_until + entry.hours * _HOUR)
    stored = found.served.bundle.forecast[found.row, first : min(offset + hours, entry.hours)]
    return Window(start, hours, first, significant(stored), trained_until, age)


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


def significant(values: NDArray[np.float32]) -> FloatArray:
    """Return values to seven significant digits, which is what a float32 holds.

    Order is kept: quantiles that do not cross before do not cross after.
    """
    exact = values.astype(np.float64)
    magnitude = np.floor(np.log10(np.maximum(np.abs(exact), 1e-30))).astype(np.int64)
    places = _DIGITS - 1 - magnitude
    # Powers of ten are exact above one only, so large numbers are divided and small multiplied.
    up, down = 10.0 ** np.maximum(places, 0), 10.0 ** np.maximum(-places, 0)
    return np.asarray(np.round(exact * up / down) / up * down)


def plain(value: float) -> float:
    """Return one number to seven significant digits."""
    return float(f"{value:.{_DIGITS}g}")


def _iso_hours(start: datetime, hours: int) -> list[str]:
    stamps = to_numpy(start) + np.arange(hours).astype("timedelta64[h]")
    return [f"{text}Z" for text in np.datetime_as_string(stamps, unit="s").tolist()]


def _expired(end: datetime) -> ProblemError:
    return ProblemError(
        "forecast-expired",
        f"the last hour forecast ended at {isoformat(end)}; train again",
        last_hour=isoformat(end - _HOUR),
        covers_until=isoformat(end),
    )
