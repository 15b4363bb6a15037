"""A registry without a server, for whoever only reads one."""

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from factories import bundles
from foresail.bundle import Bundle
from foresail.bundle.schema import MANIFEST
from foresail.errors import BadBundle, ForesailError


@dataclass
class FolderRegistry:
    """A registry in a folder: `<root>/<model>/<version>/` are bundles, aliases stand in memory."""

    root: Path
    named: dict[str, dict[str, str]] = field(default_factory=dict)
    tagged: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    down: ForesailError | None = None
    fetched: list[tuple[str, str]] = field(default_factory=list)

    def aliases(self, name: str) -> Mapping[str, str]:
        """Return what the aliases name, unless the registry is down."""
        if self.down:
            raise self.down
        return dict(self.named.get(name, {}))

    def tags(self, name: str, version: str) -> Mapping[str, str]:
        """Return the tags of a version."""
        return self.tagged.get((name, version), {})

    def fetch(
        self, name: str, version: str, folder: Path, *, files: Collection[str] | None = None
    ) -> Path:
        """Copy, verify, rename; a copy that stands there and is sound is kept."""
        try:
            Bundle.open(folder)
        except BadBundle:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            return folder
        self.fetched.append((name, version))
        fresh = folder.parent / f".{folder.name}-part"
        fresh.mkdir(parents=True)
        try:
            for file in (MANIFEST, *(files or ())):
                shutil.copy(self.root / name / version / file, fresh / file)
            Bundle.open(fresh)
            fresh.rename(folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return folder

    def add(self, version: str, *, hours: int = 0, name: str = "foresail-cpu") -> Path:
        """Add a version trained so many hours after the first."""
        folder = self.root / name / version
        bundles.write(
            folder,
            metric=name.removeprefix("foresail-"),
            trained_until=bundles.TRAINED_UNTIL + timedelta(hours=hours),
        )
        return folder

    def promote(self, version: str, *, name: str = "foresail-cpu", alias: str = "champion") -> None:
        """Make a version champion."""
        self.named.setdefault(name, {})[alias] = version
