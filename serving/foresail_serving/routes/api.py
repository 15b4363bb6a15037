"""FastAPI's part of the server: every route, its documentation and its errors."""

from fastapi import FastAPI

from foresail import __version__
from foresail_serving.routes.catalog import catalog_router
from foresail_serving.routes.dashboard import dashboard_router
from foresail_serving.routes.errors import add_problem_handlers
from foresail_serving.routes.files import files_router
from foresail_serving.routes.forecasts import forecast_router
from foresail_serving.routes.metrics import metrics_router
from foresail_serving.routes.openapi import add_openapi
from foresail_serving.routes.overview import overview_router
from foresail_serving.routes.promql import promql_router
from foresail_serving.routes.state import state_router
from foresail_serving.state import State

_DESCRIPTION = """Forecasts of the CPU and memory of Kubernetes clusters, hour by hour, with bands
whose coverage was measured. Times are UTC; a row speaks of the hour that starts at its `ds`."""


def build_api(state: State) -> FastAPI:
    """Return all routes over what they share."""
    app = FastAPI(
        title="Foresail",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    app.state.foresail = state
    add_problem_handlers(app)
    app.include_router(forecast_router(state.files))
    app.include_router(files_router(state.files))
    app.include_router(catalog_router())
    app.include_router(overview_router())
    app.include_router(state_router())
    app.include_router(metrics_router())
    app.include_router(promql_router())
    app.include_router(dashboard_router())
    add_openapi(app)
    return app
