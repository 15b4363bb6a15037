"""The true state of the server, as /health and /metrics tell it."""

from datetime import datetime, timedelta
from typing import Literal

from foresail import __version__
from foresail.times import isoformat
from foresail_serving.answer import is_stale
from foresail_serving.cache import SyncState
from foresail_serving.clock import hour_of
from foresail_serving.metrics import Exposition
from foresail_serving.schemas import Health, ModelOut, Refused, SyncOut
from foresail_serving.settings import ServeSettings
from foresail_serving.snapshot import Served, Snapshot
from foresail_serving.state import State

_LOOKS_MISSED = 3
_GRACE = timedelta(minutes=2)
"""A look at a slow registry, and the download of a large bundle, may take that long."""

HealthStatus = Literal["ok", "stale", "degraded", "expired", "no-forecast"]


def models_out(
    snapshot: Snapshot, *, hour: datetime, settings: ServeSettings
) -> tuple[ModelOut, ...]:
    """Return what is told of each model."""
    return tuple(
        _model_out(served, sum(snapshot.carried_over[name].values()), hour=hour, settings=settings)
        for name, served in snapshot.models.items()
    )


def _model_out(
    served: Served, carried_over: int, *, hour: datetime, settings: ServeSettings
) -> ModelOut:
    manifest = served.bundle.manifest
    status: Literal["fresh", "stale", "expired"] = "fresh"
    if hour >= manifest.covers_until:
        status = "expired"
    elif is_stale(manifest.trained_until, hour=hour, settings=settings):
        status = "stale"
    return ModelOut(
        name=served.name,
        version=served.version,
        metric=manifest.metric,
        status=status,
        trained_until=isoformat(manifest.trained_until),
        covers_until=isoformat(manifest.covers_until),
        series=manifest.series,
        carried_over=carried_over,
        horizons=manifest.horizons,
        quantiles=manifest.quantiles,
        history_digest=manifest.history_digest,
        versions=manifest.versions,
    )


def health(state: State, sync: SyncState | None) -> Health:
    """Return the true state."""
    now = state.clock()
    snapshot = state.store.current
    models = models_out(snapshot, hour=hour_of(now), settings=state.settings)
    missing = tuple(name for name in state.settings.models if name not in snapshot.models)
    status, reasons = _judge(models, missing)
    ended = (state.child.ended,) if state.child.ended else ()
    trouble = (*ended, *_sync_trouble(sync, now))
    if trouble and status == "ok":
        status = "degraded"
    return Health(
        status=status,
        reasons=(*reasons, *trouble),
        version=__version__,
        models=models,
        missing=missing,
        refused=_refused(state, sync),
        sync=_sync_out(sync),
    )


def _judge(
    models: tuple[ModelOut, ...], missing: tuple[str, ...]
) -> tuple[HealthStatus, tuple[str, ...]]:
    if not models:
        return "no-forecast", ("no forecast has arrived yet",)
    reasons = [f"{m.name} is {m.status}" for m in models if m.status != "fresh"]
    reasons += [f"{name} is not served" for name in missing]
    states = {m.status for m in models}
    status: HealthStatus = "ok"
    if states == {"expired"}:
        status = "expired"
    elif missing or "expired" in states:
        status = "degraded"
    elif "stale" in states:
        status = "stale"
    return status, tuple(reasons)


def _sync_trouble(sync: SyncState | None, now: datetime) -> tuple[str, ...]:
    if sync is None:
        return ()
    late = now - sync.last_attempt > timedelta(seconds=_LOOKS_MISSED * sync.seconds) + _GRACE
    since = isoformat(sync.last_attempt)
    trouble = [f"sync has not looked at the registry since {since}"] if late else []
    return (*trouble, *(f"{name}: {text}" for name, text in sorted(sync.messages.items())))


def _refused(state: State, sync: SyncState | None) -> tuple[Refused, ...]:
    ours = [
        Refused(model=model, reason=reason, by="server", count=count)
        for (model, reason), count in sorted(state.store.refused.items())
    ]
    theirs = [
        Refused(model=c.model, reason=c.reason, by="sync", count=c.count)
        for c in (sync.refused if sync else ())
    ]
    return (*ours, *theirs)


def _sync_out(sync: SyncState | None) -> SyncOut | None:
    if sync is None:
        return None
    return SyncOut(
        last_attempt=isoformat(sync.last_attempt),
        last_success=isoformat(sync.last_success) if sync.last_success else None,
        messages=sync.messages,
    )


def metrics_page(state: State, sync: SyncState | None) -> str:
    """Return the server's own metrics in Prometheus' text format."""
    page = Exposition()
    page.family("foresail_build_info", "gauge", "Version.", [({"version": __version__}, 1)])
    _bundle_metrics(page, state)
    page.family(
        "foresail_bundles_refused_total",
        "counter",
        "Bundles that failed a check and are not served.",
        [
            ({"model": r.model, "reason": r.reason, "by": r.by}, r.count)
            for r in _refused(state, sync)
        ],
    )
    page.family(
        "foresail_snapshot_swaps_total",
        "counter",
        "Times that what is served was replaced.",
        [({}, state.store.swaps)],
    )
    if sync is not None:
        _sync_metrics(page, sync)
    page.family(
        "foresail_http_requests_total",
        "counter",
        "Answers by route and status.",
        [
            ({"route": route, "status": status}, count)
            for (route, status), count in sorted(state.requests.counts.items())
        ],
    )
    return page.text()


def _bundle_metrics(page: Exposition, state: State) -> None:
    now = state.clock()
    snapshot = state.store.current
    served = list(snapshot.models.values())
    manifests = [({"model": s.name}, s.bundle.manifest) for s in served]
    page.family(
        "foresail_bundle_info",
        "gauge",
        "The bundle that is served of each model.",
        [
            ({"model": s.name, "version": s.version, "metric": s.bundle.manifest.metric}, 1)
            for s in served
        ],
    )
    page.family(
        "foresail_bundle_age_seconds",
        "gauge",
        "Time since the last hour that the forecast knew.",
        [(model, max(0.0, (now - m.trained_until).total_seconds())) for model, m in manifests],
    )
    page.family(
        "foresail_bundle_covers_until_timestamp_seconds",
        "gauge",
        "End of the last hour that is forecast.",
        [(model, m.covers_until.timestamp()) for model, m in manifests],
    )
    page.family(
        "foresail_bundle_series",
        "gauge",
        "Series in the bundle.",
        [(model, m.series) for model, m in manifests],
    )
    page.family(
        "foresail_bundle_series_carried_over",
        "gauge",
        "Series that go on with an earlier forecast, by the cluster that did not answer.",
        [
            ({"model": s.name, "cluster": cluster}, count)
            for s in served
            for cluster, count in sorted(snapshot.carried_over[s.name].items())
        ],
    )


def _sync_metrics(page: Exposition, sync: SyncState) -> None:
    page.family(
        "foresail_sync_failures_total",
        "counter",
        "Looks at the registry that failed, since sync started.",
        [({"model": c.model, "reason": c.reason}, c.count) for c in sync.failures],
    )
    page.family(
        "foresail_sync_last_attempt_timestamp_seconds",
        "gauge",
        "When sync last looked at the registry.",
        [({}, sync.last_attempt.timestamp())],
    )
    if sync.last_success is not None:
        page.family(
            "foresail_sync_last_success_timestamp_seconds",
            "gauge",
            "When sync last reached the registry for every model.",
            [({}, sync.last_success.timestamp())],
        )
