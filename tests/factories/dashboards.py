"""Two clusters as people run them, for looking at: offices' days, quiet weekends, slow growth.

Everything is drawn from one seed, so that the same pictures come out of it each time.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from factories import bundles
from foresail.bundle import HorizonEntry, Quality, Segment, SeriesEntry
from foresail.bundle.schema import HISTORY_HOURS
from foresail.bundle.writer import Publication, write_bundle
from foresail.horizons import HORIZONS, QUANTILES
from foresail.panel import FloatArray
from foresail_serving.cache import CURRENT, Current, replace_json, version_folder

TRAINED_UNTIL = datetime(2026, 11, 21, 6, tzinfo=UTC)
"""A Saturday: the busy week lies ahead."""
NOW = datetime(2026, 11, 21, 12, 20, tzinfo=UTC)
GIB = 2.0**30
_HOURS = np.arange(-HISTORY_HOURS, bundles.STEPS)
_CLOCK = (TRAINED_UNTIL.hour + _HOURS) % 24
_WEEKDAY = (TRAINED_UNTIL.weekday() + (TRAINED_UNTIL.hour + _HOURS) // 24) % 7
_APPS = {
    "shop": ("web", "api", "cart", "catalog", "images"),
    "checkout": ("api", "worker", "fraud-score"),
    "payments": ("gateway", "ledger", "webhooks"),
    "search": ("query", "indexer", "suggest"),
    "recommend": ("ranker", "features", "trainer"),
    "auth": ("login", "tokens"),
    "ingress": ("nginx", "waf"),
    "kafka": ("broker", "connect"),
    "postgres": ("primary", "replica", "backup"),
    "monitoring": ("prometheus", "grafana", "alertmanager"),
    "logging": ("collector", "store"),
    "batch": ("reports", "exports", "billing-run"),
}
_STATEFUL = {"broker", "primary", "replica", "prometheus", "store", "ledger"}


@dataclass(frozen=True)
class Shape:
    """How one series lives.

    Attributes:
        level: Its usual load by day, in the unit.
        swing: Share of the level that the nights lack.
        weekend: Share of the level that weekends lack.
        night: Whether it works at night instead.
        growth: Share of the level that a week adds.
        noise: Share of the level that an hour may stray.
        share: Of the ceiling, that the busiest hour of the coming week reaches; None: no ceiling.
    """

    level: float
    swing: float = 0.5
    weekend: float = 0.3
    night: bool = False
    growth: float = 0.005
    noise: float = 0.05
    share: float | None = 0.6


@dataclass(frozen=True)
class Drawn:
    """One series, ready for a bundle: what it used, p10, p50 and p90."""

    entry: SeriesEntry
    history: FloatArray
    forecast: FloatArray


def publish(cache: Path, *, challenger: bool = True) -> None:
    """Put cpu and memory of both clusters into a server's cache, and a challenger for cpu."""
    for metric in ("cpu", "memory"):
        drawn = [
            _draw(name, labels, shape, metric=metric, stat=stat)
            for stat in ("mean", "max")
            for name, labels, shape in _world()
        ]
        _write(cache, f"foresail-{metric}", "14", metric, drawn)
        if challenger and metric == "cpu":
            _write(cache, f"foresail-{metric}", "15", metric, [_other(one) for one in drawn])
    challengers = {"foresail-cpu": "15"} if challenger else {}
    models = {"foresail-cpu": "14", "foresail-memory": "14"}
    replace_json(cache / CURRENT, Current(models=models, challengers=challengers))


def many(cache: Path, *, series: int, version: str = "1") -> None:
    """Put so many workloads of one metric into a cache, all of the same shape."""
    one = _draw("prod/workload/a/deployment/a", {"cluster": "prod"}, Shape(2.0), metric="cpu")
    rng = np.random.default_rng(7)
    names = [f"prod/workload/team-{n % 97}/deployment/app-{n}" for n in range(series)]
    drawn = []
    for n, name in enumerate(names):
        labels = {
            "cluster": "prod",
            "scope": "workload",
            "namespace": f"team-{n % 97}",
            "kind": "deployment",
            "workload": f"app-{n}",
        }
        entry = one.entry.model_copy(
            update={"series": name, "labels": labels, "capacity": {"limit": 1.5 + 8 * rng.random()}}
        )
        drawn.append(replace(one, entry=entry))
    _write(cache, "foresail-cpu", version, "cpu", drawn)
    replace_json(cache / CURRENT, Current(models={"foresail-cpu": version}))


def _world() -> Iterator[tuple[str, dict[str, str], Shape]]:
    for cluster, size in (("prod", 1.0), ("staging", 0.2)):
        at = {"cluster": cluster}
        share = 0.74 if cluster == "prod" else 0.42
        yield f"{cluster}/cluster", {**at, "scope": "cluster"}, Shape(118 * size, share=share)
        for n in range(1, 13 if cluster == "prod" else 5):
            shape = Shape(9.5, share=0.48 + 0.025 * n, growth=0.004)
            if (cluster, n) == ("prod", 3):
                shape = replace(shape, growth=0.045, share=0.868)
            yield f"{cluster}/node/n{n}", {**at, "scope": "node", "node": f"n{n}"}, shape
        for place, (namespace, apps) in enumerate(_APPS.items()):
            inside = {**at, "namespace": namespace}
            night = namespace in {"batch", "recommend"}
            shape = Shape(
                (16 - place) * size, night=night, weekend=0.1 if night else 0.35, share=0.55
            )
            if (cluster, namespace) == ("prod", "checkout"):
                shape = replace(shape, growth=0.13, share=0.905, swing=0.62)
            name = f"{cluster}/namespace/{namespace}"
            yield name, {**inside, "scope": "namespace"}, shape
            yield from _workloads(inside, apps, size=size, night=night)


def _workloads(
    inside: Mapping[str, str], apps: Sequence[str], *, size: float, night: bool
) -> Iterator[tuple[str, dict[str, str], Shape]]:
    cluster, namespace = inside["cluster"], inside["namespace"]
    for app in apps:
        kind = "statefulset" if app in _STATEFUL else "deployment"
        for part in ("", "-canary") if app in {"web", "api", "query"} else ("",):
            labels = {**inside, "scope": "workload", "kind": kind, "workload": app + part}
            name = f"{cluster}/workload/{namespace}/{kind}/{app}{part}"
            rng = _rng(name)
            yield (
                name,
                labels,
                Shape(
                    float(size * rng.uniform(0.3, 4.5)),
                    swing=float(rng.uniform(0.15, 0.7)),
                    weekend=float(rng.uniform(0.0, 0.5)),
                    night=night,
                    growth=float(rng.uniform(-0.01, 0.02)),
                    noise=float(rng.uniform(0.03, 0.1)),
                    share=None if rng.random() < 0.3 else float(rng.uniform(0.15, 0.8)),
                ),
            )


def _rng(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def _draw(
    name: str, labels: Mapping[str, str], shape: Shape, *, metric: str, stat: str = "mean"
) -> Drawn:
    rng = _rng(f"{name} {metric}")
    usual = _usual(shape) if metric == "cpu" else _usual(replace(shape, swing=0.12, weekend=0.08))
    unit = 1.0 if metric == "cpu" else 3.4 * GIB
    share = shape.share if metric == "cpu" or shape.share is None else shape.share * 0.92
    week = slice(HISTORY_HOURS + 6, HISTORY_HOURS + 6 + 168)
    ceiling = usual[week].max() / share if share else None
    lift = 1.0 if stat == "mean" else 1.13
    seen = lift * usual * (1 + shape.noise * _straying(rng))
    ahead = np.arange(1, bundles.STEPS + 1)
    spread = shape.level * shape.noise * lift * (0.7 + 0.3 * np.sqrt(ahead / 24))
    p50 = lift * usual[HISTORY_HOURS:]
    forecast = np.stack([np.maximum(p50 - 1.1 * spread, 0), p50, p50 + 1.4 * spread], axis=-1)
    capacity = {}
    if ceiling is not None:
        kind = "allocatable" if labels.get("scope") in {"cluster", "node"} else "limit"
        capacity = {kind: float(f"{ceiling * unit:.3g}"), "request": float(0.6 * ceiling * unit)}
    entry = bundles.entry(name, labels, metric=metric, stat=stat, capacity=capacity)
    entry = _fated(entry.model_copy(update=_promises(rng)), labels)
    history = seen[:HISTORY_HOURS] * unit
    if entry.hours == 0:
        history[-8 * 24 :] = np.nan
    elif entry.hours < bundles.STEPS:
        history[: -6 * 24] = np.nan
    forecast[entry.hours :] = 0.0
    return Drawn(entry, history, forecast * unit)


def _usual(shape: Shape) -> FloatArray:
    """Return the load of every hour without its noise, `(672 + 888,)`."""
    clock = (_CLOCK + 12) % 24 if shape.night else _CLOCK
    day = np.exp(-(((clock - 10.5) / 3.2) ** 2)) + 0.9 * np.exp(-(((clock - 15.5) / 3.6) ** 2))
    rhythm = 1 - shape.swing * (1 - day / day.max())
    weekend = np.convolve(np.where(_WEEKDAY >= 5, 1 - shape.weekend, 1.0), np.ones(9) / 9, "same")
    weekend[:4], weekend[-4:] = weekend[4], weekend[-5]
    return np.asarray(shape.level * rhythm * weekend * (1 + shape.growth * _HOURS / 168))


def _straying(rng: np.random.Generator) -> FloatArray:
    """Return noise that remembers the hour before."""
    fading = 0.8 * 0.6 ** np.arange(12)
    return np.asarray(np.convolve(rng.normal(size=len(_HOURS) + 11), fading, "valid"))


def _promises(rng: np.random.Generator) -> dict[str, object]:
    near, far = (
        Quality(
            windows=windows,
            coverage=float(np.clip(rng.normal(0.81, 0.03), 0, 1)),
            sql=sql,
            mase=1.4 * sql,
            naive_sql=0.66,
            naive_mase=0.92,
        )
        for windows, sql in ((7, float(rng.uniform(0.24, 0.5))), (3, float(rng.uniform(0.3, 0.7))))
    )
    horizons = {
        h.name: HorizonEntry(winner="ets" if h.hours == 24 else "prophet", quality=quality)
        for h, quality in zip(HORIZONS, (near, far, far), strict=True)
    }
    segments = (
        Segment(until_hours=24, model="ets", quality=near),
        Segment(until_hours=bundles.STEPS, model="prophet", quality=far),
    )
    return {"horizons": horizons, "segments": segments}


def _fated(entry: SeriesEntry, labels: Mapping[str, str]) -> SeriesEntry:
    """Return an entry with what befell a few workloads."""
    name = labels.get("workload")
    segments: tuple[Segment, ...]
    if name == "trainer":
        why = HorizonEntry(winner=None, code=203, reason="no value in the last 8 days")
        horizons, hours, segments = {h.name: why for h in HORIZONS}, 0, ()
    elif name == "waf":
        young = HorizonEntry(winner="seasonal-naive")
        late = HorizonEntry(winner=None, code=202, reason="needs 14 days of history, has 6")
        horizons = {"next_day": young, "next_week": young, "next_month": late}
        hours, segments = 336, (Segment(until_hours=336, model="seasonal-naive"),)
    elif name == "suggest":
        failed = HorizonEntry(winner="seasonal-naive", code=401, reason="prophet failed to fit")
        horizons, hours = {h.name: failed for h in HORIZONS}, bundles.STEPS
        segments = (Segment(until_hours=bundles.STEPS, model="seasonal-naive"),)
    else:
        return entry
    return entry.model_copy(update={"horizons": horizons, "hours": hours, "segments": segments})


def _other(one: Drawn) -> Drawn:
    """Return what another model would make of it: more of the rhythm, a narrower band."""
    p50 = one.forecast[:, 1:2]
    bent = p50 + 0.25 * (p50 - p50.mean())
    forecast = np.maximum(bent + 0.8 * (one.forecast - p50), 0)
    forecast[one.entry.hours :] = 0.0
    return replace(one, forecast=forecast)


def _write(cache: Path, model: str, version: str, metric: str, drawn: Sequence[Drawn]) -> None:
    write_bundle(
        version_folder(cache, model, version),
        Publication(
            metric=metric,
            trained_until=TRAINED_UNTIL,
            quantiles=QUANTILES,
            horizons={h.name: h.hours for h in HORIZONS},
            index=[one.entry for one in drawn],
            forecast=np.stack([one.forecast for one in drawn]),
            history=np.stack([one.history for one in drawn]),
            history_digest="0" * 64,
            recipe={},
            models={},
            versions={"foresail": "0.1.0"},
        ),
    )
