"""The folder between sync and the server.

    current.json                the version of each model that is served, and its challenger's;
                                replaced, never edited
    v/<model>/<version>/        one verified bundle; never changed once it stands there. A name
                                that starts with a dot is a download that is under way
    sync.json                   what sync has tried, for /health and /metrics

Names of models and versions come from the registry, so each is held to a plain pattern before it
becomes part of a path.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from foresail.bundle.schema import MANIFEST, SERVED
from foresail.errors import BadBundle

CURRENT, SYNC, VERSIONS = "current.json", "sync.json", "v"
_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$"
_PLAIN = re.compile(_NAME)

Stat = tuple[int, int, int] | None
"""What changes with a file: inode, time of change, size; None where there is none."""

SafeName = Annotated[str, StringConstraints(pattern=_NAME)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Current(_Frozen):
    """`current.json`.

    Attributes:
        models: Model -> the version that is served.
        challengers: Model -> the version that may follow it, where there is one.
        previous: Model -> the version that was served before, whose files are kept: a server that
            starts, and finds the present one's damaged, has something to serve.
    """

    models: Mapping[SafeName, SafeName] = Field(default_factory=dict)
    challengers: Mapping[SafeName, SafeName] = Field(default_factory=dict)
    previous: Mapping[SafeName, SafeName] = Field(default_factory=dict)

    @property
    def wanted(self) -> Mapping[str, tuple[str, str]]:
        """Return what each is counted and told as -> (model, version)."""
        return {name: (name, version) for name, version in self.models.items()} | {
            challenger_of(name): (name, version) for name, version in self.challengers.items()
        }


class SyncCount(_Frozen):
    """How often one thing went wrong for one model, or its challenger, since sync started."""

    model: str
    reason: str
    count: int


class SyncState(_Frozen):
    """`sync.json`.

    Attributes:
        last_attempt: When sync last looked.
        seconds: Time between two looks.
        last_success: When every champion was last as the registry has it, or None.
        refused: Bundles that were fetched and not accepted, by reason.
        failures: Attempts that did not get that far, by reason.
        messages: The latest trouble of each model, or its challenger, as a sentence.
    """

    last_attempt: AwareDatetime
    seconds: float
    last_success: AwareDatetime | None = None
    refused: tuple[SyncCount, ...] = ()
    failures: tuple[SyncCount, ...] = ()
    messages: Mapping[str, str] = Field(default_factory=dict)


def challenger_of(model: str) -> str:
    """Return what a model's challenger is counted and told as; no model is called like that."""
    return f"{model} (challenger)"


def version_folder(cache: Path, model: str, version: str) -> Path:
    """Return the folder of one version.

    Raises:
        BadBundle: A name is not a plain one, so it will not become part of a path.
    """
    for name in (model, version):
        if not _PLAIN.fullmatch(name):
            raise BadBundle(f"{name!r} is no plain name of a model or version", check="path")
    return cache / VERSIONS / model / version


def stat_of(path: Path) -> Stat:
    """Return what tells whether a file or folder has changed."""
    try:
        stat = os.stat(path)  # noqa: PTH116  # polled: no second Path object each time
    except OSError:
        return None
    # the time of change, not of modification: it also tells a chmod
    return stat.st_ino, stat.st_ctime_ns, stat.st_size


def stats_of(folder: Path) -> tuple[Stat, ...]:
    """Return the same of a version's folder and of each file that is served from it."""
    return tuple(stat_of(folder / file) for file in ("", MANIFEST, *SERVED))


def read_current(cache: Path) -> Current:
    """Return what is to be served; nothing where sync has not run yet.

    Raises:
        BadBundle: The file is not what sync writes.
    """
    try:
        return Current.model_validate_json((cache / CURRENT).read_bytes())
    except FileNotFoundError:
        return Current()
    except (OSError, ValidationError) as error:
        raise BadBundle(
            f"{CURRENT} is not readable as model -> version", check="current"
        ) from error


def read_sync_state(cache: Path) -> SyncState | None:
    """Return what sync last wrote about itself, or None where there is nothing to read."""
    try:
        return SyncState.model_validate_json((cache / SYNC).read_bytes())
    except (OSError, ValidationError):
        return None


def replace_json(path: Path, value: BaseModel) -> None:
    """Put a new file in the old one's place, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(value.model_dump_json(indent=1))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)  # what a full disk has left of it
    fsync_folder(path.parent)


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder last through a crash."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
