"""A believable cluster, made of a seed: its hourly truth, and what Prometheus would have scraped.

```python
simulation = simulate(days=90, until=datetime(2026, 11, 21, tzinfo=UTC), seed=0)
simulation.write_folder(Path("simulated"))  # `foresail stage simulated HISTORY_URI`
```
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from foresail.errors import UsageError
from foresail.history.files import CAPACITY_FILE, USAGE_FILE
from foresail.history.frames import to_arrow
from foresail.history.simulate.openmetrics import write_openmetrics
from foresail.history.simulate.truth import capacity_truth, usage_truth
from foresail.history.simulate.world import World, build_world
from foresail.history.stamps import checked_zone
from foresail.panel import TimeArray
from foresail.times import isoformat

MIN_DAYS = 3
MAX_DAYS = 3650
YEARS = range(1990, 2201)
"""Of the end: time zones have rules for these."""

TIMEZONE = "Europe/Berlin"
ABOUT_FILE = "simulation.json"


@dataclass(frozen=True, slots=True)
class Simulation:
    """A simulated cluster.

    Attributes:
        usage: Hourly truth in the columns of a staged history, mean and maximum.
        capacity: Allocatable, requests and limits, alike.
        about: What it was made of.
        world: The same in arrays, at every scrape.
    """

    usage: pd.DataFrame
    capacity: pd.DataFrame
    about: dict[str, str | int]
    world: World

    @property
    def wholly_seen(self) -> tuple[TimeArray, NDArray[np.bool_]]:
        """Return the bucket starts, and in which of them Prometheus missed no scrape."""
        return self.world.clockwork.ds, self.world.clockwork.wholly_seen()

    def write_folder(self, folder: Path) -> None:
        """Write the truth where `foresail stage` takes it as a source."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in ((USAGE_FILE, self.usage), (CAPACITY_FILE, self.capacity)):
            pq.write_table(to_arrow(frame), folder / name, write_page_checksum=True)
        (folder / ABOUT_FILE).write_text(json.dumps(self.about, indent=1), encoding="utf-8")

    def write_openmetrics(self, file: Path) -> None:
        """Write what Prometheus would have scraped, for `promtool tsdb create-blocks-from`."""
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", encoding="ascii") as out:
            write_openmetrics(self.world, out)


def simulate(
    *,
    until: datetime,
    days: int = 90,
    seed: int = 0,
    timezone: str = TIMEZONE,
    cluster: str = "cluster",
) -> Simulation:
    """Simulate a cluster; the same arguments give the same numbers.

    Args:
        until: End, floored to the hour, UTC-aware.
        days: How many before it, 3 to 3650.
        seed: Of everything drawn at random.
        timezone: Where its users live.
        cluster: Its name.

    Raises:
        UsageError: Too few or too many days, an end in another age, or an unknown zone.
    """
    if not MIN_DAYS <= days <= MAX_DAYS:
        raise UsageError(f"expected {MIN_DAYS} to {MAX_DAYS} days, got {days}")
    zone = checked_zone(timezone or TIMEZONE)
    if zone is None:
        raise UsageError("expected a time zone such as Europe/Berlin")
    if until.year not in YEARS:
        raise UsageError(
            f"expected an end in the years {YEARS[0]} to {YEARS[-1]}, got {until:%Y-%m-%d}"
        )
    end = until.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    world = build_world(days=days, until=end, zone=zone, seed=seed)
    return Simulation(
        usage=usage_truth(world, cluster=cluster),
        capacity=capacity_truth(world, cluster=cluster),
        about={
            "cluster": cluster,
            "days": days,
            "seed": seed,
            "timezone": zone.key,
            "until": isoformat(end),
        },
        world=world,
    )
