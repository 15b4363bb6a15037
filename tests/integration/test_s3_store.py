"""The S3 store against a real RADOS Gateway."""

import time
from collections.abc import Callable

import pytest
from servers.base import free_port
from servers.rgw import S3Server

from foresail.errors import AccessDenied, NotFound, Unreachable
from foresail.objects import open_store
from foresail.objects.protocol import NoBucket
from foresail.settings import Settings

pytestmark = pytest.mark.integration


def test_objects_come_back_and_are_listed(rgw: S3Server, new_bucket: Callable[[], str]) -> None:
    """Put, get, exists and keys work below the prefix only."""
    bucket = new_bucket()
    store = open_store(f"s3://{bucket}/some/prefix", rgw.settings())
    for key in ("b/2", "a/1"):
        store.put(key, key.encode())
    assert store.get("a/1") == b"a/1"
    assert store.exists("b/2")
    assert not store.exists("b/3")
    assert list(store.keys()) == ["a/1", "b/2"]
    assert list(open_store(f"s3://{bucket}", rgw.settings()).keys("some/prefix/b")) == [
        "some/prefix/b/2"
    ]


def test_a_missing_object_is_named(rgw: S3Server, new_bucket: Callable[[], str]) -> None:
    """The message names bucket and key."""
    bucket = new_bucket()
    with pytest.raises(NotFound, match=f"there is no object p/k in bucket {bucket}"):
        open_store(f"s3://{bucket}/p", rgw.settings()).get("k")


def test_a_missing_bucket_is_named(rgw: S3Server) -> None:
    """A missing bucket is told apart from a missing object, on reading and on writing."""
    store = open_store("s3://never-made/p", rgw.settings())
    with pytest.raises(NoBucket, match="there is no bucket never-made"):
        store.get("k")
    with pytest.raises(NoBucket, match="there is no bucket never-made"):
        store.put("k", b"v")


def test_wrong_credentials_are_refused_and_not_repeated(
    rgw: S3Server, new_bucket: Callable[[], str]
) -> None:
    """The message names the settings to check, never their values."""
    settings = rgw.settings().model_copy(
        update={"s3_secret_key": type(rgw.settings().s3_secret_key)("wrong-hunter2")}
    )
    with pytest.raises(AccessDenied, match="check S3_ACCESS_KEY, S3_SECRET_KEY") as caught:
        open_store(f"s3://{new_bucket()}/p", settings).get("k")
    assert "hunter2" not in str(caught.value)
    assert rgw.access_key not in str(caught.value)


def test_a_store_that_is_down_is_unreachable_soon() -> None:
    """Nobody listens: few retries, one clear error."""
    settings = Settings.model_validate(
        {
            "s3_endpoint": f"http://127.0.0.1:{free_port()}",
            "s3_access_key": "a",
            "s3_secret_key": "b",
            "s3_timeout_seconds": 1,
        }
    )
    began = time.monotonic()
    with pytest.raises(Unreachable, match="did not answer for p/k in bucket mlpipeline"):
        open_store("s3://mlpipeline/p", settings).get("k")
    assert time.monotonic() - began < 10
