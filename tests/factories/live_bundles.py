"""Bundles and what came after them, with errors that can be computed in the head.

The history of each series is half below its level one day and half above it the next, so that its
scale is 1. The forecast is the level, with a band of one below and one above it. Where the level
comes, the scaled quantile loss is (0.2 + 0 + 0.2) / 3 = 2/15; where twice the level of 10 comes it
is (2.2 + 10 + 16.2) / 3 = 142/15.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from foresail.bundle import Bundle, HorizonEntry, Quality, Segment, SeriesEntry
from foresail.bundle.writer import Publication, write_bundle
from foresail.horizons import QUANTILES
from foresail.panel import HOUR, Panel, SeriesInfo
from foresail.times import to_numpy

TRAINED_UNTIL = datetime(2026, 1, 31, tzinfo=UTC)
LEVEL = 10.0
EXACT = 2 / 15
"""The error of a forecast whose p50 comes true."""
DOUBLED = 142 / 15
"""The error of a forecast of which the double comes."""
NAIVE = 0.3
"""The seasonal naive's where the level comes: half too high, its band from -1 to +1."""
STEPS = 336
HORIZONS = {"next_day": 24, "next_week": 168}
Stat = Literal["mean", "max"]
SIX = tuple(f"web{i}" for i in range(6))


def write_live_bundle(
    folder: Path,
    *,
    metric: str = "cpu",
    series: Sequence[str] = SIX,
    trained_until: datetime = TRAINED_UNTIL,
    promises: Mapping[str, float | None] | None = None,
    offset: float = 0.0,
    constant: Sequence[str] = (),
    stats: Sequence[Stat] = ("mean",),
    steps: int = STEPS,
) -> Bundle:
    """Write a bundle and open it.

    Args:
        folder: New.
        metric: Of the bundle.
        series: Ids.
        trained_until: First hour of the forecast.
        promises: The sql promised of the leads that each horizon adds to the one before; None
            for unmeasured ones. Default: `EXACT`.
        offset: What the forecast adds to the level.
        constant: Series whose history does not move at all.
        stats: Of each series.
        steps: Hours stored.
    """
    told = dict.fromkeys(HORIZONS, EXACT) if promises is None else promises
    days = np.repeat(np.where(np.arange(28) % 2, 0.5, -0.5), 24)
    middle = LEVEL + offset
    rows = [(name, stat) for name in series for stat in stats]
    write_bundle(
        folder,
        Publication(
            metric=metric,
            trained_until=trained_until,
            quantiles=QUANTILES,
            horizons=HORIZONS,
            index=[_entry(name, stat, metric, told, steps) for name, stat in rows],
            forecast=np.tile([middle - 1, middle, middle + 1], (len(rows), steps, 1)),
            history=np.stack([LEVEL + days * (name not in constant) for name, _ in rows]),
            history_digest="d" * 64,
            recipe={"prophet": {}, "seed": 0},
            models={},
            versions={"foresail": "0.1.0"},
        ),
    )
    return Bundle.open(folder)


def came(
    hours: int,
    *,
    value: float = LEVEL,
    series: Sequence[str] = SIX,
    metric: str = "cpu",
    stats: Sequence[Stat] = ("mean",),
    start: datetime = TRAINED_UNTIL,
) -> Panel:
    """Return a panel of hours that are all this value."""
    ds = to_numpy(start) + HOUR * np.arange(hours)
    index = tuple(SeriesInfo(name, metric, stat) for name in series for stat in stats)
    return Panel(ds, np.full((len(index), hours), value), index)


def history_csv(path: Path, values: Mapping[str, float], *, hours: int) -> Path:
    """Write a file that can be staged: `SIX` at the level for two days, then at these values.

    Args:
        path: Where to.
        values: Metric -> the value of all hours from `TRAINED_UNTIL` on.
        hours: How many of those.
    """
    past = 48
    stamps = [
        f"{TRAINED_UNTIL + timedelta(hours=i):%Y-%m-%dT%H:%M:%SZ}" for i in range(-past, hours)
    ]
    frames = [
        pd.DataFrame(
            {
                "series": name,
                "metric": metric,
                "ds": stamps,
                "y": [LEVEL] * past + [value] * hours,
            }
        )
        for metric, value in values.items()
        for name in SIX
    ]
    pd.concat(frames).to_csv(path, index=False)
    return path


def _entry(
    series: str, stat: Stat, metric: str, promises: Mapping[str, float | None], steps: int
) -> SeriesEntry:
    ends = [HORIZONS[name] for name in promises]
    spans = np.diff([0, *ends])
    horizons = {}
    for count, name in enumerate(promises, start=1):
        parts = list(promises.values())[:count]
        known = [part for part in parts if part is not None]
        whole = float(np.average(known, weights=spans[:count])) if known == parts else None
        horizons[name] = HorizonEntry(winner="prophet", quality=_quality(whole))
    return SeriesEntry(
        series=series,
        metric=metric,
        stat=stat,
        hours=steps,
        horizons=horizons,
        segments=tuple(
            Segment(until_hours=end, model="prophet", quality=_quality(sql))
            for end, sql in zip([*ends[:-1], steps], promises.values(), strict=True)
        ),
    )


def _quality(sql: float | None) -> Quality | None:
    if sql is None:
        return None
    return Quality(windows=3, coverage=0.8, sql=sql, mase=0.5, naive_sql=NAIVE, naive_mase=1.0)
