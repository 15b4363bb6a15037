"""One connection: what is refused, with which answer, and what a client may do all the same."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from factories import bundles
from factories.clocks import SetClock
from servers.foresail import Client, serving
from servers.raw import HOST, exchange, read_to_end, statuses

SECONDS = 0.4
GET = b"GET /livez HTTP/1.1\r\n"
LAST = GET + HOST + b"Connection: close\r\n\r\n"
POST = b"POST /livez HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE = GET + HOST + b"\r\n"


@pytest.fixture(scope="module")
def client(cache: Path) -> Iterator[Client]:
    """A server that waits for a request less than half a second."""
    clock = SetClock(bundles.TRAINED_UNTIL)
    with serving(cache, clock, request_seconds=SECONDS, write_seconds=SECONDS) as client:
        yield client


def refusal(answer: bytes) -> tuple[int, str]:
    """Return status and problem of the one answer there is; the headers are as they must be."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert {"content-type: application/problem+json", "connection: close"} < set(lines)
    assert f"content-length: {len(body)}" in lines
    problem = json.loads(body)
    assert int(lines[0].split()[1]) == problem["status"]
    return problem["status"], problem["type"].removeprefix("urn:foresail:problem:")


@pytest.mark.parametrize(
    ("told", "request_bytes"),
    [
        ("TLS, which a proxy", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        ("HTTP/2.0", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("HTTP/2.0", b"GET /livez HTTP/2.0\r\n" + HOST + b"\r\n"),
        ("HTTP/0.9", b"GET /livez\r\n\r\n"),
        ("Invalid HTTP version", b"GET /livez HTTP/1.7\r\n" + HOST + b"\r\n"),
        ("Invalid method", b"HELLO /livez HTTP/1.1\r\n" + HOST + b"\r\n"),
        ("a URL with one", b"CONNECT a:443 HTTP/1.1\r\n" + HOST + b"\r\n"),
        ("char in url path", b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n"),
        ("a Host header, got none", GET + b"\r\n"),
        ("one Host header, got several", GET + HOST + HOST + b"\r\n"),
        ("a name and perhaps a port", GET + b"Host: a/b\r\n\r\n"),
        ("a name and perhaps a port", GET + b"Host: a:80:80\r\n\r\n"),
        ("a name and perhaps a port", GET + b"Host: a b\r\n\r\n"),
        ("CRLF after version", GET.replace(b"\r", b"") + HOST + b"\r\n"),
        ("header value", GET + HOST + b"X: a\r\n b\r\n\r\n"),
        ("header token", GET + b"Host : a\r\n\r\n"),
        ("header value", GET + HOST + b"X: a\0b\r\n\r\n"),
        ("Transfer-Encoding", CHUNKED[:-2] + b"Content-Length: 3\r\n\r\n0\r\n\r\n"),
        ("Content-Length", POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
        ("Content-Length", POST + b"Content-Length: 3, 3\r\n\r\nabc"),
        ("Content-Length", POST + b"Content-Length: +3\r\n\r\nabc"),
        ("Content-Length", POST + b"Content-Length: 99999999999999999999\r\n\r\nabc"),
        ("Transfer-Encoding", POST + b"Transfer-Encoding: identity\r\n\r\nabc"),
        ("no Transfer-Encoding but", POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n"),
        ("no Transfer-Encoding but", CHUNKED.replace(b"/1.1", b"/1.0") + b"0\r\n\r\n"),
        ("chunk size", CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n"),
        ("chunk", CHUNKED + b"3\nabc\n0\n\n"),
        ("chunk data", CHUNKED + b"3\r\nabcdef\r\n0\r\n\r\n"),
    ],
)
def test_what_could_be_read_in_two_ways_is_not_read(
    client: Client, told: str, request_bytes: bytes
) -> None:
    """The answer is a problem that says what is wrong, and the connection is closed."""
    answer = exchange(client.port, request_bytes)
    assert refusal(answer) == (400, "bad-request")
    assert told in answer.decode()


@pytest.mark.parametrize(
    ("expected", "request_bytes"),
    [
        ((431, "head-too-large"), GET + HOST + b"X: " + b"a" * 8_000_000 + b"\r\n\r\n"),
        ((431, "head-too-large"), GET + HOST + b"X: a\r\n" * 200_000 + b"\r\n"),
        ((431, "head-too-large"), GET + HOST + b"X: " + b"a" * 16_400 + b"\r\n\r\n"),
        ((414, "url-too-long"), b"GET /?" + b"a" * 8_000_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
        ((414, "url-too-long"), b"GET /?" + b"a" * 8_191 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
        ((413, "body-too-large"), POST + b"Content-Length: 8000000\r\n\r\n" + b"a" * 8_000_000),
        ((413, "body-too-large"), CHUNKED + b"4000\r\n" + b"a" * 16384 + b"\r\n" * 1 + (
            b"4000\r\n" + b"a" * 16384 + b"\r\n") * 4),
        ((413, "body-too-large"), CHUNKED + b"1;" + b"a" * 200_000 + b"\r\na\r\n0\r\n\r\n"),
        ((413, "body-too-large"), CHUNKED + b"0\r\n" + b"A: b\r\n" * 60_000 + b"\r\n"),
        ((413, "body-too-large"), GET + HOST + b"Content-Length: 65537\r\n\r\n" + b"a" * 65537),
    ],
)  # fmt: skip
def test_what_is_too_large_is_refused_before_it_is_read(
    client: Client, expected: tuple[int, str], request_bytes: bytes
) -> None:
    """Each limit has its own status, and the client that is still sending gets the answer."""
    assert refusal(exchange(client.port, request_bytes)) == expected


@pytest.mark.parametrize(
    "request_bytes",
    [
        LAST,
        b"\r\n\r\n" + LAST,
        LAST.replace(b"/livez", b"http://elsewhere.example/livez"),
        LAST.replace(HOST, b"Host:\r\n"),
        LAST.replace(HOST, b"host: [::1]:8080\r\n"),
        LAST.replace(HOST, b"Host: name_with_underscore.example.:8080\r\n"),
        b"GET /livez HTTP/1.0\r\n\r\n",
        GET + HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\nsomething else",
        LAST.replace(b"\r\n\r\n", b"\r\nX: " + b"a" * 16_200 + b"\r\n\r\n"),
        LAST.replace(b"/livez", b"/livez#" + b"a" * 8_000),
        LAST[:-2] + b"Content-Length: 65536\r\n\r\n" + b"a" * 65_536,
        LAST[:-2] + b"Transfer-Encoding: chunked\r\n\r\n3;of=x\r\nabc\r\n0\r\nHost: b\r\n\r\n",
    ],
)
def test_what_is_within_the_limits_is_answered(client: Client, request_bytes: bytes) -> None:
    """Whatever a proxy or an old client may send: one 200, then the connection is closed."""
    assert statuses(exchange(client.port, request_bytes)) == [200]


def test_a_body_is_asked_for(client: Client) -> None:
    """A client that expects `100 Continue` gets it, and then its answer."""
    head = b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    with socket.create_connection(("127.0.0.1", client.port), timeout=5) as connection:
        connection.sendall(GET + HOST + head)
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")
        assert statuses(read_to_end(connection)) == [200]


@pytest.mark.parametrize(
    "part",
    [GET[:7], GET + HOST[:9], CHUNKED + b"9000\r\na", POST + b"Content-Length: 900\r\n\r\na"],
)
def test_a_part_of_a_request_is_waited_for_only_so_long(client: Client, part: bytes) -> None:
    """After the deadline there is a 408, though a byte came all the time."""
    counted = client.refusals.counts["request-timeout"]
    with socket.create_connection(("127.0.0.1", client.port), timeout=5) as connection:
        connection.sendall(part)
        connection.settimeout(SECONDS / 8)
        began = time.monotonic()
        while time.monotonic() - began < 5:
            try:
                answer = connection.recv(1000)
                break
            except TimeoutError:
                connection.sendall(b"a")
        held = time.monotonic() - began
    assert refusal(answer) == (408, "request-timeout")
    assert SECONDS <= held < 3
    assert client.refusals.counts["request-timeout"] == counted + 1


def test_a_connection_without_a_request_is_closed(client: Client) -> None:
    """A new one gets no answer, since a browser would show it for its next request."""
    assert exchange(client.port, b"") == b""
    assert exchange(client.port, b"\r\n") == b""


def test_an_idle_connection_is_kept(client: Client) -> None:
    """Between two requests the deadline for one does not hold."""
    with socket.create_connection(("127.0.0.1", client.port), timeout=5) as connection:
        connection.sendall(WHOLE)
        assert statuses(connection.recv(1000)) == [200]
        time.sleep(2.5 * SECONDS)
        connection.sendall(LAST)
        assert statuses(read_to_end(connection)) == [200]


def test_the_deadline_counts_from_the_first_byte_of_a_later_request(client: Client) -> None:
    """Half of a second request is waited for as the first one is, and the first is answered."""
    answers = exchange(client.port, WHOLE + GET[:9])
    assert statuses(answers) == [200, 408]


def test_requests_in_a_row_are_answered_in_order(client: Client) -> None:
    """Pipelined, twenty requests get twenty answers on one connection."""
    assert statuses(exchange(client.port, 19 * WHOLE + LAST)) == 20 * [200]


def test_more_in_a_row_than_anybody_sends_are_not_kept(client: Client) -> None:
    """The first ones are answered, then the connection is closed and the client asks again."""
    answers = exchange(client.port, 3_000 * WHOLE)
    assert statuses(answers) == 33 * [200]
    assert answers.count(b"connection: close") == 1
    assert client.refusals.counts["pipelined"] == 1


def test_what_follows_a_good_request_does_not_harm_its_answer(client: Client) -> None:
    """Where something unreadable follows, the good ones are answered and the rest is closed."""
    answers = exchange(client.port, 3 * WHOLE + b"\x16\x03\x01")
    assert statuses(answers) == 3 * [200]


def test_a_client_may_say_that_it_asks_no_more(client: Client) -> None:
    """As `nc` does: it closes its half of the connection and still gets the answer."""
    assert statuses(exchange(client.port, WHOLE, half_close=True)) == [200]
    assert exchange(client.port, GET, half_close=True) == b""


def test_a_trailer_is_no_header(client: Client) -> None:
    """What comes after the body cannot take the place of what was checked before it."""
    sent = b"Accept: text/csv\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n"
    path = b"GET /v1/next_day HTTP/1.1\r\n" + HOST
    answer = exchange(client.port, path + sent + b"Accept: application/json\r\n\r\n")
    assert b"content-type: text/csv" in answer


def test_while_it_drains_each_answer_is_the_last_of_its_connection(cache: Path) -> None:
    """The answer says so, the connection closes, and no balancer finds the server ready."""
    with serving(cache, SetClock(bundles.TRAINED_UNTIL)) as client:
        assert client.get("/readyz").status == 200
        client.drain.begin()
        answer = exchange(client.port, WHOLE)
        assert statuses(answer) == [200]
        assert answer.count(b"connection: close") == 1
        ready = client.get("/readyz")
        assert (ready.status, ready.problem) == (503, "draining")
        assert client.get("/v1/next_day").status == 200


def test_a_client_that_does_not_read_is_dropped(client: Client) -> None:
    """After the deadline for reading its connection is reset, and counted."""
    before = client.refusals.counts["write-timeout"]
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        connection.settimeout(10)
        connection.connect(("127.0.0.1", client.port))
        request = b"GET /v1/next_month.csv HTTP/1.1\r\n" + HOST + b"\r\n"
        # 32 answers of 100 KB do not fit into what the kernel keeps for a slow reader
        for _ in range(3):
            connection.sendall(request * 32)
        deadline = time.monotonic() + 10
        while client.refusals.counts["write-timeout"] == before:
            assert time.monotonic() < deadline, "nobody noticed"
            time.sleep(0.05)
        assert len(statuses(read_to_end(connection))) < 96
