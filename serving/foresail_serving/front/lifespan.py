"""What the server does beside its requests, from its start to its end."""

import asyncio
import gc
from collections.abc import Callable

import structlog
from starlette.types import Receive, Send

from foresail_serving.access.gate import Gate
from foresail_serving.access.log import AccessLog
from foresail_serving.front.later import Later
from foresail_serving.state import State

_LOOKS, _LOOK_SECONDS = 10, 0.2
_FORECASTS_FIRST_SECONDS = 0.5
"""A replica that starts under load answers forecasts before it builds what else there is."""
_TOKENS, _FORECASTS = "the file of tokens", "new forecasts"


class Lifespan:
    """Opens what is served, looks again and again for something new, and closes the log.

    Args:
        state: Holds the forecasts.
        gate: Looks at its tokens at the same times.
        log: Closed at the end.
        routes: Built once the server has started.
    """

    def __init__(
        self, state: State, *, gate: Gate | None, log: AccessLog | None, routes: Later
    ) -> None:
        self._state = state
        self._gate = gate
        self._log = log
        self._routes = routes
        self._troubles: dict[str, str] = {}

    async def __call__(self, receive: Receive, send: Send) -> None:
        """Speak ASGI's lifespan protocol."""
        await receive()
        await self._open()
        gc.freeze()
        tasks = [asyncio.create_task(work) for work in (self._watch(), self._build())]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in tasks:
            task.cancel()
        # whatever they raise, the log is closed
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._log is not None:
            await self._log.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _open(self) -> None:
        """Open what is served; what sync is mending just now is worth a moment's wait."""
        store = self._state.store
        store.refresh()
        for _ in range(_LOOKS):
            if not store.is_incomplete:
                return
            await asyncio.sleep(_LOOK_SECONDS)
            store.refresh()

    async def _build(self) -> None:
        await asyncio.sleep(_FORECASTS_FIRST_SECONDS)
        try:
            await self._routes.ready()
        except Exception:  # noqa: BLE001  # it is logged there, and the next request tries again
            return
        # all that is there stays: looking through it again and again takes a fifth of an answer
        gc.collect()
        gc.freeze()

    async def _watch(self) -> None:
        store, gate = self._state.store, self._gate
        try:
            while True:
                await asyncio.sleep(self._state.settings.watch_seconds)
                if gate is not None:
                    await self._look(gate.refresh, at=_TOKENS)
                await self._look(store.refresh, at=_FORECASTS)
                store.trouble = "; ".join(self._troubles.values())
        finally:
            store.trouble = f"the server looks for {_FORECASTS} and at {_TOKENS} no longer"

    async def _look(self, refresh: Callable[[], object], *, at: str) -> None:
        """Look once, and note what went wrong; what is served and who is let in stays."""
        trouble = ""
        try:
            await asyncio.to_thread(refresh)
        except Exception as error:  # noqa: BLE001  # no more looks: no token could be revoked
            trouble = f"the look at {at} failed: {_told(error)}"
        if trouble and trouble != self._troubles.get(at):
            structlog.get_logger("foresail.snapshot").error("refresh failed", reason=trouble)
        if trouble:
            self._troubles[at] = trouble
        else:
            self._troubles.pop(at, None)


def _told(error: Exception) -> str:
    """Return what may be told of an error: the text of most may repeat what was in a file."""
    reason = error.strerror if isinstance(error, OSError) else None
    return reason or type(error).__name__
