"""What is promised of the hours that a published forecast really answers with."""

from collections.abc import Sequence

from foresail.bundle.schema import Quality, SeriesEntry
from foresail.horizons import HORIZONS


def promise(entry: SeriesEntry, *, first_lead: int, last_lead: int) -> Quality | None:
    """Return the measured promise of some hours; None where most of them are unmeasured.

    A fresh forecast answers a horizon with the very hours it was measured at. An older one answers
    with later ones, which are harder: its promise is made of the segments they lie in, each
    weighed with its hours; a segment that was not measured is left out. Windows are the least of
    these segments'.

    Args:
        entry: The series.
        first_lead: How many hours ahead of what was known the first hour is; 1 is the first stored.
        last_lead: The same of the last hour.
    """
    if first_lead == 1:
        for horizon in HORIZONS:
            if horizon.hours == last_lead and horizon.name in entry.horizons:
                return entry.horizons[horizon.name].quality
    parts: list[tuple[int, Quality]] = []
    before = unmeasured = 0
    for segment in entry.segments:
        hours = min(segment.until_hours, last_lead) - max(before, first_lead - 1)
        if hours > 0 and segment.quality is None:
            unmeasured += hours
        elif hours > 0 and segment.quality is not None:
            parts.append((hours, segment.quality))
        before = segment.until_hours
    if last_lead > before:  # nobody forecasts these hours, so nobody has measured them
        return None
    if unmeasured > sum(hours for hours, _ in parts):
        return None
    return _joined(parts)


def _joined(parts: Sequence[tuple[int, Quality]]) -> Quality:
    if len(parts) == 1:
        return parts[0][1]
    total = sum(hours for hours, _ in parts)
    coverage = sql = mase = naive_sql = naive_mase = 0.0
    for hours, quality in parts:  # not with numpy: a server does this for every series
        share = hours / total
        coverage += share * quality.coverage
        sql += share * quality.sql
        mase += share * quality.mase
        naive_sql += share * quality.naive_sql
        naive_mase += share * quality.naive_mase
    return Quality(
        windows=min(quality.windows for _, quality in parts),
        coverage=coverage,
        sql=sql,
        mase=mase,
        naive_sql=naive_sql,
        naive_mase=naive_mase,
    )
