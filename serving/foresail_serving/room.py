"""The capacity part of an answer: the ceiling, the room under it, the hour it is full."""

from typing import Literal, NamedTuple

from foresail.bundle import SeriesEntry
from foresail.capacity import Ceiling, FullAt, NoCeiling, ceiling_of, first_full, headroom
from foresail.panel import FloatArray
from foresail.times import isoformat
from foresail_serving.schemas import Band, Capacity, FullCode
from foresail_serving.window import Window, plain


class _Room(NamedTuple):
    headroom: float | None
    full_on: str | None
    code: FullCode


def capacity_of(entry: SeriesEntry, window: Window, *, threshold: float) -> Capacity:
    """Return what a series may use and how near its forecast comes to it.

    Args:
        entry: The series.
        window: Its forecast; may be empty.
        threshold: Share of the ceiling that counts as full.
    """
    ceiling = ceiling_of(entry.capacity, scope=entry.labels.get("scope", ""))
    p50, p90 = (
        _room(window, window.values[:, column], ceiling, threshold=threshold) for column in (1, 2)
    )
    kind: Literal["allocatable", "limit"] | None = None
    code: Literal["", "no-capacity"] = ""
    reason = ""
    match ceiling:
        case Ceiling():
            kind = ceiling.kind
        case NoCeiling():
            code, reason = ceiling.code, ceiling.reason
    return Capacity(
        ceiling=kind,
        code=code,
        reason=reason,
        allocatable=entry.capacity.get("allocatable"),
        request=entry.capacity.get("request"),
        limit=entry.capacity.get("limit"),
        threshold=threshold,
        headroom=Band(p50=p50.headroom, p90=p90.headroom),
        full_on=Band(p50=p50.full_on, p90=p90.full_on),
        full_on_code=Band(p50=p50.code, p90=p90.code),
    )


def _room(
    window: Window, values: FloatArray, ceiling: Ceiling | NoCeiling, *, threshold: float
) -> _Room:
    if isinstance(ceiling, NoCeiling):
        return _Room(None, None, ceiling.code)
    if not len(values):
        return _Room(None, None, "no-forecast")
    room = plain(headroom(values, ceiling=ceiling.value))
    match first_full(values, ceiling=ceiling.value, threshold=threshold):
        case FullAt(hour=hour):
            return _Room(room, isoformat(window.stamp(hour)), "full")
        case not_full:
            # A shorter answer has not looked at the whole horizon, and does not claim to have.
            return _Room(room, None, not_full.code if window.complete else "not-within-answer")
