"""Which pages of other sites may ask from a browser."""

import pytest

from foresail_serving.access.cors import Cors

GRAFANA = b"https://grafana.example.com"
ASKING = {b"origin": GRAFANA, b"access-control-request-method": b"GET"}


def test_a_page_of_the_list_is_granted_by_name() -> None:
    """And caches are told that the answer depends on who asks."""
    granted = dict(Cors([GRAFANA.decode()]).headers(GRAFANA))
    assert granted[b"access-control-allow-origin"] == GRAFANA
    assert granted[b"vary"] == b"Origin"
    assert b"Forecast-Status" in granted[b"access-control-expose-headers"]


@pytest.mark.parametrize(
    "origin", [None, b"https://evil.example", GRAFANA + b".evil.example", b"null"]
)
def test_any_other_page_is_granted_nothing(origin: bytes | None) -> None:
    """It depends on who asks all the same."""
    assert Cors([GRAFANA.decode()]).headers(origin) == ((b"vary", b"Origin"),)


@pytest.mark.parametrize("origins", [["*"], [GRAFANA.decode()]])
def test_credentials_are_never_granted(origins: list[str]) -> None:
    """Not with a star, and not by name: there are no cookies."""
    cors = Cors(origins)
    preflight = cors.preflight("OPTIONS", ASKING)
    assert preflight is not None
    names = {name for name, _ in (*cors.headers(GRAFANA), *preflight.raw_headers)}
    assert b"access-control-allow-credentials" not in names


def test_a_preflight_is_answered_for_the_list_alone() -> None:
    """It may send a token, an ETag, and POST a query; other OPTIONS are nobody's."""
    cors = Cors([GRAFANA.decode()])
    answer = cors.preflight("OPTIONS", ASKING)
    assert answer is not None
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD, POST"
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert cors.preflight("GET", ASKING) is None
    assert cors.preflight("OPTIONS", {b"origin": GRAFANA}) is None
    assert cors.preflight("OPTIONS", {**ASKING, b"origin": b"https://evil.example"}) is None
