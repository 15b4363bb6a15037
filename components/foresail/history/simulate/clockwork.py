"""The time of the simulated cluster: its scrapes, who saw them, and what people do when."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foresail.history.hourly import STEP_SECONDS, STEPS_PER_HOUR
from foresail.panel import FloatArray, TimeArray

LEAD = STEPS_PER_HOUR
"""Scrapes before the first hour: a rate at its beginning looks back."""

_WEEKEND = {"office": 0.15, "evening": 1.15, "night": 0.9, "flat": 1.0}
_LONG_OUTAGES_STEPS = (88, 29)
_DAYS_PER_MISSED_SCRAPE = 8
_QUIET_STEPS = 2 * 24 * STEPS_PER_HOUR


@dataclass(frozen=True, slots=True)
class Clockwork:
    """Scrapes at `first`, `first` + 5 minutes, ... up to and including `until`.

    Attributes:
        first: Unix seconds; one hour before the first bucket.
        hours: Buckets.
        zone: Where the users live.
        observed: Which scrapes came to Prometheus, shape `(scrapes,)`.
    """

    first: int
    hours: int
    zone: ZoneInfo
    observed: NDArray[np.bool_]

    @property
    def scrapes(self) -> int:
        """How many instants there are."""
        return LEAD + self.hours * STEPS_PER_HOUR + 1

    @property
    def stamps(self) -> NDArray[np.int64]:
        """The instants in Unix seconds."""
        return self.first + STEP_SECONDS * np.arange(self.scrapes, dtype=np.int64)

    @property
    def ds(self) -> TimeArray:
        """The bucket starts, `datetime64[s]`."""
        return self.stamps[LEAD:-1:STEPS_PER_HOUR].astype("datetime64[s]")

    def hour_of(self, bucket: int) -> int:
        """Return the instant at which a bucket starts."""
        return LEAD + bucket * STEPS_PER_HOUR

    def seen_share(self) -> FloatArray:
        """Return the share of each hour's scrapes that came to Prometheus."""
        seen: FloatArray = self.observed[LEAD:-1].reshape(-1, STEPS_PER_HOUR).mean(axis=1)
        return seen

    def wholly_seen(self) -> NDArray[np.bool_]:
        """Say which hours lost no scrape, neither inside nor at the edges a rate looks at."""
        starts = LEAD + STEPS_PER_HOUR * np.arange(self.hours)
        offsets = np.arange(-1, STEPS_PER_HOUR + 1)
        whole: NDArray[np.bool_] = self.observed[starts[:, None] + offsets].all(axis=1)
        return whole

    def demand(self, rhythm: str) -> FloatArray:
        """Return how much people want at each instant, 0 to about 1, by the clock on their wall."""
        if rhythm == "flat":
            return np.full(self.scrapes, 0.5)
        local = pd.DatetimeIndex(self.stamps.astype("datetime64[s]"), tz="UTC").tz_convert(
            self.zone
        )
        hour = (local.hour + local.minute / 60).to_numpy(dtype=np.float64)
        weekend = np.asarray(local.day_of_week >= 5)  # noqa: PLR2004  # Saturday
        shape = {
            "office": _bump(hour, 10.5, 2.2) * 0.9 + _bump(hour, 15.0, 2.4),
            "evening": _bump(hour, 20.3, 2.6) + 0.55 * _bump(hour, 12.5, 3.2) + 0.1,
            "night": _bump(hour, 2.5, 1.8),
        }[rhythm]
        return np.where(weekend, _WEEKEND[rhythm], 1.0) * shape


def build_clockwork(
    *, days: int, until: datetime, zone: ZoneInfo, rng: np.random.Generator
) -> Clockwork:
    """Return the time grid that ends at `until` (a full hour), and which scrapes were missed."""
    hours = days * 24
    first = int(until.timestamp()) - (hours + 1) * 3600
    scrapes = LEAD + hours * STEPS_PER_HOUR + 1
    observed = np.ones(scrapes, dtype=bool)
    begin, end = LEAD + 6 * STEPS_PER_HOUR, scrapes - _QUIET_STEPS
    if end - begin > 2 * _QUIET_STEPS:
        for steps in _LONG_OUTAGES_STEPS:
            start = int(rng.integers(begin, end - steps))
            observed[start : start + steps] = False
        single = rng.integers(begin, end, size=max(1, days // _DAYS_PER_MISSED_SCRAPE))
        observed[single] = False
    return Clockwork(first, hours, zone, observed)


def _bump(hour: FloatArray, centre: float, width: float) -> FloatArray:
    """Return a bell around an hour of the day, closed around midnight."""
    apart = np.abs(hour - centre)
    apart = np.minimum(apart, 24 - apart)
    bell: FloatArray = np.exp(-0.5 * (apart / width) ** 2)
    return bell
