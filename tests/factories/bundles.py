"""Small true bundles, written by the project's own writer.

Every series holds the same shape so that expected values can be written down: its p50 is
`level + hour of the day`, its p10 one less, its p90 two more.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from foresail.bundle import HorizonEntry, Manifest, Quality, Segment, SeriesEntry
from foresail.bundle.writer import Publication, write_bundle
from foresail.horizons import HORIZONS, QUANTILES
from foresail_serving.cache import CURRENT, Current, replace_json, version_folder

TRAINED_UNTIL = datetime(2026, 11, 21, 0, tzinfo=UTC)
"""The first forecast hour of all factory bundles: a Saturday at midnight."""
STEPS = 888
GIB = 2.0**30
QUALITY = Quality(windows=3, coverage=0.81, sql=0.42, mase=0.61, naive_sql=0.66, naive_mase=0.9)
WHOLE = {h.name: HorizonEntry(winner="prophet", quality=QUALITY) for h in HORIZONS}
FIRST_DAY = Quality(windows=7, coverage=0.85, sql=0.32, mase=0.51, naive_sql=0.56, naive_mase=0.8)
"""Promised of the leads that `ets` serves: easier ones than the others."""
ONE_SEGMENT = (Segment(until_hours=STEPS, model="prophet", quality=QUALITY),)


def entry(
    series: str,
    labels: Mapping[str, str],
    *,
    metric: str = "cpu",
    stat: str = "mean",
    capacity: Mapping[str, float] | None = None,
    hours: int = STEPS,
    horizons: Mapping[str, HorizonEntry] = WHOLE,
    segments: Sequence[Segment] = ONE_SEGMENT,
) -> SeriesEntry:
    """Return one series of an index."""
    return SeriesEntry(
        series=series,
        metric=metric,
        stat=stat,  # type: ignore[arg-type]
        unit={"cpu": "cores", "memory": "bytes"}.get(metric, "1"),
        labels=labels,
        capacity=capacity or {},
        hours=hours,
        horizons=horizons,
        segments=tuple(segments),
    )


def cluster_entries(metric: str = "cpu", *, cluster: str = "prod") -> tuple[SeriesEntry, ...]:
    """Return a small cluster: every scope, every kind of answer."""
    at = {"cluster": cluster}
    shop = {**at, "namespace": "shop"}
    api = {**shop, "scope": "workload", "workload": "api"}
    young = {
        **{h.name: HorizonEntry(winner="seasonal-naive") for h in HORIZONS[:2]},
        "next_month": HorizonEntry(winner=None, code=202, reason="needs 14 days, has 3"),
    }
    ended = {
        h.name: HorizonEntry(winner=None, code=203, reason="no value in the last 7 days")
        for h in HORIZONS
    }
    degraded = {
        h.name: HorizonEntry(winner="seasonal-naive", code=401, reason="prophet failed to fit")
        for h in HORIZONS
    }
    return (
        entry(f"{cluster}/cluster", {**at, "scope": "cluster"}, metric=metric,
              capacity={"allocatable": 48.0, "request": 30.0, "limit": 90.0}),
        entry(f"{cluster}/cluster", {**at, "scope": "cluster"}, metric=metric, stat="max",
              capacity={"allocatable": 48.0}),
        entry(f"{cluster}/node/n1", {**at, "scope": "node", "node": "n1"}, metric=metric,
              capacity={"allocatable": 36.0}),
        entry(f"{cluster}/namespace/shop", {**shop, "scope": "namespace"}, metric=metric,
              capacity={"limit": 60.0},
              segments=(Segment(until_hours=24, model="ets", quality=FIRST_DAY), *ONE_SEGMENT)),
        entry(f"{cluster}/workload/shop/deployment/api", {**api, "kind": "deployment"},
              metric=metric),
        entry(f"{cluster}/workload/shop/statefulset/api", {**api, "kind": "statefulset"},
              metric=metric, horizons=degraded,
              segments=(Segment(until_hours=STEPS, model="seasonal-naive"),)),
        entry(f"{cluster}/workload/shop/deployment/young",
              {**shop, "scope": "workload", "workload": "young", "kind": "deployment"},
              metric=metric, hours=336, horizons=young,
              segments=(Segment(until_hours=336, model="seasonal-naive"),)),
        entry(f"{cluster}/workload/shop/deployment/ended",
              {**shop, "scope": "workload", "workload": "ended", "kind": "deployment"},
              metric=metric, hours=0, horizons=ended, segments=()),
    )  # fmt: skip


def write(
    folder: Path,
    *,
    metric: str = "cpu",
    index: Sequence[SeriesEntry] | None = None,
    trained_until: datetime = TRAINED_UNTIL,
    level: float = 10.0,
    steps: int = STEPS,
) -> Manifest:
    """Write a bundle whose p50 is `level + hour of the day`; without an index a small cluster's."""
    chosen = cluster_entries(metric) if index is None else index
    hours = (trained_until.hour + np.arange(steps)) % 24
    shape = np.stack([hours - 1.0, hours, hours + 2.0], axis=-1) + level
    forecast = np.repeat(shape[None], len(chosen), axis=0)
    for row, item in enumerate(chosen):
        forecast[row, item.hours :] = 0.0
    return write_bundle(
        folder,
        Publication(
            metric=metric,
            trained_until=trained_until,
            quantiles=QUANTILES,
            horizons={h.name: h.hours for h in HORIZONS},
            index=chosen,
            forecast=forecast,
            history=np.full((len(chosen), 48), level),
            history_digest="0" * 64,
            recipe={},
            models={},
            versions={"foresail": "0.1.0"},
        ),
    )


def publish(
    cache: Path,
    *,
    version: str = "1",
    metric: str = "cpu",
    index: Sequence[SeriesEntry] | None = None,
    trained_until: datetime = TRAINED_UNTIL,
    level: float = 10.0,
) -> Path:
    """Put a bundle into a server's cache as sync would, and make it the current one."""
    name = f"foresail-{metric}"
    folder = version_folder(cache, name, version)
    write(folder, metric=metric, index=index, trained_until=trained_until, level=level)
    point(cache, {name: version})
    return folder


def point(cache: Path, models: Mapping[str, str]) -> None:
    """Make these versions current, beside those of other models."""
    path = cache / CURRENT
    before = Current.model_validate_json(path.read_bytes()).models if path.exists() else {}
    replace_json(path, Current(models={**before, **models}))
