"""Capacity beside a forecast: which ceiling applies, the headroom under it, the hour it is full."""

from foresail.capacity.ceiling import Ceiling, NoCeiling, ceiling_of
from foresail.capacity.fullness import FULL_THRESHOLD, FullAt, NotFull, first_full, headroom

__all__ = [
    "FULL_THRESHOLD",
    "Ceiling",
    "FullAt",
    "NoCeiling",
    "NotFull",
    "ceiling_of",
    "first_full",
    "headroom",
]
