"""The read side: which version is champion, and its verified files. Needs mlflow-skinny only."""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from foresail.bundle import Bundle, Manifest
from foresail.bundle.reader import read_manifest, verify_file
from foresail.bundle.schema import MANIFEST, SERVED
from foresail.errors import BadBundle, NotFound
from foresail.registry import names
from foresail.registry.address import parse_address
from foresail.registry.connection import connect, patience, prepare_environment, refresh_token
from foresail.registry.transfer import Source
from foresail.registry.translate import translated

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

_MANIFEST_LIMIT = 64 << 20


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """One registered version.

    Attributes:
        name: Registered model.
        version: Number, as text.
        tags: As in `foresail.registry.names`.
        aliases: `champion`, `challenger`, or none; those of the model at the same moment.
        created: When it was registered.
    """

    name: str
    version: str
    tags: Mapping[str, str]
    aliases: tuple[str, ...]
    created: datetime

    @property
    def trained_until(self) -> str:
        """Return the first hour of its forecast as ISO text in UTC, which sorts by time."""
        return self.tags.get(names.TRAINED_UNTIL, "")

    @property
    def is_rollback(self) -> bool:
        """Say whether it was rolled back to: a reader takes it although it is older."""
        return self.tags.get(names.ROLLBACK) == "true"

    @property
    def held_back(self) -> str:
        """Return why no pipeline may make it champion, as a sentence, or nothing."""
        if self.tags.get(names.ROLLED_BACK) != "true":
            return ""
        reason = self.tags.get(names.ROLLBACK_REASON, "")
        why = f"rolled back: {reason}" if reason else "rolled back by hand"
        return (
            f"version {self.version} was {why}; "
            f"`foresail registry promote {self.name} {self.version}` to insist"
        )


class RegistryClient:
    """Reads MLflow's model registry. Makes no connection before it is asked something.

    Args:
        tracking_uri: MLflow.
        timeout_seconds: For each question.
        transfer_seconds: How long a small file may take; a large one has longer.
    """

    def __init__(
        self, tracking_uri: str, *, timeout_seconds: float = 5, transfer_seconds: float = 60
    ) -> None:
        self._address = parse_address(tracking_uri)
        self._timeout_seconds = timeout_seconds
        self._transfer_seconds = transfer_seconds
        self._connected: MlflowClient | None = None

    @property
    def tracking_uri(self) -> str:
        """Return where, without credentials."""
        return self._address.uri

    def version_of(self, name: str, alias: str) -> str | None:
        """Return the version that an alias names, or None without such an alias or model.

        Raises:
            Unreachable: MLflow does not answer.
            AccessDenied: It refuses the credentials.
        """
        return self.aliases(name).get(alias)

    def aliases(self, name: str) -> Mapping[str, str]:
        """Return alias -> version as of one moment; nothing where there is no such model.

        Raises:
            Unreachable: MLflow does not answer.
            AccessDenied: It refuses the credentials.
        """
        try:
            return self._aliases(name)
        except NotFound:
            return {}

    def version(self, name: str, version: str) -> VersionInfo:
        """Return what is known of one version.

        Raises:
            NotFound: There is no such version.
        """
        with self._asking(f"version {version} of {name}") as client:
            found = client.get_model_version(name, version)
        return _info(found, self._aliases(name))

    def tags(self, name: str, version: str) -> Mapping[str, str]:
        """Return the tags of one version.

        Raises:
            NotFound: There is no such version.
        """
        return self.version(name, version).tags

    def versions(self, name: str) -> tuple[VersionInfo, ...]:
        """Return all versions of a model, newest first.

        Raises:
            NotFound: There is no such model.
        """
        aliases = self._aliases(name)
        found: list[VersionInfo] = []
        token: str | None = None
        while True:
            with self._asking(f"versions of {name}") as client:
                page = client.search_model_versions(
                    f"name='{name}'", max_results=1000, page_token=token
                )
            found += [_info(v, aliases) for v in page]
            token = page.token
            if not token:
                return tuple(sorted(found, key=lambda v: -int(v.version)))

    def fetch(
        self, name: str, version: str, folder: Path, *, files: Collection[str] | None = SERVED
    ) -> Path:
        """Bring a version's bundle to `folder`, whole and verified, or not at all.

        The files arrive in a temporary folder beside it, are held to the manifest and to the
        sha256 that was registered, and the folder is renamed. Nothing of them is ever executed
        or unpickled. A folder that already holds the bundle is kept; one that fails its checks
        gives way to what is fetched, once that is sound.

        Args:
            name: Registered model.
            version: Its number.
            folder: Where the bundle shall be; its parent is created.
            files: Files of the bundle beside the manifest; None means all of them.

        Returns:
            `folder`.

        Raises:
            NotFound: There is no such version.
            BadBundle: It holds no bundle, or one that fails its checks.
            Unreachable: MLflow does not answer, or the transfer broke off.
            OSError: It cannot be written.
        """
        info = self.version(name, version)
        if _holds(folder, files, info):
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            self._download(info, fresh, files)
            _verify(fresh, files, info)
            _settle(fresh)
            _replace(folder, fresh)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return folder

    def _download(self, info: VersionInfo, fresh: Path, files: Collection[str] | None) -> None:
        path = names.safe_bundle_path(_tag(info, names.BUNDLE_PATH))
        what = f"version {info.version} of {info.name}"
        with self._asking(what) as client, patience(int(self._transfer_seconds)):
            root = client.get_model_version_download_uri(info.name, info.version).rstrip("/")
            source = Source.at(
                f"{root}/{path}", address=self._address, seconds=self._transfer_seconds
            )
            there = {"": source.sizes("")}
            self._take(source, MANIFEST, fresh, there=there, size=None)
            manifest = read_manifest(fresh)
            wanted = tuple(manifest.files if files is None else files)
            _check_room(fresh, sum(_size(manifest, file) for file in wanted))
            for file in wanted:
                self._take(source, file, fresh, there=there, size=_size(manifest, file))

    def _take(
        self,
        source: Source,
        file: str,
        fresh: Path,
        *,
        there: dict[str, dict[str, int | None]],
        size: int | None,
    ) -> None:
        """Download one file; refused unread where the server announces another size."""
        folder, _, base = file.rpartition("/")
        if folder not in there:
            there[folder] = source.sizes(folder)
        if base not in there[folder]:
            raise BadBundle(f"the version's artifacts lack {file}", check="missing")
        announced = there[folder][base]
        if size is not None and announced not in {None, size}:
            raise BadBundle(f"{file} has {announced} bytes, expected {size}", check="size")
        limit = _MANIFEST_LIMIT if announced is None else announced
        if limit > _MANIFEST_LIMIT and size is None:
            raise BadBundle(
                f"{file} has {limit} bytes, expected {_MANIFEST_LIMIT} at most", check="size"
            )
        limit = limit if size is None else size
        with self._asking(f"file {file}"):
            source.take(file, fresh, limit=limit)

    def _aliases(self, name: str) -> dict[str, str]:
        with self._asking(f"model {name}") as client:
            aliases = client.get_registered_model(name).aliases
        return {alias: str(version) for alias, version in aliases.items()}

    def _client(self, *, create: bool = False) -> "MlflowClient":
        if self._connected is None:
            prepare_environment(self._address, timeout_seconds=self._timeout_seconds)
            with translated(self._address, what="database"):
                self._connected = connect(self._address, create=create)
        return self._connected

    @contextmanager
    def _asking(self, what: str) -> "Iterator[MlflowClient]":
        """Within this, MLflow's exceptions are Foresail's."""
        client = self._client()
        refresh_token()
        with translated(self._address, what=what):
            yield client


def _info(found: "ModelVersion", aliases: Mapping[str, str]) -> VersionInfo:
    version = str(found.version)
    return VersionInfo(
        name=found.name,
        version=version,
        tags=dict(found.tags),
        aliases=tuple(sorted(a for a, v in aliases.items() if v == version)),
        created=datetime.fromtimestamp(found.creation_timestamp / 1000, tz=UTC),
    )


def _tag(info: VersionInfo, tag: str) -> str:
    try:
        return info.tags[tag]
    except KeyError:
        raise BadBundle(
            f"version {info.version} of {info.name} has no tag {tag}: Foresail did not register it",
            check="missing",
        ) from None


def _check_room(folder: Path, needed: int) -> None:
    """Refuse before the disk is full, which others may write to as well.

    Raises:
        OSError: There is less room.
    """
    if shutil.disk_usage(folder).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _size(manifest: Manifest, file: str) -> int:
    if file not in manifest.files:
        raise BadBundle(f"the bundle has no file {file}", check="missing")
    return manifest.files[file].size


def _verify(folder: Path, files: Collection[str] | None, info: VersionInfo) -> None:
    """Hold a folder to the registered sha256, its manifest, and the reader's checks."""
    try:
        digest = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    except OSError as error:
        raise BadBundle(f"{folder} has no {MANIFEST}", check="manifest") from error
    if digest != _tag(info, names.MANIFEST_SHA256):
        raise BadBundle(
            f"{folder.name}: {MANIFEST} is not the one that was registered (sha256)", check="sha256"
        )
    manifest = read_manifest(folder)
    wanted = set(manifest.files if files is None else files)
    for file in sorted(wanted):
        _size(manifest, file)
        verify_file(folder, file, manifest)
    if wanted.issuperset(SERVED):
        Bundle.open(folder)


def _holds(folder: Path, files: Collection[str] | None, info: VersionInfo) -> bool:
    try:
        _verify(folder, files, info)
    except (BadBundle, OSError):
        return False
    return True


def _replace(folder: Path, fresh: Path) -> None:
    """Rename `fresh` to `folder`; what stands there is moved out of the way and removed."""
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
    try:
        if folder.exists():
            folder.rename(old / folder.name)
        fresh.rename(folder)
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _settle(folder: Path) -> None:
    """Make a folder readable for the server's user, and durable before its rename.

    Nobody writes its files again: a mapped file that is cut short kills whoever reads it.
    """
    folder.chmod(0o755)  # mkdtemp gives 0700; the server may be another user
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            path.chmod(0o444)
            with path.open("rb") as file:
                os.fsync(file.fileno())
