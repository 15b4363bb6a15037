"""Requests signed for Amazon Managed Service for Prometheus."""

import hashlib
import hmac
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from factories.wire import Asked, Told, matrix, refusal, site

from foresail.errors import AccessDenied, UsageError
from foresail.history.connection import Connection
from foresail.settings import Settings

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # noqa: S105  # from the AWS documentation
SIGNED = Settings(foresail_prometheus_aws_region="eu-central-1")


@pytest.fixture
def _botocore() -> None:
    pytest.importorskip("botocore", reason="needs botocore: pip install 'foresail[aws]'")


@pytest.fixture
def no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide whatever this machine has."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def _credentials(no_credentials: None, monkeypatch: pytest.MonkeyPatch) -> None:
    del no_credentials
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-session")


def signature_of(asked: Asked) -> str:
    """Return what AWS computes for a request: Signature Version 4, by its description."""
    headers = {name.lower(): value.strip() for name, value in asked.headers.items()}
    given = dict(
        part.split("=", 1) for part in headers["authorization"].split(" ", 1)[1].split(", ")
    )
    names = given["SignedHeaders"].split(";")
    canonical = "\n".join(
        [
            asked.method,
            asked.path,
            "&".join(sorted(part for part in urlsplit(asked.target).query.split("&") if part)),
            *(f"{name}:{headers[name]}" for name in names),
            "",
            ";".join(names),
            hashlib.sha256(asked.body).hexdigest(),
        ]
    )
    stamp = headers["x-amz-date"]
    scope = f"{stamp[:8]}/eu-central-1/aps/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{SECRET}".encode()
    for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"):
        signed = hmac.new(key, part.encode(), "sha256")
        key = signed.digest()
    assert given["Credential"] == f"AKIDEXAMPLE/{scope}"
    return signed.hexdigest()


@pytest.mark.usefixtures("_botocore", "_credentials")
@pytest.mark.parametrize(
    "query", ['rate(x{a=~"b+|c d/é"}[5m]) + 1', "x" * 9000], ids=["GET", "POST"]
)
def test_a_signature_is_the_one_that_aws_computes(query: str) -> None:
    """Over spaces, signs and letters of an address, and over the body of a long query."""
    with site(lambda _: Told(matrix())) as server:
        connection = Connection(server.url + "/workspaces/ws-1", settings=SIGNED)
        connection.get("/api/v1/query_range", {"query": query, "step": "300"}, what="p")
        connection.close()
    asked = server.asked[0]
    assert asked.params["query"] == query
    assert asked.headers["Authorization"].endswith(f"Signature={signature_of(asked)}")
    assert asked.headers["X-Amz-Security-Token"] == "a-session"
    assert "host" in asked.headers["Authorization"]


@pytest.mark.usefixtures("_botocore", "_credentials")
def test_a_refused_signature_names_what_to_check() -> None:
    """Not a token that nobody has set."""
    with site(lambda _: Told(refusal("no"), status=403)) as server:
        connection = Connection(server.url, settings=SIGNED)
        with pytest.raises(AccessDenied, match="check the AWS credentials, their policy and FORES"):
            connection.get("/api/v1/query", {"query": "x"}, what="p")
        connection.close()


@pytest.mark.usefixtures("_botocore", "no_credentials")
def test_missing_credentials_are_told_before_anything_is_asked() -> None:
    """With what to set."""
    with pytest.raises(AccessDenied, match="there are no AWS credentials; set AWS_ACCESS_KEY_ID"):
        Connection("http://127.0.0.1:1", settings=SIGNED)


@pytest.mark.usefixtures("_botocore", "no_credentials")
def test_an_unknown_profile_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As AWS clients know it."""
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(
        AccessDenied, match=r"cannot be read \(ProfileNotFound\); check AWS_PROFILE"
    ):
        Connection("http://127.0.0.1:1", settings=SIGNED)


def test_without_botocore_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not installed for those who need no AWS."""
    for name in [module for module in sys.modules if module.partition(".")[0] == "botocore"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "botocore", None)
    with pytest.raises(UsageError, match=r"need botocore; pip install 'foresail\[aws\]'"):
        Connection("http://127.0.0.1:1", settings=SIGNED)
