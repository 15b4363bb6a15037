"""What the guarded connection takes from uvicorn beyond its documented interface.

Where one of these fails after an upgrade, `front/protocol.py` and `front/server.py` have to be
read against the new uvicorn before it is used.
"""

import inspect

import pytest
from uvicorn import Server
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from foresail_serving.front.protocol import GuardedProtocol
from foresail_serving.front.server import GuardedServer


@pytest.mark.parametrize(
    ("ours", "base", "names"),
    [
        (
            GuardedProtocol,
            HttpToolsProtocol,
            (
                "connection_made",
                "connection_lost",
                "data_received",
                "eof_received",
                "on_headers_complete",
                "on_body",
                "on_message_complete",
                "on_response_complete",
                "resume_writing",
                "shutdown",
                "_start_asgi_task",
            ),
        ),
        (GuardedServer, Server, ("startup", "shutdown", "on_tick", "handle_exit")),
    ],
)
def test_each_method_that_is_replaced_is_still_there(
    ours: type, base: type, names: tuple[str, ...]
) -> None:
    """Uvicorn calls it by this name, with these arguments."""
    for name in names:
        assert name in vars(ours), f"{ours.__name__} no longer replaces {name}"
        assert name in vars(base), f"uvicorn's {base.__name__} has no {name} any more"
        assert list(inspect.signature(getattr(ours, name)).parameters) == list(
            inspect.signature(getattr(base, name)).parameters
        ), f"uvicorn calls {base.__name__}.{name} with other arguments"


@pytest.mark.parametrize(
    ("where", "told"),
    [
        # a request is held by taking over its start, and let go when its end has come
        (HttpToolsProtocol.on_headers_complete, "self._start_asgi_task(self.cycle, app)"),
        (HttpToolsProtocol.on_headers_complete, "self.pipeline.appendleft((self.cycle, app))"),
        (HttpToolsProtocol.on_headers_complete, "self.cycle = RequestResponseCycle("),
        (HttpToolsProtocol.on_headers_complete, "scope=self.scope,"),
        (HttpToolsProtocol.on_headers_complete, "on_response=self.on_response_complete,"),
        (HttpToolsProtocol.on_headers_complete, 'self.scope["http_version"] = http_version'),
        (HttpToolsProtocol.on_message_begin, 'self.url = b""'),
        (HttpToolsProtocol.on_message_begin, '"headers": self.headers,'),
        (HttpToolsProtocol.on_header, "name = name.lower()"),
        (HttpToolsProtocol.on_message_complete, "self.cycle.more_body = False"),
        (HttpToolsProtocol.on_message_complete, "self.cycle.message_event.set()"),
        (HttpToolsProtocol.on_response_complete, "self.server_state.total_requests += 1"),
        (HttpToolsProtocol.on_response_complete, "self.flow.resume_reading()"),
        (HttpToolsProtocol.on_response_complete, "self.pipeline.pop()"),
        (HttpToolsProtocol.connection_lost, "self.cycle.disconnected = True"),
        (RequestResponseCycle.__init__, "self.waiting_for_100_continue = expect_100_continue"),
        (RequestResponseCycle.__init__, "self.more_body = True"),
        (RequestResponseCycle.send, "if not self.keep_alive"),
        (RequestResponseCycle.send, "self.transport.close()"),
        (FlowControl.__init__, "self.read_paused = False"),
        (Server.startup, "if sockets is not None:"),
        (Server.startup, "app_state=self.lifespan.state,"),
        (Server.shutdown, "connection.shutdown()"),
        (Server.shutdown, "self.config.timeout_graceful_shutdown"),
        (Server.main_loop, "await self.on_tick(counter)"),
        (Server.capture_signals, "self.handle_exit"),
        (Server.shutdown, "if not self.force_exit:"),
    ],
)  # fmt: skip
def test_uvicorn_works_as_it_did(where: object, told: str) -> None:
    """The line that ours relies on stands in the method that ours replaces or calls."""
    assert told in inspect.getsource(where), f"uvicorn has changed {where}"  # type: ignore[arg-type]
