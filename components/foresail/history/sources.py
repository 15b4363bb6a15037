"""What is staged from: one Prometheus, several that each are a cluster, or a file."""

import re
from dataclasses import dataclass

from foresail.errors import UsageError
from foresail.history.naming import checked_cluster

_NAMED = re.compile(r"([^=,/\s]+)=(https?://.+)")


@dataclass(frozen=True, slots=True)
class Source:
    """One source.

    Attributes:
        cluster: As its series are called.
        address: Of a Prometheus, or where a file lies.
    """

    cluster: str
    address: str

    @property
    def is_prometheus(self) -> bool:
        """Say whether it is asked over HTTP; any other is a file or a folder."""
        return self.address.startswith(("http://", "https://"))


def parse_sources(text: str, *, cluster: str) -> tuple[Source, ...]:
    """Return the sources of a text such as `prod=https://a,dev=https://b`, or its only one.

    Args:
        text: One address, or several Prometheus with the names of their clusters.
        cluster: Name of the cluster where the text gives none.

    Raises:
        UsageError: A name is missing, stands twice, or holds a slash.
    """
    pieces = [piece.strip() for piece in text.split(",") if piece.strip()]
    named = [_NAMED.fullmatch(piece) for piece in pieces]
    if not any(named):
        return (Source(checked_cluster(cluster), text),)
    if not all(named):
        raise UsageError(
            "expected several sources as prod=https://a.example,dev=https://b.example; each needs "
            "the name of its cluster"
        )
    found = tuple(Source(checked_cluster(match[1]), match[2]) for match in named if match)
    names = [source.cluster for source in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"the cluster {twice[0]} is named twice; each source needs its own name")
    return found


def is_prometheus(text: str) -> bool:
    """Say whether a source, or each of several, is asked over HTTP."""
    return all(source.is_prometheus for source in parse_sources(text, cluster="cluster"))
