"""Talking to one Prometheus: each way it can fail has its own one-line error."""

import time

import pytest
import stamina
import stamina.instrumentation
import structlog
from servers.base import free_port
from servers.prometheus import OddServer

from foresail.errors import AccessDenied, BadInput, NotFound, Unreachable, UsageError
from foresail.history.connection import Connection, TooManySamples, checked_url
from foresail.history.retries import tell_retries_plainly
from foresail.settings import Settings

EMPTY = '{"status":"success","data":{"resultType":"matrix","result":[]}}'


def settings(**values: object) -> Settings:
    """Return settings with a short deadline."""
    return Settings.model_validate({"foresail_prometheus_timeout_seconds": 0.5, **values})


@pytest.fixture(autouse=True)
def _no_waiting_between_attempts() -> None:
    stamina.set_testing(True, attempts=3)  # its signature


@pytest.fixture
def connection(odd_server: OddServer) -> Connection:
    """Return a connection to the odd server."""
    return Connection(odd_server.url, settings=settings())


def ask(connection: Connection) -> object:
    """Ask one thing, and let go of the sockets."""
    try:
        return connection.get("/api/v1/query_range", {"query": "x"}, what="usage.cpu.node").data
    finally:
        connection.close()


def test_a_good_answer_is_its_data(odd_server: OddServer, connection: Connection) -> None:
    """The JSON under `data` comes back."""
    odd_server.will(200, EMPTY)
    assert ask(connection) == {"resultType": "matrix", "result": []}


@pytest.mark.parametrize(
    ("status", "body", "error", "message"),
    [
        (401, "no", AccessDenied, r"refused the credentials for usage.cpu.node \(401\)"),
        (403, "no", AccessDenied, r"refused the credentials for usage.cpu.node \(403\)"),
        (404, "no", NotFound, "there is no Prometheus API below"),
        (
            400,
            '{"status":"error","error":"parse error:\\n unexpected end"}',
            BadInput,
            r"does not understand usage.cpu.node \(400: parse error: unexpected end\)",
        ),
        (
            422,
            '{"status":"error","error":"many-to-many matching"}',
            BadInput,
            r"could not answer usage.cpu.node \(422: many-to-many matching\)",
        ),
        (
            422,
            '{"status":"error","error":"query processing would load too many samples"}',
            TooManySamples,
            "refused usage.cpu.node as too large",
        ),
        (200, '{"status":"succ', BadInput, "no whole JSON"),
        (200, '{"a":1}', BadInput, "is not of the query API"),
    ],
)
def test_each_refusal_has_its_own_error(
    odd_server: OddServer,
    connection: Connection,
    status: int,
    body: str,
    error: type[Exception],
    message: str,
) -> None:
    """What will not heal is asked once, and the message names the preset."""
    odd_server.will(status, body)
    with pytest.raises(error, match=message):
        ask(connection)
    assert len(odd_server.requests) == 1


def test_a_login_page_is_no_answer(odd_server: OddServer, connection: Connection) -> None:
    """HTML is named as what it is, whatever the status."""
    odd_server.will(200, "<!DOCTYPE html><html>Sign in</html>", Content_Type="text/html")
    with pytest.raises(BadInput, match=r"expected JSON for usage.cpu.node, got an HTML page"):
        ask(connection)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_heal_is_tried_again(
    odd_server: OddServer, connection: Connection, status: int
) -> None:
    """An overloaded server gets another chance."""
    odd_server.will(status, '{"status":"error","error":"later"}')
    odd_server.will(200, EMPTY)
    assert ask(connection) == {"resultType": "matrix", "result": []}
    assert len(odd_server.requests) == 2


def test_after_three_attempts_it_gives_up(odd_server: OddServer, connection: Connection) -> None:
    """The last status and the server's reason are told."""
    odd_server.will(503, '{"status":"error","error":"query timed out"}')
    with pytest.raises(
        Unreachable, match=r"answered 503 to usage.cpu.node 3 times \(query timed out\)"
    ):
        ask(connection)
    assert len(odd_server.requests) == 3


def test_a_hanging_server_is_left_in_time(odd_server: OddServer, connection: Connection) -> None:
    """Each attempt ends at its deadline."""
    odd_server.will(200, EMPTY)
    odd_server.delay_seconds = 30
    began = time.monotonic()
    with pytest.raises(Unreachable, match=r"did not answer usage.cpu.node within 0.5 s"):
        ask(connection)
    assert time.monotonic() - began < 5


def test_a_connection_that_breaks_off_is_tried_again(
    odd_server: OddServer, connection: Connection
) -> None:
    """A body shorter than announced is never taken for the whole."""
    odd_server.will(200, EMPTY, Content_Length="5000", Connection="close")
    odd_server.will(200, EMPTY)
    assert ask(connection) == {"resultType": "matrix", "result": []}


def test_nobody_there_is_unreachable() -> None:
    """The address is named."""
    port = free_port()
    with pytest.raises(Unreachable, match=f"http://127.0.0.1:{port} is not reachable"):
        ask(Connection(f"http://127.0.0.1:{port}", settings=settings()))


def test_each_retry_is_told_in_one_plain_line() -> None:
    """What is asked, and which attempt comes next; nothing of the client's own words."""
    before = stamina.instrumentation.get_on_retry_hooks()
    tell_retries_plainly()
    try:
        with structlog.testing.capture_logs() as told, pytest.raises(Unreachable):
            ask(Connection(f"http://127.0.0.1:{free_port()}", settings=settings()))
    finally:
        stamina.instrumentation.set_on_retry_hooks(before)
    line = {"event": "no answer, asking again", "log_level": "warning", "what": "usage.cpu.node"}
    assert told == [line | {"attempt": n, "wait_seconds": 0.0} for n in (2, 3)]


def test_no_redirect_to_another_host_is_followed(
    odd_server: OddServer, connection: Connection
) -> None:
    """Credentials stay with the host they were meant for."""
    odd_server.will(302, "", Location="http://127.0.0.2:1/login?token=hunter2")
    with pytest.raises(AccessDenied, match=r"another host \(http://127.0.0.2:1\)") as caught:
        ask(connection)
    assert "hunter2" not in str(caught.value)


def test_a_redirect_on_the_same_host_is_followed(
    odd_server: OddServer, connection: Connection
) -> None:
    """Such as from a path to the same path with a slash."""
    odd_server.will(301, "", Location="/prometheus/api/v1/query_range?query=x")
    odd_server.will(200, EMPTY)
    ask(connection)
    assert odd_server.requests[1][0] == "/prometheus/api/v1/query_range?query=x"


def test_token_and_extra_headers_are_sent(odd_server: OddServer) -> None:
    """A bearer token, and the header that names a tenant."""
    odd_server.will(200, EMPTY)
    given = settings(
        foresail_prometheus_token="t0ken",  # noqa: S106  # of no server
        foresail_prometheus_headers={"X-Scope-OrgID": "team-a"},
    )
    ask(Connection(odd_server.url, settings=given))
    headers = odd_server.requests[0][1]
    assert headers["Authorization"] == "Bearer t0ken"
    assert headers["X-Scope-OrgID"] == "team-a"


def test_basic_authentication_is_sent(odd_server: OddServer) -> None:
    """User and password from the settings."""
    odd_server.will(200, EMPTY)
    given = settings(
        foresail_prometheus_username="u",
        foresail_prometheus_password="p",  # noqa: S106  # of no server
    )
    ask(Connection(odd_server.url, settings=given))
    assert odd_server.requests[0][1]["Authorization"] == "Basic dTpw"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://me:hunter2@prometheus.example", "credentials do not belong into the address of"),
        ("https://prometheus.example?token=hunter2", "without . and #"),
        ("prometheus.example", "expected a Prometheus address"),
    ],
)
def test_an_address_holds_no_credentials(url: str, message: str) -> None:
    """They are refused, and not repeated in the message."""
    with pytest.raises(UsageError, match=message) as caught:
        checked_url(url)
    assert "hunter2" not in str(caught.value)
