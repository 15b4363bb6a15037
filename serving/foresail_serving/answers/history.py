"""What a series used: the last 28 days before its forecast, as they are stored beside it."""

from datetime import timedelta
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from foresail.bundle.schema import HISTORY_HOURS
from foresail.times import isoformat, to_numpy
from foresail_serving.answers.queries import Stat, Text
from foresail_serving.answers.schemas import Instant, ModelRef
from foresail_serving.answers.window import significant
from foresail_serving.snapshot import Found, Snapshot

_HOUR = timedelta(hours=1)


class HistoryQuery(BaseModel):
    """Whose history is asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    series: Text = Field(
        description="Id of a series as /v1/series lists it.", examples=["prod/namespace/shop"]
    )
    metric: Text = Field(default="cpu", description="`cpu`, `memory`, or any that is forecast.")
    stat: Stat = Field(default="mean", description="Of each hour: its mean or its maximum.")
    hours: int = Field(
        default=HISTORY_HOURS, ge=1, le=HISTORY_HOURS, description="How many, up to the last known."
    )


class HistoryAnswer(BaseModel):
    """The last hours known. `ds` and `value` are columns of equal length, one row per hour."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    series: str
    labels: dict[str, str]
    metric: str
    stat: Stat
    stats: tuple[str, ...] = Field(description="All that this metric is forecast in.")
    metrics: tuple[str, ...] = Field(description="All metrics that are forecast of this series.")
    unit: str
    step: Literal["1h"] = "1h"
    start: Instant
    end: Instant = Field(description="End of the last hour; the bundle's forecast begins here.")
    model: ModelRef
    challenger: ModelRef | None = Field(
        description="The model that may follow, where it holds this series too."
    )
    ds: list[Instant]
    value: list[float | None] = Field(description="Null is a gap.")


def history(found: Found, *, snapshot: Snapshot, hours: int) -> HistoryAnswer:
    """Return the last hours of a series.

    Args:
        found: The series.
        snapshot: Where it was found.
        hours: How many, at most those that are stored.
    """
    entry, manifest = found.entry, found.served.bundle.manifest
    start = manifest.trained_until - hours * _HOUR
    known = found.served.bundle.history[found.row, -hours:]
    there = np.isfinite(known)
    values = significant(np.where(there, known, 0.0).astype(np.float32))
    stamps = to_numpy(start) + np.arange(hours).astype("timedelta64[h]")
    metrics = [
        metric for metric in snapshot.stats if (entry.series, metric, entry.stat) in snapshot.by_id
    ]
    return HistoryAnswer(
        series=entry.series,
        labels=dict(entry.labels),
        metric=entry.metric,
        stat=entry.stat,
        stats=tuple(
            stat
            for stat in snapshot.stats[entry.metric]
            if (entry.series, entry.metric, stat) in snapshot.by_id
        ),
        metrics=tuple(metrics),
        unit=entry.unit,
        start=isoformat(start),
        end=isoformat(manifest.trained_until),
        model=ModelRef(name=found.served.name, version=found.served.version),
        challenger=_challenger(found, snapshot),
        ds=[f"{text}Z" for text in np.datetime_as_string(stamps, unit="s").tolist()],
        value=[
            value if is_there else None
            for value, is_there in zip(values.tolist(), there.tolist(), strict=True)
        ],
    )


def _challenger(found: Found, snapshot: Snapshot) -> ModelRef | None:
    entry = found.entry
    other = snapshot.of_alias("challenger").by_id.get((entry.series, entry.metric, entry.stat))
    if other is None:
        return None
    return ModelRef(name=other.served.name, version=other.served.version)
