"""The environment is read in one place, and what is wrong with it is told in words."""

import pytest

from foresail.errors import UsageError
from foresail.settings import read_settings


def test_a_variable_that_is_no_number_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bad variable is one line with its name, without what it held."""
    monkeypatch.setenv("S3_TIMEOUT_SECONDS", "hunter2")
    with pytest.raises(UsageError, match=r"^S3_TIMEOUT_SECONDS: Input should be a valid") as raised:
        read_settings()
    assert "hunter2" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_variable_that_is_no_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers that are no JSON are told like any other mistake."""
    monkeypatch.setenv("FORESAIL_PROMETHEUS_HEADERS", "{'X-Token': 'hunter2'}")
    with pytest.raises(
        UsageError, match=r"^FORESAIL_PROMETHEUS_HEADERS: expected JSON; check its quotes$"
    ):
        read_settings()


def test_a_key_inside_a_variable_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands inside a variable is its value, keys too."""
    monkeypatch.setenv("FORESAIL_PROMETHEUS_HEADERS", '{"hunter2": 5}')
    with pytest.raises(UsageError, match=r"^FORESAIL_PROMETHEUS_HEADERS: Input") as raised:
        read_settings()
    assert "hunter2" not in str(raised.value)


def test_all_bad_variables_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever mends one should not meet the next only then."""
    monkeypatch.setenv("S3_TIMEOUT_SECONDS", "0")
    monkeypatch.setenv("FORESAIL_PROMETHEUS_TIMEOUT_SECONDS", "soon")
    with pytest.raises(
        UsageError,
        match=r"S3_TIMEOUT_SECONDS: .*greater than 0; FORESAIL_PROMETHEUS_TIMEOUT_SECONDS: ",
    ):
        read_settings()


def test_a_good_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is the field's name in upper case."""
    monkeypatch.setenv("S3_TIMEOUT_SECONDS", "7")
    assert read_settings().s3_timeout_seconds == 7.0


def test_headers_of_one_cluster_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """As JSON, by the cluster's name; they are secrets like all headers."""
    monkeypatch.setenv(
        "FORESAIL_PROMETHEUS_CLUSTER_HEADERS", '{"prod": {"X-Scope-OrgID": "hunter2"}}'
    )
    found = read_settings().foresail_prometheus_cluster_headers
    assert found["prod"]["X-Scope-OrgID"].get_secret_value() == "hunter2"
    assert "hunter2" not in repr(found)


def test_a_cluster_without_headers_of_its_own_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the variable, without what it held."""
    monkeypatch.setenv("FORESAIL_PROMETHEUS_CLUSTER_HEADERS", '{"prod": "hunter2"}')
    with pytest.raises(
        UsageError, match=r"^FORESAIL_PROMETHEUS_CLUSTER_HEADERS: Input should be a valid dictio"
    ) as raised:
        read_settings()
    assert "hunter2" not in str(raised.value)


def test_a_region_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is what asks for signed requests."""
    monkeypatch.setenv("FORESAIL_PROMETHEUS_AWS_REGION", "eu-central-1")
    assert read_settings().foresail_prometheus_aws_region == "eu-central-1"
