"""Files of a version, from where MLflow keeps them: never more than announced, never for ever."""

import posixpath
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from foresail.errors import BadBundle, Unreachable
from foresail.registry.address import Address

if TYPE_CHECKING:
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

_BLOCK = 1 << 16
_SLOWEST = 250_000
"""Bytes a second; a transfer that is slower for minutes is not coming."""
_FOUND = 200


@dataclass(frozen=True, slots=True)
class Source:
    """A folder of artifacts.

    Attributes:
        address: MLflow.
        repository: MLflow's own access to the folder.
        seconds: How long a small file may take; a large one has longer.
    """

    address: Address
    repository: "ArtifactRepository"
    seconds: float

    @staticmethod
    def at(uri: str, *, address: Address, seconds: float) -> "Source":
        """Find the folder.

        Raises:
            BadBundle: A server's version lies on another host, which would get our credentials,
                or on this machine.
        """
        from mlflow.store.artifact.artifact_repository_registry import (  # noqa: PLC0415  # slow
            get_artifact_repository,
        )

        repository = get_artifact_repository(uri, tracking_uri=address.uri)
        while hasattr(repository, "repo"):  # models:/ and runs:/ stand for another
            repository = repository.repo
        if address.file is None:
            _check_place(str(repository.artifact_uri), address)
        return Source(address, repository, seconds)

    def sizes(self, folder: str) -> dict[str, int | None]:
        """Return the files of a folder, by name, each with its size where that is known."""
        listed = self.repository.list_artifacts(folder or None)
        return {f.path.rpartition("/")[2]: f.file_size for f in listed if not f.is_dir}

    def take(self, file: str, target: Path, *, limit: int) -> None:
        """Bring one file to `target`, a folder.

        Args:
            file: Its path below the source.
            target: Where it shall lie, at the same path.
            limit: Bytes that it may have.

        Raises:
            BadBundle: It has more.
            Unreachable: It did not come, or not in time.
            OSError: It cannot be written.
        """
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        if urlsplit(str(self.repository.artifact_uri)).scheme in {"http", "https"}:
            self._stream(file, target / file, limit)
        else:  # a folder of this machine, or a store that has no server of MLflow's before it
            self.repository.download_artifacts(file, str(target))

    def _stream(self, file: str, path: Path, limit: int) -> None:
        """Download through MLflow's server; its own client waits for as long as bytes drip in."""
        import requests  # noqa: PLC0415  # comes with mlflow
        from mlflow.utils.credentials import get_default_host_creds  # noqa: PLC0415  # slow
        from mlflow.utils.rest_utils import http_request  # noqa: PLC0415  # as above
        from urllib3.exceptions import HTTPError  # noqa: PLC0415  # comes with mlflow

        late = time.monotonic() + self.seconds + limit / _SLOWEST
        with http_request(
            get_default_host_creds(self.repository.artifact_uri),
            posixpath.join("/", file),
            "GET",
            # what is announced and counted are then the bytes of the file
            extra_headers={"Accept-Encoding": "identity"},
            stream=True,
        ) as response:
            if response.status_code != _FOUND:
                raise requests.HTTPError(response=response)
            left = limit
            with path.open("wb") as out:
                try:
                    while block := response.raw.read1(_BLOCK, decode_content=False):
                        left -= len(block)
                        if left < 0:
                            raise BadBundle(f"{file} has more than {limit} bytes", check="size")
                        if time.monotonic() > late:
                            raise Unreachable(
                                f"MLflow at {self.address.uri} is too slow: {file} did not come "
                                f"within {self.seconds + limit / _SLOWEST:.0f} s"
                            )
                        out.write(block)
                except HTTPError as error:
                    raise Unreachable(
                        f"the transfer of {file} from MLflow at {self.address.uri} broke off"
                    ) from error


def _check_place(uri: str, address: Address) -> None:
    """Refuse what a version's own record may name and a reader must not follow."""
    there, here = urlsplit(uri), urlsplit(address.uri)
    if there.scheme in {"http", "https"}:
        if (there.scheme, there.netloc) == (here.scheme, here.netloc):
            return
        raise BadBundle(
            f"the version's files lie at {there.scheme}://{there.netloc.rpartition('@')[2]}, "
            f"expected them at {here.scheme}://{here.netloc}",
            check="path",
        )
    if there.scheme in {"", "file"}:
        raise BadBundle(
            "the version's files lie in a folder of some machine; start MLflow with "
            "--serve-artifacts, which is its default",
            check="path",
        )
