"""Tokens, keys, limits and logs of the real server on loopback."""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from factories import bundles
from factories.clocks import SetClock
from servers.foresail import Client, serving

from foresail_serving.access.tokens import new_token, sha256_of

NOON = bundles.TRAINED_UNTIL + timedelta(hours=12)


class Tokens:
    """A file of tokens that grows and shrinks."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.entries: dict[str, str] = {}

    def add(self, *scopes: str, url: bool = False) -> str:
        """List a new token, and return it."""
        token = new_token()
        self.entries[token] = (
            f'[[token]]\nname = "t{len(self.entries)}"\nsha256 = "{sha256_of(token)}"\n'
            f"scopes = {list(scopes or ('forecasts',))}\nurl = {str(url).lower()}\n"
        )
        self._write()
        return token

    def drop(self, token: str) -> None:
        """List a token no longer."""
        del self.entries[token]
        self._write()

    def _write(self) -> None:
        new = self.file.with_suffix(".new")
        new.write_text("".join(self.entries.values()))
        new.replace(self.file)


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    """No token is listed yet."""
    return Tokens(tmp_path / "tokens.toml")


@pytest.fixture
def started(cache: Path, tokens: Tokens) -> Iterator[Callable[..., Client]]:
    """Return a function that starts a server over the file of tokens."""
    running = []

    def start(**settings: object) -> Client:
        server = serving(cache, SetClock(NOON), tokens_file=tokens.file, **settings)
        running.append(server)
        return server.__enter__()

    yield start
    for server in running:
        server.__exit__(None, None, None)


def bearer(token: str) -> dict[str, str]:
    """Return the header of a token."""
    return {"Authorization": f"Bearer {token}"}


def test_a_ready_answer_is_for_those_who_may_have_it(
    tokens: Tokens, started: Callable[..., Client]
) -> None:
    """That another client's token has made it opens it to nobody, nor does an ETag or HEAD."""
    token, scrape = tokens.add(), tokens.add("metrics")
    client = started()
    page = "/v1/next_day?namespace=shop"
    first, again = (client.ask("GET", page, bearer(token)) for _ in range(2))
    assert (first.status, again.status) == (200, 200)
    held = {"If-None-Match": first.headers["etag"]}
    assert client.ask("GET", page, {**bearer(token), **held}).status == 304
    for method in ("GET", "HEAD"):
        assert client.ask(method, page, held).status == 401
        assert client.ask(method, page, {**bearer(scrape), **held}).status == 403
    assert client.get(page).headers["www-authenticate"] == "Bearer"
    assert client.get(page).problem == "unauthorized"


def test_each_kind_of_page_wants_its_scope(tokens: Tokens, started: Callable[..., Client]) -> None:
    """Metrics for Prometheus, health for whoever watches, probes for everybody."""
    scrape, watch = tokens.add("metrics"), tokens.add("health")
    client = started()
    assert client.ask("GET", "/metrics", bearer(scrape)).status == 200
    assert client.ask("GET", "/metrics", bearer(watch)).problem == "forbidden"
    assert client.ask("GET", "/health", bearer(watch)).status == 200
    assert [client.get(path).status for path in ("/livez", "/readyz", "/no/such/page")] == [
        200,
        200,
        401,
    ]


def test_tokens_are_rotated_while_the_server_runs(
    tokens: Tokens, started: Callable[..., Client]
) -> None:
    """The new one is valid within a moment, the old one as long as it is listed."""
    old = tokens.add()
    client = started()
    page = "/v1/next_day"
    assert client.ask("GET", page, bearer(old)).status == 200
    new = tokens.add()
    Client(client.port, bearer(new)).wait(page, 200)
    assert client.ask("GET", page, bearer(old)).status == 200
    tokens.drop(old)
    Client(client.port, bearer(old)).wait(page, 401)
    assert client.ask("GET", page, bearer(new)).status == 200


def test_without_its_file_the_server_is_closed_until_it_comes(
    tokens: Tokens, started: Callable[..., Client]
) -> None:
    """Probes are answered, so that nobody restarts it."""
    client = started()
    assert client.get("/v1/next_day").problem == "access-closed"
    assert client.ask("GET", "/v1/next_day", bearer(new_token())).status == 503
    assert client.get("/readyz").status == 200
    Client(client.port, bearer(tokens.add())).wait("/v1/next_day", 200)


def test_a_key_in_the_url_gives_the_same_file(
    tokens: Tokens, started: Callable[..., Client]
) -> None:
    """The ready answer is one for both ways of asking, and only the key's is private."""
    key = tokens.add(url=True)
    client = started(url_keys=True)
    page = "/v1/next_week.csv?namespace=shop"
    by_key = client.get(f"{page}&key={key}")
    by_header = client.ask("GET", page, bearer(key))
    assert by_key.status == by_header.status == 200
    assert by_key.body == by_header.body
    assert by_key.headers["etag"] == by_header.headers["etag"]
    assert by_key.headers["referrer-policy"] == "no-referrer"
    assert "private" in by_key.headers["cache-control"]
    assert "referrer-policy" not in by_header.headers
    assert client.get(f"/v1/series?key={key}").problem == "url-key-refused"
    wrong = client.get(f"{page}&key={new_token()}")
    assert wrong.problem == "unauthorized"
    twice = client.get(f"{page}&key={key}&key={key}")
    assert twice.problem == "unauthorized"


def test_guesses_are_slowed_and_good_clients_are_not(
    tokens: Tokens, started: Callable[..., Client]
) -> None:
    """From one address, on one connection: 429 and when to come back, and 200 for the token."""
    right = tokens.add()
    client = started()
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=10)
    seen = []
    for n in range(60):
        token = right if n % 10 == 9 else new_token()
        connection.request("GET", "/v1/next_day", headers=bearer(token))
        response = connection.getresponse()
        response.read()
        seen.append(response.status)
        if response.status == 429:
            assert int(response.headers["Retry-After"]) in (1, 2, 3)
    connection.close()
    assert seen[9::10] == [200] * 6
    assert seen.count(401) in (20, 21)
    assert seen.count(429) == 54 - seen.count(401)


def test_rows_cost_work(cache: Path) -> None:
    """A month of hours, made anew each time, is dearer than a page that is ready."""
    with serving(cache, SetClock(NOON), rate_limit=0.001, rate_burst=4) as client:
        statuses = [client.get("/v1/next_day").status for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        refused = client.get("/v1/next_day")
        assert refused.problem == "too-many-requests"
        assert int(refused.headers["retry-after"]) > 10
        assert client.get("/readyz").status == 200


def test_forwarded_addresses_are_believed_of_proxies_alone(cache: Path) -> None:
    """Whoever writes the header without being one shares the bucket of the connection."""
    limits = {"rate_limit": 0.001, "rate_burst": 1}
    with serving(cache, SetClock(NOON), **limits) as client:
        asked = [client.get("/health", X_Forwarded_For=f"203.0.113.{n}").status for n in range(3)]
        assert asked == [200, 429, 429]
    with serving(cache, SetClock(NOON), trusted_proxies="127.0.0.1", **limits) as client:
        asked = [client.get("/health", X_Forwarded_For=f"203.0.113.{n}").status for n in range(3)]
        assert asked == [200, 200, 200]


def test_on_loopback_other_names_are_refused_unless_listed(cache: Path) -> None:
    """Also where the answer is ready already, and nothing but the name is to be looked at."""
    settings = {"allowed_hosts": "foresail.example.com", "access_log": False}
    with serving(cache, SetClock(NOON), **settings) as client:
        asked = ("127.0.0.1", "localhost:9", "foresail.example.com", "evil.example")
        for _ in range(2):
            answers = [client.get("/v1/next_day", Host=host) for host in asked]
            assert [answer.status for answer in answers] == [200, 200, 200, 421]
        assert answers[-1].problem == "wrong-host"


def test_pages_of_other_sites_ask_where_they_are_listed(
    tokens: Tokens, started: Callable[..., Client]
) -> None:
    """A preflight needs no token, the request does, and both can be read by the page."""
    token, origin = tokens.add(), "https://grafana.example.com"
    client = started(cors_origins=origin)
    asking = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    assert client.ask("OPTIONS", "/v1/next_day", asking).status == 204
    for headers, status in (({}, 401), (bearer(token), 200), (bearer(token), 200)):
        answer = client.ask("GET", "/v1/next_day", {**headers, "Origin": origin})
        assert answer.status == status
        assert answer.headers["access-control-allow-origin"] == origin
    plain = client.ask("GET", "/v1/next_day", bearer(token))
    assert "access-control-allow-origin" not in plain.headers


def test_requests_are_logged_by_name_and_without_what_was_asked(
    tokens: Tokens, started: Callable[..., Client], capfd: pytest.CaptureFixture[str]
) -> None:
    """The client is the token's name; of the URL there is the path."""
    token = tokens.add()
    client = started(access_log=True)
    for _ in range(2):
        client.ask("GET", "/v1/next_day?namespace=shop", bearer(token))
    client.get("/v1/next_day")
    client.get("/livez")
    said = ""
    for _ in range(40):
        said += capfd.readouterr().err
        if said.count('"event":"request"') >= 3:
            break
        time.sleep(0.1)
    lines = [json.loads(line) for line in said.splitlines() if '"event":"request"' in line]
    seen = [(line["client"], line["path"], line["status"], line["cache"]) for line in lines]
    assert seen == [
        ("t0", "/v1/next_day", 200, "miss"),
        ("t0", "/v1/next_day", 200, "hit"),
        ("127.0.0.1", "/v1/next_day", 401, ""),
    ]
