"""Label shards: a query of many series asked as several of fewer, none of which shares a series."""

from foresail.history.connection import Connection
from foresail.history.presets import UsagePreset, shard_matcher

SERIES_PER_SHARD = 5_000
"""What one query may bring; a Prometheus holds the samples of a whole query in memory."""


def shards_of(
    connection: Connection, preset: UsagePreset, *, series: int, at: int
) -> tuple[str, ...]:
    """Return what to add to a preset's selectors, one text a shard; one empty text for none.

    Shards are made of the values that the preset's shard label has at one instant, and a last one
    of all others, so that what had gone by then is not forgotten.

    Args:
        connection: To the source.
        preset: The query.
        series: How many it brings.
        at: The instant, in Unix seconds.

    Raises:
        Unreachable: The source does not answer.
    """
    label = preset.shard_label
    if series <= SERIES_PER_SHARD or not label:
        return ("",)
    sizes = connection.counts(preset.over("10m"), by=label, at=at, what=preset.name)
    groups: list[list[str]] = []
    room = 0
    for value, size in sorted(sizes.items()):
        if not groups or size > room:
            groups.append([])
            room = SERIES_PER_SHARD
        groups[-1].append(value)
        room -= size
    if len(groups) < 2:  # noqa: PLR2004  # one value holds them all: time is what is left to cut
        return ("",)
    named = [shard_matcher(label, group) for group in groups]
    return (*named, shard_matcher(label, sorted(sizes), others=True))
