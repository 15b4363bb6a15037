"""Talking to one Prometheus: each way it can fail has its own one-line error."""

import gzip
import ssl
import subprocess
import time
from pathlib import Path

import pytest
import structlog
from factories.clocks import HandClock
from factories.wire import Asked, Talk, Told, drip, matrix, say, site, wire
from servers.base import free_port, require
from servers.prometheus import OddServer

from foresail.errors import AccessDenied, BadInput, NotFound, Unreachable
from foresail.history.connection import Connection, TooManySamples
from foresail.history.throttle import Throttle
from foresail.settings import Settings

EMPTY = '{"status":"success","data":{"resultType":"matrix","result":[]}}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def settings(**values: object) -> Settings:
    """Return settings with a short deadline."""
    return Settings.model_validate({"foresail_prometheus_timeout_seconds": 0.5, **values})


def patient(url: str, clock: HandClock | None = None, **values: object) -> Connection:
    """Return a connection whose pauses take no time."""
    clock = clock or HandClock()
    throttle = Throttle("normal", clock=clock.now, sleep=clock.sleep)
    return Connection(url, settings=settings(**values), throttle=throttle)


@pytest.fixture
def connection(odd_server: OddServer) -> Connection:
    """Return a connection to the odd server."""
    return patient(odd_server.url)


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
        (
            422,
            '{"status":"error","error":"query timed out"}',
            TooManySamples,
            "ran out of time over",
        ),
        (
            503,
            '{"status":"error","error":"query timed out"}',
            TooManySamples,
            "ran out of time over",
        ),
        (413, "Entity Too Large", TooManySamples, r"refused usage.cpu.node as too large \(413: E"),
        (413, "<html>Entity Too Large", TooManySamples, "refused usage.cpu.node as too large"),
        (418, "short and stout", BadInput, r"could not answer usage.cpu.node \(418: short and st"),
        (200, "OK", BadInput, "no whole JSON"),
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


def test_after_four_attempts_it_gives_up(odd_server: OddServer, connection: Connection) -> None:
    """The last status and the server's reason are told."""
    odd_server.will(503, '{"status":"error","error":"query timed out in query queue"}')
    with pytest.raises(
        Unreachable,
        match=r"answered 503 to usage.cpu.node 4 times \(query timed out in query queue\)",
    ):
        ask(connection)
    assert len(odd_server.requests) == 4


def test_the_next_attempt_comes_when_the_server_wants_it(odd_server: OddServer) -> None:
    """Retry-After; without it after half a second, then after a second."""
    odd_server.will(429, "", Retry_After="7")
    odd_server.will(503, "")
    odd_server.will(502, "")
    odd_server.will(200, EMPTY)
    clock = HandClock()
    connection = patient(odd_server.url, clock)
    ask(connection)
    assert sum(clock.slept) == pytest.approx(7 + 1 + 2)
    assert connection.throttle.report().retries == 3


@pytest.mark.parametrize(
    "talk",
    [
        lambda _sock, over: over.wait(30),
        drip(b""),
        drip(b"HTTP/1.1 200 OK\r\nX-Long: "),
        drip(HEAD + b"Content-Length: 100000\r\n\r\n{"),
        drip(HEAD + b"\r\n" + b"x" * 300_000),
    ],
    ids=["hangs", "status drips", "head drips", "body drips", "body drips after a flood"],
)
def test_a_server_is_left_in_time_however_lively(talk: Talk) -> None:
    """Each attempt ends at its deadline, for the head and the body together."""
    with wire(talk) as url:
        connection = patient(url, foresail_prometheus_timeout_seconds=0.1)
        began = time.monotonic()
        with pytest.raises(
            Unreachable, match=r"did not answer usage.cpu.node within 0.1 s \(4 attempts\)"
        ):
            ask(connection)
        assert 0.35 < time.monotonic() - began < 3


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a key and a certificate for 127.0.0.1 that nobody has signed."""
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    command = [require("openssl", package="openssl"), "req", "-x509", "-nodes", "-days", "2"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=test"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{file}.key", "-out", file]
    subprocess.run(command, check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + Path(f"{file}.key").read_bytes())
    return file


def tls_with(certificate: Path) -> ssl.SSLContext:
    """Return the server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_private_authority_is_trusted_where_it_is_named(certificate: Path) -> None:
    """And only there; without it nothing is asked twice."""
    body = HEAD + f"Content-Length: {len(EMPTY)}\r\n\r\n{EMPTY}".encode()
    with wire(say(body), tls=tls_with(certificate)) as url:
        ask(patient(url, foresail_prometheus_ca_file=certificate))
        stranger = patient(url)
        with pytest.raises(Unreachable, match=r"certificate of Prometheus at .* is not trusted"):
            ask(stranger)
    assert stranger.throttle.report().requests == 1


def test_the_deadline_holds_within_tls(certificate: Path) -> None:
    """A body that drips through it ends in time."""
    talk = drip(HEAD + b"Content-Length: 100000\r\n\r\n{")
    with wire(talk, tls=tls_with(certificate)) as url:
        connection = patient(
            url, foresail_prometheus_ca_file=certificate, foresail_prometheus_timeout_seconds=0.2
        )
        began = time.monotonic()
        with pytest.raises(Unreachable, match=r"within 0.2 s"):
            ask(connection)
        assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "talk",
    [
        say(b""),
        say(HEAD + b"Content-Length: 5000\r\n\r\n" + EMPTY.encode()),
        say(HEAD + b"Transfer-Encoding: chunked\r\n\r\n40\r\n" + EMPTY.encode()[:32]),
        say(HEAD + b"\r\n" + EMPTY.encode()[:32]),
        say(HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(EMPTY.encode())[:-12]),
        say(HEAD + b"Content-Encoding: gzip\r\n\r\nno gzip"),
    ],
    ids=["nothing", "short", "cut chunk", "no length", "cut gzip", "broken gzip"],
)
def test_an_answer_that_is_cut_is_asked_for_again(talk: Talk) -> None:
    """It is never taken for the whole."""
    whole = say(HEAD + f"Content-Length: {len(EMPTY)}\r\n\r\n{EMPTY}".encode())
    with wire(talk, talk, whole) as url:
        assert ask(patient(url)) == {"resultType": "matrix", "result": []}


def test_an_answer_that_is_cut_each_time_is_named() -> None:
    """As what it is, not as a wrong query."""
    with (
        wire(say(HEAD + b"\r\n" + EMPTY.encode()[:32])) as url,
        pytest.raises(BadInput, match=r"is no whole JSON \(32 bytes, 4 attempts\); look for a pro"),
    ):
        ask(patient(url))


def test_a_gzip_bomb_is_not_unpacked() -> None:
    """What grows beyond the limit is left at once, and asked for once."""
    bomb = gzip.compress(b" " * (65 * 1024 * 1024), 1)
    headers = {"Content-Encoding": "gzip"}
    with site(lambda _: Told(bomb, headers=headers)) as server:
        with pytest.raises(TooManySamples, match=r"usage.cpu.node is larger than 64 MiB"):
            ask(patient(server.url, foresail_prometheus_timeout_seconds=10))
        assert len(server.asked) == 1


def test_a_long_query_is_sent_as_a_form() -> None:
    """An address of 8 kB is refused by many a proxy; a short query stays one that caches know."""
    text = 'sum by (node) (x{node=~"' + "|".join(f"node-{n}" for n in range(1000)) + '"}) + 1'
    with site(lambda _: Told(matrix())) as server:
        connection = patient(server.url)
        connection.get("/api/v1/query_range", {"query": text, "step": "300"}, what="p")
        connection.get("/api/v1/query_range", {"query": "a + b", "step": "300"}, what="p")
        connection.close()
    long, short = server.asked
    assert (long.method, long.target, long.params["query"]) == ("POST", "/api/v1/query_range", text)
    assert (short.method, short.body) == ("GET", b"")
    assert short.target == "/api/v1/query_range?query=a%20%2B%20b&step=300&timeout=0.45"


def test_a_form_is_sent_again_where_a_redirect_leads() -> None:
    """On the same host, with all that it holds."""

    def tell(asked: Asked) -> Told:
        if asked.path.startswith("/new"):
            return Told(EMPTY)
        return Told("", status=307, headers={"Location": f"/new{asked.path}"})

    with site(tell) as server:
        connection = patient(server.url)
        connection.get("/api/v1/query", {"query": "x" * 9000}, what="p")
        connection.close()
    assert [len(asked.params["query"]) for asked in server.asked] == [9000, 9000]


def test_a_server_is_told_when_to_give_up() -> None:
    """Before we do, so that it works for nobody and says what was wrong."""
    with site(lambda _: Told(matrix())) as server:
        connection = patient(server.url, foresail_prometheus_timeout_seconds=30)
        connection.get("/api/v1/query_range", {"query": "x"}, what="p")
        connection.get("/api/v1/label/__name__/values", {}, what="p")
        connection.close()
    assert [asked.params.get("timeout") for asked in server.asked] == ["27", None]


def vector(*counts: tuple[dict[str, str], str]) -> str:
    """Return an instant answer."""
    result = [{"metric": labels, "value": [60, value]} for labels, value in counts]
    return matrix().replace('"matrix"', '"vector"').replace("[]", str(result).replace("'", '"'))


def test_series_are_counted_at_an_instant() -> None:
    """A comment at the end of the text hides no bracket; nothing found is zero."""
    with site(lambda _: Told(vector(({}, "42")))) as server:
        connection = patient(server.url)
        assert connection.count("up # all", at=60, what="p") == 42
        connection.close()
    assert server.asked[0].params["query"] == "count (\nup # all\n)"
    assert server.asked[0].params["time"] == "60"
    with site(lambda _: Told(vector())) as server:
        connection = patient(server.url)
        assert connection.count("up", at=60, what="p") == 0
        connection.close()


def test_series_are_counted_by_a_label() -> None:
    """Those without it under the empty value."""
    body = vector(({"node": "a"}, "2"), ({"node": "b"}, "3"), ({}, "1"))
    with site(lambda _: Told(body)) as server:
        connection = patient(server.url)
        found = connection.counts("up", by="node", at=60, what="p")
        connection.close()
    assert found == {"a": 2, "b": 3, "": 1}
    assert server.asked[0].params["query"] == "count by (node) (\nup\n)"


def test_a_count_of_another_shape_is_refused(odd_server: OddServer, connection: Connection) -> None:
    """Nothing is guessed from it."""
    odd_server.will(200, matrix({"metric": {}, "values": [[60, "1"]]}))
    with pytest.raises(BadInput, match="expected a count for p, got another answer"):
        connection.count("up", at=60, what="p")
    connection.close()


def test_many_threads_share_a_connection() -> None:
    """Each gets its own answer, and never more are asked for than the throttle allows."""

    def tell(asked: Asked) -> Told:
        time.sleep(0.002)
        return Told(matrix(warnings=[asked.params["query"]]))

    with site(tell) as server:
        connection = Connection(server.url, settings=settings())

        def call(number: int) -> str:
            params = {"query": f"q{number}"}
            return connection.get("/api/v1/query", params, what="p").warnings[0]

        assert connection.throttle.map(call, range(60)) == [f"q{n}" for n in range(60)]
        connection.close()
    assert server.most == connection.throttle.report().concurrency <= 4


def test_cookies_do_not_pass_from_one_request_to_another(odd_server: OddServer) -> None:
    """What one thread is answered is not what another one sends."""
    odd_server.will(200, EMPTY, Set_Cookie="session=hunter2")
    connection = patient(odd_server.url)
    for _ in range(2):
        connection.get("/api/v1/query", {"query": "x"}, what="p")
    connection.close()
    assert "Cookie" not in odd_server.requests[1][1]


def test_netrc_is_left_alone(
    odd_server: OddServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials come from the settings and nowhere else."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hunter2")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    odd_server.will(200, EMPTY)
    ask(patient(odd_server.url))
    assert "Authorization" not in odd_server.requests[0][1]


def test_nobody_there_is_unreachable() -> None:
    """The address is named."""
    port = free_port()
    with pytest.raises(Unreachable, match=f"http://127.0.0.1:{port} is not reachable"):
        ask(patient(f"http://127.0.0.1:{port}"))


def test_each_retry_is_told_in_one_plain_line() -> None:
    """What is asked, which attempt comes next and when; nothing of the client's own words."""
    with structlog.testing.capture_logs() as told, pytest.raises(Unreachable):
        ask(patient(f"http://127.0.0.1:{free_port()}"))
    line = {"event": "no answer, asking again", "log_level": "warning", "what": "usage.cpu.node"}
    assert told == [
        line | {"attempt": n, "wait_seconds": wait} for n, wait in ((2, 0.5), (3, 1.0), (4, 2.0))
    ]


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
    assert headers["User-Agent"].startswith("foresail/")


def test_no_packed_answer_is_asked_for(odd_server: OddServer, connection: Connection) -> None:
    """Packing takes more of a server's time than the query does."""
    odd_server.will(200, EMPTY)
    ask(connection)
    assert odd_server.requests[0][1]["Accept-Encoding"] == "identity"


def test_basic_authentication_is_sent(odd_server: OddServer) -> None:
    """User and password from the settings."""
    odd_server.will(200, EMPTY)
    given = settings(
        foresail_prometheus_username="u",
        foresail_prometheus_password="p",  # noqa: S106  # of no server
    )
    ask(Connection(odd_server.url, settings=given))
    assert odd_server.requests[0][1]["Authorization"] == "Basic dTpw"
