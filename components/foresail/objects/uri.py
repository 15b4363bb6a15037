"""From a URI, as a user writes it, to a store."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from foresail.errors import UsageError
from foresail.objects.local import LocalStore
from foresail.objects.protocol import ObjectStore
from foresail.settings import Settings

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://")


@dataclass(frozen=True, slots=True)
class S3Location:
    """`s3://bucket/prefix` taken apart; the prefix has no slash at either end."""

    bucket: str
    prefix: str


def open_store(uri: str, settings: Settings) -> ObjectStore:
    """Return the store behind `s3://bucket/prefix`, `file:///folder` or a plain folder path.

    Nothing is contacted yet.

    Raises:
        UsageError: The URI is of another kind, or S3 is asked for without `S3_ENDPOINT`.
    """
    scheme = _SCHEME.match(uri)
    if scheme is None:
        if not uri:
            raise UsageError("expected a folder or s3://bucket/prefix, got an empty text")
        return LocalStore(Path(uri), uri=uri)
    if scheme[1] == "s3":
        from foresail.objects.s3 import S3Store  # noqa: PLC0415  # a folder needs no minio client

        return S3Store(parse_s3(uri), settings=settings)
    if scheme[1] == "file":
        return LocalStore(_file_path(uri), uri=uri)
    raise UsageError(
        f"expected a folder, file:///folder or s3://bucket/prefix, got a {scheme[1]}:// address"
    )


def read_object(uri: str, settings: Settings) -> bytes:
    """Return one whole object: `s3://bucket/key`, `file:///path` or a plain path.

    Raises:
        UsageError: The URI names no object.
        NotFound: It is not there.
    """
    folder, slash, name = uri.rpartition("/")
    if not name:
        raise UsageError(f"expected the address of one file, got {uri!r}")
    if not slash:
        return open_store(".", settings).get(name)
    return open_store(folder or "/", settings).get(name)


def parse_s3(uri: str) -> S3Location:
    """Take `s3://bucket/prefix` apart.

    Raises:
        UsageError: It is no such address, or it carries credentials.
    """
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    if "@" in bucket:
        raise UsageError(
            "credentials do not belong into an s3:// address; set S3_ACCESS_KEY and S3_SECRET_KEY"
        )
    if not _BUCKET.fullmatch(bucket):
        raise UsageError(f"expected s3://bucket/prefix, got {uri!r}: {bucket!r} names no bucket")
    return S3Location(bucket, prefix.strip("/"))


def _file_path(uri: str) -> Path:
    parts = urlsplit(uri)
    if parts.netloc not in {"", "localhost"}:
        raise UsageError(f"expected file:///folder on this machine, got host {parts.netloc!r}")
    return Path(unquote(parts.path))
