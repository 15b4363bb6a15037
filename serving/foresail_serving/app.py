"""Build the server's app."""

from anyio import CapacityLimiter
from starlette.types import ASGIApp

from foresail_serving.access.gate import Gate
from foresail_serving.access.log import AccessLog
from foresail_serving.child import SyncChild
from foresail_serving.clock import Clock, utc_now
from foresail_serving.front.drain import Drain
from foresail_serving.front.front import Front
from foresail_serving.front.kept import AnswerCache
from foresail_serving.front.later import Later
from foresail_serving.front.lifespan import Lifespan
from foresail_serving.front.pages import ForecastPages
from foresail_serving.front.refusals import Refusals
from foresail_serving.metrics.requests import RequestCounts
from foresail_serving.settings import ServeSettings
from foresail_serving.snapshot import SnapshotStore
from foresail_serving.state import State


def create_app(
    settings: ServeSettings,
    *,
    clock: Clock = utc_now,
    child: SyncChild | None = None,
    drain: Drain | None = None,
    refusals: Refusals | None = None,
) -> ASGIApp:
    """Return the server as an ASGI app; it opens the cache when it is started.

    Args:
        settings: Where the cache is, and what the answers assume.
        clock: The present, UTC-aware.
        child: Sync, where this program has started one.
        drain: Told by this program when it is about to stop.
        refusals: Where this program counts the connections that it refuses.
    """
    gate = Gate.of(settings, clock=clock)
    state = State(
        settings,
        clock,
        SnapshotStore(settings.cache_dir),
        RequestCounts(),
        child or SyncChild(),
        AnswerCache(settings.cache_bytes),
        drain or Drain(),
        refusals or Refusals(),
        CapacityLimiter(1),
        gate,
    )
    log = AccessLog.of(settings)
    routes = Later(lambda: _routes(state))
    lifespan = Lifespan(state, gate=gate, log=log, routes=routes)
    return Front(
        routes,
        state,
        lifespan=lifespan,
        pages=ForecastPages(state.files),
        gate=gate,
        access_log=log,
    )


def _routes(state: State) -> ASGIApp:
    from foresail_serving.routes.api import build_api  # noqa: PLC0415  # most of the start

    return build_api(state)
