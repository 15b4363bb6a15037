"""The write side: register a bundle, move the alias `champion`, move it back."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from foresail.errors import ForesailError, NotFound
from foresail.registry import names
from foresail.registry.client import RegistryClient, VersionInfo
from foresail.registry.publish import Publisher, Upload
from foresail.registry.records import RegisteredModel


@dataclass(frozen=True, slots=True)
class Move:
    """What became of the alias `champion`.

    Attributes:
        name: Registered model.
        version: The version that was to become champion.
        promoted: Whether it is champion now.
        champion: The champion now.
        reason: One sentence for people.
    """

    name: str
    version: str
    promoted: bool
    champion: str | None
    reason: str


class Registry(RegistryClient):
    """MLflow's model registry, read and written."""

    def register(
        self,
        bundle_folder: Path,
        *,
        experiment: str,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> RegisteredModel:
        """Register a bundle as a new version with the alias `challenger`.

        The same bundle (equal manifest) is registered once: asked again, its version is returned
        and nothing is logged.

        Args:
            bundle_folder: A whole bundle; verified before anything is sent.
            experiment: Name of the MLflow experiment; created if missing.
            metrics: More figures for the run, beside those that the bundle itself tells.
            tags: More tags for the version and its run.

        Raises:
            BadBundle: The folder fails its checks; nothing is sent.
            Unreachable: MLflow does not answer.
            AccessDenied: It refuses the credentials.
        """
        upload = Upload.read(bundle_folder, metrics=metrics or {}, tags=tags or {})
        client = self._client(create=True)
        with self._asking(f"model {upload.name}"):
            Publisher(client, self._address).ensure_model(upload)
        version = self._known(upload)
        if version is None:
            with self._asking(f"registration of {upload.name}"):
                created = Publisher(client, self._address).publish(upload, experiment=experiment)
            version = self._first(upload, created)
        with self._asking(f"version {version} of {upload.name}"):
            client.set_registered_model_alias(upload.name, names.CHALLENGER, version)
        return RegisteredModel(metric=upload.metric, name=upload.name, version=version)

    def shadow(self, name: str, version: str) -> None:
        """Give a version the alias `shadow`, which no server follows unless it is told to.

        Raises:
            NotFound: There is no such version.
        """
        with self._asking(f"version {version} of {name}") as client:
            client.set_registered_model_alias(name, names.SHADOW, version)

    def promote(self, name: str, version: str, *, insist: bool = False) -> Move:
        """Make a version champion, unless a newer one already is or has been.

        A version that was rolled back stays where it is, unless a person insists.

        MLflow moves an alias without comparing. So every promoter marks its version first, moves
        the alias, and looks again: whoever finds a newer marked version gives the alias to that
        one and reports that it has lost. The newest wins, in whatever order they run.

        Args:
            name: Registered model.
            version: Its number.
            insist: Whether a person asks, and not a pipeline.

        Raises:
            NotFound: There is no such version.
        """
        candidate = self.version(name, version)
        champion = self.version_of(name, names.CHAMPION)
        if champion == version:
            reason = f"version {version} is champion already"
            return Move(name, version, promoted=True, champion=version, reason=reason)
        if candidate.held_back and not insist:
            return Move(
                name, version, promoted=False, champion=champion, reason=candidate.held_back
            )
        newer = self._newer(candidate, champion)
        if newer is not None:
            reason = f"{_age(newer)} is newer than {_age(candidate)}; roll it back first"
            return Move(name, version, promoted=False, champion=champion, reason=reason)
        self._tag(candidate, names.PREVIOUS_CHAMPION, champion or names.NOBODY)
        for mark in (names.ROLLBACK, names.ROLLED_BACK, names.ROLLBACK_REASON):
            if mark in candidate.tags:
                self._untag(candidate, mark)
        self._move(name, version)
        return self._look_again(candidate, before=champion)

    def rollback(self, name: str, *, reason: str = "") -> Move:
        """Give the alias `champion` back to the version that had it before.

        Both are marked before the alias moves: whoever promotes at the same moment sees it.

        Args:
            name: Registered model.
            reason: Why, kept with the version that is moved away from until it is promoted again;
                whatever holds that version back tells it.

        Raises:
            NotFound: The model has no champion, or none before it.
        """
        champion = self.version_of(name, names.CHAMPION)
        if champion is None:
            raise NotFound(f"{name} has no champion, so there is nothing to roll back")
        demoted = self.version(name, champion)
        previous = demoted.tags.get(names.PREVIOUS_CHAMPION, names.NOBODY)
        if previous == names.NOBODY:
            raise NotFound(
                f"no champion is recorded before version {champion} of {name}; "
                "promote a newer version instead"
            )
        restored = self.version(name, previous)
        self._tag(restored, names.ROLLBACK, "true")
        told = " ".join(reason.split())
        if told:
            self._tag(demoted, names.ROLLBACK_REASON, told)
        elif names.ROLLBACK_REASON in demoted.tags:  # left by a hand that moved only the alias
            self._untag(demoted, names.ROLLBACK_REASON)
        self._tag(demoted, names.ROLLED_BACK, "true")
        self._move(name, previous)
        self._untag(demoted, names.PREVIOUS_CHAMPION)
        moved = f"rolled back from {_age(demoted)} to {_age(restored)}"
        return Move(name, previous, promoted=True, champion=previous, reason=moved)

    def models(self) -> tuple[VersionInfo, ...]:
        """Return every version of every model of Foresail: by name, newest first."""
        with self._asking("list of models") as client:
            found: list[str] = []
            token: str | None = None
            while True:
                page = client.search_registered_models(
                    "name LIKE 'foresail-%'", max_results=100, page_token=token
                )
                found += [model.name for model in page]
                token = page.token
                if not token:
                    break
        chosen = sorted(name for name in found if names.is_model_name(name))
        return tuple(version for name in chosen for version in self.versions(name))

    def _known(self, upload: Upload) -> str | None:
        """Return the lowest version that holds this very bundle."""
        with self._asking(f"versions of {upload.name}") as client:
            found = client.search_model_versions(
                f"name='{upload.name}' and tags.`{names.MANIFEST_SHA256}`='{upload.sha256}'"
            )
        return str(min(int(v.version) for v in found)) if found else None

    def _first(self, upload: Upload, created: str) -> str:
        """Return the lowest version of the bundle, after removing ours if another came first."""
        first = self._known(upload)
        if first is None or first == created:
            return created
        with self._asking(f"version {created} of {upload.name}") as client:
            client.delete_model_version(upload.name, created)
        return first

    def _newer(self, candidate: VersionInfo, champion: str | None) -> VersionInfo | None:
        """Return the newest version that is or was champion and is newer than the candidate."""
        promoted = [
            version
            for version in self.versions(candidate.name)
            if version.version == champion or names.PREVIOUS_CHAMPION in version.tags
        ]
        newer = [v for v in promoted if v.trained_until > candidate.trained_until]
        return max(newer, key=lambda v: (v.trained_until, int(v.version)), default=None)

    def _look_again(self, candidate: VersionInfo, *, before: str | None) -> Move:
        name, version = candidate.name, candidate.version
        newer = self._newer(candidate, None)
        if newer is not None:
            self._move(name, newer.version)
            reason = f"{_age(newer)} was promoted at the same time and is newer"
            return Move(name, version, promoted=False, champion=newer.version, reason=reason)
        now = self.version_of(name, names.CHAMPION)
        if now != version and now is not None:
            reason = self.version(name, version).held_back
            if reason:
                return Move(name, version, promoted=False, champion=now, reason=reason)
            rival = self.version(name, now)
            if rival.trained_until >= candidate.trained_until:
                reason = f"{_age(rival)} was promoted at the same time"
                return Move(name, version, promoted=False, champion=now, reason=reason)
            self._move(name, version)
        came = f"version {before}" if before else "no champion"
        reason = f"{_age(candidate)} follows {came}"
        return Move(name, version, promoted=True, champion=version, reason=reason)

    def _move(self, name: str, version: str) -> None:
        with self._asking(f"version {version} of {name}") as client:
            client.set_registered_model_alias(name, names.CHAMPION, version)

    def _tag(self, version: VersionInfo, tag: str, value: str) -> None:
        with self._asking(f"version {version.version} of {version.name}") as client:
            client.set_model_version_tag(version.name, version.version, tag, value)

    def _untag(self, version: VersionInfo, tag: str) -> None:
        with self._asking(f"version {version.version} of {version.name}") as client:
            client.delete_model_version_tag(version.name, version.version, tag)


def checked(move: Move) -> Move:
    """Return a move that was made.

    Raises:
        ForesailError: It was not.
    """
    if not move.promoted:
        raise ForesailError(f"{move.name} {move.version} was not promoted: {move.reason}")
    return move


def _age(version: VersionInfo) -> str:
    return f"version {version.version} (trained until {version.trained_until or 'unknown'})"
