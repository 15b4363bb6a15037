"""What a client sees of the front: the same bytes sooner, and nothing it holds already twice."""

import gzip
import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from factories import bundles
from servers.foresail import Answer, Client, SetClock, serving

NOON = bundles.TRAINED_UNTIL + timedelta(hours=12, minutes=34)
DAY, MONTH = "/v1/next_day?namespace=shop", "/v1/next_month?namespace=shop"


@pytest.fixture
def clock() -> SetClock:
    """The clock of a test's server."""
    return SetClock(NOON)


@pytest.fixture
def server(cache: Path, clock: SetClock) -> Iterator[Client]:
    """A server with nothing kept yet."""
    with serving(cache, clock) as client:
        yield client


def figures(server: Client) -> dict[str, float]:
    """Return the cache's figures as /metrics tells them."""
    lines = server.get("/metrics").body.decode().splitlines()
    found = (line.split() for line in lines if line.startswith("foresail_cache_"))
    return {name: float(value) for name, value in found}


@pytest.mark.parametrize("path", [DAY, MONTH, "/next_week.csv?node=n1", "/v1/series", "/v1/models"])
def test_a_kept_answer_is_the_answer(server: Client, path: str) -> None:
    """The second answer is byte for byte the first, headers included."""
    first, second = (server.get(path) for _ in range(2))
    assert first.status == second.status == 200
    assert first.body == second.body
    assert without_date(first) == without_date(second)


def without_date(answer: Answer) -> dict[str, str]:
    """Return the headers but the date."""
    return {name: value for name, value in answer.headers.items() if name != "date"}


def test_what_the_client_holds_is_not_sent_again(server: Client) -> None:
    """A 304 has no body and the headers that may have changed, first and second time."""
    whole = server.get(DAY)
    for _ in range(2):
        answer = server.get(DAY, If_None_Match=f'"x", W/{whole.headers["etag"]}')
        assert (answer.status, answer.body) == (304, b"")
        assert answer.headers["etag"] == whole.headers["etag"]
        assert answer.headers["forecast-status"] == whole.headers["forecast-status"]
    assert server.get(DAY, If_None_Match='"x"').status == 200


def test_a_body_comes_compressed_where_that_is_accepted(server: Client) -> None:
    """Gzip holds the same body under a tag of its own; without it the body is plain."""
    plain = server.get(MONTH)
    small = server.get(MONTH, Accept_Encoding="br, gzip")
    assert gzip.decompress(small.body) == plain.body
    assert len(small.body) < len(plain.body) / 3
    assert small.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert small.headers["etag"] != plain.headers["etag"]
    assert plain.headers["vary"] == small.headers["vary"] == "Accept, Accept-Encoding"
    held = server.get(MONTH, Accept_Encoding="gzip", If_None_Match=small.headers["etag"])
    assert held.status == 304


def test_head_tells_what_get_would(server: Client) -> None:
    """HEAD has GET's headers and no body, for kept answers and for all others."""
    for path in (DAY, "/v1/series", "/livez", "/v1/next_day?namespace=nowhere"):
        get, head = server.get(path), server.ask("HEAD", path)
        assert (head.status, head.body) == (get.status, b"")
        assert head.headers["content-length"] == str(len(get.body))
        assert without_date(head) == without_date(get)


def test_the_tag_changes_once_an_hour(server: Client, clock: SetClock) -> None:
    """Within an hour the bytes stay; with the next hour they change, and then stay again."""
    tags = []
    for minutes in (34, 59, 60, 61, 119, 120):
        clock.now = bundles.TRAINED_UNTIL + timedelta(hours=12, minutes=minutes)
        tags.append(server.get(DAY).headers["etag"])
    assert [a == b for a, b in itertools.pairwise(tags)] == [
        True,
        False,
        True,
        True,
        False,
    ]


def test_a_clock_set_back_brings_the_hour_back(server: Client, clock: SetClock) -> None:
    """When the clock is corrected backwards, the answers of the earlier hour come again."""
    before = server.get(DAY)
    clock.now = NOON + timedelta(hours=1)
    assert server.get(DAY).body != before.body
    clock.now = NOON
    assert server.get(DAY).body == before.body


def test_formats_are_kept_apart(server: Client) -> None:
    """One path answers each client in its own format, kept or not."""
    for _ in range(2):
        assert server.get(DAY).headers["content-type"] == "application/json"
        csv = server.get(DAY, Accept="text/csv")
        assert csv.headers["content-type"] == "text/csv; charset=utf-8"
        refused = server.get(DAY, Accept="image/png")
        assert (refused.status, refused.problem) == (406, "not-acceptable")


@pytest.mark.parametrize(
    ("path", "status", "problem"),
    [
        ("/v1/next_day?namespace=nowhere", 404, "unknown-series"),
        ("/v1/next_day?colour=red", 400, "bad-request"),
        ("/v1/next_day?metric=cpu&metric=memory", 400, "bad-request"),
        ("/v1/next_day?tz=Moon/Crater", 400, "bad-request"),
        ("/v1/next_day?quantiles=p99", 400, "bad-request"),
        ("/v1/next_day?metric=", 400, "bad-request"),
        ("/v1/next_year", 404, "not-found"),
    ],
)
def test_a_problem_is_never_kept(server: Client, path: str, status: int, problem: str) -> None:
    """A problem is told each time anew, and carries no tag."""
    for _ in range(2):
        answer = server.get(path)
        assert (answer.status, answer.problem) == (status, problem)
        assert "etag" not in answer.headers
    assert server.get(DAY).status == 200


def test_only_reading_is_answered(server: Client) -> None:
    """Any other method is a 405 that says so."""
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = server.ask(method, DAY)
        assert (answer.status, answer.problem) == (405, "method-not-allowed")


def test_a_new_version_answers_at_once(tmp_path: Path) -> None:
    """After a swap no kept answer of the version before comes again."""
    bundles.publish(tmp_path)
    with serving(tmp_path, SetClock(NOON)) as server:
        before = server.get(DAY)
        bundles.publish(tmp_path, version="2", level=100.0)
        for _ in range(500):
            answer = server.get(DAY)
            version = answer.json()["model"]["version"]
            assert (answer.body == before.body) == (version == "1")
            if version == "2":
                break
        assert answer.json()["p50"][0] == 112.0
        assert server.get(DAY).body == answer.body


def test_a_question_asked_by_many_at_once_is_answered_once(server: Client) -> None:
    """A workbook that sixteen clients want in the same moment is made for all of them together."""
    path = "/v1/next_month.xlsx?namespace=shop&step=1d"
    with ThreadPoolExecutor(16) as pool:
        bodies = set(pool.map(lambda _: server.get(path).body, range(16)))
    assert len(bodies) == 1
