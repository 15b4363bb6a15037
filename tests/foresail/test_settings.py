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
