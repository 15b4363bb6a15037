"""From a question to exactly one series, or to a problem that helps."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from factories import bundles
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers.foresail import Client, SetClock, serving

NOON = bundles.TRAINED_UNTIL + timedelta(hours=12)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server with one cluster, and memory still to come."""
    cache = tmp_path_factory.mktemp("one")
    bundles.publish(cache)
    with serving(cache, SetClock(NOON)) as client:
        yield client


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server with two clusters that hold the same names."""
    cache = tmp_path_factory.mktemp("two")
    index = (*bundles.cluster_entries(), *bundles.cluster_entries(cluster="test"))
    bundles.publish(cache, index=index)
    with serving(cache, SetClock(NOON)) as client:
        yield client


@pytest.mark.parametrize(
    ("question", "series"),
    [
        ("", "prod/cluster"),
        ("cluster=prod", "prod/cluster"),
        ("node=n1", "prod/node/n1"),
        ("namespace=shop", "prod/namespace/shop"),
        ("namespace=shop&cluster=prod", "prod/namespace/shop"),
        ("namespace=shop&workload=young", "prod/workload/shop/deployment/young"),
        ("workload=young", "prod/workload/shop/deployment/young"),
        ("workload=api&kind=statefulset", "prod/workload/shop/statefulset/api"),
        ("series=prod/namespace/shop", "prod/namespace/shop"),
        ("series=prod%2Fnamespace%2Fshop", "prod/namespace/shop"),
    ],
)
def test_labels_name_the_most_specific_scope(one: Client, question: str, series: str) -> None:
    """`namespace=shop` is the namespace's own series, not those of its workloads."""
    assert one.get(f"/v1/next_day?{question}").json()["series"] == series


def test_several_clusters_must_be_told_apart(two: Client) -> None:
    """Without cluster= the answer is not one of them by chance, but the list."""
    answer = two.get("/v1/next_day")
    assert (answer.status, answer.problem) == (400, "ambiguous-series")
    assert answer.json()["choices"] == ["prod", "test"]
    assert two.get("/v1/next_day?cluster=test").json()["series"] == "test/cluster"
    assert two.get("/v1/next_day?namespace=shop").json()["choices"] == ["prod", "test"]


def test_several_workloads_of_a_name_are_listed(one: Client) -> None:
    """Two kinds of the same name are two series."""
    answer = one.get("/v1/next_day?workload=api&namespace=shop")
    assert answer.problem == "ambiguous-series"
    assert answer.json()["choices"] == [
        "prod/workload/shop/deployment/api",
        "prod/workload/shop/statefulset/api",
    ]


@pytest.mark.parametrize(
    ("question", "status", "problem"),
    [
        ("metric=latency", 404, "unknown-metric"),
        ("metric=memory", 503, "no-forecast"),
        ("metric=", 400, "bad-request"),
        ("stat=median", 400, "bad-request"),
        ("namspace=shop", 400, "bad-request"),
        ("namespace=shop&namespace=web", 400, "bad-request"),
        ("namespace=", 400, "bad-request"),
        ("namespace=shop&node=n1", 400, "bad-request"),
        ("kind=deployment", 400, "bad-request"),
        ("series=prod/cluster&cluster=prod", 400, "bad-request"),
        ("series=prod/nothing", 404, "unknown-series"),
        ("namespace=web", 404, "unknown-series"),
        ("cluster=other", 404, "unknown-series"),
        ("stat=max&namespace=shop", 404, "unknown-series"),
    ],
)
def test_a_wrong_question_is_told_what_is_wrong(
    one: Client, question: str, status: int, problem: str
) -> None:
    """Each wrong parameter is a problem of its own type; none is silently dropped."""
    answer = one.get(f"/v1/next_day?{question}")
    assert (answer.status, answer.problem) == (status, problem)
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("question", "detail"),
    [
        ("next_day?metric=", "metric: expected a value, got none"),
        (f"next_day?series={'x' * 513}", "series: expected at most 512 characters, got 513"),
        ("next_day?stat=median", "stat: expected 'mean' or 'max', got 'median'"),
        ("next_day?x=1", "x: no such parameter; see /docs for those of this route"),
        ("next_day?full_at=half", "full_at: expected a number, got 'half'"),
        ("next_day?full_at=0", "full_at: expected more than 0.0, got '0'"),
        ("next_day?tz=Mars", "tz: expected a time zone such as Europe/Berlin or UTC"),
        ("series?limit=all", "limit: expected a whole number, got 'all'"),
        (f"series?limit={'9' * 5000}", "limit: expected a whole number, got '" + "9" * 100 + "'"),
        ("series?limit=0", "limit: expected at least 1, got '0'"),
        ("series?limit=1001", "limit: expected at most 1000, got '1001'"),
        ("history", "series: expected a value, got none"),
        ("series?limit=0&q=", "q: expected a value, got none; limit: expected at least 1, got '0'"),
    ],
)
def test_a_wrong_parameter_is_told_in_plain_words(one: Client, question: str, detail: str) -> None:
    """What was expected and what came, in the server's own words and not in those of a library."""
    answer = one.get(f"/v1/{question}").json()
    assert answer["detail"] == detail
    told = [f"{error['parameter']}: {error['message']}" for error in answer["errors"]]
    assert "; ".join(told) == detail


NASTY = [
    "../../../../etc/passwd",
    "..\\..\\windows",
    "%2e%2e/%2e%2e/etc/passwd",
    "/etc/passwd",
    "v/foresail-cpu/1/manifest.json",
    "prod/cluster\x00",
    "=1+1",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "x" * 512,
]


@pytest.mark.parametrize("name", NASTY)
def test_names_are_keys_and_never_paths(one: Client, name: str) -> None:
    """A name that is a path somewhere else is only a series that is not there."""
    answer = one.get(f"/v1/next_day?series={quote(name, safe='')}")
    assert (answer.status, answer.problem) == (404, "unknown-series")
    assert b"root:" not in answer.body


def test_a_name_that_is_too_long_is_refused(one: Client) -> None:
    """Nobody has a series of ten thousand letters."""
    assert one.get(f"/v1/next_day?series={'x' * 600}").problem == "bad-request"
    assert one.get(f"/v1/next_day?series={'x' * 10_000}").problem == "url-too-long"


def test_bytes_that_are_no_text_are_no_series(one: Client) -> None:
    """Broken UTF-8 in a query is a name that is not there."""
    assert one.get("/v1/next_day?series=%ff%fe").status == 404


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    path=st.sampled_from(["/v1/next_day", "/next_week.csv", "/v1/series", "/health", "/metrics"]),
    query=st.dictionaries(
        st.sampled_from(
            ["metric", "stat", "series", "cluster", "namespace", "workload", "node", "kind", "q",
             "limit", "offset", "scope", "tz"]
        ),
        st.one_of(
            st.sampled_from(["cpu", "max", "prod", "shop", "api", "1", "-1", "cluster"]),
            st.text(max_size=20),
        ),
        max_size=4,
    ),
)  # fmt: skip
def test_no_question_breaks_the_server(one: Client, path: str, query: dict[str, str]) -> None:
    """Whatever is asked, the answer is an answer or a problem, never a 500."""
    asked = "&".join(
        f"{name}={quote(value.encode('utf-8', 'surrogatepass'), safe='')}"
        for name, value in query.items()
    )
    answer = one.get(f"{path}?{asked}")
    assert answer.status in {200, 400, 404, 406} or (
        answer.status == 503 and answer.problem == "no-forecast"
    )


def test_other_methods_are_refused(one: Client) -> None:
    """The server is only read."""
    answer = one.ask("POST", "/v1/next_day")
    assert (answer.status, answer.problem) == (405, "method-not-allowed")


def test_an_unknown_page_is_a_problem(one: Client) -> None:
    """Also a 404 of the framework's is problem+json."""
    assert one.get("/v2/next_day").problem == "not-found"
    assert one.get("/v1/next_day.xml").problem == "not-found"


def test_a_bug_is_a_problem_without_its_trace(tmp_path: Path) -> None:
    """What fails inside is a 500 of a stable type; how it failed stands in the log alone."""

    class BrokenClock(SetClock):
        def __call__(self) -> datetime:
            raise RuntimeError("secret detail")

    bundles.publish(tmp_path)
    with serving(tmp_path, BrokenClock(NOON)) as client:
        answer = client.get("/v1/next_day")
    assert (answer.status, answer.problem) == (500, "internal")
    assert b"secret" not in answer.body
    assert b"Traceback" not in answer.body


def test_before_anything_has_arrived(tmp_path: Path) -> None:
    """An empty cache is alive and not ready, and every forecast is a 503 with a reason."""
    with serving(tmp_path / "none", SetClock(NOON)) as client:
        assert client.get("/livez").status == 200
        assert client.get("/readyz").problem == "no-forecast"
        assert client.get("/v1/next_day").problem == "no-forecast"
        health = client.get("/health")
        assert (health.status, health.json()["status"]) == (503, "no-forecast")
        assert client.get("/v1/series").json()["total"] == 0
        bundles.publish(tmp_path / "none")
        assert client.wait("/readyz", 200).json() == {"status": "ready"}
        assert client.get("/v1/next_day").status == 200
