"""Complete a bundle where clusters did not answer: their series go on from the champion's."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from foresail.bundle import Bundle
from foresail.bundle.carry import Carried, carry, complete
from foresail.errors import AccessDenied, BadBundle, BadInput, NotFound, Unreachable
from foresail.registry.client import RegistryClient
from foresail.registry.names import CHAMPION, model_name
from foresail.registry.publish import Upload
from foresail.times import isoformat


@dataclass(frozen=True, slots=True)
class Completion:
    """A bundle that is ready to be registered.

    Attributes:
        folder: Where it is: the one that was given, or a completed copy.
        carried: How many of its series are carried over.
        told: What became of the series of the silent clusters, in one sentence.
    """

    folder: Path
    carried: int
    told: str


def completed(
    registry: RegistryClient, folder: Path, *, silent: Collection[str], scratch: Path
) -> Completion:
    """Return a bundle with the champion's series of the clusters that did not answer.

    Without a champion, or where it cannot be fetched or does not fit, the bundle is returned as it
    is, and the sentence says why: whether it may become champion is for the gate to say.

    Args:
        registry: Where the champion is.
        folder: A whole bundle; it is not changed.
        silent: Clusters; one at least.
        scratch: Folder that the copy may be written to; lives until it is registered.

    Raises:
        BadBundle: The bundle that was given fails its checks.
    """
    newer = Bundle.open(folder)
    name = model_name(newer.manifest.metric)
    whose = f"{'cluster' if len(silent) == 1 else 'clusters'} {', '.join(sorted(silent))}"
    try:
        champion = registry.version_of(name, CHAMPION)
        if champion is None:
            told = f"{whose} did not answer, and there is no champion to carry its series over from"
            return Completion(folder, 0, told)
        older = Bundle.open(registry.fetch(name, champion, scratch / "champion" / name))
        carried = carry(older, newer, clusters=silent)
    except (AccessDenied, BadBundle, BadInput, NotFound, Unreachable) as error:
        told = f"{whose} did not answer, and none of its series can be carried over: {error}"
        return Completion(folder, 0, told)
    told = f"{whose} did not answer: {_outcome(carried)}"
    if not carried.index:
        return Completion(folder, 0, told)
    target = scratch / "completed" / name
    complete(folder, target, carried)
    Upload.read(target, metrics={}, tags={})
    return Completion(target, len(carried.index), told)


def _outcome(carried: Carried) -> str:
    """Return what goes on, since when, and what does not."""
    ended = f"the forecast of {carried.ended} series has run out" if carried.ended else ""
    if not carried.index:
        return ended or "the champion has none of their series"
    known = sorted({isoformat(entry.as_of) for entry in carried.index if entry.as_of})
    since = known[0] if len(known) == 1 else f"{known[0]} to {known[-1]}"
    goes_on = f"{len(carried.index)} series go on with their forecast as of {since}"
    return f"{goes_on}, {ended}" if ended else goes_on
