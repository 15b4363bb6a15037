"""What the routes share: built once by `create_app`, never global."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from foresail_serving.child import SyncChild
from foresail_serving.clock import Clock
from foresail_serving.metrics import RequestCounts
from foresail_serving.problems import ProblemError
from foresail_serving.settings import ServeSettings
from foresail_serving.snapshot import SnapshotStore


@dataclass(frozen=True, slots=True)
class State:
    """Settings, clock, what is served, what was counted, and the sync beside it."""

    settings: ServeSettings
    clock: Clock
    store: SnapshotStore
    requests: RequestCounts
    child: SyncChild


async def _state(request: Request) -> State:
    state: State = request.app.state.foresail
    return state


async def _each_parameter_once(request: Request) -> None:
    names = [name for name, _ in request.query_params.multi_items()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ProblemError(
            "bad-request", f"expected each parameter once, got {twice[0][:100]!r} more than once"
        )


StateOf = Annotated[State, Depends(_state)]
ONCE = Depends(_each_parameter_once)
"""A dependency of every route with parameters: of two values neither is silently dropped."""
