"""Where MLflow is, and what never travels with it."""

from pathlib import Path

import pytest

from foresail.errors import UsageError
from foresail.registry.address import given_address, parse_address, with_credentials


def test_credentials_are_taken_out_of_a_uri() -> None:
    """The clean URI goes on; user and password are decoded and kept apart."""
    address = parse_address("https://kim:p%40ss@mlflow.example:5000/base/")
    assert address.uri == "https://mlflow.example:5000/base"
    assert (address.username, address.password) == ("kim", "p@ss")
    assert "p@ss" not in repr(address)


def test_a_relative_sqlite_file_becomes_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps that run in other folders then mean the same file."""
    monkeypatch.chdir(tmp_path)
    address = parse_address("sqlite:///.foresail/mlflow.db")
    assert address.uri == f"sqlite:///{tmp_path}/.foresail/mlflow.db"
    assert address.file == tmp_path / ".foresail" / "mlflow.db"


@pytest.mark.parametrize(
    ("uri", "came"),
    [
        ("", "''"),
        ("./mlruns", "'./mlruns'"),
        ("file:///mlruns", r"file://\.\.\."),
        ("postgresql://kim:s3cr3t@db/mlflow", r"postgresql://\.\.\."),
        ("http://", r"http://\.\.\."),
        ("sqlite:///", r"sqlite://\.\.\."),
    ],
)
def test_other_uris_are_refused_without_being_repeated(uri: str, came: str) -> None:
    """What came is named by its scheme only: it may hold a password."""
    with pytest.raises(
        UsageError, match=rf"^expected MLflow's address as .*, got {came}; set MLFLOW_TRACKING_URI$"
    ):
        parse_address(uri)


def test_without_a_parameter_the_environment_says_where() -> None:
    """The environment's URI may hold credentials."""
    assert given_address("", configured="http://kim:x@m") == "http://kim:x@m"
    with pytest.raises(UsageError, match="set MLFLOW_TRACKING_URI"):
        given_address("", configured="")


def test_a_parameter_with_credentials_is_refused() -> None:
    """Kubeflow shows and stores parameters."""
    with pytest.raises(
        UsageError, match=r"^the tracking URI of http://m holds credentials"
    ) as told:
        given_address("http://kim:s3cr3t@m", configured="")
    assert "s3cr3t" not in str(told.value)


def test_a_recorded_uri_gets_its_credentials_from_the_environment() -> None:
    """Only where the environment means the same server."""
    recorded = parse_address("http://m")
    assert with_credentials(recorded, configured="http://kim:x@m/").username == "kim"
    assert with_credentials(recorded, configured="http://kim:x@other") == recorded
    assert with_credentials(recorded, configured="") == recorded
