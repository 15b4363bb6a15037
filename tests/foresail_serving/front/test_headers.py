"""The headers of RFC 9110 as a client sends them: what it accepts, and what it holds already."""

import gzip
import http.client
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from factories import bundles
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers.foresail import Answer, Client, SetClock, serving

WEEK = "/v1/next_week?namespace=shop"
CSV, JSON = "text/csv; charset=utf-8", "application/json"
MANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def server(cache: Path) -> Iterator[Client]:
    """A server at half past noon."""
    clock = SetClock(bundles.TRAINED_UNTIL + timedelta(hours=12, minutes=30))
    with serving(cache, clock) as client:
        yield client


@pytest.fixture(scope="module")
def plain(server: Client) -> Answer:
    """The week as a client gets it that says nothing of itself."""
    return server.get(WEEK)


def ask(server: Client, name: str, *values: str, path: str = WEEK) -> Answer:
    """Ask with a header that stands on as many lines as there are values."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.putrequest("GET", path, skip_accept_encoding=True)
        for value in values:
            connection.putheader(name, value.encode("latin-1"))
        connection.endheaders()
        response = connection.getresponse()
        headers = {key.lower(): value for key, value in response.getheaders()}
        return Answer(response.status, headers, response.read())
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (["text/csv"], CSV),
        (["text/html, application/xhtml+xml, */*;q=0.8"], JSON),
        (["application/json;q=0.2,text/csv;q=0.3"], CSV),
        (["application/json ; q=0.2", "text/csv ; q=0.3"], CSV),
        (["text/csv;q=0.3", "application/json;q=0.2"], CSV),
        (["image/png", "text/csv"], CSV),
        (["text/csv", "image/png"], CSV),
        (["", "text/csv"], CSV),
        (["text/csv", ""], CSV),
        (["\xff\xfe"], JSON),
    ],
)
def test_accept_decides_the_format(server: Client, lines: Sequence[str], kind: str) -> None:
    """The heaviest format comes; a header on several lines is one list."""
    answer = ask(server, "Accept", *lines)
    assert (answer.status, answer.headers["content-type"]) == (200, kind)


def test_an_extension_is_stronger_than_accept(server: Client) -> None:
    """A spreadsheet's address means the file, whatever its browser says."""
    answer = ask(server, "Accept", "application/json", path="/v1/next_week.csv")
    assert answer.headers["content-type"] == CSV


WEIGHTS = st.sampled_from(["", ";q=0", ";q=0.0", ";q=0.001", "; q=0.5", ";Q=1", ";q=1.000"])
CODINGS = st.lists(
    st.tuples(st.sampled_from(["gzip", "GZip", "identity", "br", "deflate", "*"]), WEIGHTS),
    max_size=4,
    unique_by=lambda item: item[0].lower(),
)


@MANY
@given(CODINGS)
def test_no_coding_comes_that_was_not_accepted(
    server: Client, plain: Answer, codings: list[tuple[str, str]]
) -> None:
    """Gzip comes where it, or everything else, has a weight above zero; the bytes are the same."""
    given_ = {name.lower(): float(weight.partition("=")[2] or 1) for name, weight in codings}
    answer = ask(server, "Accept-Encoding", ", ".join(name + weight for name, weight in codings))
    packed = answer.headers.get("content-encoding") == "gzip"
    assert packed == (given_.get("gzip", given_.get("*", 0)) > 0)
    assert (gzip.decompress(answer.body) if packed else answer.body) == plain.body
    assert answer.headers["vary"] == "Accept, Accept-Encoding"


TAGS = st.lists(
    st.sampled_from(["its", "weak", '"other"', 'W/"other"', '"a,b"', '""', "bare"]), max_size=4
)


@MANY
@given(TAGS, st.sampled_from([",", ", ", " , ", ",\t", ",,"]))
def test_what_is_held_is_not_sent_again(
    server: Client, plain: Answer, tags: list[str], comma: str
) -> None:
    """A list that names the tag, weakly or strongly, is a 304; any other is not."""
    tag = plain.headers["etag"]
    named = {"its": tag, "weak": f"W/{tag}", "bare": tag.strip('"')}
    answer = ask(server, "If-None-Match", comma.join(named.get(name, name) for name in tags))
    held = bool({"its", "weak"} & set(tags))
    assert (answer.status, answer.body) == ((304, b"") if held else (200, plain.body))
    assert answer.headers["etag"] == tag


def test_a_star_means_any_and_lines_are_one_list(server: Client, plain: Answer) -> None:
    """`*` is held whatever the tag; the tag may stand on the first line or on the last."""
    tag = plain.headers["etag"]
    assert ask(server, "If-None-Match", "*").status == 304
    assert ask(server, "If-None-Match", tag, '"other"').status == 304
    assert ask(server, "If-None-Match", '"other"', tag).status == 304
    assert ask(server, "If-None-Match", '"*"').status == 200


def test_the_tag_of_one_form_is_none_of_another(server: Client, plain: Answer) -> None:
    """Who holds the JSON does not hold the CSV, nor the compressed JSON."""
    tag = plain.headers["etag"]
    csv = server.get(WEEK, Accept="text/csv", If_None_Match=tag)
    assert (csv.status, csv.headers["content-type"]) == (200, CSV)
    assert server.get(WEEK, Accept_Encoding="gzip", If_None_Match=tag).status == 200


@pytest.mark.parametrize(
    "date", ["", "yesterday", "0", "Sat, 31 Feb 2026 25:61:61 GMT", "Sat, 21 Nov 2026 12:30:00 GMT"]
)
def test_dates_decide_nothing(server: Client, plain: Answer, date: str) -> None:
    """Answers have no Last-Modified, so If-Modified-Since is passed over, sound or not."""
    answer = ask(server, "If-Modified-Since", date)
    assert (answer.status, answer.body) == (200, plain.body)
    assert "last-modified" not in answer.headers


def test_a_part_is_never_sent(server: Client, plain: Answer) -> None:
    """Range is passed over, as a server may that offers none: no half answer for a whole one."""
    answer = ask(server, "Range", "bytes=0-9")
    assert (answer.status, answer.body) == (200, plain.body)
