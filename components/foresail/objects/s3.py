"""S3 through the `minio` client, which works with any S3: SeaweedFS, MinIO, Ceph, AWS."""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import certifi
import stamina
import urllib3
from minio import Minio
from minio.error import InvalidResponseError, S3Error, ServerError
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError, SSLError

from foresail.errors import AccessDenied, ForesailError, NotFound, Unreachable, UsageError
from foresail.objects.keys import checked_key
from foresail.objects.protocol import NoBucket
from foresail.settings import Settings

if TYPE_CHECKING:
    from foresail.objects.uri import S3Location

CONNECTIONS = 16
"""How many requests one store serves at once; the stagers start as many threads."""

_RETRIES = 2
_PATIENCE = 10
"""Times the timeout of one read that a whole object may take."""
_PIECE_BYTES = 1024 * 1024
_DENIED = {
    "AccessDenied",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "RequestTimeTooSkewed",
}
_BUSY = {"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout"}


class _TooSlow(HTTPError):  # noqa: N818  # never leaves this module
    """A body drips in; asking again would take as long."""


class S3Store:
    """Objects below `s3://bucket/prefix`."""

    def __init__(self, location: "S3Location", *, settings: Settings) -> None:
        self._bucket = location.bucket
        self._prefix = f"{location.prefix}/" if location.prefix else ""
        self._uri = f"s3://{location.bucket}/{location.prefix}".rstrip("/")
        secure, host = _endpoint(settings)
        self._patience = _PATIENCE * settings.s3_timeout_seconds
        self._endpoint = f"{'https' if secure else 'http'}://{host}"
        self._client = Minio(
            host,
            access_key=settings.s3_access_key.get_secret_value() or None,
            secret_key=settings.s3_secret_key.get_secret_value() or None,
            secure=secure,
            region=settings.s3_region,  # given, or the client asks the store for it every time
            http_client=_pool(settings),
        )

    @property
    def uri(self) -> str:
        """The root as the user wrote it."""
        return self._uri

    def get(self, key: str) -> bytes:
        """Return the whole object.

        Raises:
            NotFound: There is no such object.
        """
        name = self._name(key)
        with self._explained(key):
            # the pool retries requests, not bodies that break off
            for attempt in stamina.retry_context(
                on=(ProtocolError, ReadTimeoutError), attempts=_RETRIES + 1, wait_initial=0.2
            ):
                with attempt:
                    response = self._client.get_object(self._bucket, name)
                    try:
                        return self._body(response)
                    finally:
                        response.close()
                        response.release_conn()
        raise AssertionError("a retry loop ends with a value or an error")

    def _body(self, response: urllib3.BaseHTTPResponse) -> bytes:
        """Return a whole body; one that only drips in ends at the deadline."""
        deadline = time.monotonic() + self._patience
        pieces: list[bytes] = []
        for piece in response.stream(_PIECE_BYTES):
            pieces.append(piece)
            if time.monotonic() > deadline:
                raise _TooSlow
        return b"".join(pieces)

    def put(self, key: str, data: bytes) -> None:
        """Write the whole object; S3 shows it only when it is whole."""
        with self._explained(key):
            self._client.put_object(self._bucket, self._name(key), io.BytesIO(data), len(data))

    def exists(self, key: str) -> bool:
        """Say whether the object is there."""
        try:
            with self._explained(key):
                self._client.stat_object(self._bucket, self._name(key))
        except NoBucket:
            raise
        except NotFound:  # the answer to HEAD has no body: a missing bucket may look like this too
            return False
        return True

    def delete(self, key: str) -> None:
        """Remove the object; one that is not there is no error."""
        with self._explained(key):
            self._client.remove_object(self._bucket, self._name(key))

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Yield all keys that start with `prefix`, in order."""
        with self._explained(prefix):
            listing = self._client.list_objects(
                self._bucket, prefix=self._prefix + prefix, recursive=True
            )
            for found in listing:
                yield str(found.object_name).removeprefix(self._prefix)

    def _name(self, key: str) -> str:
        return self._prefix + checked_key(key)

    @contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        """Turn the client's two families of exceptions into ours; none repeats a header or key."""
        where = f"{self._prefix}{key} in bucket {self._bucket}"
        try:
            yield
        except S3Error as error:
            raise self._refusal(error, where) from error
        except SSLError as error:
            raise self._untrusted() from error
        except HTTPError as error:
            if isinstance(getattr(error, "reason", None), SSLError):
                raise self._untrusted() from error
            raise Unreachable(
                f"the object store at {self._endpoint} did not answer for {where}; "
                "check S3_ENDPOINT (scheme, host, port) and that the store is up"
            ) from error
        except (InvalidResponseError, ServerError) as error:
            raise Unreachable(
                f"what answers at {self._endpoint} does not speak S3 (asked for {where}); "
                "check S3_ENDPOINT"
            ) from error

    def _refusal(self, error: S3Error, where: str) -> ForesailError:
        if error.code == "NoSuchBucket":
            return NoBucket(
                f"there is no bucket {self._bucket} at {self._endpoint}; create it first, or "
                "correct the address"
            )
        if error.code == "NoSuchKey":
            return NotFound(f"there is no object {where} at {self._endpoint}")
        if error.code in _DENIED:
            return AccessDenied(
                f"the object store at {self._endpoint} refused the credentials for {where} "
                f"({error.code}); check S3_ACCESS_KEY, S3_SECRET_KEY and the bucket's policy"
            )
        if error.code in _BUSY:
            return Unreachable(
                f"the object store at {self._endpoint} is overloaded ({error.code}, asked for "
                f"{where}); try again later"
            )
        return ForesailError(
            f"the object store at {self._endpoint} answered {error.code} for {where}"
        )

    def _untrusted(self) -> Unreachable:
        return Unreachable(
            f"the TLS certificate of the object store at {self._endpoint} is not trusted; set "
            "S3_CA_FILE to its certificate authority"
        )


def _endpoint(settings: Settings) -> tuple[bool, str]:
    given = settings.s3_endpoint
    if not given:
        raise UsageError("an s3:// address needs S3_ENDPOINT, such as https://minio.example:9000")
    parts = urlsplit(given if "://" in given else f"https://{given}")
    if "@" in parts.netloc:
        raise UsageError(
            "S3_ENDPOINT holds credentials; set S3_ACCESS_KEY and S3_SECRET_KEY in their place"
        )
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/"):
        raise UsageError(f"expected S3_ENDPOINT such as https://minio.example:9000, got {given!r}")
    return parts.scheme == "https", parts.netloc


def _pool(settings: Settings) -> urllib3.PoolManager:
    ca_file = settings.s3_ca_file
    if ca_file is not None and not ca_file.is_file():
        raise UsageError(f"S3_CA_FILE names {ca_file}, but there is no such file")
    return urllib3.PoolManager(
        timeout=urllib3.Timeout(
            connect=settings.s3_timeout_seconds, read=settings.s3_timeout_seconds
        ),
        retries=urllib3.Retry(
            total=_RETRIES, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504)
        ),
        maxsize=CONNECTIONS,
        cert_reqs="CERT_REQUIRED",
        ca_certs=str(ca_file) if ca_file else certifi.where(),
    )
