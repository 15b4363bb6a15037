"""What an answer is made from: read once, so that no answer mixes two versions or two hours."""

from dataclasses import dataclass
from datetime import datetime

from foresail_serving.settings import ServeSettings
from foresail_serving.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Moment:
    """The forecasts that are served, and when they are asked.

    Attributes:
        snapshot: What is served.
        hour: The present UTC hour.
        settings: What the answers assume.
    """

    snapshot: Snapshot
    hour: datetime
    settings: ServeSettings
