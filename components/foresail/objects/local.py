"""A folder as an object store, for laptops and tests."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foresail.errors import AccessDenied, ForesailError, NotFound, UsageError
from foresail.objects.keys import checked_key

_UNFINISHED = ".unfinished-"


class LocalStore:
    """Objects are files below one folder; each is written beside its place and renamed into it."""

    def __init__(self, root: Path, *, uri: str = "") -> None:
        self._root = root
        self._uri = uri or str(root)

    @property
    def uri(self) -> str:
        """The folder as the user wrote it."""
        return self._uri

    def get(self, key: str) -> bytes:
        """Return the whole file.

        Raises:
            NotFound: There is no such file.
        """
        path = self._path(key)
        with self._explained(key):
            return path.read_bytes()

    def put(self, key: str, data: bytes) -> None:
        """Write the whole file; a reader sees the old one or the new one, never a part.

        Raises:
            UsageError: The folder is a file, or lies below one.
            AccessDenied: It may not be written to.
        """
        path = self._path(key)
        with self._writing():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=_UNFINISHED, dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())  # else a crash may leave the new name on an empty file
                Path(name).chmod(0o644)  # mkstemp makes it private; other users read a history too
                Path(name).replace(path)
            finally:
                Path(name).unlink(missing_ok=True)

    def exists(self, key: str) -> bool:
        """Say whether the file is there."""
        path = self._path(key)
        with self._explained(key):
            return path.is_file()

    def delete(self, key: str) -> None:
        """Remove the file; one that is not there is no error."""
        path = self._path(key)
        with self._explained(key):
            path.unlink(missing_ok=True)

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Yield all keys that start with `prefix`, in order."""
        found = (
            path.relative_to(self._root).as_posix()
            for path in self._root.rglob("*")
            if not path.name.startswith(_UNFINISHED) and path.is_file()
        )
        yield from sorted(key for key in found if key.startswith(prefix))

    def _path(self, key: str) -> Path:
        root = self._root.resolve()
        path = (root / checked_key(key)).resolve()  # follows links, so that none leads outside
        if not path.is_relative_to(root):
            raise UsageError(f"the key {key!r} leads out of {self._uri}")
        return path

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            kind: type[ForesailError] = ForesailError
            if isinstance(error, FileExistsError | IsADirectoryError | NotADirectoryError):
                kind = UsageError
            elif isinstance(error, PermissionError):
                kind = AccessDenied
            reason = os.strerror(error.errno or errno.EIO)
            raise kind(f"cannot write below {self._uri}: {reason}") from error

    @contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise NotFound(f"there is no file {key} in {self._uri}") from error
        except PermissionError as error:
            raise AccessDenied(
                f"no permission for {key} in {self._uri}; change the folder's owner or mode"
            ) from error
        except OSError as error:
            reason = os.strerror(error.errno or errno.EIO)
            raise ForesailError(f"could not use {key} in {self._uri}: {reason}") from error
