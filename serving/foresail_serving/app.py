"""Build the server's app."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog
from fastapi import FastAPI
from starlette.types import ASGIApp

from foresail import __version__
from foresail_serving.child import SyncChild
from foresail_serving.clock import Clock, utc_now
from foresail_serving.metrics import RequestCounts
from foresail_serving.problems import add_problem_handlers
from foresail_serving.routes.catalog import catalog_router
from foresail_serving.routes.forecasts import forecast_router
from foresail_serving.routes.openapi import add_openapi
from foresail_serving.routes.state import state_router
from foresail_serving.settings import ServeSettings
from foresail_serving.snapshot import SnapshotStore
from foresail_serving.state import State

_DESCRIPTION = """Forecasts of the CPU and memory of Kubernetes clusters, hour by hour, with bands
whose coverage was measured. Times are UTC; a row speaks of the hour that starts at its `ds`."""


def create_app(
    settings: ServeSettings, *, clock: Clock = utc_now, child: SyncChild | None = None
) -> ASGIApp:
    """Return the server as an ASGI app; it opens the cache when it is started.

    Args:
        settings: Where the cache is, and what the answers assume.
        clock: The present, UTC-aware.
        child: Sync, where this program has started one.
    """
    state = State(
        settings,
        clock,
        SnapshotStore(settings.cache_dir),
        RequestCounts(),
        child or SyncChild(),
    )
    app = FastAPI(
        title="Foresail",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=_lifespan,
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    app.state.foresail = state
    add_problem_handlers(app)
    app.include_router(forecast_router())
    app.include_router(catalog_router())
    app.include_router(state_router())
    add_openapi(app)
    return state.requests.around(app)


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state: State = app.state.foresail
    state.store.refresh()
    watching = asyncio.create_task(_watch(state.store, state.settings.watch_seconds))
    yield
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching


async def _watch(store: SnapshotStore, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await asyncio.to_thread(store.refresh)
        except (OSError, MemoryError) as error:
            # A full machine may heal; the bundle that is served stays.
            structlog.get_logger("foresail.snapshot").error("refresh failed", error=str(error))
