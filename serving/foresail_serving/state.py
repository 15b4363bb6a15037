"""What the routes share: built once by `create_app`, never global."""

from dataclasses import dataclass

from anyio import CapacityLimiter

from foresail_serving.access.gate import Gate
from foresail_serving.child import SyncChild
from foresail_serving.clock import Clock
from foresail_serving.front.drain import Drain
from foresail_serving.front.kept import AnswerCache
from foresail_serving.front.refusals import Refusals
from foresail_serving.metrics.requests import RequestCounts
from foresail_serving.settings import ServeSettings
from foresail_serving.snapshot import SnapshotStore


@dataclass(frozen=True, slots=True)
class State:
    """Settings, clock, what is served, what was counted and kept, the way out, the sync beside.

    Attributes:
        files: Lets one file at a time be made, so that short questions are answered in between.
        gate: Who may ask; None where everybody may.
    """

    settings: ServeSettings
    clock: Clock
    store: SnapshotStore
    requests: RequestCounts
    child: SyncChild
    answers: AnswerCache
    drain: Drain
    refusals: Refusals
    files: CapacityLimiter
    gate: Gate | None
