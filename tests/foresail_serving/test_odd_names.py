"""Names from outside are looked up, and never become paths."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from factories import bundles
from servers.foresail import Client, SetClock, serving

CANARY = "canary-of-a-file-outside"
LONG = "a" * 10_000
NAMES = [
    "..",
    ".",
    "%2e%2e",
    "%252e%252e",
    "../../outside",
    "..%2f..%2foutside",
    "..%5c..%5coutside",
    "%2fetc%2fpasswd",
    "file:%2f%2f%2fetc%2fpasswd",
    "prod%2f..%2fprod%2fcluster",
    "prod%2fcluster%00",
    "%00",
    "%ff%fe",
    "%c0%ae%c0%ae",
    "%ed%a0%80",
    "%F0%9F%90%B3",
    "%0d%0aX-Evil:%201",
    "%22%3E%3Cscript%3E",
    "{}",
    "%7B%7D",
    "*",
    "%25",
    LONG,
]
ASKED = ("series", "namespace", "cluster", "workload", "node", "kind", "metric", "tz")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server whose cache lies beside a file that it must not read."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "outside").write_text(CANARY, encoding="utf-8")
    for metric in ("cpu", "memory"):
        bundles.publish(folder / "cache", metric=metric)
    clock = SetClock(bundles.TRAINED_UNTIL + timedelta(hours=12))
    with serving(folder / "cache", clock) as client:
        yield client


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:30])
def test_an_odd_name_is_unknown_or_wrong(server: Client, name: str) -> None:
    """In every place that takes a name: a 404 or a 400, or 414 where it is endless."""
    for parameter in ASKED:
        answer = server.get(f"/v1/next_day?{parameter}={name}")
        assert answer.problem in {
            "unknown-series",
            "unknown-metric",
            "bad-request",
            "url-too-long",
        }, parameter
        assert answer.status < 500
        assert CANARY.encode() not in answer.body
        assert "x-evil" not in answer.headers


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:30])
@pytest.mark.parametrize("parameter", ["q", "cluster", "scope"])
def test_a_list_by_an_odd_name_is_empty_or_refused(
    server: Client, parameter: str, name: str
) -> None:
    """A filter that nothing passes is an empty page."""
    answer = server.get(f"/v1/series?{parameter}={name}")
    assert answer.status < 500
    if answer.status == 200:
        told = answer.json()
        assert parameter != "q" or told["total"] == len(told["series"])
        assert parameter == "q" or told["total"] == 0


@pytest.mark.parametrize(
    "path",
    [
        "/../outside",
        "/v1/../../outside",
        "/%2e%2e/outside",
        "/..%2foutside",
        "/%252e%252e/outside",
        "/v1/%2e%2e%2f%2e%2e%2foutside",
        "/v1/next_day/../../outside",
        "/v1/next_day.csv%00.json",
        "/v1/next_day.",
        "/v1/next_day.csv/",
        "//outside",
        "/web/../../outside",
        "/web/%2e%2e/%2e%2e/outside",
        "/assets/..%2f..%2foutside",
        "/static/..%2f..%2foutside",
        "/%ff%fe",
        "/v1/%E2%98%83",
        "/" + LONG,
    ],
    ids=lambda path: path[:30],
)
def test_a_path_leads_to_a_page_or_nowhere(server: Client, path: str) -> None:
    """Nothing outside the pages is ever opened."""
    answer = server.get(path)
    assert answer.status in {400, 404, 414, 431}
    assert answer.headers["content-type"] == "application/problem+json"
    assert CANARY.encode() not in answer.body
