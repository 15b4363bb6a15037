"""The server of one socket: uvicorn's, with guarded connections and a way out that drains."""

import asyncio
import os
import signal
import socket
from time import monotonic
from types import FrameType

import structlog
import uvicorn
from starlette.types import ASGIApp

from foresail_serving.front.drain import Drain
from foresail_serving.front.guard import Guard, Limits
from foresail_serving.front.protocol import GuardedProtocol
from foresail_serving.front.refusals import Refusals
from foresail_serving.settings import ServeSettings

_STOP_SECONDS = 5
_IDLE_SECONDS = 75
"""Longer than proxies keep a connection that they might use again (60 s is usual): of the two the
proxy should be the one that closes it, or it may send a request just then."""
_UNSENT_BYTES = 32 * 1024
_CLOSED_SECONDS = 1.0
_QUIET_SECONDS = 60.0


class GuardedServer(uvicorn.Server):
    """Serves an app on a socket that listens, until it is told to stop.

    SIGTERM drains first, SIGINT stops when what is being answered is answered, and a second signal
    stops at once.

    Args:
        app: To be served.
        settings: Seconds for a request, for a client that does not read, and of the drain.
        listening: The socket; closed at the end.
        drain: Begun by SIGTERM.
        refusals: Where refused connections are counted.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: ServeSettings,
        *,
        listening: socket.socket,
        drain: Drain,
        refusals: Refusals,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http="httptools",
                ws="none",
                interface="asgi3",
                lifespan="on",
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=_IDLE_SECONDS,
                timeout_graceful_shutdown=_STOP_SECONDS,
            )
        )
        # inherited by what is accepted; the kernel would copy megabytes for a client that does not
        # read, and with a thousand of those has no room left for the others
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        limits = Limits.of(
            request_seconds=settings.request_seconds, write_seconds=settings.write_seconds
        )
        self._guard = Guard(limits, refusals=refusals, drain=drain)
        self._listening = listening
        self._drain = drain
        self._drain_seconds = settings.drain_seconds
        self._leave_at = 0.0
        self._drain_told = False
        self._leaving = False
        self._closed_until = -_QUIET_SECONDS
        self._accepting: asyncio.AbstractServer | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the app, then accept connections."""
        del sockets
        await super().startup(sockets=[])
        self._guard.on_full = self._pause
        await self._accept()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more, finish what has been asked, stop the app."""
        del sockets
        self._leaving = True
        self._pause()
        self._listening.close()
        await super().shutdown()

    async def on_tick(self, counter: int) -> bool:
        """Tell uvicorn, ten times a second, whether to leave; mind the door."""
        if self._drain.draining:
            if not self._drain_told:
                self._drain_told = True
                self._leave_at = monotonic() + self._drain_seconds
                structlog.get_logger("foresail.serve").info("draining", seconds=self._drain_seconds)
            self.should_exit = self.should_exit or monotonic() >= self._leave_at
        await self._mind_the_door()
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to leave; uvicorn is to raise no signal again once it has left."""
        del frame
        if self._drain.draining or self.should_exit:
            self.should_exit = self.force_exit = True
        elif sig == signal.SIGTERM:
            self._drain.begin()
        else:
            self.should_exit = True

    async def _mind_the_door(self) -> None:
        """Accept again after a pause; pause while the process has no descriptor left.

        The loop would go on trying to accept without one, and do nothing else.
        """
        now = monotonic()
        if now < self._closed_until or self._leaving:
            return
        try:
            os.close(os.dup(self._listening.fileno()))
            if self._accepting is None and self._guard.has_room:
                await self._accept()
        except OSError as error:
            if now - self._closed_until > _QUIET_SECONDS:
                structlog.get_logger("foresail.http").error("not accepting", error=error.strerror)
            self._closed_until = now + _CLOSED_SECONDS
            self._pause()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        # closing what accepts closes its socket: the one that queues in the kernel stays
        self._accepting = await loop.create_server(
            self._protocol, sock=self._listening.dup(), backlog=self._guard.limits.backlog
        )

    def _protocol(self) -> GuardedProtocol:
        return GuardedProtocol(
            self.config, self.server_state, self.lifespan.state, guard=self._guard
        )

    def _pause(self) -> None:
        """Leave new connections waiting in the kernel."""
        if self._accepting is not None:
            self._accepting.close()
            self._accepting = None
