"""Caches for the server's benchmark: series whose numbers are drawn, with all their digits."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from foresail.bundle import HorizonEntry, Quality, Segment, SeriesEntry
from foresail.bundle.writer import Publication, write_bundle
from foresail.horizons import HORIZONS, QUANTILES, SLACK_HOURS
from foresail_serving.cache import CURRENT, Current, replace_json, version_folder

MODEL = "foresail-cpu"
STEPS = HORIZONS[-1].hours + SLACK_HOURS
HISTORY_HOURS = 672
_QUALITY = Quality(windows=3, coverage=0.81, sql=0.42, mase=0.61, naive_sql=0.66, naive_mase=0.9)
_WHOLE = {h.name: HorizonEntry(winner="prophet", quality=_QUALITY) for h in HORIZONS}
_SEGMENTS = (Segment(until_hours=STEPS, model="prophet", quality=_QUALITY),)


def fill_cache(cache: Path, *, series: int, version: str = "1", seed: int = 0) -> None:
    """Put one version into a cache and make it the current one; it was trained an hour ago."""
    rng = np.random.default_rng(seed)
    middle = rng.gamma(4.0, 0.5, (series, STEPS, 1))
    width = rng.uniform(0.1, 0.4, (series, STEPS, 1))
    forecast = np.concatenate([middle * (1 - width), middle, middle * (1 + width)], axis=2)
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    write_bundle(
        version_folder(cache, MODEL, version),
        Publication(
            metric="cpu",
            trained_until=hour - timedelta(hours=1),
            quantiles=QUANTILES,
            horizons={h.name: h.hours for h in HORIZONS},
            index=[_entry(number) for number in range(series)],
            forecast=forecast.astype(np.float32),
            history=rng.gamma(4.0, 0.5, (series, HISTORY_HOURS)),
            history_digest=f"{seed:064}",
            recipe={},
            models={},
            versions={"foresail": "0.1.0"},
        ),
    )
    point(cache, version)


def point(cache: Path, version: str) -> None:
    """Make a version that stands in the cache the current one."""
    replace_json(cache / CURRENT, Current(models={MODEL: version}))


def series_id(number: int) -> str:
    """Return the id of a series of these caches; the first is the cluster's own."""
    return _entry(number).series


def _entry(number: int) -> SeriesEntry:
    labels = {"cluster": "prod", "scope": "cluster"}
    series = "prod/cluster"
    if number:
        namespace, workload = f"team-{number % 97:02}", f"app-{number:05}"
        labels = {
            "cluster": "prod",
            "scope": "workload",
            "namespace": namespace,
            "workload": workload,
            "kind": "deployment",
        }
        series = f"prod/workload/{namespace}/deployment/{workload}"
    return SeriesEntry(
        series=series,
        metric="cpu",
        unit="cores",
        labels=labels,
        capacity={"allocatable": 48.0} if not number else {"request": 2.0, "limit": 8.0},
        hours=STEPS,
        horizons=_WHOLE,
        segments=_SEGMENTS,
    )
