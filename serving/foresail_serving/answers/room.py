"""The capacity part of an answer: the ceiling, the room under it, the first row that is full."""

from collections.abc import Sequence
from typing import NamedTuple

from foresail.bundle import SeriesEntry
from foresail.capacity import Ceiling, FullAt, NoCeiling, ceiling_of, first_full
from foresail_serving.answers.schemas import Capacity, FullCode, FullOn, FullOnCode, Headroom
from foresail_serving.answers.window import Values, number, plain, significant


class Peak(NamedTuple):
    """The highest value of one quantile, as it is written, and the row that has it first."""

    value: float
    row: int


_Room = tuple[float | None, str | None, FullCode]
"""Headroom, the start of the first full row, and the code of that."""


def peak_of(values: Values) -> Peak | None:
    """Return the highest of the values, shape `(n,)`; None where there are none."""
    if not len(values):
        return None
    row = int(values.argmax())
    return Peak(number(values[row]), row)


def capacity_of(
    entry: SeriesEntry,
    values: Values,
    peaks: tuple[Peak | None, Peak | None],
    *,
    threshold: float,
    complete: bool,
    stamps: Sequence[str],
) -> Capacity:
    """Return what a series may use and how near the rows of its answer come to it.

    Args:
        entry: The series.
        values: p10, p50, p90 of the rows, shape `(3, n)`; n may be 0.
        peaks: Of the p50 and of the p90.
        threshold: Share of the ceiling that counts as full.
        complete: Whether these are all rows that were asked.
        stamps: Starts of the rows.
    """
    known = entry.capacity
    ceiling = ceiling_of(known, scope=entry.labels.get("scope", ""))
    # a shorter answer has not looked at the whole horizon, and does not claim to have
    not_full: FullCode = "not-within-horizon" if complete else "not-within-answer"
    room, full_on, code = _room(values[1], peaks[0], ceiling, threshold, stamps, not_full)
    room_90, full_on_90, code_90 = _room(values[2], peaks[1], ceiling, threshold, stamps, not_full)
    return Capacity(
        ceiling=ceiling.kind if isinstance(ceiling, Ceiling) else None,
        code=ceiling.code if isinstance(ceiling, NoCeiling) else "",
        reason=ceiling.reason if isinstance(ceiling, NoCeiling) else "",
        allocatable=known.get("allocatable"),
        request=known.get("request"),
        limit=known.get("limit"),
        threshold=threshold,
        headroom=Headroom(p50=room, p90=room_90),
        full_on=FullOn(p50=full_on, p90=full_on_90),
        full_on_code=FullOnCode(p50=code, p90=code_90),
    )


def _room(
    values: Values,
    peak: Peak | None,
    ceiling: Ceiling | NoCeiling,
    threshold: float,
    stamps: Sequence[str],
    not_full: FullCode,
) -> _Room:
    if isinstance(ceiling, NoCeiling):
        return None, None, ceiling.code
    if peak is None:
        return None, None, "no-forecast"
    room = plain(ceiling.value - peak.value)
    if peak.value >= threshold * ceiling.value:  # what is written decides, not its float32
        found = first_full(significant(values), ceiling=ceiling.value, threshold=threshold)
        if isinstance(found, FullAt):
            return room, stamps[found.hour], "full"
    return room, None, not_full
