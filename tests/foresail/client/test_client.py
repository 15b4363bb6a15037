"""The Python client against the real server: frames, and one clear error for each refusal."""

import ssl
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import get_type_hints

import pandas as pd
import pytest
import stamina
from factories import bundles
from factories.wire import Told, say, site, wire
from servers.base import require
from servers.fault_proxy import Fault, fault_proxy, in_turn
from servers.foresail import SetClock, serving

from foresail.client import Client
from foresail.client.questions import ManyQuestion, Question, SeriesQuestion
from foresail.errors import (
    AccessDenied,
    BadInput,
    ForesailError,
    NotFound,
    Unreachable,
    UsageError,
)
from foresail_serving.answers.queries import ForecastQuery, ManyQuery
from foresail_serving.answers.queries import SeriesQuery as SeriesPageQuery
from foresail_serving.formats.columns import KINDS

NOON = bundles.TRAINED_UNTIL + timedelta(hours=12)
TOKEN = "s3cr3t-t0k3n"  # noqa: S105  # of a test


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server at noon on the day the forecast begins."""
    cache = tmp_path_factory.mktemp("cache")
    bundles.publish(cache)
    bundles.publish(cache, metric="memory", level=8 * bundles.GIB)
    with serving(cache, SetClock(NOON)) as server:
        yield server.url


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    """A client of that server."""
    with Client(url) as made:
        yield made


@pytest.fixture
def hurried() -> Iterator[None]:
    """Let attempts follow each other without a pause."""
    with stamina.set_testing(testing=True, attempts=4):
        yield


def test_a_week_is_a_frame_of_its_hours(client: Client) -> None:
    """Its index is UTC, its columns are the quantiles, and all else stands in attrs."""
    frame = client.next_week("cpu", namespace="shop")
    assert list(frame.columns) == ["p10", "p50", "p90"]
    assert frame.index.name == "ds"
    assert frame.index[0] == pd.Timestamp("2026-11-21T12:00:00Z")
    assert str(frame.index.tz) == "UTC"
    assert len(frame) == 168
    assert frame.iloc[0].tolist() == [21.0, 22.0, 24.0]
    told = frame.attrs["forecast"]
    assert (told["series"], told["unit"], told["status"]) == ("prod/namespace/shop", "cores", "ok")
    assert told["quality"]["windows"] == 3
    assert not {"ds", "p10", "p50", "p90"} & set(told)


def test_every_horizon_has_its_method(client: Client) -> None:
    """A day has 24 hours, a month 720; the first word is the metric."""
    assert len(client.next_day()) == 24
    month = client.next_month("memory", node="n1")
    assert len(month) == 720
    assert month.attrs["forecast"]["unit"] == "bytes"


def test_rows_and_columns_are_asked_for(client: Client) -> None:
    """Days of a zone begin at its midnights; only the quantile asked for comes."""
    days = client.next_week(step="1d", tz="Europe/Berlin", from_="calendar", quantiles="p90")
    assert list(days.columns) == ["p90"]
    assert days.index[0] == pd.Timestamp("2026-11-22", tz="Europe/Berlin")
    assert len(days) == 7


def test_abstaining_is_an_empty_frame_with_a_reason(client: Client) -> None:
    """Its columns are numbers all the same."""
    frame = client.next_month(workload="young")
    assert frame.empty
    assert [str(kind) for kind in frame.dtypes] == ["float64"] * 3
    assert frame.attrs["forecast"]["reason"] == "needs 14 days, has 3"


def test_many_series_are_one_long_frame(client: Client) -> None:
    """A row for each series and day; what has no forecast has no number, and its reason."""
    frame = client.forecasts(horizon="next_week", metric="cpu", scope="workload", stat="mean")
    assert set(frame["series"]) == {
        "prod/workload/shop/deployment/api",
        "prod/workload/shop/deployment/ended",
        "prod/workload/shop/deployment/young",
        "prod/workload/shop/statefulset/api",
    }
    assert len(frame) == 4 * 7
    assert str(frame["ds"].dt.tz) == "UTC"
    ended = frame[frame["series"].str.endswith("/ended")]
    assert ended["p50"].isna().all()
    assert set(ended["reason"]) == {"no value in the last 7 days"}
    assert frame.groupby("series")["p50"].max()["prod/workload/shop/deployment/api"] > 20


def test_names_come_as_they_are(tmp_path: Path) -> None:
    """Neither `null` nor what a spreadsheet would execute is anything but a name."""
    odd = ["null", "NA", "=1+1", "007", "@here"]
    index = [
        bundles.entry(
            f"prod/namespace/{name}", {"cluster": "prod", "scope": "namespace", "namespace": name}
        )
        for name in odd
    ]
    bundles.publish(tmp_path, index=index)
    with serving(tmp_path, SetClock(NOON)) as server, Client(server.url) as client:
        assert set(client.forecasts()["namespace"]) == set(odd)
        assert set(client.series()["namespace"]) == set(odd)


@pytest.mark.parametrize("zone", [{}, {"tz": "Europe/Berlin"}], ids=["utc", "local"])
def test_each_column_is_what_the_server_says_it_is(client: Client, zone: dict[str, str]) -> None:
    """Instants are instants, numbers numbers, and all else text."""
    frame = client.forecasts(**zone)  # type: ignore[arg-type]  # one of two
    found = {
        name: "utc"
        if pd.api.types.is_datetime64_any_dtype(column)
        else "number"
        if pd.api.types.is_numeric_dtype(column)
        else "text"
        for name, column in frame.items()
    }
    kinds = {name: KINDS.get(str(name), "text") for name in frame.columns}
    assert found == {
        name: {"utc": "utc", "text": "text", "local": "text"}.get(kind, "number")
        for name, kind in kinds.items()
    }


def test_series_are_listed(client: Client) -> None:
    """Labels are columns, and empty where a series has none of them."""
    frame = client.series(metric="cpu", namespace="shop")
    assert frame["series"].tolist()[0] == "prod/namespace/shop"
    assert frame["workload"].tolist() == ["", "api", "ended", "young", "api"]
    assert set(frame["model"]) == {"foresail-cpu"}
    assert frame["covers_until"].max() == pd.Timestamp("2026-12-28T00:00:00Z")
    assert client.series(cluster="nowhere").empty


def test_pages_of_series_are_put_together(tmp_path: Path) -> None:
    """1,001 series are one more than a page holds."""
    labels = {"cluster": "prod", "scope": "namespace"}
    names = [f"n{number:04}" for number in range(1001)]
    index = [
        bundles.entry(f"prod/namespace/{n}", {**labels, "namespace": n}, hours=0, segments=())
        for n in names
    ]
    bundles.publish(tmp_path, index=index)
    with serving(tmp_path, SetClock(NOON)) as server, Client(server.url) as client:
        assert client.series()["namespace"].tolist() == names


def test_health_is_told_also_where_it_is_bad(tmp_path: Path, client: Client) -> None:
    """The body of a 503 is an answer, not an error, and is not waited for."""
    assert client.health()["status"] == "ok"
    with serving(tmp_path, SetClock(NOON)) as server, Client(server.url) as of_nothing:
        assert of_nothing.health()["status"] == "no-forecast"


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"workload": "api"}, UsageError, r"400 ambiguous-series: 2 series fit; add labels"),
        ({"step": "2h"}, UsageError, r"400 bad-request: step: "),
        ({"namespace": "nowhere"}, NotFound, r"404 unknown-series: "),
        ({"metric": "disk"}, NotFound, r"404 unknown-metric: "),
    ],
)
def test_a_wrong_question_is_explained(
    client: Client, asked: dict[str, str], error: type[ForesailError], message: str
) -> None:
    """The server's own sentence, once asked."""
    with pytest.raises(error, match=rf"http://127\.0\.0\.1:\d+ answered {message}"):
        client.next_day(**asked)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.usefixtures("hurried")
def test_what_may_heal_is_asked_again(url: str) -> None:
    """A reset, a 429 and a broken gateway are no error where the fourth attempt is answered."""
    plan = in_turn(Fault("drop"), Fault("busy"), Fault("bad-gateway"))
    with fault_proxy(url, plan) as proxy, Client(proxy.url) as client:
        assert len(client.next_day()) == 24
        assert len(proxy.requests) == 4


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("drop", r"does not answer \(ProtocolError\); check that it is up"),
        ("cut", r"does not answer \(\w+\)"),
        ("unavailable", r"answered 503"),
    ],
)
def test_the_fourth_failure_is_the_last(url: str, kind: str, message: str) -> None:
    """A body that is cut is never taken for a whole one."""
    fault = Fault(kind)  # type: ignore[arg-type]  # one of them
    with fault_proxy(url, lambda _: fault) as proxy, Client(proxy.url) as client:
        with pytest.raises(Unreachable, match=message):
            client.next_day()
        assert len(proxy.requests) == 4


def test_the_next_attempt_comes_when_the_server_wants_it(url: str) -> None:
    """Retry-After is waited for."""
    with fault_proxy(url, in_turn(Fault("busy", seconds=1))) as proxy, Client(proxy.url) as client:
        began = time.monotonic()
        client.next_day()
        assert 1 <= time.monotonic() - began < 5


@pytest.mark.usefixtures("hurried")
def test_a_wait_beyond_patience_is_told_at_once(url: str) -> None:
    """Nobody waits an hour for a frame."""
    with fault_proxy(url, lambda _: Fault("busy", seconds=3600)) as proxy, Client(proxy.url) as c:
        with pytest.raises(Unreachable, match="answered 429"):
            c.next_day()
        assert len(proxy.requests) == 1


def test_a_forecast_that_has_run_out_is_not_asked_for_again(tmp_path: Path) -> None:
    """Waiting brings none; the server's sentence says since when."""
    bundles.publish(tmp_path)
    late = SetClock(NOON + timedelta(days=60))
    with serving(tmp_path, late) as server, fault_proxy(server.url) as proxy:
        with Client(proxy.url) as client, pytest.raises(NotFound, match="503 forecast-expired: "):
            client.next_day()
        assert len(proxy.requests) == 1


@pytest.mark.parametrize("kind", ["html", "half-json"])
def test_what_is_no_answer_of_foresails_is_named(url: str, kind: str) -> None:
    """A login page, or JSON of something else."""
    fault = Fault(kind)  # type: ignore[arg-type]  # one of them
    with (
        fault_proxy(url, lambda _: fault) as proxy,
        Client(proxy.url) as client,
        pytest.raises(BadInput, match=r"expected (application/json|'ds' in the answer)"),
    ):
        client.next_day()


def test_a_token_goes_to_its_server_alone() -> None:
    """It is sent as a bearer token; a redirect is refused, and no message holds the token."""
    with site(lambda _: Told("{}")) as other:
        there = Told("", status=302, headers={"Location": f"{other.url}/login?state=x"})
        with site(lambda _: there) as server, Client(server.url, token=f"{TOKEN}\n") as client:
            with pytest.raises(AccessDenied, match="answered 302, a redirect") as raised:
                client.next_day()
            (asked,) = server.asked
            assert asked.headers["Authorization"] == f"Bearer {TOKEN}"
            assert TOKEN not in repr(client) + repr(raised.value)
        assert other.asked == []


def test_a_refused_token_is_an_error_of_its_own() -> None:
    """It does not say which token it was."""
    with site(lambda _: Told('{"error": "no"}', status=401)) as server:
        with Client(server.url, token=TOKEN) as client:
            with pytest.raises(AccessDenied, match="answered 401; check the token") as raised:
                client.health()
            assert TOKEN not in str(raised.value)
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("address", "token", "message"),
    [
        ("forecast.example", None, r"expected the server's address as http\(s\)://HOST"),
        ("ftp://forecast.example", None, r"expected the server's address as http\(s\)://HOST"),
        ("http://[::1", None, "whose host or port is none"),
        ("http://me:pass@forecast.example", None, "without credentials; give the token"),
        ("http://forecast.example", "two words", "a token of printable ASCII characters"),
        ("http://forecast.example", "a\r\nX-Evil: 1", "a token of printable ASCII characters"),
        ("http://forecast.example", "", "a token of printable ASCII characters"),
    ],
)
def test_what_cannot_be_asked_is_refused_at_once(
    address: str, token: str | None, message: str
) -> None:
    """Neither the password in an address nor the token is repeated."""
    with pytest.raises(UsageError, match=message) as raised:
        Client(address, token=token)
    assert "pass@" not in str(raised.value)
    assert not token or token not in str(raised.value)


def test_a_path_before_the_pages_is_kept() -> None:
    """Behind an ingress the server may stand below a path."""
    with site(lambda _: Told('{"reasons": []}')) as server:
        with Client(f"{server.url}/foresail/") as client:
            client.health()
        assert [asked.target for asked in server.asked] == ["/foresail/health"]


def test_a_private_authority_is_trusted_where_it_is_named(tmp_path: Path) -> None:
    """And only there: certificates are always checked."""
    file = tmp_path / "server.pem"
    command = [require("openssl", package="openssl"), "req", "-x509", "-nodes", "-days", "2"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=test"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{file}.key", "-out", file]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, f"{file}.key")
    body = b'{"reasons": []}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n"
    with wire(say(head + body), tls=context) as url:
        with Client(url, ca_file=str(file)) as client:
            assert client.health() == {"reasons": []}
        with (
            Client(url) as stranger,
            pytest.raises(Unreachable, match=r"certificate of https://.* is not trusted"),
        ):
            stranger.health()


@pytest.mark.parametrize(
    ("question", "query", "of_the_method"),
    [
        (Question, ForecastQuery, {"metric"}),
        (ManyQuestion, ManyQuery, set()),
        (SeriesQuestion, SeriesPageQuery, {"limit", "offset"}),
    ],
    ids=["one", "many", "list"],
)
def test_the_client_can_ask_all_that_the_server_answers(
    question: type, query: type, of_the_method: set[str]
) -> None:
    """A parameter that is added there is added here."""
    assert set(get_type_hints(question)) | of_the_method == set(query.model_fields)
