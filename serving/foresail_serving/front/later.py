"""An app that is built beside the requests: FastAPI takes most of the time to start."""

from collections.abc import Callable

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from foresail_serving.front.once import Once


class Later:
    """An ASGI app, built in a thread once it is needed.

    Args:
        build: Returns the app; called again only where it failed.
    """

    def __init__(self, build: Callable[[], ASGIApp]) -> None:
        self._build = build
        self._once = Once(self._built)
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to the app."""
        app = self._app or await self.ready()
        await app(scope, receive, send)

    async def ready(self) -> ASGIApp:
        """Return the app as soon as it is built; raises what its building raises."""
        self._app = await self._once.get()
        return self._app

    def _built(self) -> ASGIApp:
        try:
            return self._build()
        except Exception as error:
            structlog.get_logger("foresail.http").error(
                "the routes could not be built; the next request tries again",
                error=type(error).__name__,
            )
            raise
