"""Who may ask for what, and how much of it: the gate alone, without a server."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response
from structlog.testing import capture_logs

from foresail_serving.access.gate import Admitted, Gate
from foresail_serving.access.tokens import new_token, sha256_of
from foresail_serving.settings import ServeSettings

ANYWHERE = "0.0.0.0"  # noqa: S104  # not bound


@dataclass
class Asker:
    """Asks a gate, and stands by its clock."""

    settings: dict[str, Any] = field(default_factory=dict)
    now: float = 0.0

    def __post_init__(self) -> None:
        settings = ServeSettings(**self.settings)
        self.gate = Gate(settings, monotonic=lambda: self.now)

    def ask(
        self,
        path: str = "/v1/next_day",
        token: str | bytes | None = None,
        *,
        query: bytes = b"",
        peer: str = "192.0.2.1",
        method: str = "GET",
        headers: Mapping[bytes, bytes] | None = None,
    ) -> Admitted | Response:
        """Return what the gate says of one request."""
        sent = {b"host": b"127.0.0.1:8080", **(headers or {})}
        if token is not None:
            text = token if isinstance(token, bytes) else token.encode()
            sent[b"authorization"] = b"Bearer " + text
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": list(sent.items()),
            "client": (peer, 4711),
        }
        return self.gate.admit(scope, sent)


def slug(answer: Admitted | Response) -> str:
    """Return which problem a refusal is."""
    assert isinstance(answer, Response)
    assert answer.media_type == "application/problem+json"
    return str(json.loads(answer.body)["type"]).removeprefix("urn:foresail:problem:")


def admitted(answer: Admitted | Response) -> Admitted:
    """Return what was admitted."""
    assert isinstance(answer, Admitted)
    return answer


@pytest.fixture
def listed(tmp_path: Path) -> Callable[..., str]:
    """Return a function that adds a token to `tokens.toml` and returns it."""

    def add(name: str = "grafana", *scopes: str, url: bool = False) -> str:
        token = new_token()
        with (tmp_path / "tokens.toml").open("a") as file:
            file.write(f'[[token]]\nname = "{name}"\nsha256 = "{sha256_of(token)}"\n')
            file.write(f"scopes = {list(scopes or ('forecasts',))}\nurl = {str(url).lower()}\n")
        return token

    return add


def guarded(tmp_path: Path, **settings: Any) -> Asker:
    """Return a gate that wants tokens."""
    return Asker({"tokens_file": tmp_path / "tokens.toml", "listen_host": ANYWHERE, **settings})


def test_where_nothing_is_set_there_is_no_gate() -> None:
    """Beyond loopback there is a warning instead."""
    with capture_logs() as logs:
        assert Gate.of(ServeSettings(listen_host=ANYWHERE)) is None
    assert [line["log_level"] for line in logs] == ["warning"]
    assert "FORESAIL_TOKENS_FILE" in logs[0]["event"]


def test_on_loopback_only_the_host_is_looked_at() -> None:
    """Whoever is in front may do that in one call."""
    with capture_logs() as logs:
        gate = Gate.of(ServeSettings())
    assert gate is not None
    assert gate.by_host is not None
    assert gate.by_host(b"localhost:8080")
    assert not gate.by_host(b"evil.example")
    assert logs == []


@pytest.mark.parametrize(
    "more",
    [
        {"rate_limit": 10},
        {"cors_origins": "https://a.example"},
        {"tokens_file": "/no/such/file"},
    ],
)
def test_where_more_is_to_be_looked_at_a_host_opens_nothing(more: dict[str, Any]) -> None:
    """Also before the first request: limits of which nothing is used up are limits."""
    assert Asker(more).gate.by_host is None


def test_a_name_led_here_from_elsewhere_is_refused() -> None:
    """A page on the internet cannot read a laptop's server through its own name."""
    asker = Asker()
    assert slug(asker.ask(headers={b"host": b"evil.example"})) == "wrong-host"
    assert admitted(asker.ask(headers={b"host": b"localhost:8080"})).client == "192.0.2.1"


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes_are_always_answered(tmp_path: Path, path: str) -> None:
    """Without a token, under any name, beyond any limit, and without the file: no restarts."""
    asker = guarded(tmp_path, allowed_hosts=("foresail.example.com",), rate_limit=1, rate_burst=1)
    for _ in range(3):
        admitted(asker.ask(path, headers={b"host": b"anything"}))


@pytest.mark.parametrize(
    ("path", "opens"),
    [
        ("/v1/next_day", "forecasts"),
        ("/next_week.csv", "forecasts"),
        ("/v1/series", "forecasts"),
        ("/prometheus/api/v1/query", "forecasts"),
        ("/no/such/page", "forecasts"),
        ("/metrics", "metrics"),
        ("/metrics/", "forecasts"),
        ("/health", "health"),
        ("/", ""),
        ("/docs", ""),
        ("/openapi.json", ""),
        ("/assets/1f2e/app.js", ""),
        ("/assets", "forecasts"),
    ],
)
def test_each_page_has_its_scope(
    tmp_path: Path, listed: Callable[..., str], path: str, opens: str
) -> None:
    """A token opens what its scopes say; the pages' own files, which hold no data, need none."""
    tokens = {scope: listed(scope, scope) for scope in ("forecasts", "metrics", "health")}
    asker = guarded(tmp_path)
    if not opens:
        admitted(asker.ask(path))
        return
    assert slug(asker.ask(path)) == "unauthorized"
    for scope, token in tokens.items():
        answer = asker.ask(path, token)
        if scope == opens:
            assert admitted(answer).client == scope
        else:
            assert slug(answer) == "forbidden"


def test_health_and_metrics_are_open_where_the_setting_says(
    tmp_path: Path, listed: Callable[..., str]
) -> None:
    """And forecasts are not."""
    listed()
    asker = guarded(tmp_path, open_scopes=("metrics",))
    admitted(asker.ask("/metrics"))
    assert slug(asker.ask("/health")) == "unauthorized"
    assert slug(asker.ask("/v1/next_day")) == "unauthorized"


def test_missing_and_wrong_tokens_get_the_same_bytes(
    tmp_path: Path, listed: Callable[..., str]
) -> None:
    """Nobody learns from the answer how wrong a guess was."""
    right = listed()
    asker = guarded(tmp_path)
    almost = right[:-1] + ("0" if right[-1] != "0" else "1")
    sent = [None, "", "x", new_token(), almost, right.upper(), right + " x", b"\xff\xfe"]
    answers = [asker.ask(token=token) for token in sent]
    answers.append(asker.ask(headers={b"authorization": b"Basic dTpw"}))
    for answer in answers:
        assert isinstance(answer, Response)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    assert (
        len({(bytes(a.body), tuple(a.raw_headers)) for a in answers if isinstance(a, Response)})
        == 1
    )


def test_a_missing_file_closes_and_never_opens(tmp_path: Path) -> None:
    """Every protected page is a 503 that says so; a client comes back later."""
    asker = guarded(tmp_path, open_scopes=("metrics",))
    for path in ("/v1/next_day", "/health", "/no/such/page"):
        answer = asker.ask(path, new_token())
        assert slug(answer) == "access-closed"
        assert isinstance(answer, Response)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "30"
    assert asker.gate.tokens == 0
    admitted(asker.ask("/metrics"))


def test_ten_thousand_guesses_are_slowed_and_lock_nobody_out(
    tmp_path: Path, listed: Callable[..., str]
) -> None:
    """Behind one address: 20 wrong tokens are told so, the others 429; a right one is heard."""
    right = listed()
    asker = guarded(tmp_path)
    with capture_logs() as logs:
        slugs = [slug(asker.ask(token=new_token())) for _ in range(10_000)]
    assert slugs[:20] == ["unauthorized"] * 20
    assert set(slugs[20:]) == {"too-many-requests"}
    assert [line["client"] for line in logs] == ["192.0.2.1"]
    answer = asker.ask(token=new_token())
    assert isinstance(answer, Response)
    assert answer.headers["retry-after"] == "3"
    assert admitted(asker.ask(token=right)).client == "grafana"
    assert slug(asker.ask()) == "unauthorized"
    assert slug(asker.ask(token=new_token(), peer="192.0.2.2")) == "unauthorized"
    asker.now = 3.1
    assert slug(asker.ask(token=new_token())) == "unauthorized"


def test_work_is_limited_by_token_not_by_address(
    tmp_path: Path, listed: Callable[..., str]
) -> None:
    """Two behind one proxy have a share each; one from two places has one."""
    grafana, keda = listed("grafana"), listed("keda")
    asker = guarded(tmp_path, rate_limit=1, rate_burst=2)
    admitted(asker.ask(token=grafana, peer="192.0.2.1"))
    admitted(asker.ask(token=grafana, peer="192.0.2.2"))
    assert slug(asker.ask(token=grafana)) == "too-many-requests"
    admitted(asker.ask(token=keda))
    asker.now = 1
    admitted(asker.ask(token=grafana))


def test_a_large_answer_is_paid_for(tmp_path: Path) -> None:
    """100,000 rows are work of 101; 1 was taken before, the rest is owed after."""
    del tmp_path
    asker = Asker({"rate_limit": 10, "rate_burst": 20})
    asker.gate.charge(admitted(asker.ask()).client, 101)
    answer = asker.ask()
    assert isinstance(answer, Response)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "9"  # owes 81 and needs 1, at 10 a second
    assert slug(answer) == "too-many-requests"
    asker.now = 8.2
    admitted(asker.ask())


def test_a_ready_answer_costs_one(tmp_path: Path) -> None:
    """It was taken when the request was admitted."""
    del tmp_path
    asker = Asker({"rate_limit": 1, "rate_burst": 3})
    for _ in range(3):
        asker.gate.charge(admitted(asker.ask()).client, 1)
    assert slug(asker.ask()) == "too-many-requests"


def test_a_key_in_the_url_opens_a_forecast_file(tmp_path: Path, listed: Callable[..., str]) -> None:
    """It is taken out of the query, and the answer is led nowhere and kept by no shared cache."""
    key = listed("sheet", url=True)
    asker = guarded(tmp_path, url_keys=True)
    answer = admitted(
        asker.ask("/v1/next_week.csv", query=f"namespace=shop&key={key}&stat=max".encode())
    )
    assert answer.query_string == b"namespace=shop&stat=max"
    assert answer.client == "sheet"
    assert dict(answer.headers) == {
        b"referrer-policy": b"no-referrer",
        b"cache-control": b"private",
    }
    assert admitted(asker.ask("/v1/series", key)).headers == ()


def test_a_key_counts_beside_a_proxys_own_header(
    tmp_path: Path, listed: Callable[..., str]
) -> None:
    """A proxy with passwords of its own sends them on; a token in the header comes first."""
    key, other = listed("sheet", url=True), listed("grafana")
    asker = guarded(tmp_path, url_keys=True)
    query = f"key={key}".encode()
    basic = {b"authorization": b"Basic dTpw"}
    assert admitted(asker.ask(query=query, headers=basic)).client == "sheet"
    assert admitted(asker.ask(token=other, query=query)).client == "grafana"
    assert slug(asker.ask(token=new_token(), query=query)) == "unauthorized"


@pytest.mark.parametrize("path", ["/v1/next_day.csv", "/v1/series", "/metrics", "/health", "/"])
def test_a_key_is_refused_while_the_setting_is_off(
    tmp_path: Path, listed: Callable[..., str], path: str
) -> None:
    """Whether it is right or wrong, and it is not repeated."""
    key = listed("sheet", url=True)
    asker = guarded(tmp_path)
    for sent in (key, new_token(), "x"):
        answer = asker.ask(path, query=f"key={sent}".encode())
        assert slug(answer) == "url-key-refused"
        assert isinstance(answer, Response)
        assert sent not in bytes(answer.body).decode().replace("text", "")


def test_a_key_must_be_for_urls_and_for_files(tmp_path: Path, listed: Callable[..., str]) -> None:
    """A token that may not stand there is as useless as the wrong page; a wrong one is a guess."""
    key, header_only = listed("sheet", url=True), listed("grafana")
    asker = guarded(tmp_path, url_keys=True)
    assert slug(asker.ask("/v1/series", query=f"key={key}".encode())) == "url-key-refused"
    assert slug(asker.ask(query=f"key={header_only}".encode())) == "url-key-refused"
    slugs = [slug(asker.ask(query=f"key={new_token()}".encode())) for _ in range(21)]
    assert slugs == ["unauthorized"] * 20 + ["too-many-requests"]


def test_a_page_of_another_site_may_ask_where_it_is_listed(
    tmp_path: Path, listed: Callable[..., str]
) -> None:
    """The browser asks first, and may read refusals as well as answers."""
    token = listed()
    origin = b"https://grafana.example.com"
    asker = guarded(tmp_path, cors_origins=(origin.decode(),))
    asking = {b"origin": origin, b"access-control-request-method": b"GET"}
    preflight = asker.ask(method="OPTIONS", headers=asking)
    refusal = asker.ask(headers={b"origin": origin})
    for answer, status in ((preflight, 204), (refusal, 401)):
        assert isinstance(answer, Response)
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == origin.decode()
    answer = admitted(asker.ask(token=token, headers={b"origin": origin}))
    assert (b"access-control-allow-origin", origin) in answer.headers


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"url_keys": True}, "expected FORESAIL_TOKENS_FILE beside it"),
        ({"cors_origins": "https://grafana.example.com/"}, "without a path"),
        ({"allowed_hosts": "https://foresail.example.com"}, "without scheme and port"),
        ({"trusted_proxies": "10.0.0.1/8"}, "network"),
        ({"open_scopes": "forecasts"}, "'health' or 'metrics'"),
        ({"rate_limit": "inf"}, "finite"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(setting: dict[str, Any], told: str) -> None:
    """At the start, before anything listens."""
    with pytest.raises(ValueError, match=told):
        ServeSettings(**setting)


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable is an empty list."""
    monkeypatch.setenv("FORESAIL_ALLOWED_HOSTS", "foresail.example.com, *.intern.example")
    monkeypatch.setenv("FORESAIL_CORS_ORIGINS", "")
    monkeypatch.setenv("FORESAIL_OPEN_SCOPES", "health,metrics")
    settings = ServeSettings()
    assert settings.allowed_hosts == ("foresail.example.com", "*.intern.example")
    assert settings.cors_origins == ()
    assert settings.open_scopes == ("health", "metrics")
