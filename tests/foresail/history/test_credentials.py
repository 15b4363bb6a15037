"""What is sent with every request: checked before anything is asked, and never told."""

import pytest
import requests

from foresail.errors import UsageError
from foresail.history.credentials import auth_for, checked_url, headers_for
from foresail.settings import Settings


def settings(**values: object) -> Settings:
    """Return settings of Prometheus."""
    return Settings.model_validate({f"foresail_prometheus_{k}": v for k, v in values.items()})


def authorization(given: Settings, cluster: str = "") -> str | None:
    """Return the header that a request for a cluster ends up with."""
    request = requests.Request("GET", "http://a/", headers=headers_for(given, cluster)).prepare()
    return auth_for(given, cluster)(request).headers.get("Authorization")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://me:hunter2@prometheus.example", "credentials do not belong into the address of"),
        ("https://prometheus.example?token=hunter2", "without . and #"),
        ("prometheus.example", "expected a Prometheus address"),
        ("http://[::1", "expected a Prometheus address"),
        ("http://prometheus.example:99999", "expected a Prometheus address"),
    ],
)
def test_an_address_holds_no_credentials(url: str, message: str) -> None:
    """They are refused, and not repeated in the message."""
    with pytest.raises(UsageError, match=message) as caught:
        checked_url(url)
    assert "hunter2" not in str(caught.value)


def test_a_cluster_has_headers_of_its_own() -> None:
    """They stand above those for all, whatever their case; other clusters do not see them."""
    given = settings(
        headers={"X-Scope-OrgID": "all", "X-Team": "t"},
        cluster_headers={"prod": {"x-scope-orgid": "prod"}, "dev": {"X-Other": "o"}},
    )
    named = requests.structures.CaseInsensitiveDict(headers_for(given, "prod"))
    assert (named["X-Scope-OrgID"], named["X-Team"], named.get("X-Other")) == ("prod", "t", None)
    assert headers_for(given, "test")["X-Scope-OrgID"] == "all"


def test_a_clusters_own_authorization_stands_above_the_token() -> None:
    """Five clusters may want five tokens."""
    given = settings(token="t0ken", cluster_headers={"prod": {"authorization": "Bearer own"}})  # noqa: S106  # of no server
    assert authorization(given, "prod") == "Bearer own"
    assert authorization(given, "dev") == "Bearer t0ken"


@pytest.mark.parametrize(
    ("values", "variable"),
    [
        ({"headers": {"X-A": "a\nhunter2"}}, "FORESAIL_PROMETHEUS_HEADERS"),
        ({"headers": {"hunter2 ä": "a"}}, "FORESAIL_PROMETHEUS_HEADERS"),
        ({"cluster_headers": {"": {"X": "☃hunter2"}}}, "FORESAIL_PROMETHEUS_CLUSTER_HEADERS"),
        ({"token": "a\nhunter2"}, "FORESAIL_PROMETHEUS_TOKEN"),
    ],
)
def test_what_no_header_can_carry_is_refused(values: dict[str, object], variable: str) -> None:
    """By the variable's name alone."""
    with pytest.raises(UsageError, match=f"^{variable} holds what no HTTP header") as caught:
        authorization(settings(**values))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [
        {"token": "t", "username": "u"},
        {"token": "t", "aws_region": "eu-central-1"},
        {"username": "u", "aws_region": "eu-central-1"},
    ],
)
def test_one_way_to_prove_who_asks(values: dict[str, str]) -> None:
    """Two at once are a mistake."""
    with pytest.raises(UsageError, match="set one of FORESAIL_PROMETHEUS_TOKEN, "):
        auth_for(settings(**values), "")


def test_a_password_may_hold_any_letter() -> None:
    """It is sent as UTF-8."""
    given = settings(username="ü", password="☃")  # noqa: S106  # of no server
    assert authorization(given) == "Basic w7w64piD"
