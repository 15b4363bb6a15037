"""Each server's own words for "too much": which of them heal, and which want a smaller query."""

import pytest
from factories.wire import refusal

from foresail.history.refusals import refusal_of, seconds_to_wait

SMALLER = [
    (422, "query processing would load too many samples into memory in query execution"),
    (400, "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query"),
    (422, "cannot select more than -search.maxSamplesPerQuery=500 samples; possible solutions: "),
    (422, "too many points for the given step=30000, start=1 and end=2: 33; cannot exceed 1000"),
    (422, "too many points for the given start=1: 84; (see -search.maxPointsPerTimeseries flag)"),
    (503, "the number of matching timeseries exceeds 300000; increase -search.maxUniqueTimeseries"),
    (422, "not enough memory for processing 9 data points across 3 time series with 3 points"),
    (422, "the query hit the max number of chunks limit while fetching chunks (limit: 2000000)"),
    (422, "the query hit the aggregated chunks size limit (limit: 1 bytes)"),
    (422, "the query exceeded the maximum number of series (limit: 9) (err-mimir-max-series-per)"),
    (422, "the query exceeded the maximum allowed estimated amount of memory consumed (limit: 11)"),
    (422, "the total query time range exceeds the limit (query length: 745h, limit: 720h)"),
    (422, "rpc error: code = ResourceExhausted desc = exceeded series limit: limit 5 violated"),
    (500, "rpc error: code = Aborted desc = exceeded bytes limit while fetching postings"),
    (500, "grpc: received message larger than max (9 vs. 4)"),
    (422, "max samples limit for the tenant exceeded"),
]
SLOW = [
    (503, "query timed out in expression evaluation"),
    (422, "expanding series: context deadline exceeded"),
    (422, "timeout exceeded during query execution: 30.000 seconds; see -search.maxQueryDuration"),
]
BUSY = [
    (429, "query timed out; too many samples"),
    (503, "query timed out in query queue"),
    (
        503,
        "cannot handle more than 8 concurrent search requests; increase -search.maxQueryDuration",
    ),
    (503, "since -search.maxConcurrentRequests=16 concurrent requests are executed"),
    (500, "too many outstanding requests"),
    (502, ""),
    (503, "Service Unavailable"),
    (504, "upstream request timeout"),
]
OTHER = [
    (400, 'parse error: unexpected "timed out", too many samples'),
    (422, "found duplicate series for the match group"),
    (422, "too long query; got 20000 bytes; mustn't exceed -search.maxQueryLen=16384 bytes"),
    (400, "the limit of your account is exceeded"),
]


@pytest.mark.parametrize(
    ("meaning", "status", "reason"),
    [
        (meaning, status, reason)
        for meaning, cases in (
            ("smaller", SMALLER),
            ("slow", SLOW),
            ("busy", BUSY),
            ("other", OTHER),
        )
        for status, reason in cases
    ],
)
def test_words_of_all_servers_are_understood(meaning: str, status: int, reason: str) -> None:
    """As JSON of the query API, and as the plain text that some gateways send."""
    assert refusal_of(status, refusal(reason).encode()).meaning == meaning
    assert refusal_of(status, reason.encode()).meaning == meaning


def test_a_body_that_is_too_large_wants_a_smaller_query() -> None:
    """Whatever it says."""
    assert refusal_of(413, b"<html>413 Request Entity Too Large</html>").meaning == "smaller"


def test_a_repeated_query_does_not_hide_the_reason() -> None:
    """VictoriaMetrics repeats a query of 8 kB before it says what is wrong."""
    text = 'error when executing query="m{a=\\"' + "x" * 8000 + '\\"}" on the range: cannot select '
    found = refusal_of(422, refusal(text + "more than 5 samples").encode())
    assert found.meaning == "smaller"
    assert found.detail == (
        "error when executing the query on the range: cannot select more than 5 samples"
    )


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"status":"error","error":"a\\n  b"}', "a b"),
        (b'{"message":"Rate exceeded"}', "Rate exceeded"),
        (b"upstream connect error\n", "upstream connect error"),
        (b"<!DOCTYPE html><html>502</html>", ""),
        (b'{"status":"err', ""),
        (b"[1]", ""),
        (b"y" * 5000, "y" * 300),
    ],
)
def test_the_reason_is_one_short_line(body: bytes, detail: str) -> None:
    """Where the server gives one."""
    assert refusal_of(500, body).detail == detail


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 9.0),
        ("Fri, 31 Dec 1999 23:59:00 GMT", 0.0),
        ("soon", None),
        ("-3", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    """Anything else asks for nothing."""
    assert seconds_to_wait(header, now=946684790.0) == seconds
