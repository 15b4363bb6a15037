"""From a URI to a store."""

from pathlib import Path

import pytest

from foresail.errors import UsageError
from foresail.objects import open_store
from foresail.objects.uri import parse_s3, read_object
from foresail.settings import Settings

SETTINGS = Settings.model_validate({"s3_endpoint": "http://127.0.0.1:1"})


def test_s3_addresses_are_taken_apart() -> None:
    """Bucket and prefix are separate; slashes at the prefix's ends do not matter."""
    location = parse_s3("s3://mlpipeline/foresail/history/")
    assert (location.bucket, location.prefix) == ("mlpipeline", "foresail/history")
    assert open_store("s3://mlpipeline/foresail/", SETTINGS).uri == "s3://mlpipeline/foresail"


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_a_folder_is_given_as_a_path_or_a_file_uri(tmp_path: Path, form: str) -> None:
    """Both forms open the same folder."""
    uri = form.format(tmp_path / "with space")
    open_store(uri.replace(" ", "%20") if "://" in uri else uri, SETTINGS).put("k", b"v")
    assert (tmp_path / "with space" / "k").read_bytes() == b"v"


def test_one_object_is_read_by_its_whole_address(tmp_path: Path) -> None:
    """`read_object` takes the last part for the key."""
    (tmp_path / "q.yaml").write_bytes(b"{}")
    assert read_object(f"{tmp_path}/q.yaml", SETTINGS) == b"{}"


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("gs://bucket/x", "got a gs:// address"),
        ("", "got an empty text"),
        ("s3://", "names no bucket"),
        ("s3://UPPER/x", "'UPPER' names no bucket"),
        ("file://other/x", "got host 'other'"),
    ],
)
def test_other_addresses_are_usage_errors(uri: str, message: str) -> None:
    """The message says what came."""
    with pytest.raises(UsageError, match=message):
        open_store(uri, SETTINGS)


def test_credentials_in_an_address_are_refused_and_not_repeated() -> None:
    """Neither an s3:// address nor the endpoint may carry a password."""
    with pytest.raises(UsageError, match="credentials do not belong") as caught:
        open_store("s3://key:hunter2@bucket/x", SETTINGS)
    assert "hunter2" not in str(caught.value)
    settings = Settings.model_validate({"s3_endpoint": "http://key:hunter2@127.0.0.1"})
    with pytest.raises(UsageError, match="S3_ENDPOINT holds credentials") as caught:
        open_store("s3://bucket/x", settings)
    assert "hunter2" not in str(caught.value)


def test_s3_wants_an_endpoint() -> None:
    """Without `S3_ENDPOINT` there is no store to guess."""
    with pytest.raises(UsageError, match="needs S3_ENDPOINT"):
        open_store("s3://bucket/x", Settings.model_validate({"s3_endpoint": ""}))
