"""The true state of the server, as /health tells it."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Literal

from foresail import __version__
from foresail.times import isoformat
from foresail_serving.answers.answer import is_stale
from foresail_serving.answers.schemas import Health, ModelOut, Refused, SyncOut
from foresail_serving.cache import SyncState
from foresail_serving.clock import hour_of
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


def challengers_out(
    snapshot: Snapshot, *, hour: datetime, settings: ServeSettings
) -> tuple[ModelOut, ...]:
    """Return what is told of each challenger."""
    found = models_out(snapshot.of_alias("challenger"), hour=hour, settings=settings)
    return tuple(model.model_copy(update={"alias": "challenger"}) for model in found)


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
    ours = (state.child.ended, state.store.trouble)
    trouble = (
        *(text for text in ours if text),
        *_sync_trouble(sync, now, models=state.settings.models),
    )
    if trouble and status == "ok":
        status = "degraded"
    return Health(
        status=status,
        reasons=(*reasons, *trouble),
        version=__version__,
        models=models,
        missing=missing,
        refused=refused(state, sync),
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


def _sync_trouble(
    sync: SyncState | None, now: datetime, *, models: Collection[str]
) -> tuple[str, ...]:
    """Return what keeps champions from coming; a challenger's trouble harms no answer."""
    if sync is None:
        return ()
    late = now - sync.last_attempt > timedelta(seconds=_LOOKS_MISSED * sync.seconds) + _GRACE
    since = isoformat(sync.last_attempt)
    trouble = [f"sync has not looked at the registry since {since}"] if late else []
    told = sorted(sync.messages.items())
    return (*trouble, *(f"{name}: {text}" for name, text in told if name in models))


def refused(state: State, sync: SyncState | None) -> tuple[Refused, ...]:
    """Return the bundles that were refused, by us and by sync."""
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
