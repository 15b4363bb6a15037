"""What Foresail asks of an object store."""

from collections.abc import Iterator
from typing import Protocol

from foresail.errors import NotFound


class NoBucket(NotFound):
    """The bucket itself is missing, not only an object in it."""


class ObjectStore(Protocol):
    """Whole objects by key, below one root. Keys use `/` and never start with it.

    Every method raises `Unreachable` when the store does not answer, `AccessDenied` when it refuses
    the credentials, and `NoBucket` when the bucket is missing; each message names the place.
    """

    @property
    def uri(self) -> str:
        """The root as the user wrote it, for messages and manifests. Holds no credentials."""

    def get(self, key: str) -> bytes:
        """Return the whole object.

        Raises:
            NotFound: There is no such object.
        """

    def put(self, key: str, data: bytes) -> None:
        """Write the whole object; a reader sees the old one or the new one, never a part."""

    def exists(self, key: str) -> bool:
        """Say whether the object is there."""

    def delete(self, key: str) -> None:
        """Remove the object; one that is not there is no error."""

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Yield all keys below `prefix`, in order."""
