"""The published forecast: a folder that carries its own checksums. Reading needs numpy only."""

from foresail.bundle.promises import promise
from foresail.bundle.reader import Bundle
from foresail.bundle.schema import HorizonEntry, Manifest, Quality, Segment, SeriesEntry

__all__ = ["Bundle", "HorizonEntry", "Manifest", "Quality", "Segment", "SeriesEntry", "promise"]
